"""A scene without deeds, from its first Pod to its goal: made by the road of the modules, and seen on a stage."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import (
    Standing,
    Verdict,
    standing,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View, Workload
from ansible_collections.podpatterns.core.plugins.module_utils._run import Result
from conformance.making import make
from conformance.pods import Manifest
from conformance.stage import Missed, Stage


@dataclass
class Following:
    """The workloads of one scene on their way to its goal. deadline, in monotonic seconds, is that of the whole."""

    api: Api
    stage: Stage
    goal: str
    deadline: float
    workloads: tuple[Workload, ...] = ()
    altered: tuple[str, ...] = ()

    def make(self, manifests: Sequence[Manifest]) -> None:
        """Make the objects. Raises ClusterError or BadDefinition where none is made, or not all."""
        made = make(self.api, self.stage.namespace, manifests, self.goal, self.deadline)
        self.workloads, self.altered = made.workloads, made.altered

    def follow(self, grace: float) -> list[Result]:
        """Wait until each has reached the goal, or cannot; trouble that may heal is given grace, in seconds."""
        watcher = Watcher([one for one in self.workloads if one.goal != "exists"], grace)
        began = time.monotonic()
        missed = ""
        try:
            self.stage.wait(watcher.over, self.deadline, lambda _view: "", watcher.wake)
        except Missed as error:
            missed = str(error)
        return [
            Result(
                one, watcher.standing_of(one, missed), time.monotonic() - began, self.stage.timelines([one])
            )
            for one in watcher.workloads
        ]


@dataclass
class Watcher:
    """How workloads stand. A goal once reached stays reached, but for ready, which is a state."""

    workloads: Sequence[Workload]
    grace: float
    standings: dict[Workload, Standing] = field(default_factory=dict)
    since: dict[tuple[Workload, object], float] = field(default_factory=dict)

    def over(self, view: View) -> bool:
        """Whether nothing more is to be waited for."""
        now = time.monotonic()
        for one in self.workloads:
            known = self.standings.get(one)
            if known is not None and known.verdict is Verdict.DONE and one.goal != "ready":
                continue
            found = self.standings[one] = standing(one, view)
            for trouble in found.troubles:
                self.since.setdefault((one, trouble.key), now)
        return all(one.verdict is not Verdict.PENDING for one in self.standings.values()) or self._is_lost(
            now
        )

    def _is_lost(self, now: float) -> bool:
        pending = [one for one, found in self.standings.items() if found.verdict is Verdict.PENDING]
        return all(any(now >= moment for moment in self._ends(one)) for one in pending)

    def _ends(self, one: Workload) -> list[float]:
        """When the patience with the present troubles of a workload ends."""
        return [
            self.since[one, trouble.key] + self.grace
            for trouble in self.standings[one].troubles
            if (one, trouble.key) in self.since
        ]

    def wake(self) -> float:
        """When to look again though nothing was heard, in monotonic seconds."""
        now = time.monotonic()
        ahead = (moment for one in self.standings for moment in self._ends(one))
        return min((moment for moment in ahead if moment > now), default=math.inf)

    def standing_of(self, one: Workload, missed: str) -> Standing:
        """How it stands at the end; missed is why the wait was given up."""
        found = self.standings.get(one) or Standing(Verdict.PENDING, "not seen yet")
        if found.verdict is not Verdict.PENDING or found.troubles or not missed:
            return found
        return Standing(found.verdict, f"{found.reason}{missed}", found.reached, found.wanted)
