"""Workloads of every kind around one Pod template, and what a test of a pattern wants to know of the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._patterns.compose import compose
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.composition import Composition
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import BadPattern, Server
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import (
    API_GROUPS,
    TEMPLATE_PATHS,
    pod_spec,
)

KINDS = sorted(TEMPLATE_PATHS)
WITH_NATIVE, WITHOUT_NATIVE = Server((1, 33)), Server((1, 28))
APP = {"name": "web", "image": "nginx"}


def workload(kind: str = "Deployment", name: str = "shop", **spec: Any) -> dict[str, Any]:
    """A workload with the Pod spec given by keywords; one app container named web unless `containers` says more."""
    group = API_GROUPS[kind]
    manifest: dict[str, Any] = {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": {"name": name},
    }
    holder = manifest
    for key in TEMPLATE_PATHS[kind]:
        holder = holder.setdefault(key, {})
    holder["spec"] = {"containers": [dict(APP)], **spec}
    return manifest


def put_on(manifest: Mapping[str, Any], *patterns: Any, server: Server = WITH_NATIVE) -> Composition:
    """The workload with the patterns."""
    return compose(manifest, patterns, server=server)


def spec_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The Pod spec of the workload."""
    return dict(pod_spec(manifest))


def names(entries: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """The names in a list of containers or volumes."""
    return [one["name"] for one in entries or ()]


def one(entries: Sequence[Mapping[str, Any]] | None, name: str) -> Mapping[str, Any]:
    """The container or volume of this name."""
    (found,) = [entry for entry in entries or () if entry["name"] == name]
    return found


def refusal(manifest: Mapping[str, Any], *patterns: Any, server: Server = WITH_NATIVE) -> str:
    """The sentence with which the patterns are refused."""
    try:
        made = put_on(manifest, *patterns, server=server)
    except BadPattern as error:
        return str(error)
    raise AssertionError(f"it was accepted: {[names(spec_of(made.manifest).get('initContainers'))]}")
