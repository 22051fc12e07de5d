"""What a scene must show, as values: each claim looks at the evidence and finds yes, no, or no telling.

An order is a yes only where the stamps of one clock leave no doubt; a tie, or a stamp that is not there, is no
telling. Nothing here waits, asks a cluster or knows which Pod a container belongs to but by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    ContainerFacts,
    PodFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import (
    Instant,
    Order,
    from_uptime,
    order,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import Line, Stamp
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import (
    Attempt,
    Seen,
    Timeline,
)
from conformance.deeds import Done


@dataclass(frozen=True)
class Life:
    """The evidence of one scene.

    timelines of its Pods, looks by name; shortfall says which goal was not reached, answer what the server says to
    a scene that it was only asked about, an object a line, gaps what could not be read, workloads the last
    state of every one that is no Pod, by its name, altered what the cluster made otherwise than it was asked for.
    """

    timelines: tuple[Timeline, ...] = ()
    looks: Mapping[str, str] = field(default_factory=dict)
    shortfall: str = ""
    answer: str = ""
    gaps: tuple[str, ...] = ()
    done: tuple[Done, ...] = ()
    workloads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    altered: tuple[str, ...] = ()

    def stamp(self, container: str, event: str) -> Stamp | None:
        """The first stamp of this event by this container."""
        return next(iter(self.stamps(container, event)), None)

    def stamps(self, container: str, event: str) -> list[Stamp]:
        """All stamps of this event by this container, in the order of its clock."""
        return [
            one
            for timeline in self.timelines
            for one in timeline.stamps
            if (one.container, one.event) == (container, event)
        ]

    def facts(self, container: str) -> ContainerFacts | None:
        """The container's last state."""
        found = (one for line in self.timelines for one in line.pod.containers if one.name == container)
        return next(found, None)

    def timeline(self, container: str) -> Timeline | None:
        """The timeline of the Pod that has this container."""
        holding = (one for one in self.timelines if any(c.name == container for c in one.pod.containers))
        return next(holding, None)

    def seen(self, container: str) -> tuple[Seen, ...]:
        """Every state that was seen of the Pod that has this container, in turn."""
        timeline = self.timeline(container)
        return timeline.versions if timeline else ()

    def pods(self, container: str) -> list[PodFacts]:
        """What the Pod that has this container was in each state that was seen of it."""
        return [seen.pod for seen in self.seen(container)]

    def states(self, container: str) -> list[ContainerFacts]:
        """What the container was in each of them."""
        return [one for pod in self.pods(container) for one in pod.containers if one.name == container]

    def attempts(self, container: str) -> tuple[Attempt, ...]:
        """The attempts of the container that were seen."""
        timeline = self.timeline(container)
        return timeline.attempts.get(container, ()) if timeline else ()


@dataclass(frozen=True)
class Finding:
    """What a claim found, with the evidence in a sentence."""

    answer: Order
    evidence: str


Claim = Callable[[Life], Finding]
# Makes of the evidence what it would be had the promise not been kept.
Doctor = Callable[[Life], Life]

# The answer to an object that the server would take.
ACCEPTED = "accepted"


class Verdict(StrEnum):
    """Whether a cluster keeps a promise."""

    CONFORMS = "conforms"
    KNOWN = "deviates as known"
    DEVIATES = "deviates"
    UNJUDGED = "could not judge"


@dataclass(frozen=True)
class Judgement:
    """A verdict with its findings and the evidence that they rest on; known names the bug of a known deviation."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    life: Life
    known: str = ""


def judge(claims: Sequence[Claim], life: Life) -> Judgement:
    """One no is a deviation. Short of that, a tie, a gap or a goal that was not reached leaves no verdict.

    But where the cluster made something else of what was asked for, that is what the scene came to grief on.
    """
    findings = tuple(claim(life) for claim in claims)
    answers = {finding.answer for finding in findings}
    if Order.NO in answers:
        return Judgement(Verdict.DEVIATES, findings, life)
    if Order.TIE in answers or life.shortfall or not findings:
        if life.altered:
            other = _found(
                False,
                f"the cluster takes what it is given: it made something else of {', '.join(life.altered)}",
            )
            return Judgement(Verdict.DEVIATES, (*findings, other), life)
        return Judgement(Verdict.UNJUDGED, findings, life)
    return Judgement(Verdict.CONFORMS, findings, life)


def _found(holds: bool, evidence: str) -> Finding:
    return Finding(Order.YES if holds else Order.NO, evidence)


def gets_there(*given: Moment) -> Claim:
    """The scene reaches its goal: here a Pod that hangs is a deviation, and not just a scene that fell short.

    given: what the goal takes; short of it, a machine that is slow may be to blame, and there is no telling.
    """
    wanted = "it gets to its goal"

    def claim(life: Life) -> Finding:
        if not life.shortfall and life.timelines:
            return Finding(Order.YES, f"{wanted}: it did")
        missing = next((moment.name for moment in given if moment.find(life) is None), None)
        if not life.timelines or life.gaps or missing:
            why = f"there is no stamp of {missing}" if missing else "not all of it could be seen"
            return Finding(Order.TIE, f"{wanted}: {why}")
        return Finding(Order.NO, f"{wanted}: {life.shortfall}")

    return claim


def hung(life: Life) -> Life:
    """The evidence, were it of a scene that had all and yet did not get to its goal: a twin for gets_there()."""
    return replace(life, shortfall="nothing moves any more")


# --- moments ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """A point in a container's life, and how to find it."""

    name: str
    find: Callable[[Life], Instant | None]


def birth(container: str) -> Moment:
    """When the kernel made the container's process, as the process itself reads it in /proc."""

    def find(life: Life) -> Instant | None:
        stamp = life.stamp(container, "begin")
        return from_uptime(stamp.detail) if stamp else None

    return Moment(f"start of {container}", find)


def earliest(*moments: Moment) -> Moment:
    """The first of these; there is none where one of them is missing."""

    def find(life: Life) -> Instant | None:
        found = [one.find(life) for one in moments]
        there = [one for one in found if one is not None]
        return min(there, key=lambda one: one.earliest) if len(there) == len(found) else None

    return Moment(f"the first of {', '.join(one.name for one in moments)}", find)


def noise(life: Life) -> float:
    """How late containers of this scene came to say their first word, the latest of them, in seconds.

    Whatever else they do may come as late: a node has no more time for one than for another.
    """
    late = [
        one.at.earliest - born.earliest
        for line in life.timelines
        for one in line.stamps
        if one.event == "begin" and (born := from_uptime(one.detail)) is not None
    ]
    return max(late, default=0.0)


def mark(container: str, event: str) -> Moment:
    """When the container said so for the first time."""

    def find(life: Life) -> Instant | None:
        stamp = life.stamp(container, event)
        return stamp.at if stamp else None

    return Moment(f"{event!r} of {container}", find)


def end(container: str) -> Moment:
    """When the container wrote its last stamp; its process outlives it by a tick of the clock, no less."""
    return Moment(f"end of {container}", mark(container, "end").find)


UNSEEN = Attempt(0, None, None, None, None)


def told_start(container: str) -> Moment:
    """When the runtime started the container for the first time, as the cluster tells of it."""
    return Moment(f"start of {container}", lambda life: _first_attempt(life, container).started)


def told_end(container: str) -> Moment:
    """When the container ended for the first time, as the cluster tells of it."""
    return Moment(f"end of {container}", lambda life: _first_attempt(life, container).finished)


def _first_attempt(life: Life, container: str) -> Attempt:
    attempts = life.attempts(container)
    return attempts[0] if attempts and attempts[0].number == 0 else UNSEEN


def looked_start(name: str) -> Moment:
    """When the kernel made the process whose /proc/PID/stat somebody looked at under this name."""

    def find(life: Life) -> Instant | None:
        fields = life.looks.get(name, "").rpartition(")")[2].split()
        # The 22nd field, of which the two up to the bracket are cut off; the kernel counts in hundredths here.
        return from_uptime(f"{int(fields[19]) / 100:.2f}") if len(fields) > 19 else None

    return Moment(f"start of the process in {name}", find)


def _lines(life: Life, container: str) -> list[Line]:
    return [line for one in life.timelines for line in one.lines if line.container == container]


def before(first: Moment, second: Moment) -> Claim:
    """The first came before the second."""

    def found(_life: Life, one: Instant, two: Instant) -> tuple[Order, str]:
        return order(one, two), f"at {one.earliest:.2f} s and at {two.earliest:.2f} s"

    return on_both(first, second, f"{first.name} comes before {second.name}", found)


def on_both(
    first: Moment, second: Moment, wanted: str, found: Callable[[Life, Instant, Instant], tuple[Order, str]]
) -> Claim:
    """A claim on two moments: the answer and its evidence, where both are there; else no telling."""

    def claim(life: Life) -> Finding:
        one, two = first.find(life), second.find(life)
        if one is None or two is None:
            missing = first.name if one is None else second.name
            return Finding(Order.TIE, f"{wanted}: there is no stamp of {missing}")
        answer, evidence = found(life, one, two)
        return Finding(answer, f"{wanted}: {evidence}")

    return claim


# --- words --------------------------------------------------------------------------------------


def by_any(*claims: Claim) -> Claim:
    """One thing that is told in several ways: each no is one, and short of that each yes."""

    def claim(life: Life) -> Finding:
        found = [one(life) for one in claims]
        told = next((one for wanted in (Order.NO, Order.YES) for one in found if one.answer is wanted), None)
        return told or Finding(Order.TIE, "; ".join(one.evidence for one in found))

    return claim


def says(container: str, event: str, detail: str | None = None) -> Claim:
    """The container said this event, with this detail where one is given; having ended without it is a no."""
    wanted = f"{container} says {event!r}" + (f" {detail!r}" if detail is not None else "")

    def claim(life: Life) -> Finding:
        said = life.stamps(container, event)
        if not said:
            over = life.stamp(container, "end") is not None
            last = "it ended without" if over else "no such stamp, and none of its end"
            return Finding(Order.NO if over else Order.TIE, f"{wanted}: {last}")
        details = [one.detail for one in said]
        return _found(
            detail is None or detail in details, f"{wanted}: it said {', '.join(map(repr, details))}"
        )

    return claim


def said_its_end(container: str) -> Claim:
    """The container's log, which was read when all else had been seen, has its end."""

    def claim(life: Life) -> Finding:
        wanted = f"the log of {container} has its end"
        if not life.stamp(container, "begin"):
            return Finding(Order.TIE, f"{wanted}: it was not there to read")
        return _found(life.stamp(container, "end") is not None, f"{wanted} when it is read")

    return claim


def agree(first: tuple[str, str], *others: tuple[str, str]) -> Claim:
    """All containers said the same detail, which is not empty; each is a pair of container and event."""
    wanted = f"{', '.join(container for container, _event in (first, *others))} say the same"

    def claim(life: Life) -> Finding:
        said = {}
        for container, event in (first, *others):
            stamp = life.stamp(container, event)
            if stamp is None and life.stamp(container, "end") is None:
                return Finding(
                    Order.TIE, f"{wanted}: there is no {event!r} of {container}, and none of its end"
                )
            said[f"{container} {event}"] = stamp.detail if stamp else ""
        values = set(said.values())
        told = ", ".join(f"{who} {what!r}" for who, what in said.items())
        return _found(len(values) == 1 and "" not in values, f"{wanted}: {told}")

    return claim


def differ(first: tuple[str, str], second: tuple[str, str]) -> Claim:
    """Two containers said something, and not the same; each is a pair of container and event."""

    def claim(life: Life) -> Finding:
        found = agree(first, second)(life)
        wanted = f"{first[0]} and {second[0]} say different things"
        opposite = {Order.YES: Order.NO, Order.NO: Order.YES, Order.TIE: Order.TIE}
        silent = any(life.stamp(*one) is None for one in (first, second))
        return Finding(Order.TIE if silent else opposite[found.answer], f"{wanted}: {found.evidence}")

    return claim


def prints(container: str, text: str) -> Claim:
    """Some line of the container's log is this text."""

    def claim(life: Life) -> Finding:
        texts = [line.text for line in _lines(life, container)]
        wanted = f"{container} prints {text!r}"
        if not texts:
            return Finding(Order.TIE, f"{wanted}: its log is empty or was not there to read")
        return _found(text in texts, f"{wanted}: its first lines are {texts[:3]}")

    return claim


def looks(name: str, *texts: str) -> Claim:
    """What was found by looking inside a container, or by reading an object, contains one of these texts."""
    wanted = f"{name} contains {' or '.join(map(repr, texts))}"

    def claim(life: Life) -> Finding:
        found = life.looks.get(name)
        if found is None:
            return Finding(Order.TIE, f"{wanted}: nobody could look")
        return _found(any(text in found for text in texts), f"{wanted}: it is {found[:120]!r}")

    return claim


def refuses(*words: str) -> Claim:
    """The server would not take an object of the scene, and its answer has these words: paths of fields, reasons."""

    def test(lines: list[str]) -> bool:
        return any(all(word in line for word in words) for line in lines)

    return _answered(f"the server refuses {' '.join(words)}", test)


def accepts(*who: str) -> Claim:
    """The server would take all objects of the scene, or those of this kind and name: `Pod shop`."""

    def test(lines: list[str]) -> bool:
        said = [line for line in lines if not who or line.startswith(tuple(f"{one}: " for one in who))]
        return len(said) >= len(who) and all(line.endswith(f": {ACCEPTED}") for line in said)

    return _answered(f"the server accepts {', '.join(who) or 'all'}", test)


def _answered(wanted: str, test: Callable[[list[str]], bool]) -> Claim:
    def claim(life: Life) -> Finding:
        if not life.answer:
            return Finding(Order.TIE, f"{wanted}: it was not asked")
        lines = life.answer.splitlines()
        return _found(test(lines), f"{wanted}: {' | '.join(lines)}")

    return claim


# --- states -------------------------------------------------------------------------------------

Test = Callable[[PodFacts], bool]


# The reason that a kubelet gives for an end that it could not find out about.
LOST = "ContainerStatusUnknown"


def the(container: str, test: Callable[[ContainerFacts], bool]) -> Test:
    """A test of a Pod by one of its containers; a Pod without it fails the test."""
    return lambda pod: any(one.name == container and test(one) for one in pod.containers)


def lacks_image(one: ContainerFacts) -> bool:
    """Whether a container waits for an image that does not come."""
    return one.state == "waiting" and one.reason in ("ErrImagePull", "ImagePullBackOff")


def succeeded(container: str) -> Claim:
    """The container's last state is an end with exit code 0."""
    return _last(container, "ended with exit code 0", lambda facts: facts.succeeded, lambda f: f.exit_code)


def exited(container: str, code: int) -> Claim:
    """The container's last state is an end with this exit code; no telling where the kubelet has lost its end."""
    wanted = f"ended with exit code {code}"
    kept = _last(
        container,
        wanted,
        lambda facts: facts.state == "terminated" and facts.exit_code == code,
        lambda facts: facts.exit_code,
    )

    def claim(life: Life) -> Finding:
        facts = life.facts(container)
        if facts is not None and _end_is_lost(facts):
            return Finding(Order.TIE, f"{container} {wanted}: how it ended is lost, {LOST}")
        return kept(life)

    return claim


def _end_is_lost(facts: ContainerFacts) -> bool:
    if facts.state == "waiting":
        return facts.last is not None and facts.last.reason == LOST
    return facts.state == "terminated" and facts.reason == LOST


def runs(container: str) -> Claim:
    """The container's last state is running."""
    return _last(container, "runs", lambda facts: facts.state == "running", lambda facts: facts.exit_code)


def restarted(container: str, times: int) -> Claim:
    """The container was restarted exactly so many times."""
    return _last(container, f"restarted {times} times", lambda f: f.restarts == times, lambda f: f.restarts)


def _last(
    container: str,
    wanted: str,
    test: Callable[[ContainerFacts], bool],
    what: Callable[[ContainerFacts], object],
) -> Claim:
    def claim(life: Life) -> Finding:
        facts = life.facts(container)
        if facts is None or (facts.state != "terminated" and life.shortfall):
            return Finding(Order.TIE, f"{container} {wanted}: it did not get there")
        return _found(test(facts), f"{container} {wanted}: {facts.state}, {what(facts)}")

    return claim


def once(container: str, wanted: str, test: Test) -> Claim:
    """Some state that was seen of the container's Pod passes the test; none is no telling, a watch may skip it."""

    def claim(life: Life) -> Finding:
        timeline = life.timeline(container)
        versions = timeline.versions if timeline else ()
        for number, seen in enumerate(versions, start=1):
            if test(seen.pod):
                return Finding(Order.YES, f"{wanted}: in state {number} of {len(versions)} seen")
        return Finding(Order.TIE, f"{wanted}: in none of the {len(versions)} states seen")

    return claim


def always(container: str, wanted: str, test: Test) -> Claim:
    """Every state that was seen of the container's Pod passes the test."""
    return _in_every_state(container, wanted, lambda _pod: True, test)


def whenever(container: str, when: str, condition: Test, wanted: str, test: Test) -> Claim:
    """Every state that was seen and meets the condition passes the test; if none meets it, there is no telling."""
    return _in_every_state(container, f"whenever {when}, {wanted}", condition, test)


def _in_every_state(container: str, wanted: str, condition: Test, test: Test) -> Claim:
    def claim(life: Life) -> Finding:
        timeline = life.timeline(container)
        versions = [seen.pod for seen in timeline.versions if condition(seen.pod)] if timeline else []
        if not versions:
            return Finding(Order.TIE, f"{wanted}: no such state was seen")
        for number, version in enumerate(versions, start=1):
            if not test(version):
                where = f"not in state {number} of {len(versions)} seen"
                return Finding(Order.NO, f"{wanted}: {where}: {states(version)}")
        return Finding(Order.YES, f"{wanted}: in all {len(versions)} states seen")

    return claim


def states(pod: PodFacts) -> str:
    """A Pod's phase and the states of its containers, in words."""
    said = (
        f"{one.name} {one.state}{f' ({one.reason})' if one.reason else ''}{', started' if one.started else ''}"
        for one in pod.containers
    )
    return f"{pod.phase}: {'; '.join(said)}"
