# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Events, which tell what a status does not, and which outlive what they tell of.

An event has stamps of whole seconds, but its name ends in the nanoseconds, in hexadecimal, of the moment at which its
first occurrence was told. Later ones of the same words are merged into it and only counted. Events come late, are left
out when there are many, and are forgotten after an hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .instant import Instant, Source, unix_seconds

_CONTAINER = re.compile(r"spec\.\w+\{(.+)\}")
_NANOSECONDS = 1_000_000_000


class Kind(StrEnum):
    """What a marker tells of."""

    SCHEDULED = "scheduled"
    PULLING = "pulling"
    PULLED = "pulled"
    CREATED = "created"
    STARTED = "started"
    PROBE = "probe"
    HOOK = "hook"
    KILLING = "killing"
    SIGNAL = "signal"
    BACK_OFF = "back-off"
    FAILED = "failed"
    OTHER = "other"


KINDS = {
    "Scheduled": Kind.SCHEDULED,
    "Pulling": Kind.PULLING,
    "Pulled": Kind.PULLED,
    "Created": Kind.CREATED,
    "Started": Kind.STARTED,
    "Unhealthy": Kind.PROBE,
    "ProbeWarning": Kind.PROBE,
    "FailedPostStartHook": Kind.HOOK,
    "FailedPreStopHook": Kind.HOOK,
    "Killing": Kind.KILLING,
    "Preempting": Kind.KILLING,
    "Preempted": Kind.KILLING,
    "Evicted": Kind.KILLING,
    "TaintManagerEviction": Kind.KILLING,
    "ExceededGracePeriod": Kind.KILLING,
    "BackOff": Kind.BACK_OFF,
}
# What every start of a container tells as well, in instants of its own.
ROUTINE = frozenset({Kind.SCHEDULED, Kind.CREATED, Kind.STARTED})


@dataclass(frozen=True)
class Mark:
    """Something that was told of a Pod or of one of its containers.

    at is the first occurrence, until the last one where there were several. attempt: which run of the container it
    was in, where that is beyond doubt. reason: the event's own word.
    """

    kind: Kind
    container: str | None
    at: Instant
    reason: str
    message: str
    count: int = 1
    until: Instant | None = None
    attempt: int | None = None

    @property
    def routine(self) -> bool:
        """Whether it is part of any start and tells nothing that instants do not tell."""
        return self.kind in ROUTINE or (self.kind is Kind.PULLED and "already present" in self.message)


def event_time(event: Mapping[str, Any]) -> str:
    """The latest stamp of an event, whichever of its fields carries it."""
    series = event.get("series") or {}
    return (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )


def marks_in(events: Iterable[Mapping[str, Any]]) -> tuple[Mark, ...]:
    """What events about one Pod tell, the oldest first; an event without any stamp tells nothing."""
    marks = (_mark(event) for event in events)
    return tuple(sorted((mark for mark in marks if mark is not None), key=lambda mark: mark.at.earliest))


def _mark(event: Mapping[str, Any]) -> Mark | None:
    reason = str(event.get("reason") or "")
    clock = "node" if _reporter(event) == "kubelet" else "control plane"
    first = _first(event, clock)
    if first is None:
        return None
    count = max((event.get("series") or {}).get("count") or 0, event.get("count") or 1)
    path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
    found = _CONTAINER.fullmatch(path)
    failed = Kind.FAILED if event.get("type") == "Warning" else Kind.OTHER
    return Mark(
        kind=KINDS.get(reason, failed),
        container=found[1] if found else None,
        at=first,
        reason=reason,
        message=" ".join(str(event.get("message") or "").split()),
        count=count,
        until=_stamped(event_time(event), clock) if count > 1 else None,
    )


def _reporter(event: Mapping[str, Any]) -> str:
    return str(event.get("reportingComponent") or (event.get("source") or {}).get("component") or "")


def _first(event: Mapping[str, Any], clock: str) -> Instant | None:
    stamp = event.get("firstTimestamp") or event.get("eventTime") or event_time(event)
    rough = _stamped(stamp, clock)
    exact = _nanoseconds(str(event["metadata"].get("name") or ""))
    # A name that anybody may have chosen counts only where it agrees with the stamp.
    if exact is None or rough is None or not rough.earliest <= exact <= rough.latest:
        return rough
    return Instant(exact, exact, Source.EVENT, clock)


def _stamped(stamp: str, clock: str) -> Instant | None:
    seconds = unix_seconds(stamp)
    if seconds is None:
        return None
    return Instant(seconds, seconds + (0.0 if "." in stamp else 0.999999), Source.EVENT, clock)


def _nanoseconds(name: str) -> float | None:
    _pod, _point, digits = name.rpartition(".")
    try:
        return int(digits, 16) / _NANOSECONDS
    except ValueError:
        return None
