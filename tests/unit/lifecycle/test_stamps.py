"""What is read out of a container's log, and which of two moments it puts first."""

from __future__ import annotations

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order, order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import lines_of, stamps_in

LOGGED = "2026-11-26T10:00:05.123456789Z"


def test_a_stamp_carries_both_clocks() -> None:
    (stamp,) = stamps_in(lines_of("one", 2, [f"{LOGGED} @ 812.34 begin 812.30"]))
    assert (stamp.container, stamp.attempt, stamp.event, stamp.detail) == ("one", 2, "begin", "812.30")
    assert stamp.at.clock == "uptime"
    assert stamp.at.earliest == 812.34
    assert stamp.logged is not None
    assert stamp.logged.earliest % 60 == pytest.approx(5.123456, abs=1e-5)


def test_an_event_needs_no_detail() -> None:
    (stamp,) = stamps_in(lines_of("one", 0, ["@ 812.34 end"]))
    assert (stamp.event, stamp.detail, stamp.logged) == ("end", "", None)


@pytest.mark.parametrize("text", ["", "Logging", "@", "@ 812.34", "@ soon end", "user@host 1 end"])
def test_other_lines_are_no_stamps(text: str) -> None:
    assert not list(stamps_in(lines_of("one", 0, [f"{LOGGED} {text}"])))


def test_a_line_without_the_runtimes_stamp_keeps_its_text() -> None:
    (line,) = lines_of("one", 0, ["Init Container Running"])
    assert (line.text, line.logged) == ("Init Container Running", None)


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [("10.00", "10.01", Order.YES), ("10.00", "10.00", Order.TIE), ("10.01", "10.00", Order.NO)],
)
def test_one_tick_of_the_kernels_clock_decides_an_order(first: str, second: str, answer: Order) -> None:
    one, two = stamps_in(lines_of("one", 0, [f"@ {first} end", f"@ {second} begin"]))
    assert order(one.at, two.at) is answer


def test_stamps_of_two_clocks_are_a_tie() -> None:
    (stamp,) = stamps_in(lines_of("one", 0, [f"{LOGGED} @ 812.34 end"]))
    assert stamp.logged is not None
    assert order(stamp.at, stamp.logged) is Order.TIE
