"""What each claim finds: a yes and a no only where the evidence leaves no doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts, Termination
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from conformance import claims
from conformance.claims import (
    Claim,
    Life,
    Verdict,
    agree,
    always,
    before,
    birth,
    end,
    gets_there,
    hung,
    judge,
    looked_start,
    mark,
    once,
    says,
    the,
    whenever,
)

YES, NO, TIE = Order.YES, Order.NO, Order.TIE
MakeLife = Callable[..., Life]


@pytest.mark.parametrize(
    ("one", "two", "answer"),
    [
        ("@ 1.00 begin 1.00; @ 5.00 end", "@ 5.20 begin 5.01", YES),
        ("@ 1.00 begin 1.00; @ 5.00 end", "@ 5.20 begin 5.00", TIE),
        ("@ 1.00 begin 1.00; @ 5.00 end", "@ 5.20 begin 4.99", NO),
        ("@ 1.00 begin 1.00", "@ 5.20 begin 5.10", TIE),
        ("@ 1.00 begin 1.00; @ 5.00 end", "", TIE),
    ],
)
def test_an_order_goes_by_when_the_process_was_made(
    life: MakeLife, one: str, two: str, answer: Order
) -> None:
    assert before(end("one"), birth("two"))(life(one=one, two=two)).answer is answer


def test_a_look_at_a_process_tells_when_the_kernel_made_it() -> None:
    lived = Life(looks={"one": "1 (sh) S " + "0 " * 18 + "500 0", "two": "1 (a b) S " + "0 " * 18 + "501 0"})
    assert before(looked_start("one"), looked_start("two"))(lived).answer is YES
    assert before(looked_start("two"), looked_start("one"))(lived).answer is NO


@pytest.mark.parametrize(
    ("answers", "answer"),
    [((YES, TIE), YES), ((TIE, YES), YES), ((TIE, TIE), TIE), ((YES, NO), NO), ((NO, TIE), NO), ((), TIE)],
)
def test_what_is_told_in_several_ways_holds_if_one_way_tells_it_and_none_the_contrary(
    answers: tuple[Order, ...], answer: Order
) -> None:
    told = [lambda _life, found=found: claims.Finding(found, "") for found in answers]
    assert claims.by_any(*told)(Life()).answer is answer


def test_a_look_that_failed_is_no_moment() -> None:
    assert (
        before(looked_start("one"), looked_start("two"))(Life(looks={"one": "cat: no such file"})).answer
        is TIE
    )


@pytest.mark.parametrize(
    ("log", "claim", "answer"),
    [
        ("@ 1.00 note hello; @ 2.00 end", says("one", "note"), YES),
        ("@ 1.00 note hello; @ 2.00 end", says("one", "note", "hello"), YES),
        ("@ 1.00 note hello; @ 2.00 end", says("one", "note", "bye"), NO),
        ("@ 2.00 end", says("one", "note"), NO),
        ("@ 1.00 begin 1.00", says("one", "note"), TIE),
        ("", says("one", "note"), TIE),
        ("hello", claims.prints("one", "hello"), YES),
        ("bye", claims.prints("one", "hello"), NO),
        ("@ 1.00 a x; @ 2.00 b x; @ 3.00 end", agree(("one", "a"), ("one", "b")), YES),
        ("@ 1.00 a x; @ 2.00 b y; @ 3.00 end", agree(("one", "a"), ("one", "b")), NO),
        ("@ 1.00 a; @ 2.00 b; @ 3.00 end", agree(("one", "a"), ("one", "b")), NO),
        ("@ 1.00 a x; @ 3.00 end", agree(("one", "a"), ("one", "b")), NO),
        ("@ 1.00 a x", agree(("one", "a"), ("one", "b")), TIE),
    ],
)
def test_words(life: MakeLife, log: str, claim: Claim, answer: Order) -> None:
    assert claim(life(one=log)).answer is answer


PENDING = PodFacts("shop", "conf", "1", "Pending", None, "Never")
RUNNING = replace(PENDING, phase="Running")


def pending(pod: PodFacts) -> bool:
    return pod.phase == "Pending"


@pytest.mark.parametrize(
    ("states", "seen_once", "in_all"),
    [
        ([], TIE, TIE),
        (["Pending"], YES, YES),
        (["Pending", "Running"], YES, NO),
        (["Running"], TIE, NO),
    ],
)
def test_states(life: MakeLife, states: list[str], seen_once: Order, in_all: Order) -> None:
    (facts,) = life(one="x").timelines[0].pod.containers
    lived = life(*(replace(PENDING, phase=phase, containers=(facts,)) for phase in states), one="x")
    assert once("one", "it is pending", pending)(lived).answer is seen_once
    assert always("one", "it is pending", pending)(lived).answer is in_all


def test_a_condition_that_never_came_about_is_no_telling(life: MakeLife) -> None:
    (facts,) = life(one="x").timelines[0].pod.containers
    lived = life(replace(PENDING, containers=(facts,)), one="x")
    running = the("one", lambda one: one.state == "running")
    assert whenever("one", "it runs", running, "it is pending", pending)(lived).answer is TIE


@pytest.mark.parametrize(
    ("log", "verdict"),
    [
        ("@ 1.00 a; @ 2.00 b; @ 3.00 end", Verdict.CONFORMS),
        ("@ 2.00 a; @ 1.00 b; @ 3.00 end", Verdict.DEVIATES),
        ("@ 1.00 a; @ 1.00 b; @ 3.00 end", Verdict.UNJUDGED),
        ("@ 1.00 b; @ 3.00 end", Verdict.DEVIATES),
    ],
)
def test_one_no_deviates_and_a_tie_is_never_a_pass(life: MakeLife, log: str, verdict: Verdict) -> None:
    shows = (before(mark("one", "a"), mark("one", "b")), says("one", "a"))
    assert judge(shows, life(one=log)).verdict is verdict


def test_a_goal_that_was_not_reached_leaves_no_verdict(life: MakeLife) -> None:
    lived = life(one="@ 1.00 a", shortfall="Pod conf/shop is not completed: no node takes it")
    assert judge((says("one", "a"),), lived).verdict is Verdict.UNJUDGED


def test_no_claims_prove_nothing(life: MakeLife) -> None:
    assert judge((), life(one="@ 1.00 end")).verdict is Verdict.UNJUDGED


def test_a_scene_that_reaches_its_goal_gets_there(life: MakeLife) -> None:
    assert gets_there(end("one"))(life(one="@ 1.00 end")).answer is YES


def test_a_scene_that_hangs_with_all_it_takes_is_a_deviation(life: MakeLife) -> None:
    verdict = judge((gets_there(end("one")),), hung(life(one="@ 1.00 end"))).verdict
    assert verdict is Verdict.DEVIATES


@pytest.mark.parametrize(
    "seen",
    [
        lambda life: life(one="@ 1.00 begin 1.00", shortfall="out of time"),
        lambda life: replace(life(one="@ 1.00 end", shortfall="out of time"), gaps=("no log",)),
        lambda _life: Life(shortfall="the server is away"),
    ],
    ids=["short of what it takes", "a log is missing", "nothing was seen"],
)
def test_there_is_no_telling_whether_a_scene_hangs_that_may_just_be_slow(
    life: MakeLife, seen: Callable[[MakeLife], Life]
) -> None:
    assert gets_there(end("one"))(seen(life)).answer is TIE


@pytest.mark.parametrize(
    ("one", "two", "answer"),
    [
        ("@ 1.00 note x; @ 2.00 end", "@ 1.00 note y; @ 2.00 end", YES),
        ("@ 1.00 note x; @ 2.00 end", "@ 1.00 note x; @ 2.00 end", NO),
        ("@ 1.00 note x; @ 2.00 end", "@ 2.00 end", TIE),
        ("@ 1.00 note x", "", TIE),
    ],
)
def test_two_that_differ_must_both_have_said_something(
    life: MakeLife, one: str, two: str, answer: Order
) -> None:
    assert claims.differ(("one", "note"), ("two", "note"))(life(one=one, two=two)).answer is answer


@pytest.mark.parametrize(
    ("log", "answer"), [("@ 1.00 begin 1.00; @ 2.00 end", YES), ("@ 1.00 begin 1.00", NO), ("", TIE)]
)
def test_a_log_that_was_read_last_has_its_end(life: MakeLife, log: str, answer: Order) -> None:
    assert claims.said_its_end("one")(life(one=log)).answer is answer


LOST = Termination(137, "ContainerStatusUnknown", None, None, None)


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        ({"state": "terminated", "exit_code": 3}, YES),
        ({"state": "terminated", "exit_code": 4, "last": LOST}, NO),
        ({"state": "terminated", "exit_code": 137, "reason": LOST.reason}, TIE),
        ({"state": "waiting", "exit_code": None, "last": LOST}, TIE),
        ({"state": "running", "exit_code": None, "last": LOST}, NO),
    ],
)
def test_an_end_that_the_kubelet_has_lost_is_no_telling(
    life: MakeLife, state: dict[str, Any], answer: Order
) -> None:
    (facts,) = life(one="x").timelines[0].pod.containers
    lived = life(replace(PENDING, phase="Failed", containers=(replace(facts, **state),)), one="x")
    assert claims.exited("one", 3)(lived).answer is answer
