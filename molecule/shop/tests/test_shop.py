"""What the shop's example left: what its clients counted, its database, its Pods; and a rollout that stands still."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest

from tests.watching import Namespace

NAMESPACE = "podpatterns-shop"
HERE = Namespace(NAMESPACE, patience=120)
SIDECARS = {"proxy", "logging", "metrics", "config-sync"}
BEFORE = {"wait-for", "fetch-config", "env-validate", "db-migrate"}


kubectl, listed, sql = HERE.kubectl, HERE.listed, HERE.sql


def serving() -> list[dict[str, Any]]:
    """The Pods of the shop that get requests."""
    pods = listed("pod", "app=shop")
    ready = [
        pod for pod in pods if {"type": "Ready", "status": "True"}.items() <= condition(pod, "Ready").items()
    ]
    return [pod for pod in ready if "deletionTimestamp" not in pod["metadata"]]


def condition(pod: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((one for one in pod["status"].get("conditions", ()) if one["type"] == kind), {})


def outcomes(job: str) -> list[dict[str, Any]]:
    """Every request of a client, as it printed it."""
    return [json.loads(line) for line in kubectl(f"logs job/{job} --tail -1").splitlines()]


def counted(job: str) -> dict[str, Any]:
    """What the client itself says."""
    (pod,) = listed("pod", f"job-name={job}")
    (status,) = pod["status"]["containerStatuses"]
    return dict(json.loads(status["state"]["terminated"]["message"]))


def test_no_request_of_thousands_failed_while_the_shop_was_updated() -> None:
    asked = outcomes("client")
    assert [one for one in asked if one["error"]] == []
    by_release = Counter(one["release"] for one in asked)
    assert set(by_release) == {"1", "2"}, by_release
    assert len(asked) >= 1000
    said = counted("client")
    assert (said["requests"], said["failed"], said["answers_by_release"]) == (len(asked), 0, dict(by_release))


def test_the_client_kept_some_connections_and_made_others_anew_and_met_all_six_pods() -> None:
    asked = outcomes("client")
    assert {one["kept"] for one in asked} == {True, False}
    assert len({one["pod"] for one in asked}) == 6


def test_old_pods_answered_on_the_newer_schema() -> None:
    """That is what makes an update without a pause possible: the schema goes first."""
    seen = {(one["release"], one["schema"]) for one in outcomes("client")}
    assert {("1", "2"), ("2", "3")} <= seen <= {("1", "2"), ("1", "3"), ("2", "3")}


def test_each_migration_was_applied_once() -> None:
    assert sql("select name, price, colour from goods order by name") == [
        "apple|0.30|plain",
        "bread|2.80|plain",
        "cherry|4.20|red",
    ]


def test_the_page_is_made_of_what_three_helpers_brought() -> None:
    """The title from fetch_config, the page from config_sync, the goods from the migrated database."""
    page = kubectl(f"get --raw /api/v1/namespaces/{NAMESPACE}/services/shop:80/proxy/")
    assert "<h1>Our shop</h1>" in page
    assert "<li>cherry 4.20 red</li>" in page


def test_the_namespace_lets_restricted_pods_in_only() -> None:
    labels = json.loads(kubectl(f"get namespace {NAMESPACE} --output json"))["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_pod_has_four_native_sidecars_and_four_that_ran_before_the_app() -> None:
    pods = serving()
    assert len(pods) == 3
    for pod in pods:
        spec = pod["spec"]
        assert [one["name"] for one in spec["containers"]] == ["shop"]
        native = {one["name"] for one in spec["initContainers"] if one.get("restartPolicy") == "Always"}
        assert native == SIDECARS
        assert {one["name"] for one in spec["initContainers"]} - native == BEFORE
        running = {one["name"] for one in pod["status"]["initContainerStatuses"] if "running" in one["state"]}
        assert running == SIDECARS


def test_all_containers_are_as_restricted_as_can_be() -> None:
    for pod in serving():
        for one in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]:
            confined = one["securityContext"]
            assert confined["readOnlyRootFilesystem"], one["name"]
            assert not confined["allowPrivilegeEscalation"], one["name"]
            assert confined["capabilities"] == {"drop": ["ALL"]}, one["name"]


def test_what_the_app_writes_to_its_file_is_shipped() -> None:
    for pod in serving():
        HERE.logged(f"{pod['metadata']['name']} --container logging", "answered 200 release=2")


def test_prometheus_scrapes_the_shop_through_its_metrics_sidecars() -> None:
    (prometheus,) = listed("pod", "app=prometheus")
    query = quote('sum(shop_answers_total{code="200",release="2"})')
    place = f"/api/v1/namespaces/{NAMESPACE}/pods/{prometheus['metadata']['name']}:9090/proxy/api/v1/query"

    def answers() -> float:
        found = json.loads(kubectl(f"get --raw '{place}?query={query}'"))["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    HERE.until(lambda: answers() > 0, lambda: "Prometheus has counted no answer")


def test_no_manifest_holds_the_password() -> None:
    assert "only-an-example" not in kubectl("get deployments,jobs,pods,configmaps --output json")


# --- the update whose migration is broken ----------------------------------------------------------


def test_a_broken_migration_keeps_the_new_pods_back() -> None:
    waiting = [pod for pod in listed("pod", "app=shop") if pod["status"]["phase"] == "Pending"]
    assert len(waiting) == 1, "one Pod of the new template waits, and with it the rollout"
    assert sql("select version, dirty from schema_migrations") == ["4|t"]


def test_the_old_pods_went_on_serving_meanwhile() -> None:
    asked = outcomes("bystander")
    assert [one for one in asked if one["error"]] == []
    assert {one["release"] for one in asked} == {"2"}
    assert {one["pod"] for one in asked} == {pod["metadata"]["name"] for pod in serving()}


def test_the_old_pods_serve_still() -> None:
    page = kubectl(f"get --raw /api/v1/namespaces/{NAMESPACE}/services/shop:80/proxy/")
    assert page.endswith("</html>"), page


@pytest.mark.parametrize("container", sorted(SIDECARS | {"shop"}))
def test_nothing_had_to_be_restarted(container: str) -> None:
    for pod in serving():
        statuses = [*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"]]
        assert {one["name"]: one["restartCount"] for one in statuses}[container] == 0
