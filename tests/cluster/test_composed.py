"""What patterns add to a workload goes with them, on the server as in the manifest."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import BY_KIND, Resource
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import TEMPLATE_PATHS

from .lab import Manifest, Space, container, named

RBAC = "rbac.authorization.k8s.io/v1"
ADDED = [
    Resource("v1", "ServiceAccount", "serviceaccounts", True),
    Resource(RBAC, "Role", "roles", True),
    Resource(RBAC, "RoleBinding", "rolebindings", True),
]
# An account with its rights, a volume, mounts in the app, init containers: all that patterns can add.
PATTERNS: list[Any] = [
    {"env_validate": {"required": ["HOME"]}},
    {"wait_for": {"targets": [{"service": {"name": "db"}}], "on_timeout": "continue"}},
]
LABELS = {"app": "shop"}
TEMPLATE: dict[str, Any] = {"metadata": {"labels": LABELS}, "spec": {"containers": [container("app")]}}
ASLEEP: dict[str, dict[str, Any]] = {
    "Deployment": {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": TEMPLATE},
    "ReplicaSet": {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": TEMPLATE},
    "StatefulSet": {
        "replicas": 0,
        "serviceName": "shop",
        "selector": {"matchLabels": LABELS},
        "template": TEMPLATE,
    },
    "DaemonSet": {
        "selector": {"matchLabels": LABELS},
        "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "nodeSelector": {"no": "node"}}},
    },
    "CronJob": {
        "schedule": "0 0 1 1 *",
        "suspend": True,
        "jobTemplate": {
            "spec": {"template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}}
        },
    },
}


def asleep(kind: str) -> Manifest:
    """A workload that makes no Pod."""
    return {**named(kind, "shop", BY_KIND[kind].api_version), "spec": ASLEEP[kind]}


def template(space: Space, kind: str) -> dict[str, Any]:
    """The Pod template as the server keeps it."""
    found: Any = space.get(BY_KIND[kind], "shop")
    for key in TEMPLATE_PATHS[kind]:
        found = found[key]
    return dict(found)


@pytest.mark.parametrize("kind", sorted(ASLEEP))
def test_the_server_keeps_nothing_of_patterns_that_are_taken_off(space: Space, kind: str) -> None:
    space.ready(asleep(kind), goal="exists")
    bare, others = template(space, kind), [space.names(resource) for resource in ADDED]

    space.ready(asleep(kind), goal="exists", patterns=PATTERNS)
    assert [one["name"] for one in template(space, kind)["spec"]["initContainers"]] == [
        "env-validate",
        "wait-for",
    ]
    assert all(f"{kind.lower()}-shop-podpatterns" in space.names(resource) for resource in ADDED)
    assert not space.ready(asleep(kind), goal="exists", patterns=PATTERNS).changed

    space.ready(asleep(kind), goal="exists")
    assert template(space, kind) == bare
    assert [space.names(resource) for resource in ADDED] == others
