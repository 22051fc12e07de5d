"""Claims on how the states of a Pod and the stamps of its containers follow on each other, and ways to doctor them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import (
    Instant,
    Order,
    order,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import Line, stamps_in
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from conformance.claims import Claim, Doctor, Finding, Life, Moment, Test, on_both, states

# --- states -------------------------------------------------------------------------------------


def lastly(container: str, when: str, condition: Test, wanted: str, test: Test) -> Claim:
    """The last state that meets the condition passes the test; none, or a scene that fell short, is no telling."""
    told = f"at last when {when}, {wanted}"

    def claim(life: Life) -> Finding:
        found = [pod for pod in life.pods(container) if condition(pod)]
        if life.shortfall or not found:
            return Finding(Order.TIE, f"{told}: no such state was seen")
        return Finding(Order.YES if test(found[-1]) else Order.NO, f"{told}: {states(found[-1])}")

    return claim


def for_good(container: str, wanted: str, test: Test) -> Claim:
    """Once a state passes the test, all after it do; none that passes it is no telling."""
    told = f"once {wanted}, it is so for good"

    def claim(life: Life) -> Finding:
        passed = [test(pod) for pod in life.pods(container)]
        if True not in passed:
            return Finding(Order.TIE, f"{told}: in no state seen")
        first = passed.index(True)
        if False in passed[first:]:
            number = first + passed[first:].index(False) + 1
            return Finding(
                Order.NO, f"{told}: since state {first + 1} of {len(passed)} seen, not in {number}"
            )
        return Finding(Order.YES, f"{told}: since state {first + 1} of {len(passed)} seen")

    return claim


def counts_up(container: str, to: int) -> Claim:
    """The count of the container's restarts never falls, and comes to this number at least."""
    told = f"the restarts of {container} only grow, to {to}"

    def claim(life: Life) -> Finding:
        counts = [one.restarts for one in life.states(container)]
        said = f"{told}: they are {', '.join(map(str, dict.fromkeys(counts)))}"
        if counts != sorted(counts):
            return Finding(Order.NO, said)
        return Finding(Order.YES if counts and counts[-1] >= to else Order.TIE, said)

    return claim


def in_turn(container: str, *conditions: str) -> Claim:
    """None of these conditions came about in an earlier second than the one before it; all are True at last."""
    told = f"{', '.join(conditions)} come about in this order"

    def claim(life: Life) -> Finding:
        pods = life.pods(container)
        found = pods[-1].conditions if pods else {}
        since = [found[name].since for name in conditions if name in found and found[name].true]
        if len(since) != len(conditions) or None in since:
            return Finding(Order.TIE, f"{told}: not all of them are there")
        # Stamps of one format are in the order of their text.
        holds = since == sorted(since, key=str)
        return Finding(Order.YES if holds else Order.NO, f"{told}: {', '.join(map(str, since))}")

    return claim


# --- stamps -------------------------------------------------------------------------------------


def apart(first: Moment, second: Moment, seconds: float) -> Claim:
    """The second moment is at least so many seconds after the first."""

    def found(_life: Life, one: Instant, two: Instant) -> tuple[Order, str]:
        due = Instant(one.earliest + seconds, one.latest + seconds, one.source, one.clock)
        answer = Order.NO if order(two, due) is Order.YES else Order.YES
        return answer, f"{two.earliest - one.earliest:.2f} s lie between them"

    return on_both(first, second, f"{second.name} is {seconds:g} s after {first.name} or later", found)


def says_within(container: str, event: str, first: Moment, last: Moment, low: int, high: int | None) -> Claim:
    """The container says an event between two moments not less often than `low` and not more than `high` times."""
    times = f"{low} times at least" if high is None else f"{high} times at most"

    def found(life: Life, begin: Instant, end: Instant) -> tuple[Order, str]:
        said = [
            one
            for one in life.stamps(container, event)
            if order(begin, one.at) is Order.YES and order(one.at, end) is Order.YES
        ]
        holds = low <= len(said) <= (len(said) if high is None else high)
        return Order.YES if holds else Order.NO, f"it says so {len(said)} times"

    told = f"between {first.name} and {last.name} {container} says {event!r} {times}"
    return on_both(first, last, told, found)


# --- doctors ------------------------------------------------------------------------------------

Change = Callable[[PodFacts], PodFacts]


def as_if(change: Change) -> Doctor:
    """The evidence as it would be had every state been changed so."""

    def doctored(timeline: Timeline) -> Timeline:
        versions = tuple(replace(seen, pod=change(seen.pod)) for seen in timeline.versions)
        return replace(timeline, pod=change(timeline.pod), versions=versions)

    return lambda life: replace(life, timelines=tuple(map(doctored, life.timelines)))


def with_container(name: str, **fields: Any) -> Change:
    """The state with a container of other facts."""

    def changed(pod: PodFacts) -> PodFacts:
        made = (replace(one, **fields) if one.name == name else one for one in pod.containers)
        return replace(pod, containers=tuple(made))

    return changed


def with_condition(name: str, **fields: Any) -> Change:
    """The state with a condition of other facts, where it has that condition."""

    def changed(pod: PodFacts) -> PodFacts:
        if name not in pod.conditions:
            return pod
        return replace(pod, conditions={**pod.conditions, name: replace(pod.conditions[name], **fields)})

    return changed


def backwards(life: Life) -> Life:
    """The evidence as it would be had all come the other way round."""
    turned = (replace(one, versions=tuple(reversed(one.versions))) for one in life.timelines)
    return replace(life, timelines=tuple(turned))


def earlier(container: str, event: str, seconds: float) -> Doctor:
    """The evidence as it would be had the container said this event so many seconds earlier."""

    def told(line: Line) -> Line:
        stamp = next(stamps_in([line]), None)
        if line.container != container or stamp is None or stamp.event != event:
            return line
        return replace(
            line, text=f"@ {stamp.at.earliest - seconds:.2f} {stamp.event} {stamp.detail}".rstrip()
        )

    def doctored(life: Life) -> Life:
        changed = (replace(one, lines=tuple(map(told, one.lines))) for one in life.timelines)
        return replace(life, timelines=tuple(changed))

    return doctored
