"""Proxies that patterns ask for: what came of them, on a cluster with no mesh and on one with the rest of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.capabilities import api_groups
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import PODS
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.injection import Order
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import BadPattern
from tests.awaiting import await_that

from .lab import PATIENCE, Lab, Space, container, pod

ISTIO = "networking.istio.io"


def await_group(lab: Lab, served: bool) -> None:
    """Until the server serves Istio's API group, or no longer does."""
    await_that(
        lambda: (ISTIO in api_groups(lab.api)) is served,
        lambda: f"{ISTIO} is {'never' if served else 'still'} served",
        PATIENCE,
        pause=0.1,
    )


@pytest.fixture(scope="module")
def left_by_istio(lab: Lab) -> Iterator[None]:
    """A definition of Istio's API group, as it stays when Istio is removed: no injector looks at any Pod."""
    if ISTIO in api_groups(lab.api):
        pytest.skip("an Istio is installed here")
    names = {"kind": "Leftover", "plural": "leftovers"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    definition: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"leftovers.{ISTIO}"},
        "spec": {"group": ISTIO, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    lab.api.request("post", path, body=definition)
    await_group(lab, served=True)
    yield
    lab.api.request("delete", f"{path}/leftovers.{ISTIO}")
    await_group(lab, served=False)


def test_a_mesh_that_is_not_there_is_missed_before_anything_is_deployed(space: Space) -> None:
    with pytest.raises(BadPattern, match=r"Linkerd is not installed: the server does not serve linkerd\.io"):
        space.deploy(pod("web", container("web")), patterns=[{"proxy": {"provider": "linkerd"}}])
    assert space.names(PODS) == []


@pytest.mark.usefixtures("left_by_istio")
def test_a_pod_that_no_injector_took_up_is_found_out(space: Space) -> None:
    outcome = space.deploy(pod("web", container("web")), patterns=[{"proxy": {"provider": "istio"}}])
    assert outcome.message == (
        f"Failed to verify the proxy of Pod {space.name}/web: Pod web has no container istio-proxy; the injector did"
        " not take it up: is it running, and does the namespace let it?"
    )
    (result,) = outcome.results
    assert [seen.there for seen in result.injections] == [False]


@pytest.mark.usefixtures("left_by_istio")
def test_who_does_not_want_it_verified_gets_the_pod_as_it_came(space: Space) -> None:
    options = {"provider": "istio", "verify_injection": False}
    assert (
        space.ready(pod("web", container("web")), patterns=[{"proxy": options}]).results[0].injections == ()
    )


@pytest.mark.parametrize(("mode", "native"), [("native", True), ("classic", False)])
def test_what_came_of_a_local_envoy_is_told(space: Space, mode: str, native: bool) -> None:
    upstream = {
        "name": "api",
        "port": 15001,
        "host": "kubernetes.default",
        "target_port": 443,
        "protocol": "tcp",
    }
    options = {"provider": "envoy", "mode": mode, "upstreams": [upstream], "drain_seconds": 1}
    manifest = pod("web", container("web"))
    manifest["spec"]["initContainers"] = [container("first", "true")]
    (seen,) = space.ready(manifest, patterns=[{"proxy": options}]).results[0].injections
    assert (seen.there, seen.native) == (True, native)
    assert seen.before_init_containers in ({Order.YES, Order.TIE} if native else {Order.NO})
    assert seen.outlives_app is (Order.PROMISED if native else Order.NO)
