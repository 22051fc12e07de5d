"""What is waited for, how far it is, and what is told meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import DEPLOYMENTS, PODS
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._run import Outcome, Request, look, run

from .lab import PATIENCE, STAY, Manifest, Space, config_map, container, pod, sidecar, workload

NOT_READY: dict[str, Any] = {"readinessProbe": {"exec": {"command": ["false"]}}}
NOT_STARTED: dict[str, Any] = {"startupProbe": {"exec": {"command": ["false"]}, "failureThreshold": 1000}}


def only_pod(outcome: Outcome) -> PodFacts:
    (result,) = outcome.results
    (timeline,) = result.timelines
    return timeline.pod


def states(found: PodFacts) -> dict[str, tuple[str, str, bool, bool]]:
    """Role, state, started and ready of each container."""
    return {one.name: (one.role.value, one.state, one.started, one.ready) for one in found.containers}


def test_every_role_is_told_as_it_is(space: Space) -> None:
    outcome = space.ready(
        pod("web", container("app"), container("log"), init=[container("prepare", "true"), sidecar("proxy")])
    )
    assert states(only_pod(outcome)) == {
        "prepare": ("init", "terminated", False, True),
        "proxy": ("sidecar", "running", True, True),
        "app": ("app", "running", True, True),
        "log": ("app", "running", True, True),
    }
    prepare = only_pod(outcome).containers[0]
    assert (prepare.exit_code, prepare.reason, prepare.restarts) == (0, "Completed", 0)
    assert prepare.started_at
    assert prepare.finished_at
    assert prepare.image_id


@pytest.mark.parametrize(
    ("goal", "manifest"),
    [
        pytest.param(
            "initialized",
            pod("web", container("app", **NOT_STARTED), init=[container("a", "true"), sidecar("p")]),
            id="initialized though the app does not start",
        ),
        pytest.param(
            "started", pod("web", container("app", **NOT_READY)), id="started though the app is not ready"
        ),
        pytest.param("ready", pod("web"), id="ready"),
        pytest.param("completed", pod("web", container("a", "true"), restartPolicy="Never"), id="completed"),
        pytest.param(
            "completed",
            pod("web", container("a", "true"), init=[sidecar("p")], restartPolicy="OnFailure"),
            id="completed beside a sidecar",
        ),
        pytest.param("exists", pod("web", nodeSelector={"no": "node"}), id="exists though no node takes it"),
    ],
)
def test_a_pod_reaches_its_goal_and_no_more_is_waited_for(
    space: Space, goal: str, manifest: Manifest
) -> None:
    space.ready(manifest, goal=goal)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"])
def test_a_controller_is_ready_with_the_pods_of_its_present_template(space: Space, kind: str) -> None:
    def version(number: str) -> Manifest:
        app = container("app", env=[{"name": "VERSION", "value": number}])
        return workload(kind, "shop", pod("x", app, init=[container("prepare", "true")]))

    space.ready(version("1"))
    if kind == "ReplicaSet":  # it leaves the Pods that it has as they are
        return
    outcome = space.ready(version("2"))
    (result,) = outcome.results
    for timeline in result.timelines:
        live = space.get(PODS, timeline.pod.name)
        assert live is not None
        assert live["spec"]["containers"][0]["env"] == [{"name": "VERSION", "value": "2"}]
    assert (result.standing.reached, result.standing.wanted) == (1, 1)


def test_a_job_with_several_completions_is_waited_for_to_its_end(space: Space) -> None:
    job = workload(
        "Job", "load", pod("x", container("app", "true"), restartPolicy="Never"), completions=3, parallelism=2
    )
    outcome = space.ready(job)
    (result,) = outcome.results
    assert (result.standing.reached, result.standing.wanted) == (3, 3)
    assert len(result.timelines) == 3


def test_a_job_that_needs_a_second_try_is_no_failure(space: Space) -> None:
    """The mark of the first try is kept in the Pod's own volume."""
    app = container(
        "app",
        "test -e /v/mark || { touch /v/mark; exit 1; }",
        volumeMounts=[{"name": "v", "mountPath": "/v"}],
    )
    job = workload(
        "Job", "load", pod("x", app, restartPolicy="OnFailure", volumes=[{"name": "v", "emptyDir": {}}])
    )
    (result,) = space.ready(job, grace=0).results
    (timeline,) = result.timelines
    assert [(one.number, one.exit_code) for one in timeline.attempts["app"]] == [(0, 1), (1, 0)]


def test_several_workloads_are_waited_for_together(space: Space) -> None:
    outcome = space.ready(
        config_map("config"),
        pod("a", init=[container("slow", "sleep 3")]),
        pod("b", init=[container("slow", "sleep 3")]),
        workload("Deployment", "c", pod("x", init=[container("slow", "sleep 3")])),
    )
    assert [result.workload.name for result in outcome.results] == ["a", "b", "c"]
    # Side by side: all of them were on their way before any was there.
    starts = [one.timelines[0].pod.start_time or "" for one in outcome.results]
    ends = [one.timelines[0].pod.containers[0].finished_at or "" for one in outcome.results]
    assert max(starts) <= min(ends)


def test_a_timeout_says_what_was_pending_and_why(space: Space) -> None:
    definition = [
        pod("done", container("app", "true"), restartPolicy="Never"),
        pod("slow", init=[container("wait-for-db", STAY)]),
        pod("probe", container("app", **NOT_READY)),
    ]
    space.told("1 of 3 there; ", *definition)
    space.told("init wait-for-db running", *definition)
    space.told("app app running, not ready yet", *definition)
    outcome = space.deploy(*definition, timeout=20)
    assert outcome.message is not None
    assert outcome.message.startswith(
        "Failed to wait for 2 of 3 workloads to be ready: timeout of 20 s passed; "
    )
    assert f"Pod {space.name}/slow: init wait-for-db running " in outcome.message
    assert f"Pod {space.name}/probe: app app running, not ready yet " in outcome.message
    assert f"{space.name}/done" not in outcome.message


def test_a_wait_tells_what_is_pending(space: Space) -> None:
    line = space.told("1 of 2 there; ", pod("web"), pod("slow", init=[container("wait-for-db", STAY)]))
    assert "slow: init wait-for-db " in line


def test_a_workload_that_is_deleted_meanwhile_has_failed(space: Space) -> None:
    deleted = threading.Event()

    def delete(_line: str) -> None:
        if not deleted.is_set():
            deleted.set()
            space.api.request("delete", PODS.path(space.name, "web"))

    waiting = pod("web", init=[container("wait", STAY)])
    outcome = run(space.api, Request([waiting], space.name, timeout=PATIENCE), delete)
    assert outcome.message == f"Failed to wait for Pod {space.name}/web to be ready: it has been deleted"


def test_a_suspended_job_says_that_it_is(space: Space) -> None:
    job = workload("Job", "load", pod("x", restartPolicy="Never"), suspend=True)
    assert space.told("suspended", job) == "0 of 1 there; load: 0 of 1 Pods made, it is suspended"


def test_a_paused_deployment_says_that_it_is(space: Space) -> None:
    deployment = workload("Deployment", "shop", pod(), paused=True)
    assert space.told("paused", deployment) == "0 of 1 there; shop: 0 of 1 Pods made, it is paused"


# --- looking without touching -------------------------------------------------------------------


def test_a_look_tells_the_same_of_workloads_that_somebody_else_made(space: Space) -> None:
    manifest = workload("Deployment", "shop", pod("x", init=[container("prepare", "true")]))
    space.apply_as("somebody", DEPLOYMENTS, manifest)
    waited = space.ready(manifest)
    seen = look(space.api, "Deployment", space.name, "shop", [])
    assert facts(seen) == facts(waited)


def facts(outcome: Outcome) -> list[Any]:
    return [
        (
            result.workload.name,
            result.standing.verdict,
            [states(timeline.pod) for timeline in result.timelines],
        )
        for result in outcome.results
    ]
