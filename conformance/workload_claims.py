"""What scenes of Jobs, Deployments and their like must show: of the workload itself, and of the Pods that it made.

A workload's Pods have containers of the same names, so a claim on a container is made on one of the Pods, or on
each. Pods are counted from 1, in the order in which they were first seen. of: which of the scene's workloads that are
no Pods, counted from 1 in its order; a scene and its wrong twin call theirs by different names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    PodFacts,
    conditions_of,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from conformance.claims import Claim, Finding, Life, Test
from conformance.deeds import UntilPods, UntilState
from conformance.ending import settled

State = Mapping[str, Any]


def pods_of(life: Life, of: int) -> list[Timeline]:
    """The timelines of the Pods that this workload made, in the order in which they were first seen."""
    found = [one for one in life.timelines if one.pod.labels.get("pod") == _name(life, of)]
    return sorted(found, key=lambda one: one.versions[0].at if one.versions else 0.0)


def _name(life: Life, of: int) -> str:
    return list(life.workloads)[of - 1] if len(life.workloads) >= of else "workload"


def until_job_over(name: str) -> tuple[UntilState, UntilPods]:
    """Wait until the Job has completed or failed, and its Pods have been seen to their end."""

    def is_over(state: State | None) -> bool:
        found = conditions_of((state or {}).get("status") or {})
        return any(found[one].true for one in ("Complete", "Failed") if one in found)

    def have_ended(pods: Sequence[PodFacts]) -> bool:
        return all(map(settled, pods))

    return (
        UntilState(f"{name} is over", is_over, name),
        UntilPods(f"the Pods of {name} have ended", have_ended, name),
    )


# --- the workload -------------------------------------------------------------------------------


def state(wanted: str, test: Callable[[State], bool], told: Callable[[State], object], of: int = 1) -> Claim:
    """The workload's last state passes the test; told says of a state what the finding is to show."""

    def claim(life: Life) -> Finding:
        name = _name(life, of)
        found = life.workloads.get(name)
        if not found:
            return Finding(Order.TIE, f"{name} {wanted}: it could not be read")
        return Finding(Order.YES if test(found) else Order.NO, f"{name} {wanted}: {told(found)}")

    return claim


def condition(name: str, reason: str | None = None, status: str = "True", of: int = 1) -> Claim:
    """The workload has this condition, by this reason where one is given; one that is to be False may be missing."""

    def test(found: State) -> bool:
        one = conditions_of(found.get("status") or {}).get(name)
        if one is None:
            return status == "False" and reason is None
        return one.status == status and reason in (None, one.reason)

    def told(found: State) -> str:
        conditions = conditions_of(found.get("status") or {}).values()
        return ", ".join(f"{one.type} {one.status} ({one.reason})" for one in conditions) or "no condition"

    return state(f"has {name} {status}" + (f" by {reason}" if reason else ""), test, told, of)


# --- its Pods -----------------------------------------------------------------------------------


def made(count: int, of: int = 1) -> Claim:
    """The workload made so many Pods in all."""

    def claim(life: Life) -> Finding:
        names = [one.pod.name for one in pods_of(life, of)]
        answer = Order.YES if len(names) == count else Order.NO
        if len(names) < count and life.shortfall:
            answer = Order.TIE
        said = f"{len(names)} were seen: {', '.join(names)}"
        return Finding(answer, f"{_name(life, of)} makes {count} Pods in all: {said}")

    return claim


def in_pod(number: int, wanted: Claim, of: int = 1) -> Claim:
    """The claim holds in this one of the workload's Pods; that there is no such Pod is a no."""

    def claim(life: Life) -> Finding:
        found = pods_of(life, of)
        if len(found) < number:
            answer = Order.TIE if life.shortfall else Order.NO
            return Finding(answer, f"{_name(life, of)} has a Pod {number}: it made {len(found)}")
        return _within(life, found[number - 1], f"Pod {number}", wanted)

    return claim


def in_each(wanted: Claim, of: int = 1) -> Claim:
    """The claim holds in every Pod of the workload."""

    def claim(life: Life) -> Finding:
        found = [
            _within(life, one, f"Pod {number}", wanted)
            for number, one in enumerate(pods_of(life, of), start=1)
        ]
        if not found:
            return Finding(Order.TIE, f"{_name(life, of)}: no Pod of it was seen")
        worst = next((one for one in found if one.answer is Order.NO), None)
        return worst or next((one for one in found if one.answer is Order.TIE), found[-1])

    return claim


def _within(life: Life, timeline: Timeline, where: str, wanted: Claim) -> Finding:
    found = wanted(replace(life, timelines=(timeline,)))
    return replace(found, evidence=f"{where}: {found.evidence}")


@dataclass(frozen=True)
class First:
    """The first state of one of a workload's Pods that passes a test."""

    what: str
    number: int
    test: Test
    of: int

    def __str__(self) -> str:
        return f"Pod {self.number} {self.what}"

    def seen(self, life: Life) -> float | None:
        """When it came to us, in monotonic seconds."""
        found = pods_of(life, self.of)
        versions = found[self.number - 1].versions if len(found) >= self.number else ()
        return next((one.at for one in versions if self.test(one.pod)), None)


def first(what: str, number: int, test: Test = lambda _pod: True, of: int = 1) -> First:
    """The moment at which a Pod is first seen so; with no test, at which it is first seen at all."""
    return First(what, number, test, of)


def state_before(one: First, other: First) -> Claim:
    """The one was seen before the other. One watch brings all Pods of a namespace, in the server's own order."""
    wanted = f"{one} before {other}"

    def claim(life: Life) -> Finding:
        at, other_at = one.seen(life), other.seen(life)
        if at is None or other_at is None:
            return Finding(Order.TIE, f"{wanted}: {one if at is None else other}: that was not seen")
        # A list brings several states at one moment.
        answer = Order.TIE if at == other_at else Order.YES if at < other_at else Order.NO
        return Finding(
            answer, f"{wanted}: it came {abs(other_at - at):.2f} s {'before' if at < other_at else 'after'}"
        )

    return claim
