"""Keeps a Pod that is to be deleted until its end has been read, by a finalizer of ours.

It is taken off whatever happens: by the scene, and once more by the lab before it deletes the namespace.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import STRATEGIC, Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import Refusal
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import PODS
from conformance.deeds import Delete, Evict
from conformance.pods import Manifest, Scene

FINALIZER = "podpatterns.core/conformance"


def kept(scene: Scene) -> set[str]:
    """The Pods of the scene that must not vanish before their end has been read."""
    return {
        one.name for one in scene.deeds if isinstance(one, Evict) or (isinstance(one, Delete) and one.kept)
    }


def with_finalizer(manifest: Manifest) -> dict[str, Any]:
    """The manifest with our finalizer."""
    finalizers = [*manifest["metadata"].get("finalizers", ()), FINALIZER]
    return {**manifest, "metadata": {**manifest["metadata"], "finalizers": finalizers}}


def let_go(api: Api, namespace: str, name: str) -> None:
    """Take our finalizer off a Pod, which may be gone. Raises ClusterError."""
    body = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}
    try:
        api.request("patch", PODS.path(namespace, name), body=body, content_type=STRATEGIC)
    except Refusal as error:
        if error.status != 404:
            raise


def release(api: Api, namespace: str) -> None:
    """Take our finalizer off every Pod of a namespace that is to go. Raises ClusterError."""
    for item in api.request("get", PODS.path(namespace)).get("items") or ():
        if FINALIZER in (item["metadata"].get("finalizers") or ()):
            let_go(api, namespace, item["metadata"]["name"])
