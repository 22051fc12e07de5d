"""Who may do what: each missing right is told with verb, resource and namespace."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import NotConnected
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import PODS

from .lab import CONFIG_MAPS, Lab, Space, config_map, container, pod

READ = ["get", "list", "watch"]
WRITE = ["create", "patch", "delete"]
ALL_ON_PODS: dict[str, Any] = {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": READ + WRITE}
READ_EVENTS: dict[str, Any] = {"apiGroups": [""], "resources": ["events"], "verbs": READ}


def on(resource: str, *verbs: str) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": [resource], "verbs": list(verbs)}


def test_a_context_that_does_not_exist(lab: Lab) -> None:
    with pytest.raises(NotConnected) as refused:
        connect({"kubeconfig": str(lab.kubeconfig), "context": "elsewhere"})
    names = ", ".join(one["name"] for one in lab.config["contexts"])
    assert str(refused.value) == (
        f"context is 'elsewhere', but kubeconfig {lab.kubeconfig} has no such context; it has: {names}"
    )


@pytest.mark.parametrize(
    "token", ["abc.def", "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2ln"], ids=["no token", "a forged one"]
)
def test_a_token_that_the_server_does_not_accept(space: Space, token: str) -> None:
    api = connect({"kubeconfig": str(space.lab.kubeconfig), "api_key": token})
    said = space.refused(config_map("web"), api=api)
    assert said == (
        "the API server does not accept the credentials (HTTP 401): the token or certificate is wrong or has expired;"
        " check api_key, client_cert, or the user of the kubeconfig's context"
    )
    assert token not in said


def test_no_credentials(space: Space) -> None:
    nobody = space.lab.user("")
    nobody["users"][0]["user"] = {}
    assert space.refused(config_map("web"), api=connect({"kubeconfig": nobody})) == (
        "the API server got no credentials and lets nobody in without; set api_key, client_cert and client_key,"
        " or the user of the kubeconfig's context"
    )


def test_a_server_that_is_not_there(space: Space) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"https://127.0.0.1:{unused.getsockname()[1]}"
        api = connect({"kubeconfig": str(space.lab.kubeconfig), "host": host})
        assert space.refused(config_map("web"), api=api) == (
            f"cannot reach the API server {host}: connection refused; is the cluster up, and is this its address?"
        )


def test_an_authority_that_did_not_sign_the_servers_certificate(space: Space) -> None:
    api = connect({"host": space.api.host, "api_key": "x"})
    assert space.refused(config_map("web"), api=api) == (
        f"cannot reach the API server {space.api.host}: its certificate is not trusted; check ca_cert or the"
        " kubeconfig's authority"
    )


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        pytest.param([], "get configmaps", id="nothing"),
        pytest.param([on("configmaps", "get")], "patch configmaps", id="only to look"),
        pytest.param([on("configmaps", "get", "patch")], "create configmaps", id="only to change"),
    ],
)
def test_a_missing_right_to_apply(space: Space, rules: list[dict[str, Any]], missing: str) -> None:
    api = space.account(*rules)
    said = space.refused(config_map("web"), api=api)
    assert said.endswith(
        f" may not {missing} in namespace {space.name}; grant it by a Role and a RoleBinding, or use"
        " other credentials"
    )
    assert f"ConfigMap {space.name}/web: system:serviceaccount:{space.name}:user-" in said


def test_a_missing_right_to_delete(space: Space) -> None:
    space.ready(config_map("web"))
    api = space.account(on("configmaps", "get", "list", "watch"))
    said = space.refused(config_map("web"), api=api, present=False)
    assert said.startswith(f"Failed to delete ConfigMap {space.name}/web: system:serviceaccount:")
    assert f" may not delete configmaps in namespace {space.name};" in said
    assert space.get(CONFIG_MAPS, "web") is not None


def test_a_missing_right_to_wait_is_told_with_what_was_waited_for(space: Space) -> None:
    api = space.account(on("pods", "get", "create", "patch"), READ_EVENTS)
    outcome = space.deploy(pod(), api=api)
    assert outcome.message is not None
    assert outcome.message.startswith(
        "Failed to wait for 1 of 1 workloads to be ready: system:serviceaccount:"
    )
    assert f" may not list pods in namespace {space.name};" in outcome.message
    assert outcome.changed
    assert space.get(PODS, "web") is not None


def test_rights_inside_one_namespace_are_enough(space: Space) -> None:
    api = space.account(ALL_ON_PODS, READ_EVENTS)
    assert space.ready(pod(), api=api).warnings == ()
    assert not space.ready(pod(), api=api).changed
    assert space.ready(pod(), api=api, present=False).changed


def test_without_the_right_to_read_events_a_wait_works_and_warns(space: Space) -> None:
    api = space.account(ALL_ON_PODS)
    (warning,) = space.ready(pod(), api=api).warnings
    assert warning.startswith("events cannot be read, so causes may be missing: system:serviceaccount:")


def test_without_the_right_to_read_logs_a_failure_is_told_all_the_same(space: Space) -> None:
    api = space.account(on("pods", *READ, *WRITE), READ_EVENTS)
    outcome = space.deploy(pod("web", container("app", "echo bye; exit 3"), restartPolicy="Never"), api=api)
    assert outcome.message is not None
    assert "app container app failed with exit code 3" in outcome.message
    assert outcome.diagnosis is not None
    assert outcome.diagnosis.logs == ()
