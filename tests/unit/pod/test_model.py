"""One model for every container, wherever the Pod template sits."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role, containers
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import (
    is_workload,
    pod_spec,
    template_path,
)

SPEC = {"containers": [{"name": "app"}]}
TEMPLATE = {"template": {"spec": SPEC}}


@pytest.mark.parametrize(
    ("api_version", "kind", "spec", "path"),
    [
        ("v1", "Pod", SPEC, ""),
        ("apps/v1", "Deployment", TEMPLATE, "spec.template"),
        ("apps/v1", "ReplicaSet", TEMPLATE, "spec.template"),
        ("apps/v1", "StatefulSet", TEMPLATE, "spec.template"),
        ("apps/v1", "DaemonSet", TEMPLATE, "spec.template"),
        ("batch/v1", "Job", TEMPLATE, "spec.template"),
        ("batch/v1", "CronJob", {"jobTemplate": {"spec": TEMPLATE}}, "spec.jobTemplate.spec.template"),
    ],
)
def test_the_pod_spec_is_found_in_every_workload_kind(
    api_version: str, kind: str, spec: dict[str, Any], path: str
) -> None:
    manifest = {"apiVersion": api_version, "kind": kind, "spec": spec}
    assert is_workload(manifest)
    assert pod_spec(manifest) == SPEC
    assert template_path(kind) == path


@pytest.mark.parametrize(
    ("api_version", "kind"), [("v1", "Service"), ("example.com/v1", "Job"), ("v1", "Deployment")]
)
def test_other_kinds_and_other_groups_are_no_workloads(api_version: str, kind: str) -> None:
    manifest = {"apiVersion": api_version, "kind": kind, "spec": TEMPLATE}
    assert not is_workload(manifest)
    assert pod_spec(manifest) == {}


@pytest.mark.parametrize("broken", [None, "text", [], {"template": None}, {"template": {"spec": "text"}}])
def test_a_template_that_is_none_is_empty(broken: Any) -> None:
    assert pod_spec({"apiVersion": "apps/v1", "kind": "Deployment", "spec": broken}) == {}


def test_containers_come_in_the_order_of_their_start_with_their_roles() -> None:
    spec = {
        "ephemeralContainers": [{"name": "debug"}],
        "containers": [{"name": "web"}, {"name": "log-agent"}],
        "initContainers": [
            {"name": "prepare"},
            {"name": "proxy", "restartPolicy": "Always"},
            {"name": "retry", "restartPolicy": "OnFailure"},
        ],
    }
    assert [(one.name, one.role) for one in containers(spec)] == [
        ("prepare", Role.INIT),
        ("proxy", Role.SIDECAR),
        ("retry", Role.INIT),
        ("web", Role.APP),
        ("log-agent", Role.APP),
        ("debug", Role.EPHEMERAL),
    ]


def test_what_is_no_container_is_left_to_the_server() -> None:
    assert list(containers({"containers": "text", "initContainers": ["text", None]})) == []
