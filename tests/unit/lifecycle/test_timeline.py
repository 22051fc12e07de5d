"""Which attempts of a container a status tells of, and what a view remembers of those that it no longer tells."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.shape import as_dict
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import attempts_in
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View

from .statuses import after, ended, event, facts, pod, ready, running, seen, waiting


@pytest.mark.parametrize(
    ("status", "attempts"),
    [
        pytest.param(waiting(), [], id="it has not begun"),
        pytest.param(running(), [(0, None)], id="the first attempt runs"),
        pytest.param(ended(0), [(0, 0)], id="the first attempt has ended"),
        pytest.param(after(ended(1), waiting("CrashLoopBackOff"), 0), [(0, 1)], id="it waits for the second"),
        pytest.param(after(ended(1), running(), 1), [(0, 1), (1, None)], id="the second runs"),
        pytest.param(after(ended(1), ended(2), 1), [(0, 1), (1, 2)], id="the second has ended"),
        pytest.param(after(ended(2), waiting("CrashLoopBackOff"), 1), [(1, 2)], id="it waits for the third"),
        pytest.param(after(ended(2), running(), 5), [(4, 2), (5, None)], id="the sixth runs"),
    ],
)
def test_attempts_are_numbered_by_the_restarts_before_them(
    status: dict[str, Any], attempts: list[tuple[int, int | None]]
) -> None:
    (app,) = facts(app={"app": status}).containers
    assert [(one.number, one.exit_code) for one in attempts_in(app)] == attempts


CRASH_LOOP = [
    running(1, ready=False),
    ended(1, 1, 2),
    after(ended(1, 1, 2), waiting("CrashLoopBackOff"), 0),
    after(ended(1, 1, 2), running(12, ready=False), 1),
    after(ended(1, 1, 2), ended(2, 12, 13), 1),
    after(ended(2, 12, 13), waiting("CrashLoopBackOff"), 1),
    after(ended(2, 12, 13), running(34), 2),
]


def looping() -> View:
    view = View()
    for moment, status in enumerate(CRASH_LOOP):
        view.put(pod(app={"app": status}, phase="Running"), now=10.0 * moment)
    return view


def test_a_view_remembers_every_attempt_that_it_saw() -> None:
    view = looping()
    (attempts,) = view.timeline(view.pods["uid-web"]).attempts.values()
    assert [(one.number, one.exit_code) for one in attempts] == [(0, 1), (1, 2), (2, None)]


def test_attempts_are_told_in_seconds_since_the_pods_start() -> None:
    view = looping()
    told = as_dict(view.timeline(view.pods["uid-web"]))["containers"][0]["attempts"]
    keys = ("number", "started_after", "finished_after", "exit_code", "reason")
    assert [tuple(one[key] for key in keys) for one in told] == [
        (0, 1.0, 2.0, 1, "Error"),
        (1, 12.0, 13.0, 2, "Error"),
        (2, 34.0, None, None, None),
    ]


def test_a_view_tells_since_when_the_present_attempt_is_in_its_state() -> None:
    assert looping().since["uid-web", "app"] == ("running", 2, 60.0)


def test_a_state_that_is_told_again_has_not_begun_anew() -> None:
    view = seen(ready(), now=1.0)
    view.put(ready(), now=5.0)
    assert view.since["uid-web", "app"] == ("running", 0, 1.0)


def test_what_a_new_list_lacks_is_gone() -> None:
    view = seen(ready("a"), ready("b"))
    view.replace("Pod", "shop", [ready("a")], now=1.0)
    assert view.gone == {"uid-b"}
    assert view.pods["uid-b"].deleting


def test_a_list_of_one_namespace_says_nothing_of_another() -> None:
    view = seen(ready("a"))
    view.replace("Pod", "other", [], now=1.0)
    assert view.gone == set()


def test_events_are_told_the_oldest_first() -> None:
    view = seen(event("Late", "", "x", 9), event("Early", "", "x", 1), event("Other", "", "y", 2))
    assert [one["reason"] for one in view.events_about("x")] == ["Early", "Late"]
