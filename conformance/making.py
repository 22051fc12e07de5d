"""Makes the objects of a scene, by the road of the modules, and begins to take them away again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.apply import Change
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import BY_KIND
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import goal_for
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import Workload
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import is_workload, pod_spec
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run
from conformance.alterations import alterations
from conformance.deeds import Apply
from conformance.pods import Manifest, Scene


@dataclass(frozen=True)
class Made:
    """What was made. altered: fields that a Pod has otherwise than asked for, each after the Pod's name."""

    workloads: tuple[Workload, ...]
    altered: tuple[str, ...]


def make(api: Api, namespace: str, manifests: Sequence[Manifest], goal: str, deadline: float) -> Made:
    """Make the objects, whose workloads are to reach the goal. Raises ClusterError or BadDefinition.

    deadline: in monotonic seconds.
    """
    timeout = max(deadline - time.monotonic(), 1.0)
    changes = run(api, Request(manifests, namespace=namespace, goal="exists", timeout=timeout)).changes
    return Made(
        tuple(_workload(one, goal) for one in changes if one.after and is_workload(one.target.manifest)),
        tuple(
            f"{one.target.name} {path}"
            for one in changes
            if one.after
            for path in alterations(one.target.manifest, one.after)
        ),
    )


def _workload(change: Change, goal: str) -> Workload:
    target, made = change.target, change.after or {}
    wanted = "exists" if target.kind == "CronJob" else goal  # it runs nothing until its time comes
    reached = goal_for(target.kind, pod_spec(target.manifest), wanted)
    return Workload(target.kind, target.namespace, target.name, made["metadata"]["uid"], reached)


def workloads_of(scene: Scene) -> list[Manifest]:
    """All that makes Pods in a scene, from its beginning to its end."""
    applied = [deed.manifest for deed in scene.deeds if isinstance(deed, Apply) and not deed.dry]
    return [one for one in (*scene.manifests, *scene.then, *applied) if is_workload(one)]


def clear(api: Api, namespace: str, scene: Scene) -> None:
    """Begin to take away what holds room on a node; the rest goes with the namespace."""
    body = {"propagationPolicy": "Background", "gracePeriodSeconds": 1}
    for one in workloads_of(scene):
        path = BY_KIND[one["kind"]].path(namespace, one["metadata"]["name"])
        with suppress(ClusterError):
            api.request("delete", path, body=body)
