# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When each attempt of each container ran, as far as the evidence goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .events import Mark
from .facts import ContainerFacts, PodFacts
from .instant import Instant, from_status
from .stamps import Line, Stamp, stamps_in


@dataclass(frozen=True)
class Attempt:
    """One run of a container's process. number counts from 0; finished is None while it runs.

    created: the runtime has made it. started: the runtime has started its process. first_line: the runtime took its
    first line. passed_startup, ready: its status says so, on the clock of who watched.
    """

    number: int
    started: Instant | None
    finished: Instant | None
    exit_code: int | None
    reason: str | None
    created: Instant | None = None
    first_line: Instant | None = None
    passed_startup: Instant | None = None
    ready: Instant | None = None

    @property
    def signal(self) -> int | None:
        """The signal that an exit code above 128 tells of."""
        return self.exit_code - 128 if self.exit_code is not None and 128 < self.exit_code <= 192 else None


@dataclass(frozen=True)
class Seen:
    """A state of a Pod as a watch or a list delivered it; at, in our monotonic seconds, is when it came here."""

    at: float
    pod: PodFacts


@dataclass(frozen=True)
class Timeline:
    """A Pod and the attempts of its containers by name.

    versions are the states that were seen, in their order; a watch may skip some. lines are the logs, where
    somebody fetched them. marks are what events tell besides, the oldest first.
    """

    pod: PodFacts
    attempts: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    versions: tuple[Seen, ...] = ()
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def stamps(self) -> tuple[Stamp, ...]:
        """What the containers' probe scripts wrote, in the order of their clock."""
        return tuple(sorted(stamps_in(self.lines), key=lambda stamp: stamp.at.earliest))

    @property
    def zero(self) -> float | None:
        """The node's clock, in seconds since 1970, when the kubelet took the Pod: what offsets count from."""
        start = from_status(self.pod.start_time)
        return start.earliest if start else None


def attempts_in(container: ContainerFacts) -> Iterator[Attempt]:
    """The attempts that one status tells of: the one before, if any, and the present one, if it began."""
    last = container.last
    if last is not None:
        # A waiting container has not begun its next attempt, yet its restart count is that of the last one.
        number = container.restarts - (0 if container.state == "waiting" else 1)
        yield Attempt(
            max(number, 0),
            from_status(last.started_at),
            from_status(last.finished_at),
            last.exit_code,
            last.reason,
        )
    if container.state != "waiting":
        yield Attempt(
            container.restarts,
            from_status(container.started_at),
            from_status(container.finished_at),
            container.exit_code,
            container.reason,
        )


def offset(instant: Instant | None, zero: float | None) -> float | None:
    """Seconds from the Pod's start to an instant, on the node's clock."""
    if instant is None or zero is None:
        return None
    return round(instant.earliest - zero, 3)


def moment_words(moment: Instant, zero: float) -> str:
    """A moment in seconds after zero with its error and who decided, with as many digits as it bears."""
    first, last = moment.earliest - zero, moment.latest - zero
    if moment.error < 0.01:
        return f"{first:.3f} s ({moment.source.value})"
    digits = 2 if moment.error < 0.5 else 1
    return f"{first:.{digits}f} to {last:.{digits}f} s ({moment.source.value})"


def back_off(before: Attempt, attempt: Attempt) -> tuple[float, float] | None:
    """How long the kubelet let a container be between two attempts that follow each other: least and most seconds."""
    begin = attempt.created or attempt.started
    if before.number + 1 != attempt.number or before.finished is None or begin is None:
        return None
    least = max(begin.earliest - before.finished.latest, 0.0)
    return least, max(begin.latest - before.finished.earliest, least)
