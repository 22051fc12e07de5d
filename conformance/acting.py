"""Plays a scene with deeds: its Pods reach their goal, the deeds are done in order, the Pods are seen to their end.

One watch of the namespace serves all its scenes, and each goes at its own pace.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition
from conformance import awaiting, entering, requesting, telling
from conformance.claims import Life
from conformance.deeds import (
    LASTS,
    WAITS,
    Apply,
    CutPower,
    Deed,
    Delete,
    Done,
    Evict,
    OnNode,
    Patch,
    PutOnNode,
    Read,
    Tell,
    Until,
    UntilListed,
    UntilPods,
    UntilState,
)
from conformance.finalizer import kept, let_go
from conformance.making import make
from conformance.performance import Performance
from conformance.pods import Manifest
from conformance.stage import Missed


def act(performance: Performance, manifests: Sequence[Manifest]) -> Life:
    """Make the scene's objects, do its deeds, and tell what was seen."""
    shortfall = ""
    altered: tuple[str, ...] = ()
    try:
        try:
            altered = _make(performance, manifests)
            _play(performance)
        except (ClusterError, BadDefinition, Missed) as error:
            shortfall = str(error)
        ours = performance.workloads.values()
        timelines, last = performance.stage.timelines(ours), performance.stage.states(ours)
        told = performance.witness.life_of(
            performance.scene, timelines, shortfall, performance.looks, tuple(performance.done)
        )
        return replace(told, workloads=last, altered=altered)
    finally:
        for undo in reversed(performance.undoing):
            with suppress(Missed):  # of a node that is gone nothing is left
                undo()
        for name in kept(performance.scene):
            with suppress(ClusterError):  # the lab tries again at the end
                let_go(performance.api, performance.namespace, name)


def _make(performance: Performance, manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """What the server altered in what was made."""
    goal = "started" if performance.scene.goal == "auto" else performance.scene.goal
    made = make(performance.api, performance.namespace, manifests, goal, performance.deadline)
    performance.workloads |= {workload.name: workload for workload in made.workloads}
    return made.altered


def _play(performance: Performance) -> None:
    deeds = performance.scene.deeds
    if not isinstance(deeds[0], WAITS):
        for workload in performance.workloads.values():
            awaiting.goal(performance, workload)
    for deed in deeds:
        _do(performance, deed)
        performance.done.append(Done(deed, time.monotonic()))
    ends = performance.taken if isinstance(deeds[-1], LASTS) else performance.workloads.keys()
    for workload in performance.workloads.values():
        if workload.kind == "Pod" and workload.name in ends:
            awaiting.end(performance, workload)


def _do(performance: Performance, deed: Deed) -> None:
    match deed:
        case Until() | UntilListed() | UntilPods() | UntilState():
            awaiting.wait(performance, deed)
        case Apply() | Delete() | Evict() | Patch() | Read():
            requesting.request(performance, deed)
        case Tell():
            telling.tell(performance, deed)
        case CutPower() | OnNode() | PutOnNode():
            entering.enter(performance, deed)
