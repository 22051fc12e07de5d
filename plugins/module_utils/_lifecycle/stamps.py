# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a container's own log tells: lines with the runtime's stamp, and stamps that a probe script wrote itself.

A line of the probe script is `@ UPTIME EVENT [DETAIL...]`, where UPTIME is the first field of /proc/uptime.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .instant import Instant, from_log, from_uptime

MARK = "@"


@dataclass(frozen=True)
class Line:
    """One line of a container's log, of the attempt with this number; logged is the runtime's own stamp of it."""

    container: str
    attempt: int
    text: str
    logged: Instant | None


@dataclass(frozen=True)
class Stamp:
    """Something that a container says it did. at is the kernel's monotonic clock, one for all on a node."""

    container: str
    attempt: int
    event: str
    detail: str
    at: Instant
    logged: Instant | None


def lines_of(container: str, attempt: int, log: Iterable[str]) -> tuple[Line, ...]:
    """A log that was asked for with timestamps, taken apart; a line without a stamp keeps its whole text."""
    return tuple(_line(container, attempt, line) for line in log)


def _line(container: str, attempt: int, line: str) -> Line:
    first, _space, rest = line.partition(" ")
    logged = from_log(first)
    return Line(container, attempt, line if logged is None else rest, logged)


def stamps_in(lines: Iterable[Line]) -> Iterator[Stamp]:
    """The probe script's stamps among the lines; whatever else a container prints is passed over."""
    for line in lines:
        mark, _space, rest = line.text.partition(" ")
        uptime, _space, said = rest.partition(" ")
        at = from_uptime(uptime) if mark == MARK else None
        event, _space, detail = said.partition(" ")
        if at is not None and event:
            yield Stamp(line.container, line.attempt, event, detail, at, line.logged)
