# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What somebody asserts of a Pod's life, read from plain data and judged by its timeline: yes, no or a tie.

A yes or a no holds whatever the moments within their spans were; all else is a tie, be it that spans overlap or that
something is not known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._pod.container import Role
from .._pod.definition import BadDefinition
from .facts import ContainerFacts
from .instant import Instant, Order, from_status, order
from .timeline import Attempt, Timeline, moment_words

# Moments of a container's attempt, and how each attempt of the two that may be meant is chosen where none is named.
FIRST_OF = ("created", "started", "first_line")
MOMENTS = (*FIRST_OF, "finished")
# Those of a Pod, all by the clock of its kubelet; taken is its startTime, the others are conditions.
POD_MOMENTS = {"taken": "", "initialized": "Initialized", "ready": "Ready"}
_MOMENT = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?)(?:\[(\d+)\])?\.(\w+)|Pod\.(\w+)")


@dataclass(frozen=True)
class Finding:
    """What came of one assertion on one Pod, with the evidence in half a sentence."""

    asserted: str
    answer: Order
    evidence: str


@dataclass(frozen=True)
class Assertion:
    """One thing that is asserted: in words, and how a timeline answers it. logs: whether first lines are needed."""

    words: str
    judge: Callable[[Timeline], tuple[Order, str]]
    logs: bool = False

    def finding(self, timeline: Timeline) -> Finding:
        """What the timeline says to it."""
        try:
            answer, evidence = self.judge(timeline)
        except _NoContainer as error:
            answer, evidence = Order.NO, str(error)
        return Finding(self.words, answer, evidence)


class _NoContainer(Exception):
    """The Pod has no container of this name."""


def assertions(entries: Sequence[Any], option: str = "that") -> tuple[Assertion, ...]:
    """The assertions that a user wrote. Raises BadDefinition, which names the place and what would be right."""
    if not entries:
        raise BadDefinition(
            f"{option} is empty; give at least one assertion, such as before: [a.finished, b.started]"
        )
    return tuple(_assertion(f"{option}[{place}]", entry) for place, entry in enumerate(entries))


def _assertion(where: str, entry: Any) -> Assertion:
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise BadDefinition(
            f"{where} is {entry!r}; it must be a mapping with one key, one of {', '.join(_READERS)}"
        )
    ((name, value),) = entry.items()
    if name not in _READERS:
        raise BadDefinition(f"{where} is {name!r}; it must be one of {', '.join(_READERS)}")
    return _READERS[name](f"{where}.{name}", value)


# --- reading ------------------------------------------------------------------------------------


def _pair(where: str, value: Any) -> tuple[str, str]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise BadDefinition(f"{where} is {value!r}; it must be a list of two")
    return _text(where, value[0]), _text(where, value[1])


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadDefinition(f"{where} has {value!r}; it must be a text")
    return value


def _fields(where: str, value: Any, known: Sequence[str], needed: Sequence[str] = ()) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadDefinition(f"{where} is {value!r}; it must be a mapping with some of {', '.join(known)}")
    for key in value:
        if key not in known:
            raise BadDefinition(f"{where} has {key!r}; it must be one of {', '.join(known)}")
    for key in needed:
        if key not in value:
            raise BadDefinition(f"{where} has no {key}; name it")
    return value


def _bounds(where: str, value: Mapping[str, Any]) -> tuple[float, float]:
    """least and most, of which one at least is given."""
    if "least" not in value and "most" not in value:
        raise BadDefinition(f"{where} has neither least nor most; give one of them, or both")
    least, most = (_number(where, key, value.get(key)) for key in ("least", "most"))
    found = (-math.inf if least is None else least, math.inf if most is None else most)
    if found[0] > found[1]:
        raise BadDefinition(
            f"{where} has least {found[0]:g} and most {found[1]:g}; least must not be above most"
        )
    return found


def _number(where: str, key: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found) or found < 0:
        raise BadDefinition(f"{where}.{key} is {value!r}; it must be a number, 0 or more")
    return found


# --- moments ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Unknown:
    """Why a moment is not known; ahead: because it has not come yet."""

    words: str
    ahead: bool = False


@dataclass(frozen=True)
class _Moment:
    """A moment of a container's attempt (the first or the last where number is None), or of the Pod."""

    words: str
    container: str | None
    number: int | None
    name: str

    def find(self, timeline: Timeline) -> Instant | _Unknown:
        """When it was, or why that is not known."""
        if self.container is None:
            return self._of_pod(timeline)
        facts = _one(timeline, self.container)
        attempts = {attempt.number: attempt for attempt in timeline.attempts.get(self.container, ())}
        number = self.number
        if number is None:
            number = 0 if self.name in FIRST_OF else max(attempts, default=0)
        attempt = attempts.get(number)
        if attempt is None:
            ahead = number > max(attempts, default=-1) and number >= facts.restarts
            known = f"; known are {', '.join(str(one + 1) for one in attempts)}" if attempts else ""
            unknown = f"attempt {number + 1} of {self.container} is not known{known}"
            return _Unknown(f"{self.container} has not started" if ahead else unknown, ahead)
        moment: Instant | None = getattr(attempt, self.name)
        if moment is not None:
            return moment
        if self.name == "finished" and facts.state == "running" and number == facts.restarts:
            return _Unknown(f"{self.container} still runs", ahead=True)
        return _Unknown(f"{self.words} is not known")

    def _of_pod(self, timeline: Timeline) -> Instant | _Unknown:
        if self.name == "taken":
            return from_status(timeline.pod.start_time) or _Unknown("no kubelet has taken the Pod")
        condition = timeline.pod.conditions.get(POD_MOMENTS[self.name])
        if condition is None or not condition.true:
            return _Unknown(f"the Pod is not {self.name}")
        return from_status(condition.since) or _Unknown(f"{self.words} is not known")


def _moment(where: str, value: str) -> _Moment:
    found = _MOMENT.fullmatch(value)
    if found is None:
        raise BadDefinition(
            f"{where} has {value!r}; a moment is CONTAINER.MOMENT, CONTAINER[ATTEMPT].MOMENT or Pod.MOMENT,"
            " such as web.started, web[2].started or Pod.ready"
        )
    name, known = found[4] or found[5], MOMENTS if found[4] else tuple(POD_MOMENTS)
    if name not in known:
        whose = "a container" if found[4] else "a Pod"
        raise BadDefinition(f"{where} has {value!r}; a moment of {whose} is one of {', '.join(known)}")
    if found[3] is not None and int(found[3]) < 1:
        raise BadDefinition(f"{where} has {value!r}; attempts are counted from 1")
    return _Moment(value, found[1], int(found[3]) - 1 if found[3] else None, name)


def _one(timeline: Timeline, name: str) -> ContainerFacts:
    for container in timeline.pod.containers:
        if container.name == name:
            return container
    names = ", ".join(container.name for container in timeline.pod.containers)
    raise _NoContainer(f"the Pod has no container {name}; it has {names}")


def _compared(first: _Moment, second: _Moment, timeline: Timeline) -> tuple[Order, str]:
    one, two = first.find(timeline), second.find(timeline)
    # What has not come yet comes after what has.
    if isinstance(one, _Unknown):
        return (Order.NO if one.ahead and isinstance(two, Instant) else Order.TIE), one.words
    if isinstance(two, _Unknown):
        return (Order.YES if two.ahead else Order.TIE), two.words
    zero = timeline.zero or 0.0
    said = f"{first.words} after {moment_words(one, zero)}, {second.words} after {moment_words(two, zero)}"
    return order(one, two), said


def _before(where: str, value: Any) -> Assertion:
    first, second = (_moment(where, one) for one in _pair(where, value))
    logs = "first_line" in (first.name, second.name)
    return Assertion(
        f"{first.words} is before {second.words}", lambda line: _compared(first, second, line), logs
    )


def _before_ready(where: str, value: Any) -> Assertion:
    name = _text(where, value)
    ready = _Moment("Pod.ready", None, None, "ready")

    def judge(timeline: Timeline) -> tuple[Order, str]:
        moment = "finished" if _one(timeline, name).role is Role.INIT else "started"
        return _compared(_Moment(f"{name}.{moment}", name, None, moment), ready, timeline)

    return Assertion(f"{name} is there before the Pod is ready", judge)


# --- containers side by side --------------------------------------------------------------------


def _overlap(where: str, value: Any) -> Assertion:
    first, second = _pair(where, value)

    def judge(timeline: Timeline) -> tuple[Order, str]:
        for name in (first, second):
            if not timeline.attempts.get(_one(timeline, name).name):
                return Order.NO, f"{name} has not run"
        answers = {_met(one, two) for one in timeline.attempts[first] for two in timeline.attempts[second]}
        told = f"{_run(timeline, first)}; {_run(timeline, second)}"
        if Order.YES in answers:
            return Order.YES, told
        whole = all(_all_known(timeline, name) for name in (first, second))
        return (Order.NO if answers == {Order.NO} and whole else Order.TIE), told

    return Assertion(f"{first} and {second} run at the same time", judge)


def _met(one: Attempt, two: Attempt) -> Order:
    """Whether two attempts ran at some moment both."""
    if one.started is None or two.started is None:
        return Order.TIE
    first = Order.YES if two.finished is None else order(one.started, two.finished)
    second = Order.YES if one.finished is None else order(two.started, one.finished)
    if Order.NO in (first, second):
        return Order.NO
    return Order.YES if first is second is Order.YES else Order.TIE


def _all_known(timeline: Timeline, name: str) -> bool:
    return len(timeline.attempts.get(name, ())) == _one(timeline, name).restarts + 1


def _run(timeline: Timeline, name: str) -> str:
    zero = timeline.zero or 0.0
    runs = [
        f"{moment_words(one.started, zero) if one.started else 'an unknown moment'} until"
        f" {moment_words(one.finished, zero) if one.finished else 'now'}"
        for one in timeline.attempts[name]
    ]
    return f"{name} ran from {' and from '.join(runs)}"


def _shares_volume(where: str, value: Any) -> Assertion:
    volume = None
    if isinstance(value, Mapping):
        given = _fields(where, value, ("containers", "volume"), ("containers",))
        volume = _text(f"{where}.volume", given["volume"]) if "volume" in given else None
        value = given["containers"]
    first, second = _pair(where, value)

    def judge(timeline: Timeline) -> tuple[Order, str]:
        one, two = (_one(timeline, name).mounts for name in (first, second))
        shared = sorted(
            {
                a.volume
                for a in one
                for b in two
                # Kubernetes puts the account's token into every container by itself: that is nothing shared.
                if a.volume == b.volume and a.meets(b) and not a.token and volume in (None, a.volume)
            }
        )
        told = "; ".join(
            f"{name} mounts {', '.join(sorted(mount.volume for mount in mounts if not mount.token)) or 'nothing'}"
            for name, mounts in ((first, one), (second, two))
        )
        return (Order.YES if shared else Order.NO), told

    return Assertion(f"{first} and {second} share {f'volume {volume}' if volume else 'a volume'}", judge)


def _shares_network(where: str, value: Any) -> Assertion:
    first, second = _pair(where, value)

    def judge(timeline: Timeline) -> tuple[Order, str]:
        for name in (first, second):
            _one(timeline, name)
        return Order.YES, "both are containers of this Pod, which has one network"

    return Assertion(f"{first} and {second} share their network", judge)


# --- how it went --------------------------------------------------------------------------------

OUTCOMES = ("state", "exit_code", "reason", "signal", "started", "ready")


def _outcome(where: str, value: Any) -> Assertion:
    given = _fields(where, value, ("container", *OUTCOMES), ("container",))
    name = _text(f"{where}.container", given["container"])
    wanted = {key: _plain(given[key]) for key in OUTCOMES if key in given}
    if not wanted:
        raise BadDefinition(f"{where} says nothing of {name}; give some of {', '.join(OUTCOMES)}")
    words = ", ".join(f"{key} {_shown(one)}" for key, one in wanted.items())

    def judge(timeline: Timeline) -> tuple[Order, str]:
        facts = _one(timeline, name)
        attempts = timeline.attempts.get(name, ())
        signal = attempts[-1].signal if attempts else None
        found = {key: signal if key == "signal" else getattr(facts, key) for key in wanted}
        told = ", ".join(f"{key} {_shown(one)}" for key, one in found.items())
        same = all(_plain(found[key]) == one for key, one in wanted.items())
        return (Order.YES if same else Order.NO), f"it has {told}"

    return Assertion(f"{name} has {words}", judge)


def _plain(value: Any) -> str:
    """A value as text: templates hand over numbers and truths as such or as words."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: Any) -> str:
    return "none" if value is None else _plain(value)


def _restarts(where: str, value: Any) -> Assertion:
    given = _fields(where, value, ("container", "least", "most", "exactly"), ("container",))
    name = _text(f"{where}.container", given["container"])
    if "exactly" in given:
        given = {"least": given["exactly"], "most": given["exactly"]}
    least, most = _bounds(where, given)

    def judge(timeline: Timeline) -> tuple[Order, str]:
        times = _one(timeline, name).restarts
        return (Order.YES if least <= times <= most else Order.NO), f"it was restarted {times} times"

    return Assertion(f"{name} was restarted {_range(least, most, 'times')}", judge)


def _duration(where: str, value: Any) -> Assertion:
    given = _fields(where, value, ("container", "from", "to", "least", "most"))
    if ("container" in given) == ("from" in given or "to" in given):
        raise BadDefinition(f"{where} must name either a container, or two moments with from and to")
    if "container" in given:
        name = _text(f"{where}.container", given["container"])
        first, second = _moment(where, f"{name}.started"), _moment(where, f"{name}.finished")
        words = f"{name} runs"
    else:
        _fields(where, given, ("from", "to", "least", "most"), ("from", "to"))
        first, second = (
            _moment(f"{where}.{key}", _text(f"{where}.{key}", given[key])) for key in ("from", "to")
        )
        words = f"from {first.words} to {second.words} it takes"
    least, most = _bounds(where, given)

    def judge(timeline: Timeline) -> tuple[Order, str]:
        one, two = first.find(timeline), second.find(timeline)
        if isinstance(one, _Unknown):
            return Order.TIE, one.words
        if isinstance(two, _Unknown):
            return Order.TIE, two.words
        if one.clock != two.clock:
            return Order.TIE, "the two moments are told by different clocks"
        shortest, longest = two.earliest - one.latest, two.latest - one.earliest
        told = f"it took {max(shortest, 0.0):.2f} to {longest:.2f} s"
        if least <= shortest and longest <= most:
            return Order.YES, told
        return (Order.NO if longest < least or shortest > most else Order.TIE), told

    logs = "first_line" in (first.name, second.name)
    return Assertion(f"{words} {_range(least, most, 's')}", judge, logs)


def _range(least: float, most: float, unit: str) -> str:
    if least == most:
        return f"{least:g} {unit}"
    if most == math.inf:
        return f"{least:g} {unit} or more"
    return f"{most:g} {unit} or less" if least == -math.inf else f"{least:g} to {most:g} {unit}"


_READERS: dict[str, Callable[[str, Any], Assertion]] = {
    "before": _before,
    "before_ready": _before_ready,
    "overlap": _overlap,
    "shares_volume": _shares_volume,
    "shares_network": _shares_network,
    "outcome": _outcome,
    "restarts": _restarts,
    "duration": _duration,
}
ASSERTIONS = tuple(_READERS)


# --- all together -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """All findings on one Pod."""

    timeline: Timeline
    findings: tuple[Finding, ...]


def judged(timelines: Sequence[Timeline], asserted: Sequence[Assertion]) -> tuple[Judged, ...]:
    """What every Pod says to every assertion."""
    return tuple(Judged(one, tuple(entry.finding(one) for entry in asserted)) for one in timelines)


def having(found: Sequence[Judged], answer: Order) -> Iterator[str]:
    """The findings with this answer, a sentence each without its end."""
    for one in found:
        for finding in one.findings:
            if finding.answer is answer:
                pod = one.timeline.pod
                yield f"Pod {pod.namespace}/{pod.name}: {finding.asserted}: {finding.evidence}"
