"""A scene with deeds while it is played: what its deeds need, and what they leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import Workload
from conformance.deeds import Done
from conformance.evidence import Witness
from conformance.pods import Manifest, Scene
from conformance.stage import Missed, Stage


@dataclass
class Performance:
    """One scene, from its first Pod to its last. deadline, in monotonic seconds, is that of the whole.

    clothe: gives a container that a deed adds what the scene's own have; prepare: an object that a deed applies.
    workloads: by their names, once made. looks: what deeds noted. taken: the names of what was deleted or evicted.
    undoing: what is to be done at the end, come what may, the last first.
    """

    api: Api
    stage: Stage
    witness: Witness
    scene: Scene
    clothe: Callable[[Manifest], dict[str, Any]]
    prepare: Callable[[Manifest], dict[str, Any]]
    deadline: float
    workloads: dict[str, Workload] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    looks: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    undoing: list[Callable[[], str]] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """Where the scene is played."""
        return self.stage.namespace

    @property
    def left(self) -> float:
        """Seconds until the deadline, one at the least."""
        return max(self.deadline - time.monotonic(), 1.0)

    def workload(self, name: str) -> Workload:
        """The workload of this name, the first where there is no name."""
        return self.workloads[name or next(iter(self.workloads))]

    def pod_name(self, name: str) -> str:
        """The Pod of this name, or the newest one of the workload of this name. Raises Missed where it has none."""
        if name not in self.workloads or self.workloads[name].kind == "Pod":
            return name
        living = [one.pod for one in self.stage.timelines([self.workloads[name]]) if not one.pod.deleting]
        if not living:
            raise Missed(f"there is no Pod of {self.workloads[name]}")
        return living[-1].name
