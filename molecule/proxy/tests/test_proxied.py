"""What came of the Pods with a proxy: their requests, their ends, and what was not deployed at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
import testinfra

KUBECONFIG = os.environ["KUBECONFIG"]
NAMESPACE = "podpatterns-proxy"
FLAKY = f"/api/v1/namespaces/{NAMESPACE}/pods/flaky:8080/proxy"
LAST_REQUESTS = 6


def kubectl(command: str) -> str:
    words = f"kubectl --kubeconfig {KUBECONFIG} --namespace {NAMESPACE} {command}"
    return str(testinfra.get_host("local://").check_output(words))


def pods() -> dict[str, dict[str, Any]]:
    return {pod["metadata"]["name"]: pod for pod in json.loads(kubectl("get pods --output json"))["items"]}


def asked() -> dict[str, int]:
    """How often the flaky server was asked, by path."""
    return dict(json.loads(kubectl(f"get --raw {FLAKY}/asked")))


def inside(pod: str, url: str) -> str:
    program = f"import urllib.request; print(urllib.request.urlopen('{url}', timeout=10).read().decode())"
    return kubectl(f'exec {pod} --container app -- python3 -c "{program}"').strip()


def test_the_example_s_job_was_served_and_its_envoy_ended_with_it() -> None:
    job = json.loads(kubectl("get job asker --output json"))
    assert job["status"]["succeeded"] == 1
    assert kubectl("logs job/asker --container asker").strip() == "served"
    (pod,) = [one for name, one in pods().items() if name.startswith("asker-")]
    (proxy,) = pod["status"]["initContainerStatuses"]
    assert proxy["state"]["terminated"]["exitCode"] == 0


@pytest.mark.parametrize("pod", ["native", "classic"])
def test_an_app_is_served_by_a_server_that_fails_twice(pod: str) -> None:
    """Envoy asks again; the app itself asked once."""
    before = asked().get(f"/{pod}", 0)
    assert inside(pod, f"http://127.0.0.1:15001/{pod}") == "host flaky.podpatterns-proxy.svc"
    assert asked()[f"/{pod}"] - before == (3 if before == 0 else 1)


@pytest.mark.parametrize("pod", ["native", "classic"])
def test_others_reach_the_app_through_envoy_only(pod: str) -> None:
    other = "classic" if pod == "native" else "native"
    address = pods()[pod]["status"]["podIP"]
    assert inside(other, f"http://{address}:8000/") == "app"
    with pytest.raises(AssertionError, match="refused"):
        inside(other, f"http://{address}:8080/")


def test_the_administration_does_not_answer_others() -> None:
    address = pods()["native"]["status"]["podIP"]
    with pytest.raises(AssertionError, match="refused"):
        inside("classic", f"http://{address}:9901/ready")


def test_what_was_refused_is_not_there() -> None:
    assert not {"without-istio", "without-linkerd"} & set(pods())


@pytest.mark.parametrize("pod", ["native", "classic"])
def test_the_app_s_last_requests_are_served_when_the_pod_is_deleted(pod: str) -> None:
    kubectl(f"delete pod {pod} --wait")
    last = {path: times for path, times in asked().items() if path.startswith(f"/{pod}-last-")}
    assert len(last) == LAST_REQUESTS, last
    assert all(times == 3 for times in last.values()), last


def test_envoy_was_there_before_the_job_s_app_and_until_after_it(
    lifecycle_assert: Callable[..., None],
) -> None:
    lifecycle_assert(
        {"outcome": {"container": "asker", "exit_code": 0}},
        {"before": ["proxy.started", "asker.started"]},
        {"before": ["asker.finished", "proxy.finished"]},
        {"overlap": ["proxy", "asker"]},
        {"shares_network": ["proxy", "asker"]},
        kind="Job",
        name="asker",
        namespace=NAMESPACE,
    )
