"""What Prometheus counts of nginx through the exporter that role `metrics` put beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import testinfra

from tests.watching import Namespace

KUBECONFIG = os.environ["KUBECONFIG"]
NAMESPACE = "podpatterns-metrics"
HERE = Namespace(NAMESPACE, patience=90)
MODES = ["native", "classic"]

kubectl, until = HERE.kubectl, HERE.until


def asked(path: str) -> Any:
    """What Prometheus answers, by way of the API server."""
    pods = kubectl("get pods --selector app=prometheus --output jsonpath='{.items[*].metadata.name}'").split()
    place = f"/api/v1/namespaces/{NAMESPACE}/pods/{pods[0]}:9090/proxy/api/v1"
    return json.loads(kubectl(f"get --raw '{place}/{path}'"))["data"]


def samples(query: str) -> dict[tuple[str, str], float]:
    """The values of a query, by the job that scraped and the app."""
    found = asked(f"query?query={quote(query)}")["result"]
    return {(one["metric"]["job"], one["metric"]["app"]): float(one["value"][1]) for one in found}


def pod(mode: str) -> dict[str, Any]:
    (found,) = json.loads(kubectl(f"get pods --selector app={mode} --output json"))["items"]
    return dict(found)


@pytest.mark.parametrize("job", ["addresses", "ports"])
@pytest.mark.parametrize("mode", MODES)
def test_prometheus_reaches_the_exporter_by_its_pod_and_by_the_name_of_its_port(mode: str, job: str) -> None:
    key = (job, mode)
    until(lambda: samples("up").get(key) == 1, lambda: f"up is {samples('up')}")
    assert samples("nginx_up")[key] == 1


@pytest.mark.parametrize("mode", MODES)
def test_prometheus_counts_the_requests_that_nginx_answers(mode: str) -> None:
    query = "nginx_http_requests_total"
    key = ("addresses", mode)
    until(lambda: key in samples(query), lambda: f"{query} is {samples(query)}")
    before = samples(query)[key]
    name = pod(mode)["metadata"]["name"]
    for _number in range(20):
        assert kubectl(f"get --raw /api/v1/namespaces/{NAMESPACE}/pods/{name}:8080/proxy/") == "counted"
    until(lambda: samples(query)[key] >= before + 20, lambda: f"{query} was {before}, is {samples(query)}")


@pytest.mark.parametrize("mode", MODES)
def test_the_exporter_is_the_kind_of_sidecar_that_was_asked_for(mode: str) -> None:
    spec, status = pod(mode)["spec"], pod(mode)["status"]
    found, where = (
        ("initContainers", "initContainerStatuses")
        if mode == "native"
        else ("containers", "containerStatuses")
    )
    assert "metrics" in [one["name"] for one in spec[found]]
    (running,) = [one for one in status[where] if one["name"] == "metrics"]
    assert "running" in running["state"]


def test_nginx_tells_its_status_on_loopback_alone() -> None:
    address = pod("native")["status"]["podIP"]
    refused = testinfra.get_host("local://").run(
        f"kubectl --kubeconfig {KUBECONFIG} --namespace {NAMESPACE} exec deploy/classic --container nginx --"
        f" curl --silent --max-time 5 http://{address}:8081/stub_status"
    )
    assert refused.rc == 7, "curl's word for a refused connection"


def test_the_exporter_lives_beside_the_server(lifecycle_assert: Callable[..., None]) -> None:
    beside = ({"overlap": ["metrics", "nginx"]}, {"shares_network": ["metrics", "nginx"]})
    first = {"before": ["metrics.started", "nginx.started"]}
    lifecycle_assert(*beside, first, kind="Deployment", name="native", namespace=NAMESPACE)
    lifecycle_assert(*beside, kind="Deployment", name="classic", namespace=NAMESPACE)
