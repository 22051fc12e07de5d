# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When each attempt of each container ran, as far as the evidence goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .facts import ContainerFacts, PodFacts
from .instant import Instant, from_status
from .stamps import Line, Stamp, stamps_in


@dataclass(frozen=True)
class Attempt:
    """One run of a container's process. number counts from 0; finished is None while it runs."""

    number: int
    started: Instant | None
    finished: Instant | None
    exit_code: int | None
    reason: str | None


@dataclass(frozen=True)
class Seen:
    """A state of a Pod as a watch or a list delivered it; at, in our monotonic seconds, is when it came here."""

    at: float
    pod: PodFacts


@dataclass(frozen=True)
class Timeline:
    """A Pod and the attempts of its containers by name.

    versions are the states that were seen, in their order; a watch may skip some. lines are the logs, where
    somebody fetched them.
    """

    pod: PodFacts
    attempts: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    versions: tuple[Seen, ...] = ()
    lines: tuple[Line, ...] = ()

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


def as_dict(timeline: Timeline) -> dict[str, Any]:
    """A Pod with all its containers, as modules return it.

    Times are the API's stamps; `attempts` has one entry for each run that was seen.
    """
    pod = timeline.pod
    return {
        "name": pod.name,
        "namespace": pod.namespace,
        "uid": pod.uid,
        "node": pod.node,
        "phase": pod.phase,
        "ready": pod.ready,
        "start_time": pod.start_time,
        "containers": [_container(one, timeline) for one in pod.containers],
    }


def _container(container: ContainerFacts, timeline: Timeline) -> dict[str, Any]:
    return {
        "name": container.name,
        "role": container.role.value,
        "state": container.state,
        "started": container.started,
        "ready": container.ready,
        "restarts": container.restarts,
        "exit_code": container.exit_code,
        "reason": container.reason,
        "message": container.message,
        "started_at": container.started_at,
        "finished_at": container.finished_at,
        "image": container.image,
        "image_id": container.image_id,
        "attempts": [_attempt(one, timeline.zero) for one in timeline.attempts.get(container.name, ())],
    }


def _attempt(attempt: Attempt, zero: float | None) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_after": offset(attempt.started, zero),
        "finished_after": offset(attempt.finished, zero),
        "exit_code": attempt.exit_code,
        "reason": attempt.reason,
    }


def offset(instant: Instant | None, zero: float | None) -> float | None:
    """Seconds from the Pod's start to an instant, on the node's clock."""
    if instant is None or zero is None:
        return None
    return round(instant.earliest - zero, 3)
