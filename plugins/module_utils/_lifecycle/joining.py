# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Joins what several witnesses say of the same attempts, each of whom may be late, rough, or silent.

What Kubernetes promises is no evidence here: that an init container comes before the app is asked of the timeline,
so nothing in it may rest on that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .events import Kind, Mark, marks_in
from .facts import ContainerFacts, PodFacts
from .instant import Instant, Source, from_status, narrowed, not_after, not_before
from .runtime import Recorded
from .stamps import Line, stamps_in
from .timeline import Attempt, Seen, Timeline, attempts_in

# --- events -------------------------------------------------------------------------------------


def with_events(timeline: Timeline, events: Iterable[Mapping[str, Any]]) -> Timeline:
    """The timeline with what events about its Pod tell: markers, and closer bounds for starts."""
    marks = marks_in(events)
    attempts = dict(timeline.attempts)
    for container in timeline.pod.containers:
        found = attempts.get(container.name, ())
        about = [mark for mark in marks if mark.container == container.name]
        attempts[container.name] = _bounded(timeline.pod, container, found, about)
    kept = {name: found for name, found in attempts.items() if found}
    placed = tuple(_placed(mark, kept.get(mark.container or "", ())) for mark in marks)
    return replace(timeline, attempts=kept, marks=placed)


def _bounded(
    pod: PodFacts, container: ContainerFacts, attempts: Sequence[Attempt], marks: Sequence[Mark]
) -> tuple[Attempt, ...]:
    begun = container.restarts + 1
    pulled, created, started = (
        _of_attempts(marks, kind, begun) for kind in (Kind.PULLED, Kind.CREATED, Kind.STARTED)
    )
    found = []
    for attempt in attempts:
        number, start = attempt.number, attempt.started
        if start is not None and number in created:
            start = narrowed(start, not_before(created[number], Source.EVENT)) or start
        if start is not None and number in started:
            start = narrowed(start, not_after(started[number], Source.EVENT)) or start
        found.append(replace(attempt, started=start, created=_made(pod, attempt, pulled, created)))
    return tuple(found)


def _of_attempts(marks: Sequence[Mark], kind: Kind, begun: int) -> dict[int, float]:
    """The exact moments of the occurrences that belong to one attempt beyond doubt, by its number.

    Each attempt tells each of these things once, so where as many were told as attempts have begun none is missing.
    """
    found, number = {}, 0
    for mark in marks:
        if mark.kind is kind:
            if mark.at.error == 0.0 and mark.at.clock == "node":
                found[number] = mark.at.earliest
            number += mark.count
    return found if number == begun else {}


def _made(
    pod: PodFacts, attempt: Attempt, pulled: Mapping[int, float], created: Mapping[int, float]
) -> Instant | None:
    latest = created.get(attempt.number)
    if latest is None:
        return attempt.created
    taken = from_status(pod.start_time)
    earliest = pulled.get(attempt.number, taken.earliest if taken else -math.inf)
    return Instant(min(earliest, latest), latest, Source.EVENT)


def _placed(mark: Mark, attempts: Sequence[Attempt]) -> Mark:
    """The mark with the attempt it was in, where that can be no other one."""
    last = mark.until or mark.at
    if mark.kind is Kind.BACK_OFF or mark.at.clock != "node":
        return mark
    touched = [
        attempt
        for attempt in attempts
        if (attempt.started is None or attempt.started.earliest <= last.latest)
        and (attempt.finished is None or attempt.finished.latest >= mark.at.earliest)
    ]
    return replace(mark, attempt=touched[0].number) if len(touched) == 1 else mark


# --- states -------------------------------------------------------------------------------------


def with_states(timeline: Timeline) -> Timeline:
    """The timeline with the moments at which its containers' flags turned, as the states that were seen tell."""
    attempts = {
        name: tuple(
            replace(
                attempt,
                passed_startup=_turned(timeline.versions, name, attempt.number, "started"),
                ready=_turned(timeline.versions, name, attempt.number, "ready"),
            )
            for attempt in found
        )
        for name, found in timeline.attempts.items()
    }
    return replace(timeline, attempts=attempts)


def _turned(versions: Sequence[Seen], name: str, number: int, flag: str) -> Instant | None:
    """Between the last state without the flag, which came here before, and the first one with it."""
    before = -math.inf
    for seen in versions:
        for container in seen.pod.containers:
            running = container.state == "running" and container.restarts == number
            if container.name == name and running and getattr(container, flag):
                # Two flags of which one was seen without the other are in order, so the spans must not touch.
                since = math.nextafter(before, math.inf) if math.isfinite(before) else before
                return Instant(since, seen.at, Source.WATCH, "watch")
        before = seen.at
    return None


# --- logs ---------------------------------------------------------------------------------------


def with_lines(timeline: Timeline, lines: Sequence[Line]) -> Timeline:
    """The timeline with its containers' logs: first lines, and the signals that a probe script says it got."""
    first: dict[tuple[str, int], Instant] = {}
    for line in lines:
        if line.logged is not None:
            first.setdefault((line.container, line.attempt), line.logged)
    attempts = {
        name: tuple(replace(one, first_line=first.get((name, one.number))) for one in found)
        for name, found in timeline.attempts.items()
    }
    marks = sorted((*timeline.marks, *_told(lines)), key=lambda mark: mark.at.earliest)
    return replace(timeline, lines=tuple(lines), attempts=attempts, marks=tuple(marks))


def _told(lines: Iterable[Line]) -> Iterator[Mark]:
    for stamp in stamps_in(lines):
        kind = Kind.SIGNAL if stamp.event == "term" else Kind.HOOK if "hook" in stamp.event else None
        if kind is not None and stamp.logged is not None:
            said = f"{stamp.event} {stamp.detail}".strip()
            yield Mark(kind, stamp.container, stamp.logged, stamp.event, said, attempt=stamp.attempt)


# --- the runtime's record -----------------------------------------------------------------------


def with_record(timeline: Timeline, recorded: Iterable[Recorded]) -> Timeline:
    """The timeline with the runtime's own record, which decides, and which knows attempts that nobody saw."""
    attempts = {name: {one.number: one for one in found} for name, found in timeline.attempts.items()}
    for record in recorded:
        if record.pod_uid == timeline.pod.uid:
            known = attempts.setdefault(record.container, {})
            known[record.attempt] = _as_recorded(
                known.get(record.attempt, Attempt(record.attempt, None, None, None, None)), record
            )
    return replace(
        timeline,
        attempts={
            name: tuple(one for _number, one in sorted(found.items())) for name, found in attempts.items()
        },
    )


def _as_recorded(attempt: Attempt, record: Recorded) -> Attempt:
    return replace(
        attempt,
        created=record.created,
        started=record.started or attempt.started,
        finished=record.finished or attempt.finished,
        exit_code=attempt.exit_code if attempt.exit_code is not None else record.exit_code,
    )


# --- what is missing ----------------------------------------------------------------------------


def missing(timeline: Timeline) -> tuple[str, ...]:
    """What is not known of the Pod and ought to be, a sentence each."""
    return tuple(_missing(timeline))


def _missing(timeline: Timeline) -> Iterator[str]:
    pod = timeline.pod
    if timeline.zero is None:
        yield "no kubelet has taken the Pod, so there are no times"
    if not timeline.marks and timeline.attempts:
        yield "there are no events: they are forgotten after an hour, or may not be read"
    for container in pod.containers:
        known = {attempt.number for attempt in timeline.attempts.get(container.name, ())}
        # What an update of the status told as the present attempt, and what began before.
        begun = {attempt.number for attempt in attempts_in(container)}
        lost = sorted(set(range(max(begun, default=-1) + 1)) - known)
        if lost:
            yield (
                f"{container.name}: {_attempts(lost)} not known, as nobody watched and a status keeps the last two"
            )
        if pod.deleting and container.state == "running":
            yield f"{container.name}: its end was not seen; the Pod was deleted"


def _attempts(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"attempt {numbers[0] + 1} is"
    return f"{len(numbers)} attempts, {numbers[0] + 1} to {numbers[-1] + 1}, are"
