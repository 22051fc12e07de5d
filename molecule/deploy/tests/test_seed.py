"""What runs in the Pods of the seed after the role `deploy` said that they are ready."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

KUBECONFIG = os.environ["KUBECONFIG"]
WITH_LOG_AGENT = ["molecule-sidecar", "molecule-native-sidecar"]


def inside(namespace: str, container: str) -> Host:
    """A running container of the namespace's Pod."""
    return testinfra.get_host(
        f"kubectl://nginx-pod?container={container}&namespace={namespace}&kubeconfig={KUBECONFIG}"
    )


def kubectl(*words: str) -> str:
    command = " ".join(["kubectl", "--kubeconfig", KUBECONFIG, *words])
    return str(testinfra.get_host("local://").check_output(command))


def states(namespace: str, field: str) -> dict[str, Any]:
    """The Pod's `containerStatuses` or `initContainerStatuses`, by the containers' names."""
    pod = json.loads(kubectl("get pod nginx-pod --output json --namespace", namespace))
    return {status["name"]: status for status in pod["status"][field]}


@pytest.mark.parametrize("namespace", WITH_LOG_AGENT)
def test_nginx_answers_its_sidecar_on_the_shared_network(namespace: str) -> None:
    page = inside(namespace, "log-agent").check_output("timeout 5 wget -q -O - http://127.0.0.1:80/")
    assert "nginx" in page.lower()


@pytest.mark.parametrize("namespace", ["molecule-init", *WITH_LOG_AGENT])
def test_nginx_reads_a_valid_configuration(namespace: str) -> None:
    checked = inside(namespace, "nginx").run("nginx -t")
    assert checked.succeeded, checked.stderr


@pytest.mark.parametrize("namespace", WITH_LOG_AGENT)
def test_log_agent_logs(namespace: str) -> None:
    lines = set(kubectl("logs nginx-pod --container log-agent --namespace", namespace).splitlines())
    assert lines == {"Logging"}


def test_the_init_container_said_its_word_and_succeeded() -> None:
    assert (
        kubectl("logs nginx-pod --container init-myservice --namespace molecule-init")
        == "Init Container Running"
    )
    ended = states("molecule-init", "initContainerStatuses")["init-myservice"]["state"]["terminated"]
    assert ended["exitCode"] == 0


def test_nginx_did_not_start_before_the_init_container_had_ended() -> None:
    ended = states("molecule-init", "initContainerStatuses")["init-myservice"]["state"]["terminated"]
    started = states("molecule-init", "containerStatuses")["nginx"]["state"]["running"]
    assert (
        ended["finishedAt"] <= started["startedAt"]
    )  # whole seconds of one kubelet's clock: a tie is allowed


def test_the_native_sidecar_is_an_init_container_that_runs() -> None:
    status = states("molecule-native-sidecar", "initContainerStatuses")["log-agent"]
    assert status["started"]
    assert "running" in status["state"]


def test_the_containers_lived_as_their_pods_say(lifecycle_assert: Callable[..., None]) -> None:
    lifecycle_assert(
        {"outcome": {"container": "init-myservice", "exit_code": 0}},
        {"restarts": {"container": "init-myservice", "exactly": 0}},
        {"before": ["init-myservice.finished", "nginx.started"]},
        {"before": ["init-myservice.started", "nginx.started"]},
        {"before_ready": "init-myservice"},
        {"duration": {"container": "init-myservice", "least": 4}},
        name="nginx-pod",
        namespace="molecule-init",
    )
    lifecycle_assert(
        {"overlap": ["nginx", "log-agent"]},
        {"shares_network": ["nginx", "log-agent"]},
        name="nginx-pod",
        namespace="molecule-sidecar",
    )
    lifecycle_assert(
        {"before": ["log-agent.started", "nginx.started"]},
        {"overlap": ["nginx", "log-agent"]},
        {"before_ready": "log-agent"},
        name="nginx-pod",
        namespace="molecule-native-sidecar",
    )
