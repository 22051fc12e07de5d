"""What claims on the course of a Pod find, and what doctors make of its evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import Condition, PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance import course
from conformance.claims import Life, mark, the
from tests.unit.conformance.conftest import POD, container

YES, NO, TIE = Order.YES, Order.NO, Order.TIE
MakeLife = Callable[..., Life]


def state(phase: str = "Running", restarts: int = 0, **since: str) -> PodFacts:
    """A state of a Pod with a sidecar that was restarted so often, and these conditions, True since then."""
    conditions = {name: Condition(name, "True", None, None, moment) for name, moment in since.items()}
    helper = container("helper", role=Role.SIDECAR, state="running", exit_code=None, restarts=restarts)
    return replace(POD, phase=phase, conditions=conditions, containers=(helper,))


def runs(pod: PodFacts) -> bool:
    return pod.phase == "Running"


@pytest.mark.parametrize(
    ("phases", "for_good", "lastly"),
    [
        (["Pending", "Running", "Running"], YES, YES),
        (["Running", "Pending"], NO, NO),
        (["Pending"], TIE, NO),
        ([], TIE, TIE),
    ],
)
def test_what_comes_to_stay_and_what_is_so_at_last(
    life: MakeLife, phases: list[str], for_good: Order, lastly: Order
) -> None:
    lived = life(*map(state, phases), helper="")
    assert course.for_good("helper", "it runs", runs)(lived).answer is for_good
    assert course.lastly("helper", "seen", lambda _pod: True, "it runs", runs)(lived).answer is lastly


def test_a_scene_that_fell_short_has_no_last_state(life: MakeLife) -> None:
    lived = life(state("Pending"), shortfall="its time is over", helper="")
    assert course.lastly("helper", "seen", lambda _pod: True, "it runs", runs)(lived).answer is TIE


@pytest.mark.parametrize(
    ("counts", "answer"), [([0, 1, 1, 2], YES), ([0, 2, 1, 2], NO), ([0, 1], TIE), ([], TIE)]
)
def test_restarts_only_grow(life: MakeLife, counts: list[int], answer: Order) -> None:
    lived = life(*(state(restarts=count) for count in counts), helper="")
    assert course.counts_up("helper", 2)(lived).answer is answer


@pytest.mark.parametrize(
    ("since", "answer"),
    [
        ({"A": "2026-01-01T00:00:01Z", "B": "2026-01-01T00:00:02Z"}, YES),
        ({"A": "2026-01-01T00:00:01Z", "B": "2026-01-01T00:00:01Z"}, YES),
        ({"A": "2026-01-01T00:00:02Z", "B": "2026-01-01T00:00:01Z"}, NO),
        ({"A": "2026-01-01T00:00:01Z"}, TIE),
    ],
)
def test_conditions_come_about_in_turn(life: MakeLife, since: dict[str, str], answer: Order) -> None:
    assert course.in_turn("helper", "A", "B")(life(state(**since), helper="")).answer is answer


@pytest.mark.parametrize(
    ("log", "answer"),
    [
        ("@ 1.00 begin; @ 4.00 asked", YES),
        ("@ 1.00 begin; @ 3.00 asked", YES),
        ("@ 1.00 begin; @ 2.50 asked", NO),
        ("@ 1.00 begin", TIE),
    ],
)
def test_moments_are_apart(life: MakeLife, log: str, answer: Order) -> None:
    claim = course.apart(mark("one", "begin"), mark("one", "asked"), 2)
    assert claim(life(one=log)).answer is answer


@pytest.mark.parametrize(
    ("low", "high", "log", "answer"),
    [
        (1, None, "@ 1.00 stop; @ 2.00 asked; @ 3.00 over", YES),
        (1, None, "@ 0.50 asked; @ 1.00 stop; @ 3.00 over; @ 4.00 asked", NO),
        (0, 1, "@ 1.00 stop; @ 2.00 asked; @ 3.00 over", YES),
        (0, 1, "@ 1.00 stop; @ 2.00 asked; @ 2.50 asked; @ 3.00 over", NO),
        (0, 1, "@ 1.00 stop; @ 2.00 asked", TIE),
    ],
)
def test_how_often_something_is_said_in_between(
    life: MakeLife, low: int, high: int | None, log: str, answer: Order
) -> None:
    claim = course.says_within("one", "asked", mark("one", "stop"), mark("one", "over"), low, high)
    assert claim(life(one=log)).answer is answer


def _restarts(lived: Life) -> list[int]:
    return [seen.pod.containers[0].restarts for seen in lived.timelines[0].versions]


def test_a_doctor_changes_every_state(life: MakeLife) -> None:
    lived = life(state(restarts=0), state(restarts=1), helper="")
    assert _restarts(course.as_if(course.with_container("helper", restarts=7))(lived)) == [7, 7]
    assert _restarts(course.backwards(lived)) == [1, 0]


def test_a_doctor_changes_no_condition_that_is_not_there(life: MakeLife) -> None:
    lived: Any = life(state(A="2026-01-01T00:00:01Z"), state(), helper="")
    changed = course.as_if(course.with_condition("A", status="False"))(lived)
    assert [seen.pod.condition("A") for seen in changed.timelines[0].versions] == [False, False]
    assert [len(seen.pod.conditions) for seen in changed.timelines[0].versions] == [1, 0]


def test_a_doctor_moves_a_stamp_and_no_other(life: MakeLife) -> None:
    lived = life(one="@ 5.00 begin 4.00; @ 9.00 asked twice", two="@ 9.00 asked")
    moved = course.earlier("one", "asked", 3)(lived)
    told = [(one.container, one.event, one.at.earliest, one.detail) for one in moved.timelines[0].stamps]
    assert told == [("one", "begin", 5.0, "4.00"), ("one", "asked", 6.0, "twice"), ("two", "asked", 9.0, "")]


def test_the_facts_of_these_tests_are_of_a_sidecar() -> None:
    assert the("helper", lambda one: one.role is Role.SIDECAR)(state())
