"""What events tell: markers with their instants, and bounds for starts that are beyond doubt."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.drawing import svg
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.events import Kind, marks_in
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Instant, Order, order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.joining import missing, with_lines
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.page import page
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.shape import as_dict
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import lines_of
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline, back_off
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View

from .statuses import START, after, ended, pod, running, seen, told_event, waiting


def timeline(*items: dict[str, Any]) -> Timeline:
    view = seen(*items)
    return view.timeline(view.pods["uid-web"])


def span(instant: Instant | None) -> tuple[float, float]:
    """Both ends in seconds after the Pod's start."""
    assert instant is not None
    return round(instant.earliest - START, 3), round(instant.latest - START, 3)


def test_the_first_moment_of_an_event_is_in_its_name() -> None:
    (mark,) = marks_in([told_event("Killing", "app", 3.25)])
    assert (mark.kind, mark.container, span(mark.at)) == (Kind.KILLING, "app", (3.25, 3.25))


@pytest.mark.parametrize("name", ["web", "web.nonsense", "web.18ebb27bf2bca57b", "web."])
def test_a_name_that_does_not_fit_the_stamp_is_no_clock(name: str) -> None:
    event = told_event("Killing", "app", 3.25)
    event["metadata"]["name"] = name
    (mark,) = marks_in([event])
    assert span(mark.at) == (3.0, 4.0)


def test_merged_events_tell_their_first_and_their_last_moment() -> None:
    (mark,) = marks_in([told_event("Unhealthy", "app", 3.25, count=7, last=9)])
    assert (mark.count, span(mark.at), span(mark.until)) == (7, (3.25, 3.25), (9.0, 10.0))


def test_an_event_without_any_stamp_tells_nothing() -> None:
    event = {"metadata": {"name": "x"}, "reason": "Killing", "involvedObject": {}}
    assert marks_in([event]) == ()


def test_what_others_than_the_kubelet_say_is_on_another_clock() -> None:
    marks = marks_in(
        [told_event("Scheduled", None, 0.5, reporter="default-scheduler"), told_event("Killing", None, 3.0)]
    )
    assert order(marks[0].at, marks[1].at) is Order.TIE


STARTED = (
    told_event("Pulled", "app", 1.125),
    told_event("Created", "app", 1.25),
    told_event("Started", "app", 1.5),
)


def test_events_bound_the_making_and_the_start() -> None:
    (app,) = timeline(pod(app={"app": running(1)}), *STARTED).attempts["app"]
    assert (span(app.created), span(app.started)) == ((1.125, 1.25), (1.25, 1.5))
    assert app.started is not None
    assert app.started.source == "event"


def test_a_start_that_events_contradict_stays_with_the_status() -> None:
    (app,) = timeline(pod(app={"app": running(5)}), *STARTED).attempts["app"]
    assert span(app.started) == (5.0, 6.0)


def test_events_of_which_one_is_missing_bound_nothing() -> None:
    crashed = pod(app={"app": after(ended(1, 1, 1), running(1), 1)})
    first, second = timeline(crashed, *STARTED).attempts["app"]
    assert (span(first.started), span(second.started)) == ((1.0, 2.0), (1.0, 2.0))


def test_merged_events_bound_the_first_attempt_alone() -> None:
    crashed = pod(app={"app": after(ended(1, 1, 1), running(1), 1)})
    merged = (told_event("Created", "app", 1.25, count=2), told_event("Started", "app", 1.5, count=2))
    first, second = timeline(crashed, *merged).attempts["app"]
    assert (span(first.started), span(second.started)) == ((1.25, 1.5), (1.0, 2.0))


def test_a_container_that_is_made_over_and_over_without_starting_bounds_nothing() -> None:
    made = told_event("Created", "app", 1.25, count=9)
    (app,) = timeline(pod(app={"app": running(1)}), made).attempts["app"]
    assert (app.created, span(app.started)) == (None, (1.0, 2.0))


def test_starts_within_one_second_are_in_order_by_their_events() -> None:
    both = timeline(
        pod(app={"app": running(1), "other": running(1)}),
        *STARTED,
        told_event("Created", "other", 1.75),
        told_event("Started", "other", 1.875),
    )
    app, other = both.attempts["app"][0].started, both.attempts["other"][0].started
    assert app is not None
    assert other is not None
    assert (order(app, other), order(other, app)) == (Order.YES, Order.NO)


def test_a_marker_belongs_to_the_attempt_that_it_can_only_be_of() -> None:
    twice = pod(app={"app": after(ended(1, 1, 2), running(20), 1)})
    marks = timeline(
        twice,
        told_event("Unhealthy", "app", 25.5),
        told_event("Killing", "app", 1.5),
        told_event("BackOff", "app", 3.5, count=2, last=9),
        told_event("ProbeWarning", "app", 2.5, count=9, last=26),
    ).marks
    assert {mark.reason: mark.attempt for mark in marks} == {
        "Killing": 0,
        "ProbeWarning": None,
        "BackOff": None,
        "Unhealthy": 1,
    }


def test_the_pause_between_two_attempts_has_a_least_and_a_most() -> None:
    first, second = timeline(pod(app={"app": after(ended(1, 1, 2), running(20), 1)})).attempts["app"]
    pause = back_off(first, second)
    assert pause is not None
    assert [round(seconds, 3) for seconds in pause] == [17.0, 19.0]


def test_flags_that_were_seen_to_turn_one_after_the_other_are_in_order() -> None:
    view = View()
    slow = running(1, started=False, ready=False)
    for moment, (one, two) in enumerate([(slow, slow), (running(1), slow), (running(1), running(1))]):
        view.put(pod(app={"one": one, "two": two}, phase="Running"), now=float(moment))
    attempts = view.timeline(view.pods["uid-web"]).attempts
    one, two = attempts["one"][0].ready, attempts["two"][0].ready
    assert one is not None
    assert two is not None
    assert (one.latest, two.latest, order(one, two)) == (1.0, 2.0, Order.YES)


def test_flags_that_were_seen_at_once_are_a_tie() -> None:
    view = seen(pod(app={"one": running(1), "two": running(1)}, phase="Running"))
    attempts = view.timeline(view.pods["uid-web"]).attempts
    one, two = attempts["one"][0].passed_startup, attempts["two"][0].passed_startup
    assert one is not None
    assert two is not None
    assert order(one, two) is Order.TIE


def test_first_lines_and_signals_come_from_logs() -> None:
    log = [
        "2026-11-26T10:00:01.300000000Z @ 7.00 begin 6.90",
        "2026-11-26T10:00:04.500000000Z @ 10.20 term",
    ]
    told = with_lines(timeline(pod(app={"app": running(1)}), *STARTED), lines_of("app", 0, log))
    assert span(told.attempts["app"][0].first_line) == (1.3, 1.3)
    assert [
        (mark.container, mark.attempt, span(mark.at)) for mark in told.marks if mark.kind is Kind.SIGNAL
    ] == [("app", 0, (4.5, 4.5))]


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        pytest.param(
            pod(app={"app": after(ended(1, 50, 51), waiting("CrashLoopBackOff"), 4)}),
            "app: 4 attempts, 1 to 4, are not known, as nobody watched and a status keeps the last two",
            id="attempts that nobody saw",
        ),
        pytest.param(
            pod(app={"app": running()}, deleting=True),
            "app: its end was not seen; the Pod was deleted",
            id="an end that nobody saw",
        ),
        pytest.param(
            pod(app={"app": running()}),
            "there are no events: they are forgotten after an hour, or may not be read",
            id="no events",
        ),
    ],
)
def test_what_is_missing_is_said(item: dict[str, Any], sentence: str) -> None:
    assert sentence in missing(timeline(item))


def test_nothing_is_missing_of_a_pod_that_was_seen_whole() -> None:
    assert missing(timeline(pod(app={"app": running(1)}), *STARTED)) == ()


def test_instants_are_told_with_their_error_and_who_decided() -> None:
    told = as_dict(timeline(pod(app={"app": running(1)}, phase="Running"), *STARTED))
    (attempt,) = told["containers"][0]["attempts"]
    assert attempt["started"] == {
        "earliest": 1.25,
        "latest": 1.5,
        "error": 0.25,
        "source": "event",
        "clock": "node",
    }
    assert attempt["ready"] == {
        "earliest": None,
        "latest": 0.0,
        "error": None,
        "source": "watch",
        "clock": "watch",
    }
    assert [mark["kind"] for mark in told["marks"]] == ["pulled", "created", "started"]


def test_a_drawing_and_a_page_show_markers_to_everybody() -> None:
    told = timeline(
        pod(app={"app": running(1)}),
        *STARTED,
        told_event("Unhealthy", "app", 5.25, message="Readiness <probe> failed", count=4, last=9),
    )
    sentence = (
        "probe of app, attempt 1, after 5.250 s (event), 4 times, last after 9.0 to 10.0 s (event):"
        " Readiness &lt;probe&gt; failed"
    )
    assert f'aria-label="{sentence}"' in svg(told)
    assert f"<li>{sentence}</li>" in page([told], "What happened")


def test_a_bound_that_nothing_gives_is_infinite_and_told_as_none() -> None:
    told = timeline(pod(app={"app": running(1)}), *STARTED)
    ready = told.attempts["app"][0].ready
    assert ready is not None
    assert ready.earliest == -math.inf
