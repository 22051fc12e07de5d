# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Moments with an error, and orders between them that are yes, no or a tie.

No clock is trusted beyond what it promises: a moment is the span of time in which it must lie, and two
moments are in order only where their spans do not overlap and come from one clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Source(StrEnum):
    """Who says when something happened.

    STATUS: the Pod's status. EVENT: the kubelet's events. LOG: the runtime's stamp of a line. STAMP: the container
    itself. WATCH: a state as it came here. RUNTIME: the runtime's own record on the node.
    """

    STATUS = "status"
    EVENT = "event"
    LOG = "log"
    STAMP = "stamp"
    WATCH = "watch"
    RUNTIME = "runtime"


class Order(StrEnum):
    """The answer to: was the first before the second?"""

    YES = "yes"
    NO = "no"
    TIE = "tie"


@dataclass(frozen=True)
class Instant:
    """A moment that lies in [earliest, latest], in seconds on one clock.

    clock: "node" for the wall clock of the kubelet's node, "uptime" for its kernel's monotonic clock, "control plane"
    for that of the scheduler and the controllers, "watch" for the monotonic clock of who watched. A bound that nothing
    gives is infinite.
    """

    earliest: float
    latest: float
    source: Source
    clock: str = "node"

    @property
    def error(self) -> float:
        """The width of the span, in seconds."""
        return self.latest - self.earliest


def order(first: Instant, second: Instant) -> Order:
    """Whether `first` came before `second`. Spans that touch or overlap, or other clocks, are a tie."""
    if first.clock != second.clock:
        return Order.TIE
    if first.latest < second.earliest:
        return Order.YES
    if second.latest < first.earliest:
        return Order.NO
    return Order.TIE


def narrowed(known: Instant, further: Instant) -> Instant | None:
    """Where a moment lies that lies in both; None where the two contradict each other. The narrower one decided."""
    if known.clock != further.clock:
        return None
    earliest, latest = max(known.earliest, further.earliest), min(known.latest, further.latest)
    if earliest > latest:
        return None
    # A span that bounds nothing that the other does not bound already has decided nothing.
    decided = known if (earliest, latest) == (known.earliest, known.latest) else further
    return Instant(earliest, latest, decided.source, known.clock)


def not_before(seconds: float, source: Source) -> Instant:
    """A moment on the node's clock of which only this bound is known."""
    return Instant(seconds, math.inf, source)


def not_after(seconds: float, source: Source) -> Instant:
    """A moment on the node's clock of which only this bound is known."""
    return Instant(-math.inf, seconds, source)


def from_status(stamp: str | None) -> Instant | None:
    """An instant from an API time such as 2026-11-26T10:00:05Z: cut to whole seconds by the kubelet."""
    seconds = unix_seconds(stamp)
    if seconds is None:
        return None
    return Instant(seconds, seconds + 0.999999, Source.STATUS)


def from_log(stamp: str) -> Instant | None:
    """An instant from a log line's stamp; the line was written at that moment or shortly before."""
    seconds = unix_seconds(stamp)
    return None if seconds is None else Instant(seconds, seconds, Source.LOG)


def from_uptime(text: str) -> Instant | None:
    """An instant from the first field of /proc/uptime, cut to hundredths of a second by the kernel."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return Instant(seconds, seconds + 0.009999, Source.STAMP, clock="uptime")


def unix_seconds(stamp: str | None) -> float | None:
    """Seconds since 1970 from an RFC 3339 stamp with any number of digits; None where it is not one."""
    if not stamp:
        return None
    whole, _point, rest = stamp.partition(".")
    digits = rest.rstrip("Zz")
    for sign in "+-":
        digits = digits.partition(sign)[0]
    zone = rest[len(digits) :] if rest else ""
    try:
        moment = datetime.fromisoformat((whole + zone).replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() + (float(f"0.{digits}") if digits.isdigit() else 0.0)
