"""When a scene without deeds is over: its goal is reached, or cannot be, or its trouble has lasted too long."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import Verdict
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View, Workload
from conformance.following import Watcher

SHOP = Workload("Pod", "conf", "shop", "1", "completed")


def pod(phase: str, **state: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "shop",
            "namespace": "conf",
            "uid": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]},
        "status": {
            "phase": phase,
            "containerStatuses": [
                {
                    "name": "main",
                    "image": "busybox",
                    "imageID": "",
                    "ready": False,
                    "restartCount": 0,
                    "state": state,
                }
            ],
        },
    }


PULLING = pod("Pending", waiting={"reason": "ImagePullBackOff", "message": "no such image"})
DONE = pod(
    "Succeeded",
    terminated={
        "exitCode": 0,
        "reason": "Completed",
        "startedAt": "2026-01-01T00:00:01Z",
        "finishedAt": "2026-01-01T00:00:02Z",
    },
)


def seen(*items: dict[str, Any]) -> View:
    view = View()
    for item in items:
        view.put(item, 0.0)
    return view


def test_a_goal_that_is_reached_is_the_end() -> None:
    watcher = Watcher([SHOP], 30.0)
    assert watcher.over(seen(DONE))
    assert watcher.standing_of(SHOP, "").verdict is Verdict.DONE


def test_trouble_is_given_its_time_and_no_more() -> None:
    patient, hasty = Watcher([SHOP], 30.0), Watcher([SHOP], 0.0)
    assert not patient.over(seen(PULLING))
    assert patient.wake() < math.inf
    assert hasty.over(seen(PULLING))
    assert "no such image" in hasty.standing_of(SHOP, "").troubles[0].sentence


def test_who_is_done_does_not_wait_for_the_patience_with_another_to_end() -> None:
    other = Workload("Pod", "conf", "stall", "2", "completed")
    stall = {**PULLING, "metadata": {**PULLING["metadata"], "name": "stall", "uid": "2"}}
    view = seen(DONE, stall)
    assert not Watcher([SHOP, other], 30.0).over(view)
    assert Watcher([SHOP, other], 0.0).over(view)


@pytest.mark.parametrize("view", [seen(), seen(pod("Pending"))], ids=["nothing was seen", "it is pending"])
def test_what_was_given_up_says_how_it_stood_and_why(view: View) -> None:
    watcher = Watcher([SHOP], 30.0)
    assert not watcher.over(view)
    found = watcher.standing_of(SHOP, ", and its time is over")
    assert found.verdict is Verdict.PENDING
    assert found.reason.endswith(", and its time is over")
