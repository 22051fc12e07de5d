"""What cannot heal fails at once, what may heal after the grace: one sentence, the container's log, its events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run

from .lab import (
    CONFIG_MAPS,
    PATIENCE,
    STAY,
    Manifest,
    Space,
    config_map,
    container,
    named,
    pod,
    sidecar,
    workload,
)

# Never true: a container that has just started would be ready otherwise, and its Pod with it.
NEVER_READY: dict[str, Any] = {"readinessProbe": {"exec": {"command": ["false"]}}}
CRASH = "echo first; echo last words; exit 7"


@dataclass(frozen=True)
class Case:
    """A workload that fails, the sentence that tells it, and what is shown with it.

    In the sentence, a regular expression, {ns} is the namespace and {pod} the name of the workload's Pod. event is
    how one of the events begins: events come some time after what they tell of, so it is one that is surely there.
    """

    manifests: tuple[Manifest, ...]
    sentence: str
    container: str | None = None
    exit_code: int | None = None
    logs: tuple[str, ...] | None = ()
    event: str = ""
    options: tuple[tuple[str, Any], ...] = ()


def case(*manifests: Manifest, sentence: str, event: str = "", **more: Any) -> Case:
    options = tuple(more.pop("options", {}).items())
    return Case(manifests, sentence, event=event, options=options, **more)


AT_ONCE = {
    "an init container under restartPolicy Never": case(
        pod("web", init=[container("other", "true"), container("migrate", CRASH)], restartPolicy="Never"),
        sentence="Failed to wait for Pod {ns}/web to be completed: init container migrate failed with exit code 7",
        container="migrate",
        exit_code=7,
        logs=("first", "last words"),
        event="Scheduled: ",
    ),
    "an app container under restartPolicy Never beside a sidecar": case(
        pod("web", container("app", CRASH), init=[sidecar("proxy")], restartPolicy="Never"),
        sentence="Failed to wait for Pod {ns}/web to be completed: app container app failed with exit code 7",
        container="app",
        exit_code=7,
        logs=("first", "last words"),
    ),
    "an image name that is none": case(
        pod("web", container("app", image="UPPER:CASE:1")),
        sentence="Failed to wait for Pod {ns}/web to be ready: app container app cannot start: InvalidImageName: .+",
        container="app",
        event="Scheduled: ",
    ),
    "an image that is never pulled": case(
        pod("web", container("app", image="nowhere.invalid/none:1", imagePullPolicy="Never")),
        sentence="Failed to wait for Pod {ns}/web to be ready: app container app cannot start: ErrImageNeverPull: .+",
        container="app",
        event="Scheduled: ",
    ),
    "a Pod beyond its deadline": case(
        pod("web", init=[container("wait")], restartPolicy="Never", activeDeadlineSeconds=2),
        sentence=r"Failed to wait for Pod {ns}/web to be completed: the Pod failed \(DeadlineExceeded\): .+",
        event="Scheduled: ",
    ),
    "a Job without another try": case(
        workload("Job", "load", pod("x", container("app", CRASH), restartPolicy="Never"), backoffLimit=0),
        sentence="Failed to wait for Job {ns}/load to be completed: Pod {pod}: app container app failed"
        " with exit code 7",
        container="app",
        exit_code=7,
        logs=("first", "last words"),
    ),
    "a Job that tries again in the same Pod": case(
        workload("Job", "load", pod("x", container("app", CRASH), restartPolicy="OnFailure"), backoffLimit=1),
        # The Job takes the Pod away with its log as it fails; what was seen last decides how many times it says.
        sentence="Failed to wait for Job {ns}/load to be completed: Pod {pod}: app container app failed"
        "( 2 times, last)? with exit code 7",
        container="app",
        exit_code=7,
        logs=None,
    ),
    "a Job beyond its deadline": case(
        workload("Job", "load", pod("x", restartPolicy="Never"), activeDeadlineSeconds=1),
        sentence=r"Failed to wait for Job {ns}/load to be completed: .*\(?DeadlineExceeded\)?.*",
    ),
    "a Pod that has run to its end": case(
        pod("web", container("app", "true", **NEVER_READY), restartPolicy="Never"),
        sentence="Failed to wait for Pod {ns}/web to be ready: it has run to its end, so it will never be ready",
        options={"goal": "ready"},
    ),
}

GRACE: dict[str, Any] = {"grace": 1}
AFTER_GRACE = {
    "an init container that crashes again and again": case(
        pod("web", init=[container("migrate", CRASH)]),
        sentence="Failed to wait for Pod {ns}/web to be ready: init container migrate failed \\d+ times,"
        " last with exit"
        " code 7",
        container="migrate",
        exit_code=7,
        logs=("first", "last words"),
        event="Scheduled: ",
        options=GRACE,
    ),
    "a sidecar that crashes again and again": case(
        pod("web", init=[sidecar("proxy", CRASH, startupProbe={"exec": {"command": ["false"]}})]),
        sentence="Failed to wait for Pod {ns}/web to be ready: sidecar container proxy failed \\d+"
        " times, last with exit"
        " code 7",
        container="proxy",
        exit_code=7,
        logs=("first", "last words"),
        options=GRACE,
    ),
    "an app container of a Deployment that crashes again and again": case(
        workload("Deployment", "shop", pod("x", container("app", CRASH, **NEVER_READY), container("other"))),
        sentence="Failed to wait for Deployment {ns}/shop to be ready: Pod {pod}: app container app"
        " failed \\d+ times, last"
        " with exit code 7",
        container="app",
        exit_code=7,
        logs=("first", "last words"),
        options=GRACE,
    ),
    "a command that ends in a Pod that always restarts": case(
        pod("web", container("app", "echo done", **NEVER_READY)),
        sentence="Failed to wait for Pod {ns}/web to be ready: app container app has run to its end \\d+"
        " times with exit"
        " code 0 and is restarted each time; let it stay up, or run it in a Job",
        container="app",
        exit_code=0,
        logs=("done",),
        options=GRACE,
    ),
    "a key that a ConfigMap does not have": case(
        config_map("config", there="1"),
        pod(
            "web",
            container(
                "app",
                env=[{"name": "K", "valueFrom": {"configMapKeyRef": {"name": "config", "key": "missing"}}}],
            ),
        ),
        sentence="Failed to wait for Pod {ns}/web to be ready: app container app cannot start:"
        " CreateContainerConfigError: couldn't find key missing in ConfigMap {ns}/config",
        container="app",
        event="Scheduled: ",
        options=GRACE,
    ),
    "a ConfigMap that is not there to mount": case(
        pod(
            "web",
            container("app", volumeMounts=[{"name": "v", "mountPath": "/v"}]),
            volumes=[{"name": "v", "configMap": {"name": "missing"}}],
        ),
        sentence='Failed to wait for Pod {ns}/web to be ready: .*configmap "missing" not found.*',
        event="FailedMount: ",
        options=GRACE,
    ),
    "an image that nobody has": case(
        pod("web", container("app"), container("broken", image="nowhere.invalid/none:1")),
        sentence="Failed to wait for Pod {ns}/web to be ready: app container broken cannot start:"
        " .+nowhere.invalid/none:1.*",
        container="broken",
        event="Scheduled: ",
        options=GRACE,
    ),
    "a Pod that no node takes": case(
        pod("web", nodeSelector={"no": "node"}),
        sentence="Failed to wait for Pod {ns}/web to be ready: no node takes it: 0/\\d+ nodes are available: .+",
        options=GRACE,
    ),
    "a Deployment beyond a quota": case(
        {**named("ResourceQuota", "none"), "spec": {"hard": {"pods": "0"}}},
        workload("Deployment", "shop", pod()),
        sentence="Failed to wait for Deployment {ns}/shop to be ready: .*exceeded quota: none.*",
        options=GRACE,
    ),
    "a StatefulSet beyond a quota": case(
        {**named("ResourceQuota", "none"), "spec": {"hard": {"pods": "0"}}},
        workload("StatefulSet", "shop", pod()),
        sentence="Failed to wait for StatefulSet {ns}/shop to be ready: .*exceeded quota: none.*",
        event="FailedCreate: ",
        options=GRACE,
    ),
}

# All but the grace would pass before any of these healed by itself; the timeout is for a machine that is stuck.
ALL = {**AT_ONCE, **AFTER_GRACE}


@pytest.mark.parametrize("name", ALL)
def test_a_failure_is_told_with_its_container_log_and_events(space: Space, name: str) -> None:
    expected = ALL[name]
    outcome = space.deploy(*expected.manifests, **dict(expected.options))
    assert outcome.message is not None, "it did not fail"
    pattern = expected.sentence.replace("{ns}", space.name).replace("{pod}", "[a-z0-9-]+")
    assert re.fullmatch(pattern, outcome.message), outcome.message
    found = outcome.diagnosis
    assert found is not None, "it waited for the timeout"
    if expected.container is not None:
        assert found.trouble.container == expected.container
    assert found.trouble.exit_code == expected.exit_code
    assert expected.logs is None or found.logs == expected.logs
    assert any(re.match(expected.event, line) for line in found.events) or not expected.event, found.events


def test_events_of_other_containers_are_left_out(space: Space) -> None:
    outcome = space.deploy(
        pod(
            "web", container("app", CRASH), container("innocent", image="busybox:1.35"), restartPolicy="Never"
        )
    )
    assert outcome.diagnosis is not None
    assert not [line for line in outcome.diagnosis.events if "1.35" in line]
    assert [line for line in outcome.diagnosis.events if line.startswith("Scheduled: ")]


def test_as_many_log_lines_are_shown_as_are_wanted(space: Space) -> None:
    noisy = pod("web", container("app", "seq 1 50; exit 1"), restartPolicy="Never")
    outcome = space.deploy(noisy, log_lines=3)
    assert outcome.diagnosis is not None
    assert outcome.diagnosis.logs == ("48", "49", "50")


def test_no_log_is_shown_where_none_is_wanted(space: Space) -> None:
    outcome = space.deploy(pod("web", container("app", CRASH), restartPolicy="Never"), log_lines=0)
    assert outcome.diagnosis is not None
    assert outcome.diagnosis.logs == ()


def test_a_failure_ends_the_wait_for_the_others(space: Space) -> None:
    outcome = space.deploy(
        pod("bad", container("app", CRASH), restartPolicy="Never"),
        pod("endless", init=[container("wait")]),
    )
    assert outcome.message is not None
    assert "Pod bad" not in outcome.message
    assert f"Pod {space.name}/bad" in outcome.message
    assert {result.workload.name: result.standing.verdict for result in outcome.results} == {
        "bad": "failed",
        "endless": "pending",
    }


def test_what_heals_within_the_grace_is_no_failure(space: Space) -> None:
    """The key comes while the Pod waits for it, in a second run beside the first."""
    env = [{"name": "K", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "k"}}}]
    seen: list[str] = []

    def heal(line: str) -> None:
        if "CreateContainerConfigError" in line and not seen:
            seen.append(line)
            space.apply_as("somebody", CONFIG_MAPS, config_map("late", k="v"))

    outcome = run(
        space.api,
        Request([pod("web", container("app", env=env))], space.name, timeout=PATIENCE, grace=PATIENCE),
        heal,
    )
    assert outcome.message is None
    assert seen


def test_a_rollout_that_gave_up_does_not_fail_the_one_that_mends_it(space: Space) -> None:
    broken = workload(
        "Deployment", "shop", pod("x", container("app", **NEVER_READY)), progressDeadlineSeconds=1
    )
    failed = space.deploy(broken)
    assert failed.message is not None
    assert "ProgressDeadlineExceeded" in failed.message
    space.ready(workload("Deployment", "shop", pod("x", container("app", STAY)), progressDeadlineSeconds=600))
