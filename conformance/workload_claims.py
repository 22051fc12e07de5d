"""What scenes of Jobs, Deployments and their like must show: of the workload itself, and of the Pods that it made.

A workload's Pods have containers of the same names, so a claim on a container is made on one of the Pods, or on
each. Pods are counted from 1, in the order in which they were first seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    PodFacts,
    conditions_of,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from conformance.claims import Claim, Finding, Life, Test

State = Mapping[str, Any]


def pods_of(life: Life, workload: str) -> list[Timeline]:
    """The timelines of the Pods that this workload made, in the order in which they were first seen."""
    found = [one for one in life.timelines if one.pod.labels.get("pod") == workload]
    return sorted(found, key=lambda one: one.versions[0].at if one.versions else 0.0)


# --- the workload -------------------------------------------------------------------------------


def state(
    workload: str, wanted: str, test: Callable[[State], bool], told: Callable[[State], object]
) -> Claim:
    """The workload's last state passes the test; told says of a state what the finding is to show."""

    def claim(life: Life) -> Finding:
        found = life.workloads.get(workload)
        if found is None:
            return Finding(Order.TIE, f"{workload} {wanted}: it could not be read")
        return Finding(Order.YES if test(found) else Order.NO, f"{workload} {wanted}: {told(found)}")

    return claim


def condition(workload: str, name: str, reason: str | None = None, status: str = "True") -> Claim:
    """The workload has this condition, by this reason where one is given; one that is to be False may be missing."""

    def test(found: State) -> bool:
        one = conditions_of(found.get("status") or {}).get(name)
        if one is None:
            return status == "False" and reason is None
        return one.status == status and reason in (None, one.reason)

    def told(found: State) -> str:
        conditions = conditions_of(found.get("status") or {}).values()
        return ", ".join(f"{one.type} {one.status} ({one.reason})" for one in conditions) or "no condition"

    wanted = f"{name} is {status}" + (f" by {reason}" if reason else "")
    return state(workload, f"has a condition: {wanted}", test, told)


# --- its Pods -----------------------------------------------------------------------------------


def made(workload: str, count: int) -> Claim:
    """The workload made so many Pods in all."""

    def claim(life: Life) -> Finding:
        names = [one.pod.name for one in pods_of(life, workload)]
        answer = Order.YES if len(names) == count else Order.NO
        if len(names) < count and life.shortfall:
            answer = Order.TIE
        return Finding(answer, f"{workload} makes {count} Pods: {len(names)} were seen: {', '.join(names)}")

    return claim


def in_pod(workload: str, number: int, wanted: Claim) -> Claim:
    """The claim holds in this one of the workload's Pods; that there is no such Pod is a no."""

    def claim(life: Life) -> Finding:
        found = pods_of(life, workload)
        if len(found) < number:
            answer = Order.TIE if life.shortfall else Order.NO
            return Finding(answer, f"{workload} has a Pod {number}: it made {len(found)}")
        return _within(life, found[number - 1], f"Pod {number}", wanted)

    return claim


def in_each(workload: str, wanted: Claim) -> Claim:
    """The claim holds in every Pod of the workload."""

    def claim(life: Life) -> Finding:
        found = [
            _within(life, one, f"Pod {number}", wanted)
            for number, one in enumerate(pods_of(life, workload), start=1)
        ]
        if not found:
            return Finding(Order.TIE, f"{workload}: no Pod of it was seen")
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
    workload: str
    number: int
    test: Test

    def __str__(self) -> str:
        return f"Pod {self.number} of {self.workload} {self.what}"

    def seen(self, life: Life) -> float | None:
        """When it came to us, in monotonic seconds."""
        found = pods_of(life, self.workload)
        versions = found[self.number - 1].versions if len(found) >= self.number else ()
        return next((one.at for one in versions if self.test(one.pod)), None)


def first(what: str, workload: str, number: int, test: Test = lambda _pod: True) -> First:
    """The moment at which a Pod is first seen so; with no test, at which it is first seen at all."""
    return First(what, workload, number, test)


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


def deleting(pod: PodFacts) -> bool:
    """The Pod is being deleted."""
    return pod.deleting
