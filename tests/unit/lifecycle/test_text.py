"""Timelines and progress as a person reads them."""

from __future__ import annotations

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import standing
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.text import progress, table
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View

from .statuses import (
    after,
    controller,
    ended,
    pod,
    ready,
    running,
    seen,
    told_event,
    waiting,
    workload,
)


def lines(item: dict[str, object]) -> list[str]:
    """The table of a Pod that one event tells of, which is no news to anybody."""
    view = seen(item, told_event("Scheduled", "prepare", 0.0))
    return table(view.timeline(view.pods["uid-web"]))


def test_a_table_shows_what_each_container_did_and_when() -> None:
    item = pod(
        init={"prepare": ended(0, 2, 7)},
        sidecar={"proxy": running(1)},
        app={"nginx": running(8)},
        phase="Running",
        conditions={"Initialized": True, "Ready": True},
    )
    assert lines(item) == [
        "Pod shop/web on node-1: Running, ready",
        "  ROLE     CONTAINER  STARTED  FINISHED  EXIT  RESTARTS  STATE",
        "  init     prepare    +2 s     +7 s      0     0         terminated (Completed)  "
        "|       ##################       |",
        "  sidecar  proxy      +1 s     -         -     0         running, ready          "
        "|   ############################>|",
        "  app      nginx      +8 s     -         -     0         running, ready          "
        "|                            ###>|",
    ]


def test_a_table_of_a_pod_that_no_node_has_taken() -> None:
    item = pod(app={"nginx": {}}, node=None)
    item["status"].pop("startTime")
    assert lines(item) == [
        "Pod shop/web: Pending",
        "  ROLE  CONTAINER  STARTED  FINISHED  EXIT  RESTARTS  STATE",
        "  app   nginx      -        -         -     0         waiting  |                                |",
        "  not known: no kubelet has taken the Pod, so there are no times",
    ]


def test_a_table_shows_the_last_exit_code_of_a_crash_loop() -> None:
    (_pod, _header, row, lost) = lines(
        pod(app={"app": after(ended(3, 1, 2), waiting("CrashLoopBackOff"), 1)})
    )
    assert row.split()[:10] == ["app", "app", "(attempt", "2)", "+1", "s", "+2", "s", "3", "1"]
    assert "waiting (CrashLoopBackOff)" in row
    assert (
        lost == "  not known: app: attempt 1 is not known, as nobody watched and a status keeps the last two"
    )


def test_a_table_has_a_line_for_each_attempt_and_one_for_what_events_tell() -> None:
    view = seen(
        pod(app={"app": after(ended(3, 1, 2), running(4), 1)}, phase="Running"),
        told_event("Pulled", "app", 0.9, message='Container image "app" already present on machine', count=2),
        told_event("Unhealthy", "app", 5.25, message="Readiness probe failed: not yet", count=4, last=9),
        told_event("Killing", "app", 11.5, message="Stopping container app"),
    )
    told = [line.split(maxsplit=7)[:7] for line in table(view.timeline(view.pods["uid-web"]))[2:]]
    assert told == [
        ["app", "app", "+1", "s", "+2", "s", "3"],
        ["app", "(attempt", "2)", "+4", "s", "-", "-"],
        ["+5.25", "s", "to", "+9", "s", "app", "probe"],
        ["+11.50", "s", "app", "killing", "Stopping", "container", "app"],
    ]


def told(view: View, *kinds: tuple[str, str], now: float = 20.0) -> str:
    workloads = [workload(kind, name=name) for kind, name in kinds]
    return progress({one: standing(one, view) for one in workloads}, view, now)


def test_progress_tells_how_many_are_there_and_what_the_others_wait_for() -> None:
    view = seen(
        ready("shop-1"), pod(init={"wait-for-db": running()}, app={"app": {}}, name="shop-2"), now=6.0
    )
    assert (
        told(view, ("Pod", "shop-1"), ("Pod", "shop-2"))
        == "1 of 2 there; shop-2: init wait-for-db running 14 s"
    )


def test_progress_of_a_controller_counts_its_pods() -> None:
    view = seen(
        controller("StatefulSet", {"replicas": 3}, {"updateRevision": "b"}),
        ready("web-0", owner="uid-StatefulSet", labels={"controller-revision-hash": "b"}),
    )
    assert told(view, ("StatefulSet", "web")) == "0 of 1 there; web: 1 of 3 ready, 1 of 3 Pods made"


def test_progress_tells_what_is_wrong_as_long_as_it_may_heal() -> None:
    view = seen(pod(app={"app": waiting("ErrImagePull", "not found")}), now=15.0)
    assert told(view, ("Pod", "web")) == (
        "0 of 1 there; web: app app waiting (ErrImagePull) 5 s,"
        " app container app cannot start: ErrImagePull: not found"
    )


def test_progress_names_no_more_than_three() -> None:
    names = [("Pod", f"web-{number}") for number in range(5)]
    assert told(View(), *names) == (
        "0 of 5 there; web-0: not seen yet; web-1: not seen yet; web-2: not seen yet; and 2 more"
    )


def test_the_seconds_of_a_crash_loop_are_those_of_its_present_attempt() -> None:
    view = seen(pod(app={"app": running(ready=False)}), now=0.0)
    view.put(pod(app={"app": ended(1)}), now=5.0)
    view.put(pod(app={"app": after(ended(1), running(9, ready=False), 1)}), now=9.0)
    assert told(view, ("Pod", "web"), now=12.0) == (
        "0 of 1 there; web: app app running, not ready yet 3 s after it failed once, last with exit code 1"
    )


def test_progress_tells_how_the_attempt_before_ended() -> None:
    lost = ended(1, message="Service db is not there after 15 s")
    lost["state"]["terminated"]["message"] = lost.pop("message")
    once = pod(init={"wait-for": after(lost, running(), 1)}, app={"app": {}}, name="once")
    often = pod(init={"wait-for": after(ended(3), running(), 2)}, app={"app": {}}, name="often")
    healed = pod(init={"wait-for": after(ended(0), running(), 1)}, app={"app": {}}, name="healed")
    view = seen(once, often, healed, now=6.0)
    assert told(view, ("Pod", "once")) == (
        "0 of 1 there; once: init wait-for running 14 s after it failed once, last with exit code 1:"
        " Service db is not there after 15 s"
    )
    assert told(view, ("Pod", "often")).endswith(
        "running 14 s after it failed 2 times, last with exit code 3"
    )
    assert told(view, ("Pod", "healed")).endswith("init wait-for running 14 s")
