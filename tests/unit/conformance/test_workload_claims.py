"""What claims on workloads other than Pods find: of the workload itself, and of the Pods that it made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import lines_of
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Seen, Timeline
from conformance.claims import Life, says
from conformance.workload_claims import condition, first, in_each, in_pod, made, state_before

YES, NO, TIE = Order.YES, Order.NO, Order.TIE
POD = PodFacts("shop", "conf", "1", "Running", None, "Always", labels={"pod": "shop"})


def timeline(name: str, *states: tuple[float, bool], log: str = "") -> Timeline:
    """A Pod of workload shop in states by when each was seen and whether it was being deleted."""
    seen = tuple(Seen(at, replace(POD, name=name, uid=name, deleting=gone)) for at, gone in states)
    lines = tuple(lines_of("main", 0, [one.strip() for one in log.split(";") if one]))
    return Timeline(seen[-1].pod, {}, seen, lines)


def lived(*timelines: Timeline, shortfall: str = "", **status: Any) -> Life:
    """What is known of workload shop, whose status this is, and of its Pods."""
    return Life(timelines, shortfall=shortfall, workloads={"shop": {"status": status} if status else {}})


COMPLETE = {"type": "Complete", "status": "True", "reason": "CompletionsReached"}


@pytest.mark.parametrize(
    ("conditions", "reason", "answer"),
    [
        ([COMPLETE], None, YES),
        ([COMPLETE], "CompletionsReached", YES),
        ([COMPLETE], "BackoffLimitExceeded", NO),
        ([{**COMPLETE, "status": "False"}], None, NO),
        ([{**COMPLETE, "type": "Failed"}], None, NO),
    ],
)
def test_a_condition_is_there_by_its_reason(
    conditions: list[dict[str, str]], reason: str | None, answer: Order
) -> None:
    assert condition("Complete", reason)(lived(conditions=conditions)).answer is answer


def test_a_condition_that_is_to_be_false_may_be_missing() -> None:
    assert condition("Complete", status="False")(lived(active=1)).answer is YES


def test_of_a_workload_that_could_not_be_read_nothing_is_told() -> None:
    assert condition("Complete")(lived()).answer is TIE
    assert condition("Complete")(Life()).answer is TIE


@pytest.mark.parametrize(("count", "shortfall", "answer"), [(1, "", YES), (2, "", NO), (2, "late", TIE)])
def test_pods_that_are_missing_are_a_no_only_where_the_scene_came_to_its_end(
    count: int, shortfall: str, answer: Order
) -> None:
    assert made(count)(lived(timeline("a", (1.0, False)), shortfall=shortfall)).answer is answer


def test_pods_are_counted_in_the_order_in_which_they_were_seen() -> None:
    early = timeline("z", (1.0, False), log="@ 1.00 note first")
    late = timeline("a", (2.0, False), log="@ 1.00 note second; @ 2.00 end")
    life = lived(late, early)
    assert in_pod(1, says("main", "note", "first"))(life).answer is YES
    assert in_pod(2, says("main", "note", "second"))(life).answer is YES
    assert in_pod(3, says("main", "note"))(life).answer is NO


@pytest.mark.parametrize(
    ("logs", "answer"),
    [
        (("@ 1.00 note; @ 2.00 end", "@ 1.00 note; @ 2.00 end"), YES),
        (("@ 1.00 note; @ 2.00 end", "@ 2.00 end"), NO),
        (("", "@ 2.00 end"), NO),
        (("@ 1.00 note; @ 2.00 end", ""), TIE),
        ((), TIE),
    ],
)
def test_what_holds_in_each_pod_fails_by_one(logs: tuple[str, ...], answer: Order) -> None:
    pods = [timeline(f"pod-{number}", (float(number), False), log=log) for number, log in enumerate(logs)]
    assert in_each(says("main", "note"))(lived(*pods)).answer is answer


@pytest.mark.parametrize(
    ("deleted", "created", "answer"), [(5.0, 4.0, NO), (4.0, 5.0, YES), (5.0, 5.0, TIE), (None, 5.0, TIE)]
)
def test_states_are_in_order_as_the_watch_brought_them(
    deleted: float | None, created: float, answer: Order
) -> None:
    gone = [(deleted, True)] if deleted else []
    life = lived(timeline("old", (1.0, False), *gone), timeline("new", (created, False)))
    old_goes = first("is being deleted", 1, lambda pod: pod.deleting)
    assert state_before(old_goes, first("is there", 2))(life).answer is answer
