# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A timeline as plain data, in the shape that the modules document: keys are added, none is renamed or taken away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .events import Mark
from .facts import Condition, ContainerFacts
from .instant import Instant
from .joining import missing
from .timeline import Attempt, Timeline, back_off, offset


def as_dict(timeline: Timeline) -> dict[str, Any]:
    """A Pod with all its containers, as modules return it."""
    pod = timeline.pod
    zeros = _zeros(timeline)
    return {
        "name": pod.name,
        "namespace": pod.namespace,
        "uid": pod.uid,
        "node": pod.node,
        "phase": pod.phase,
        "ready": pod.ready,
        "start_time": pod.start_time,
        "conditions": [_condition(one) for one in pod.conditions.values()],
        "containers": [_container(one, timeline, zeros) for one in pod.containers],
        "marks": [_mark(one, zeros) for one in timeline.marks],
        "missing": list(missing(timeline)),
    }


def _zeros(timeline: Timeline) -> dict[str, float]:
    """What the offsets of each clock count from; clocks without a zero have no offsets."""
    zeros = {}
    if timeline.zero is not None:
        zeros = {"node": timeline.zero, "control plane": timeline.zero}
    if timeline.versions:
        zeros["watch"] = timeline.versions[0].at
    return zeros


def _condition(one: Condition) -> dict[str, Any]:
    return {
        "type": one.type,
        "status": one.status,
        "reason": one.reason,
        "message": one.message,
        "since": one.since,
    }


def _container(container: ContainerFacts, timeline: Timeline, zeros: dict[str, float]) -> dict[str, Any]:
    attempts = timeline.attempts.get(container.name, ())
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
        "attempts": [_attempt(attempts, place, zeros) for place in range(len(attempts))],
    }


def _attempt(attempts: Sequence[Attempt], place: int, zeros: dict[str, float]) -> dict[str, Any]:
    attempt = attempts[place]
    rest = back_off(attempts[place - 1], attempt) if place else None
    return {
        "number": attempt.number,
        "started_after": offset(attempt.started, zeros.get("node")),
        "finished_after": offset(attempt.finished, zeros.get("node")),
        "exit_code": attempt.exit_code,
        "reason": attempt.reason,
        "signal": attempt.signal,
        "back_off": None if rest is None else {"least": round(rest[0], 6), "most": round(rest[1], 6)},
        "created": instant(attempt.created, zeros),
        "started": instant(attempt.started, zeros),
        "first_line": instant(attempt.first_line, zeros),
        "passed_startup": instant(attempt.passed_startup, zeros),
        "ready": instant(attempt.ready, zeros),
        "finished": instant(attempt.finished, zeros),
    }


def _mark(mark: Mark, zeros: dict[str, float]) -> dict[str, Any]:
    return {
        "kind": mark.kind.value,
        "container": mark.container,
        "attempt": mark.attempt,
        "count": mark.count,
        "reason": mark.reason,
        "message": mark.message,
        "at": instant(mark.at, zeros),
        "until": instant(mark.until, zeros),
    }


def instant(moment: Instant | None, zeros: dict[str, float]) -> dict[str, Any] | None:
    """An instant as data: the two ends of its span as offsets, None where nothing bounds it."""
    if moment is None:
        return None
    zero = zeros.get(moment.clock)
    bounded = math.isfinite(moment.error)
    return {
        "earliest": _offset(moment.earliest, zero),
        "latest": _offset(moment.latest, zero),
        "error": round(moment.error, 6) if bounded else None,
        "source": moment.source.value,
        "clock": moment.clock,
    }


def _offset(seconds: float, zero: float | None) -> float | None:
    return None if zero is None or not math.isfinite(seconds) else round(seconds - zero, 6)
