"""Moments with an error, and orders between them that are yes, no or a tie."""

from __future__ import annotations

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import (
    Instant,
    Order,
    Source,
    from_log,
    from_status,
    from_uptime,
    order,
    unix_seconds,
)

TEN = 1_795_687_200.0  # 2026-11-26T10:00:00Z


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-11-26T10:00:00Z", TEN),
        ("2026-11-26T10:00:00.5Z", TEN + 0.5),
        ("2026-11-26T10:00:00.250000Z", TEN + 0.25),
        ("2026-11-26T10:00:00.123456789Z", TEN + 0.123456789),
        ("2026-11-26T12:00:00.5+02:00", TEN + 0.5),
        ("2026-11-26T04:30:00-05:30", TEN),
        ("2026-11-26T10:00:00", TEN),
        ("", None),
        (None, None),
        ("yesterday", None),
        ("hello. world", None),
    ],
)
def test_a_stamp_may_have_any_number_of_digits_and_any_zone(stamp: str | None, seconds: float | None) -> None:
    assert unix_seconds(stamp) == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


def test_nanoseconds_keep_their_order() -> None:
    stamps = [f"2026-11-26T10:00:00.12345{digits}Z" for digits in ("0000", "1000", "6789", "9999")]
    moments = [unix_seconds(stamp) for stamp in stamps]
    assert moments == sorted(moment for moment in moments if moment is not None)


@pytest.mark.parametrize(
    ("instant", "error", "clock"),
    [
        (from_status("2026-11-26T10:00:00Z"), 1.0, "node"),
        (from_log("2026-11-26T10:00:00.123456789Z"), 0.0, "node"),
        (from_uptime("1234.56"), 0.01, "uptime"),
    ],
)
def test_an_instant_carries_the_error_and_the_clock_of_its_source(
    instant: Instant | None, error: float, clock: str
) -> None:
    assert instant is not None
    assert instant.error == pytest.approx(error, abs=1e-3)
    assert instant.clock == clock


@pytest.mark.parametrize("nothing", [from_status(None), from_log("no stamp"), from_uptime("no number")])
def test_what_is_no_stamp_is_no_instant(nothing: Instant | None) -> None:
    assert nothing is None


def span(earliest: float, latest: float, clock: str = "node") -> Instant:
    return Instant(earliest, latest, Source.STAMP, clock)


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        (span(0, 1), span(2, 3), Order.YES),
        (span(2, 3), span(0, 1), Order.NO),
        pytest.param(span(0, 2), span(1, 3), Order.TIE, id="overlap"),
        pytest.param(span(0, 1), span(1, 2), Order.TIE, id="touch"),
        pytest.param(span(1, 1), span(1, 1), Order.TIE, id="the same moment"),
        pytest.param(span(0, 1), span(2, 3, "uptime"), Order.TIE, id="two clocks"),
    ],
)
def test_an_order_needs_evidence(first: Instant, second: Instant, answer: Order) -> None:
    assert order(first, second) == answer


def test_two_events_of_one_second_of_the_status_are_a_tie() -> None:
    first, second = from_status("2026-11-26T10:00:00Z"), from_status("2026-11-26T10:00:00Z")
    assert first is not None
    assert second is not None
    assert order(first, second) == Order.TIE
