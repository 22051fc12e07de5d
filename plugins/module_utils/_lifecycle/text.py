# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Timelines, progress and failures as a person reads them on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .facts import ContainerFacts
from .goals import Standing, Verdict
from .timeline import Attempt, Timeline, offset
from .trouble import plain
from .view import View, Workload

BAR_WIDTH = 32


def table(timeline: Timeline) -> list[str]:
    """What each container of one Pod did and when; a line each, after a line on the Pod and a header.

    Offsets are whole seconds of the node's clock since the kubelet took the Pod. A bar shows each attempt.
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
        rows.append(_row(container, attempts, timeline.zero, max(end + 1, 1.0)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return lines + [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(
    container: ContainerFacts, attempts: Sequence[Attempt], zero: float | None, span: float
) -> tuple[str, str, str, str, str, str, str, str]:
    final = attempts[-1] if attempts else None
    state = container.state
    if container.state == "running":
        state = "running, ready" if container.ready else "running"
    elif container.reason:
        state = f"{container.state} ({container.reason})"
    code = final.exit_code if final is not None else None
    return (
        container.role.value,
        container.name,
        _seconds(offset(attempts[0].started, zero)) if attempts else "-",
        _seconds(offset(final.finished, zero)) if final else "-",
        "-" if code is None else str(code),
        str(container.restarts),
        state,
        _bar(container, attempts, zero, span),
    )


def _latest(attempts: Iterable[Attempt]) -> float:
    moments = [
        moment.earliest for one in attempts for moment in (one.started, one.finished) if moment is not None
    ]
    return max(moments, default=0.0)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"+{value:.0f} s"


def _bar(container: ContainerFacts, attempts: Sequence[Attempt], zero: float | None, span: float) -> str:
    """One character a slice of time: # while the process ran, > where it still runs."""
    cells = [" "] * BAR_WIDTH
    for attempt in attempts:
        begin = offset(attempt.started, zero)
        if begin is None:
            continue
        finish = offset(attempt.finished, zero)
        first = _cell(begin, span)
        last = BAR_WIDTH - 1 if finish is None else _cell(finish, span)
        for cell in range(first, last + 1):
            cells[cell] = "#"
        if finish is None and container.state == "running":
            cells[-1] = ">"
    return "|" + "".join(cells) + "|"


def _cell(seconds: float, span: float) -> int:
    return min(max(int(seconds / span * BAR_WIDTH), 0), BAR_WIDTH - 1)


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
