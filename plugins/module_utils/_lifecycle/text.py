# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Timelines, progress and failures as a person reads them on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .events import Mark
from .facts import ContainerFacts
from .goals import Standing, Verdict
from .instant import Instant
from .joining import missing
from .timeline import Attempt, Timeline, offset
from .trouble import plain
from .view import View, Workload

BAR_WIDTH = 32
# What is known better than this is told with digits behind the point.
FINE_SECONDS = 0.25
# How much of an event's message is told.
TOLD_WIDTH = 96

Row = tuple[str, str, str, str, str, str, str, str]


def table(timeline: Timeline) -> list[str]:
    """What each container of one Pod did and when, after a line on the Pod and a header; a line for each attempt.

    Offsets are seconds of the node's clock since the kubelet took the Pod, with as many digits as the evidence bears.
    Below stand what events tell besides, and what is not known.
    """
    pod = timeline.pod
    node = f" on {pod.node}" if pod.node else ""
    lines = [f"Pod {pod.namespace}/{pod.name}{node}: {pod.phase}{', ready' if pod.ready else ''}"]
    rows = [("ROLE", "CONTAINER", "STARTED", "FINISHED", "EXIT", "RESTARTS", "STATE", "")]
    end = max((_latest(attempts) for attempts in timeline.attempts.values()), default=0.0) - (
        timeline.zero or 0.0
    )
    for container in pod.containers:
        attempts = timeline.attempts.get(container.name, ())
        rows += _rows(container, attempts, timeline.zero, max(end + 1, 1.0))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines += [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return lines + mark_lines(timeline) + [f"  not known: {said}" for said in missing(timeline)]


def _rows(
    container: ContainerFacts, attempts: Sequence[Attempt], zero: float | None, span: float
) -> list[Row]:
    """A row for each attempt that is known; the container's own state stands beside the last one."""
    state = container.state
    if container.state == "running":
        state = "running, ready" if container.ready else "running"
    elif container.reason:
        state = f"{container.state} ({container.reason})"
    *earlier, final = attempts or (None,)
    rows = [
        _row(container, attempt, zero, span, "" if place else container.role.value, "", attempt.reason or "")
        for place, attempt in enumerate(earlier)
        if attempt is not None
    ]
    role = "" if rows else container.role.value
    return [*rows, _row(container, final, zero, span, role, str(container.restarts), state)]


def _row(
    container: ContainerFacts,
    attempt: Attempt | None,
    zero: float | None,
    span: float,
    role: str,
    restarts: str,
    state: str,
) -> Row:
    code = attempt.exit_code if attempt is not None else None
    again = f" (attempt {attempt.number + 1})" if attempt is not None and attempt.number else ""
    return (
        role,
        f"{container.name}{again}",
        _seconds(attempt.started, zero) if attempt else "-",
        _seconds(attempt.finished, zero) if attempt else "-",
        "-" if code is None else str(code),
        restarts,
        state,
        _bar(container, attempt, zero, span),
    )


def _latest(attempts: Iterable[Attempt]) -> float:
    moments = [
        moment.earliest for one in attempts for moment in (one.started, one.finished) if moment is not None
    ]
    return max(moments, default=0.0)


def _seconds(moment: Instant | None, zero: float | None) -> str:
    """An offset, cut to what is certain of it."""
    value = offset(moment, zero)
    if value is None or moment is None:
        return "-"
    return f"+{value:.2f} s" if moment.error < FINE_SECONDS else f"+{value:.0f} s"


def _bar(container: ContainerFacts, attempt: Attempt | None, zero: float | None, span: float) -> str:
    """One character a slice of time: # while the process ran, > where it still runs."""
    cells = [" "] * BAR_WIDTH
    begin = offset(attempt.started, zero) if attempt else None
    if attempt is not None and begin is not None:
        finish = offset(attempt.finished, zero)
        last = BAR_WIDTH - 1 if finish is None else _cell(finish, span)
        for cell in range(_cell(begin, span), last + 1):
            cells[cell] = "#"
        if finish is None and container.state == "running":
            cells[-1] = ">"
    return "|" + "".join(cells) + "|"


def _cell(seconds: float, span: float) -> int:
    return min(max(int(seconds / span * BAR_WIDTH), 0), BAR_WIDTH - 1)


def mark_lines(timeline: Timeline) -> list[str]:
    """What events tell besides starts, a line each, the oldest first: pulls, probes, kills, pauses, failures."""
    rows = [
        (_when(mark, timeline.zero), mark.container or "the Pod", mark.kind.value, _told(mark))
        for mark in timeline.marks
        if not mark.routine
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]])
        for row in rows
    ]


def _when(mark: Mark, zero: float | None) -> str:
    first = _seconds(mark.at, zero)
    return first if mark.until is None else f"{first} to {_seconds(mark.until, zero)}"


def _told(mark: Mark) -> str:
    said = plain(mark.message)
    short = said if len(said) <= TOLD_WIDTH else said[: TOLD_WIDTH - 1] + "…"
    return f"{mark.count} times: {short}" if mark.count > 1 else short


def progress(standings: dict[Workload, Standing], view: View, now: float) -> str:
    """One line on a wait: how many are there, then what the first few of the others wait for."""
    done = sum(one.verdict is Verdict.DONE for one in standings.values())
    pending = [(workload, one) for workload, one in standings.items() if one.verdict is not Verdict.DONE]
    several = len({workload.namespace for workload in standings}) > 1
    said = "; ".join(
        f"{_called(workload, several)}: {pending_reason(workload, one, view, now)}"
        for workload, one in pending[:3]
    )
    more = f"; and {len(pending) - 3} more" if len(pending) > 3 else ""
    return f"{done} of {len(standings)} there; {said}{more}"


def _called(workload: Workload, several: bool) -> str:
    """The name, with its namespace where there are several."""
    return f"{workload.namespace}/{workload.name}" if several else workload.name


def pending_reason(workload: Workload, one: Standing, view: View, now: float) -> str:
    """What a workload waits for, how long its slowest container has been in its state, and what is or was wrong."""
    count = f"{one.reached} of {one.wanted} {workload.goal}, " if one.wanted > 1 else ""
    trouble = f", {one.troubles[0].sentence}" if one.troubles else ""
    return f"{count}{one.reason}{_for_how_long(workload, one, view, now)}{trouble}"


def _for_how_long(workload: Workload, one: Standing, view: View, now: float) -> str:
    for pod in view.pods_of(workload):
        for container in pod.containers:
            if f"{container.role.value} {container.name} {container.state}" in one.reason:
                _state, _attempt, since = view.since[pod.uid, container.name]
                return f" {now - since:.0f} s{_before(container)}"
    return ""


def _before(container: ContainerFacts) -> str:
    """How the attempt before ended, where the present one may be going the same way."""
    last = container.last
    if container.state != "running" or last is None or last.exit_code == 0:
        return ""
    times = f"{container.restarts} times" if container.restarts > 1 else "once"
    said = f": {plain(last.message)}" if last.message else ""
    return f" after it failed {times}, last with exit code {last.exit_code}{said}"


def stamp_table(timeline: Timeline) -> list[str]:
    """What the containers' probe scripts wrote, a line each in the order of the kernel's clock."""
    stamps = timeline.stamps
    if not stamps:
        return []
    width = max(len(stamp.container) for stamp in stamps)
    return [
        f"  {stamp.at.earliest:>12.2f}  {stamp.container:<{width}}  {stamp.event} {stamp.detail}".rstrip()
        for stamp in stamps
    ]
