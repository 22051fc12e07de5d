"""Whether an object is already what a manifest asks for, told from the server's record of field owners."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._pod.ownership import is_applied

MANAGER = "podpatterns.core"
MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "finalizers": ["shop/kept"]},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "spec": {
                "initContainers": [{"name": "first", "image": "a"}, {"name": "second", "image": "b"}],
                "containers": [
                    {
                        "name": "app",
                        "image": "nginx",
                        "args": ["-v", "2"],
                        "ports": [{"containerPort": 80}],
                    }
                ],
                "volumes": [{"name": "board", "emptyDir": {}}],
            }
        },
    },
}
# As a server writes it down; what it filled in by itself is in the object alone.
RECORD: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {'v:"shop/kept"': {}}},
    "f:spec": {
        "f:selector": {},
        "f:template": {
            "f:spec": {
                "f:initContainers": {
                    'k:{"name":"first"}': {".": {}, "f:name": {}, "f:image": {}},
                    'k:{"name":"second"}': {".": {}, "f:name": {}, "f:image": {}},
                },
                "f:containers": {
                    'k:{"name":"app"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:args": {},
                        "f:ports": {
                            'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}
                        },
                    }
                },
                "f:volumes": {'k:{"name":"board"}': {".": {}, "f:name": {}, "f:emptyDir": {}}},
            }
        },
    },
}
Edit = Callable[[dict[str, Any]], object]


def live() -> dict[str, Any]:
    """The object that the server made of the manifest."""
    made = copy.deepcopy(MANIFEST)
    record = {"manager": MANAGER, "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": RECORD}
    others = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status"}
    made["metadata"] |= {"uid": "1", "generation": 3, "managedFields": [others, record]}
    made["spec"]["replicas"] = 1
    app = pod(made)["containers"][0]
    app["imagePullPolicy"] = "Always"
    app["ports"][0]["protocol"] = "TCP"
    made["status"] = {"replicas": 1}
    return made


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def test_what_was_applied_and_still_stands_is_applied() -> None:
    assert is_applied(MANIFEST, live(), MANAGER)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda m: pod(m)["containers"][0].update(image="nginx:2"), id="another value"),
        pytest.param(lambda m: pod(m)["containers"][0]["args"].append("-x"), id="a longer list"),
        pytest.param(lambda m: m["spec"].update(replicas=1), id="a field that only the server had set"),
        pytest.param(lambda m: pod(m)["containers"][0].pop("args"), id="a field less"),
        pytest.param(lambda m: pod(m)["initContainers"].reverse(), id="another order of init containers"),
        pytest.param(lambda m: pod(m)["initContainers"].pop(), id="an init container less"),
        pytest.param(lambda m: pod(m)["volumes"].append({"name": "more"}), id="a volume more"),
        pytest.param(lambda m: m["metadata"]["labels"].update(app="shop"), id="another label"),
        pytest.param(lambda m: m["metadata"].pop("labels"), id="no labels"),
        pytest.param(lambda m: m["metadata"]["finalizers"].append("b"), id="a finalizer more"),
        pytest.param(lambda m: m["metadata"].pop("finalizers"), id="no finalizers"),
        pytest.param(
            lambda m: pod(m)["containers"][0]["ports"][0].update(containerPort=81), id="another port"
        ),
        pytest.param(
            lambda m: pod(m)["containers"][0]["ports"][0].update(protocol="UDP"), id="another protocol"
        ),
        pytest.param(
            lambda m: pod(m)["containers"][0]["ports"].append({"containerPort": 80, "protocol": "UDP"}),
            id="a port more",
        ),
        pytest.param(lambda m: m.update(apiVersion="apps/v2"), id="another version of the kind"),
    ],
)
def test_a_manifest_that_asks_for_something_else_is_not_applied(edit: Edit) -> None:
    manifest = copy.deepcopy(MANIFEST)
    edit(manifest)
    assert not is_applied(manifest, live(), MANAGER)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda o: pod(o)["containers"][0].update(image="other"), id="a value was changed"),
        pytest.param(lambda o: o["metadata"].update(managedFields=[]), id="there is no record"),
        pytest.param(
            lambda o: o["metadata"]["managedFields"][1].update(operation="Update"), id="not by applying"
        ),
        pytest.param(
            lambda o: o["metadata"]["managedFields"][1].update(subresource="status"), id="of a subresource"
        ),
        pytest.param(lambda o: pod(o)["initContainers"].reverse(), id="the order was changed"),
        pytest.param(lambda o: pod(o)["volumes"].clear(), id="an entry is gone"),
    ],
)
def test_an_object_that_no_longer_stands_so_is_not_applied(edit: Edit) -> None:
    found = live()
    edit(found)
    assert not is_applied(MANIFEST, found, MANAGER)


def test_what_only_others_changed_leaves_it_applied() -> None:
    found = live()
    pod(found)["containers"].insert(0, {"name": "injected", "image": "proxy"})
    found["metadata"]["labels"]["added"] = "by somebody"
    assert is_applied(MANIFEST, found, MANAGER)
