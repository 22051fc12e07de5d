"""What the init containers of role `wait_for` did while their targets came, or did not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.watching import Namespace

NAMESPACE = "podpatterns-wait-for"
kubectl = Namespace(NAMESPACE, patience=60).kubectl
LOGIN = "postgresql shop@db:5432/shop"


def get(kind: str, selector: str) -> dict[str, Any]:
    """The one object of this name or label."""
    found = json.loads(kubectl("get", kind, "--output", "json", selector))
    if "items" in found:
        (found,) = found["items"]
    return dict(found)


def waiter(selector: str) -> dict[str, Any]:
    """How the Pod's wait ended."""
    statuses = get("pods", selector)["status"]["initContainerStatuses"]
    (status,) = [one for one in statuses if one["name"] == "wait-for"]
    return {**status["state"]["terminated"], "restarts": status["restartCount"]}


def log(of: str) -> list[str]:
    return kubectl("logs", of, "--container", "wait-for").splitlines()


def created(kind: str, name: str) -> str:
    return str(get(kind, name)["metadata"]["creationTimestamp"])


# Stamps of the API are whole seconds of one machine's clock: a tie is allowed wherever two are compared.


def started(selector: str) -> str:
    """When the Pod's one app container started."""
    (status,) = get("pods", selector)["status"]["containerStatuses"]
    return str(status["state"]["running"]["startedAt"])


def test_the_app_started_after_the_late_database() -> None:
    ended = waiter("--selector=app=shop")
    assert created("deployment", "shop") <= created("deployment", "db") <= started("--selector=app=db")
    assert started("--selector=app=db") <= ended["finishedAt"] <= started("--selector=app=shop")
    assert (ended["exitCode"], ended["restarts"]) == (0, 0)


def test_the_log_says_when_the_login_was_possible() -> None:
    (line,) = [line for line in log("deployment/shop") if f"{LOGIN}: is as wanted" in line]
    assert line.endswith(": shop can log in, without TLS")


def test_a_name_that_was_made_later_was_awaited() -> None:
    ended = waiter("before-the-service")
    assert created("pod", "before-the-service") <= created("service", "late") <= ended["finishedAt"]
    assert "is as wanted: it resolves to " in log("before-the-service")[-2]


def test_a_job_that_was_made_later_was_awaited() -> None:
    completed = get("job", "good")["status"]["completionTime"]
    assert created("pod", "before-the-job") <= completed <= waiter("before-the-job")["finishedAt"]
    assert log("before-the-job")[-2].endswith(": is as wanted: it is complete")


@pytest.mark.parametrize("user", ["scram", "old", "plain"])
def test_a_user_can_log_in_by_each_method(user: str) -> None:
    assert f"{user} can log in, without TLS" in "\n".join(log("logins"))


def test_the_password_is_in_no_log_and_no_manifest() -> None:
    pods = kubectl("get", "pods", "--output", "yaml")
    logs = [line for name in ("deployment/shop", "logins", "wrong-password") for line in log(name)]
    assert "only-an-example" not in "\n".join([pods, *logs])


@pytest.mark.parametrize(
    "said",
    [
        "Service default/kubernetes:https: is as wanted: 1 of 1 endpoints ready",
        "tcp kubernetes.default:443: is as wanted: it accepts connections",
        "https://kubernetes.default/healthz: is as wanted: it answers 200",
        f"dns nothing.{NAMESPACE}.svc: is as wanted: its name does not resolve: Name or service not known",
        "file /data/ready: is as wanted: it has 4 bytes",
    ],
)
def test_each_kind_of_target_is_seen(said: str) -> None:
    assert said in "\n".join(log("assorted"))


def test_the_app_that_starts_without_reads_why() -> None:
    said = kubectl("logs", "without", "--container", "app")
    assert said.startswith(f"Service {NAMESPACE}/nothing is not there after ")
    assert said.strip().endswith(" tries: no such Service, or nothing behind it yet")


def test_one_of_two_was_enough() -> None:
    assert waiter("any-of-two")["exitCode"] == 0


def test_a_job_that_failed_ended_the_wait_long_before_its_deadline() -> None:
    ended = waiter("after-a-failed-job")
    assert ended["exitCode"] == 1
    assert f"Job {NAMESPACE}/bad cannot come any more" in ended["message"]


def test_the_waiter_may_do_no_more_than_it_needs() -> None:
    account = f"system:serviceaccount:{NAMESPACE}:deployment-shop-podpatterns"
    rights = kubectl("auth", "can-i", "--list", "--no-headers", f"--as={account}")
    resources = {line.split()[0] for line in rights.splitlines() if not line.startswith(" ")}
    assert {one for one in resources if not one.startswith("self")} == {"endpointslices.discovery.k8s.io"}


def test_only_the_waiter_has_a_token() -> None:
    spec = get("pods", "--selector=app=shop")["spec"]
    mounting = [
        container["name"]
        for container in (*spec["initContainers"], *spec["containers"])
        if any("serviceaccount" in mount["mountPath"] for mount in container.get("volumeMounts", []))
    ]
    assert mounting == ["wait-for"]


def test_the_wait_was_the_app_s_first_container_and_ended_before_it(
    lifecycle_assert: Callable[..., None],
) -> None:
    lifecycle_assert(
        {"outcome": {"container": "wait-for", "exit_code": 0}},
        {"restarts": {"container": "wait-for", "exactly": 0}},
        {"before": ["wait-for.finished", "shop.started"]},
        {"before_ready": "wait-for"},
        kind="Deployment",
        name="shop",
        namespace=NAMESPACE,
    )
