"""Goals, and how far a workload of each kind is on its way to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import (
    UnfitGoal,
    goal_for,
    standing,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View

from .statuses import after, at, controller, ended, event, pod, ready, running, seen, waiting, workload


@pytest.mark.parametrize(
    ("kind", "policy", "goal", "waited_for"),
    [
        ("Pod", "Always", "auto", "ready"),
        ("Pod", "Never", "auto", "completed"),
        ("Pod", "OnFailure", "auto", "completed"),
        ("Pod", "Never", "ready", "ready"),
        ("Job", "Never", "auto", "completed"),
        ("Job", "Never", "started", "started"),
        ("Deployment", "Always", "auto", "ready"),
        ("ReplicaSet", "Always", "auto", "ready"),
        ("StatefulSet", "Always", "auto", "ready"),
        ("DaemonSet", "Always", "auto", "ready"),
        ("Deployment", "Always", "initialized", "initialized"),
        ("Deployment", "Always", "exists", "exists"),
        ("CronJob", "Never", "auto", "exists"),
        ("CronJob", "Never", "exists", "exists"),
    ],
)
def test_a_goal_is_what_makes_sense_for_the_kind(kind: str, policy: str, goal: str, waited_for: str) -> None:
    assert goal_for(kind, {"restartPolicy": policy}, goal) == waited_for


@pytest.mark.parametrize(
    ("kind", "goal", "sentence"),
    [
        (
            "Deployment",
            "completed",
            "goal is 'completed', but a Deployment never completes; use ready, started or initialized",
        ),
        (
            "Pod",
            "completed",
            "goal is 'completed', but a Pod that always restarts never completes; use ready, started or initialized,"
            " or set restartPolicy: Never",
        ),
        (
            "CronJob",
            "ready",
            "goal is 'ready', but a CronJob runs nothing until its time comes; use auto or exists",
        ),
    ],
)
def test_a_goal_that_can_never_be_reached_is_refused(kind: str, goal: str, sentence: str) -> None:
    with pytest.raises(UnfitGoal) as refused:
        goal_for(kind, {}, goal)
    assert str(refused.value) == sentence


def stands(kind: str, goal: str, *items: Mapping[str, Any]) -> tuple[str, str, int, int]:
    """Verdict, reason, and how many of how many, of the workload `web` in a view of these objects."""
    found = standing(workload(kind, goal), seen(*items))
    return found.verdict.value, found.reason, found.reached, found.wanted


# --- Pods ---------------------------------------------------------------------------------------

INITIALIZING = pod(init={"a": running()}, app={"app": waiting("PodInitializing")})
INITIALIZED = pod(
    init={"a": ended(0)}, app={"app": waiting("PodInitializing")}, conditions={"Initialized": True}
)
NOT_READY = pod(
    app={"app": running(ready=False)}, phase="Running", conditions={"Initialized": True, "Ready": False}
)
COMPLETED = pod(app={"app": ended(0)}, phase="Succeeded", policy="Never", conditions={"Initialized": True})
CRASHED = pod(init={"a": ended(3)}, app={"app": waiting("PodInitializing")}, phase="Failed", policy="Never")


@pytest.mark.parametrize(
    ("goal", "item", "verdict", "reason"),
    [
        ("initialized", INITIALIZING, "pending", "init a running"),
        ("initialized", INITIALIZED, "done", "initialized"),
        ("started", INITIALIZED, "pending", "app app waiting (PodInitializing)"),
        ("started", NOT_READY, "done", "started"),
        ("ready", NOT_READY, "pending", "app app running, not ready yet"),
        ("ready", ready(), "done", "ready"),
        ("completed", ready(policy="Never"), "pending", "app app running"),
        ("completed", COMPLETED, "done", "completed"),
        ("started", COMPLETED, "done", "started"),
        ("ready", COMPLETED, "failed", "it has run to its end, so it will never be ready"),
        ("ready", CRASHED, "failed", "init container a failed with exit code 3"),
        ("exists", CRASHED, "done", "exists"),
        ("ready", pod(app={"app": {}}, node=None), "pending", "waits for a node"),
        ("ready", ready(deleting=True), "failed", "it has been deleted"),
        (
            "initialized",
            pod(init={"a": ended(137)}, app={"app": {}}, deleting=True),
            "failed",
            "it has been deleted",
        ),
        ("completed", ready(policy="Never", deleting=True), "pending", "is being deleted"),
        (
            "completed",
            pod(app={"app": ended(137)}, phase="Failed", policy="Never", deleting=True),
            "failed",
            "it has been deleted",
        ),
        (
            "ready",
            pod(sidecar={"p": running(started=False, ready=False)}, app={"app": {}}),
            "pending",
            "sidecar p running, not started yet",
        ),
        (
            "ready",
            pod(
                app={"app": running()},
                phase="Running",
                conditions={"Initialized": True, "example.com/gate": False},
            ),
            "pending",
            "waits for condition example.com/gate",
        ),
        (
            "completed",
            pod(
                app={"app": ended(0)},
                phase="Running",
                policy="Never",
                conditions={"PodReadyToStartContainers": False},
            ),
            "pending",
            "waits for the kubelet",
        ),
    ],
)
def test_a_pod_stands_to_its_goal(goal: str, item: dict[str, Any], verdict: str, reason: str) -> None:
    assert stands("Pod", goal, item)[:2] == (verdict, reason)


def test_a_pod_that_may_heal_is_pending_with_its_trouble() -> None:
    item = pod(app={"app": after(ended(1), waiting("CrashLoopBackOff"), 2)})
    found = standing(workload("Pod"), seen(item))
    assert found.verdict == "pending"
    assert [one.reason for one in found.troubles] == ["Error"]


def test_a_pod_that_has_to_make_room_says_so() -> None:
    item = pod(app={"app": {}}, deleting=True)
    item["status"]["conditions"] = [
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": "preempting to accommodate a higher priority pod",
        }
    ]
    assert stands("Pod", "ready", item)[1] == (
        "it has been deleted: preempting to accommodate a higher priority pod (PreemptionByScheduler)"
    )


def test_a_pod_that_has_not_been_seen_is_pending() -> None:
    assert stands("Pod", "ready") == ("pending", "not seen yet", 0, 1)


def test_a_namesake_with_another_uid_does_not_count() -> None:
    assert stands("Pod", "ready", ready(uid="another"))[0] == "pending"


def test_a_workload_that_somebody_deletes_has_failed() -> None:
    view = seen(NOT_READY)
    view.remove(NOT_READY)
    assert standing(workload("Pod"), view).reason == "it has been deleted"


# --- controllers --------------------------------------------------------------------------------

REVISION = "deployment.kubernetes.io/revision"


def deployment(wanted: int = 2, revision: int = 2, **status: Any) -> dict[str, Any]:
    return controller("Deployment", {"replicas": wanted}, status, annotations={REVISION: str(revision)})


def replica_set(revision: int) -> dict[str, Any]:
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"web-{revision}",
            "namespace": "shop",
            "uid": f"uid-rs-{revision}",
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [{"uid": "uid-Deployment", "controller": True}],
        },
    }


ROLLED_OUT = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
OLD = ready("old", owner="uid-rs-1")
NEW = ready("new-1", owner="uid-rs-2")
NEW_INITIALIZING = pod(init={"a": running()}, app={"app": {}}, name="new-2", owner="uid-rs-2", created=1)


@pytest.mark.parametrize(
    ("goal", "items", "expected"),
    [
        pytest.param("ready", [deployment(**ROLLED_OUT)], ("done", "ready", 2, 2), id="rolled out"),
        pytest.param(
            "ready",
            [
                deployment(wanted=3, updatedReplicas=2, availableReplicas=3),
                replica_set(1),
                replica_set(2),
                OLD,
                NEW,
                NEW_INITIALIZING,
            ],
            ("pending", "new-2: init a running", 1, 3),
            id="one of the new template's Pods is on its way",
        ),
        pytest.param(
            "ready",
            [deployment(wanted=1, **{**ROLLED_OUT, "updatedReplicas": 1}), replica_set(2), NEW],
            ("pending", "Pods of the template before are still there", 1, 1),
            id="an old Pod is still there",
        ),
        pytest.param(
            "started", [deployment(wanted=1), replica_set(2), NEW], ("done", "started", 1, 1), id="started"
        ),
        pytest.param(
            "started",
            [deployment(wanted=1), replica_set(1), replica_set(2), OLD],
            ("pending", "0 of 1 Pods made", 0, 1),
            id="a Pod of the template before does not count",
        ),
        pytest.param("ready", [deployment(wanted=0)], ("done", "ready", 0, 0), id="no replicas wanted"),
        pytest.param(
            "started",
            [
                deployment(wanted=1),
                replica_set(2),
                {**NEW, "metadata": {**NEW["metadata"], "deletionTimestamp": at(1)}},
            ],
            ("pending", "0 of 1 Pods made", 0, 1),
            id="a Pod that is being deleted does not count",
        ),
    ],
)
def test_a_deployment_stands_to_its_goal(
    goal: str, items: list[dict[str, Any]], expected: tuple[str, str, int, int]
) -> None:
    assert stands("Deployment", goal, *items) == expected


def test_a_paused_deployment_says_so() -> None:
    item = deployment(wanted=1)
    item["spec"]["paused"] = True
    assert stands("Deployment", "ready", item)[1] == "0 of 1 Pods made, it is paused"


GAVE_UP = {
    "conditions": [
        {
            "type": "Progressing",
            "status": "False",
            "reason": "ProgressDeadlineExceeded",
            "message": 'ReplicaSet "web-2" has timed out progressing.',
        }
    ]
}


def test_a_deployment_that_gave_up_has_failed_with_the_cause_in_its_pods_first() -> None:
    crashing = pod(app={"app": after(ended(1), ended(1), 4)}, name="new", owner="uid-rs-2")
    found = standing(workload("Deployment"), seen(deployment(**GAVE_UP), replica_set(2), crashing))
    assert [one.sentence for one in found.troubles] == [
        "app container app failed 5 times, last with exit code 1",
        'ReplicaSet "web-2" has timed out progressing. (ProgressDeadlineExceeded)',
    ]
    assert found.verdict == "failed"


def test_what_a_controller_said_of_the_template_before_does_not_count() -> None:
    item = deployment(**GAVE_UP)
    item["metadata"]["generation"] = 2
    crashing = pod(app={"app": after(ended(1), ended(1), 4)}, name="old", owner="uid-rs-2")
    found = standing(workload("Deployment"), seen(item, replica_set(2), crashing))
    assert (found.verdict, found.reason, found.troubles) == (
        "pending",
        "its controller has not caught up",
        (),
    )


def test_an_exhausted_quota_is_a_trouble_that_may_heal() -> None:
    refused = {
        "conditions": [
            {
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": 'pods "web-1" is forbidden: exceeded quota: q',
            }
        ]
    }
    found = standing(workload("Deployment"), seen(deployment(**refused)))
    assert [(one.sentence, one.heals) for one in found.troubles] == [
        ('pods "web-1" is forbidden: exceeded quota: q', True)
    ]


def test_a_pod_that_was_evicted_and_replaced_is_no_trouble() -> None:
    evicted = pod(app={"app": {}}, name="evicted", owner="uid-rs-2", phase="Failed", reason="Evicted")
    replacement = pod(app={"app": waiting()}, name="next", owner="uid-rs-2")
    found = standing(workload("Deployment"), seen(deployment(wanted=1), replica_set(2), evicted, replacement))
    assert (found.reason, found.troubles) == ("next: app app waiting (ContainerCreating)", ())


def stateful_set(spec: Mapping[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return controller("StatefulSet", {"replicas": 2, **(spec or {})}, status)


def stateful_pod(number: int, revision: str, **more: Any) -> dict[str, Any]:
    return ready(
        f"web-{number}", owner="uid-StatefulSet", labels={"controller-revision-hash": revision}, **more
    )


PARTITION = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}


@pytest.mark.parametrize(
    ("goal", "items", "verdict"),
    [
        pytest.param(
            "ready",
            [stateful_set(availableReplicas=2, updatedReplicas=2, updateRevision="b", currentRevision="a")],
            "done",
            id="all updated",
        ),
        pytest.param(
            "ready",
            [stateful_set(availableReplicas=2, updatedReplicas=1, updateRevision="b", currentRevision="a")],
            "pending",
            id="one of the template before is left",
        ),
        pytest.param(
            "ready",
            [
                stateful_set(
                    PARTITION, availableReplicas=2, updatedReplicas=1, updateRevision="b", currentRevision="a"
                )
            ],
            "done",
            id="a partition keeps one",
        ),
        pytest.param(
            "started",
            [
                stateful_set(PARTITION, updatedReplicas=1, updateRevision="b"),
                stateful_pod(0, "a"),
                stateful_pod(1, "b"),
            ],
            "done",
            id="a Pod kept by a partition counts",
        ),
        pytest.param(
            "started",
            [
                stateful_set(PARTITION, updatedReplicas=0, updateRevision="b"),
                stateful_pod(0, "a"),
                stateful_pod(1, "a"),
            ],
            "pending",
            id="a Pod beyond the partition is not updated",
        ),
        pytest.param(
            "started",
            [stateful_set(updateRevision="b"), stateful_pod(0, "a"), stateful_pod(1, "b")],
            "pending",
            id="a Pod of the template before does not count",
        ),
        pytest.param(
            "started",
            [stateful_set(ON_DELETE, updateRevision="b"), stateful_pod(0, "a"), stateful_pod(1, "a")],
            "done",
            id="OnDelete leaves all as they are",
        ),
        pytest.param(
            "ready",
            [stateful_set(ON_DELETE, availableReplicas=2, updateRevision="b", currentRevision="a")],
            "done",
            id="OnDelete, and all are available",
        ),
    ],
)
def test_a_stateful_set_stands_to_its_goal(goal: str, items: list[dict[str, Any]], verdict: str) -> None:
    assert stands("StatefulSet", goal, *items)[0] == verdict


def daemon_set(spec: Mapping[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    note = {"deprecated.daemonset.template.generation": "2"}
    return controller("DaemonSet", spec, {"desiredNumberScheduled": 2, **status}, annotations=note)


@pytest.mark.parametrize(
    ("item", "verdict"),
    [
        pytest.param(daemon_set(numberAvailable=2, updatedNumberScheduled=2), "done", id="all updated"),
        pytest.param(daemon_set(numberAvailable=2, updatedNumberScheduled=1), "pending", id="one is not"),
        pytest.param(
            daemon_set(numberAvailable=1, updatedNumberScheduled=2), "pending", id="one is not available"
        ),
        pytest.param(daemon_set(ON_DELETE, numberAvailable=2), "done", id="OnDelete leaves all as they are"),
        pytest.param(daemon_set(desiredNumberScheduled=0), "done", id="no node wants it"),
    ],
)
def test_a_daemon_set_stands_to_its_goal(item: dict[str, Any], verdict: str) -> None:
    assert stands("DaemonSet", "ready", item)[0] == verdict


def test_only_pods_of_the_present_template_of_a_daemon_set_are_its_pods() -> None:
    pods = [
        ready(f"web-{generation}", owner="uid-DaemonSet", labels={"pod-template-generation": generation})
        for generation in ("1", "2")
    ]
    view = seen(daemon_set(), *pods)
    assert [one.name for one in view.pods_of(workload("DaemonSet"))] == ["web-2"]


@pytest.mark.parametrize(
    ("available", "expected"), [(1, ("done", "ready", 1, 1)), (0, ("pending", "0 of 1 Pods made", 0, 1))]
)
def test_a_replica_set_stands_to_its_goal(available: int, expected: tuple[str, str, int, int]) -> None:
    item = controller("ReplicaSet", {"replicas": 1}, {"availableReplicas": available})
    assert stands("ReplicaSet", "ready", item) == expected


# --- Jobs ---------------------------------------------------------------------------------------


def job(
    spec: Mapping[str, Any] | None = None, *conditions: tuple[str, str], succeeded: int = 0
) -> dict[str, Any]:
    told = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": "Job has reached the specified backoff limit",
        }
        for kind, reason in conditions
    ]
    item = controller("Job", spec, {"conditions": told, "succeeded": succeeded})
    del item["status"]["observedGeneration"]
    return item


def attempt(number: int, code: int = 1) -> dict[str, Any]:
    return pod(
        app={"app": ended(code)},
        name=f"web-{number}",
        owner="uid-Job",
        phase="Failed" if code else "Succeeded",
        policy="Never",
        created=number,
    )


@pytest.mark.parametrize(
    ("goal", "items", "expected"),
    [
        pytest.param(
            "completed", [job({}, ("Complete", "Done"))], ("done", "completed", 1, 1), id="complete"
        ),
        pytest.param(
            "ready",
            [job({}, ("Complete", "Done"))],
            ("done", "ready", 1, 1),
            id="complete is more than ready",
        ),
        pytest.param(
            "completed",
            [job({"completions": 3, "parallelism": 2}, succeeded=1), attempt(1, 0)],
            ("pending", "1 of 3 Pods made", 1, 3),
            id="one of three has completed",
        ),
        pytest.param(
            "completed",
            [job(), attempt(1)],
            ("pending", "web-1: app app terminated", 0, 1),
            id="a retry is to come",
        ),
        pytest.param(
            "started",
            [job(), ready("web-1", owner="uid-Job", policy="Never")],
            ("done", "started", 1, 1),
            id="started",
        ),
        pytest.param(
            "completed",
            [job({"suspend": True})],
            ("pending", "0 of 1 Pods made, it is suspended", 0, 1),
            id="suspended",
        ),
    ],
)
def test_a_job_stands_to_its_goal(
    goal: str, items: list[dict[str, Any]], expected: tuple[str, str, int, int]
) -> None:
    assert stands("Job", goal, *items) == expected


@pytest.mark.parametrize("condition", ["FailureTarget", "Failed"])
def test_a_job_that_gave_up_has_failed_with_its_last_attempt_as_the_cause(condition: str) -> None:
    view = seen(job({}, (condition, "BackoffLimitExceeded")), attempt(1), attempt(2))
    found = standing(workload("Job", "completed"), view)
    assert found.verdict == "failed"
    assert [(one.pod, one.exit_code) for one in found.troubles] == [("web-2", 1), ("web-1", 1), (None, None)]
    assert found.troubles[-1].sentence == "Job has reached the specified backoff limit (BackoffLimitExceeded)"


def test_a_job_that_deletes_its_pod_as_it_fails_still_tells_why() -> None:
    crashing = pod(
        app={"app": after(ended(7), ended(7), 1)}, name="web-1", owner="uid-Job", policy="OnFailure"
    )
    view = seen(job({}, ("Failed", "BackoffLimitExceeded")), crashing)
    view.remove(crashing)
    assert standing(workload("Job", "completed"), view).troubles[0].exit_code == 7


@pytest.mark.parametrize(
    ("last_seen", "sentence"),
    [
        pytest.param(ended(7), "app container app failed with exit code 7", id="after its first attempt"),
        pytest.param(
            after(ended(7), running(), 1),
            "app container app failed with exit code 7",
            id="in its second attempt",
        ),
    ],
)
def test_a_job_whose_pod_is_gone_before_its_last_state_came_still_tells_why(
    last_seen: dict[str, Any], sentence: str
) -> None:
    crashing = pod(app={"app": last_seen}, name="web-1", owner="uid-Job", policy="OnFailure")
    view = seen(job({}, ("Failed", "BackoffLimitExceeded")), crashing)
    view.remove(crashing)
    assert standing(workload("Job", "completed"), view).troubles[0].sentence == sentence


def test_a_crash_that_a_job_retries_is_no_trouble_but_a_missing_image_is() -> None:
    crashed = seen(job(), attempt(1))
    assert standing(workload("Job", "completed"), crashed).troubles == ()
    pulling = seen(job(), pod(app={"app": waiting("ErrImagePull")}, owner="uid-Job", policy="Never"))
    assert [one.reason for one in standing(workload("Job", "completed"), pulling).troubles] == ["ImagePull"]


# --- events about controllers -------------------------------------------------------------------


def refused(second: int) -> dict[str, Any]:
    return event("FailedCreate", "exceeded quota: q", "uid-StatefulSet", second)


def troubles_of_stateful_set(*items: Mapping[str, Any]) -> list[str]:
    view: View = seen(stateful_set(updateRevision="b"), *items)
    return [one.sentence for one in standing(workload("StatefulSet"), view).troubles]


def test_events_tell_why_a_stateful_set_makes_no_pods() -> None:
    assert troubles_of_stateful_set(refused(5)) == ["exceeded quota: q (FailedCreate)"]


def test_an_event_is_stale_once_a_later_pod_was_made() -> None:
    waiting_pod = {
        "app": {"app": waiting()},
        "owner": "uid-StatefulSet",
        "labels": {"controller-revision-hash": "b"},
    }
    made_later = pod(name="web-0", created=6, **waiting_pod)
    made_before = pod(name="web-0", created=4, **waiting_pod)
    assert troubles_of_stateful_set(refused(5), made_later) == []
    assert troubles_of_stateful_set(refused(5), made_before) == ["exceeded quota: q (FailedCreate)"]


def test_an_event_is_stale_once_every_pod_is_there() -> None:
    pods = [
        pod(
            app={"app": waiting()},
            name=f"web-{number}",
            owner="uid-StatefulSet",
            labels={"controller-revision-hash": "b"},
            created=number,
        )
        for number in (0, 1)
    ]
    assert troubles_of_stateful_set(refused(5), *pods) == []
