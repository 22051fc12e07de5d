"""What a Pod's status says of the Pod and of each of its containers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import pod_facts
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role

from .statuses import after, at, ended, facts, pod, running, waiting


def test_every_container_is_told_by_its_role_in_the_order_of_its_start() -> None:
    status = pod(
        init={"prepare": ended(0)}, sidecar={"proxy": running()}, app={"web": running(), "log": running()}
    )
    status["spec"]["ephemeralContainers"] = [{"name": "debug"}]
    status["status"]["ephemeralContainerStatuses"] = [{"name": "debug", **running()}]
    assert [(one.name, one.role, one.state) for one in pod_facts(status).containers] == [
        ("prepare", Role.INIT, "terminated"),
        ("proxy", Role.SIDECAR, "running"),
        ("web", Role.APP, "running"),
        ("log", Role.APP, "running"),
        ("debug", Role.EPHEMERAL, "running"),
    ]


def test_a_pod_that_nobody_has_looked_at_yet_waits() -> None:
    bare = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app"}]}}
    found = pod_facts(bare)
    assert (found.phase, found.containers[0].state, found.containers[0].restarts) == ("Pending", "waiting", 0)
    assert not any((found.initialized, found.started, found.ready, found.completed))


def test_a_container_tells_how_it_ended() -> None:
    (app,) = facts(app={"app": ended(3, 2, 5, reason="OOMKilled")}).containers
    assert (app.state, app.exit_code, app.reason) == ("terminated", 3, "OOMKilled")
    assert (app.started_at, app.finished_at) == (at(2), at(5))
    assert not app.succeeded


def test_a_container_that_the_runtime_could_not_start_has_no_start() -> None:
    failed = ended(128, reason="StartError")
    failed["state"]["terminated"]["startedAt"] = "1970-01-01T00:00:00Z"
    (app,) = facts(app={"app": after(failed, failed, 1)}).containers
    assert app.last is not None
    assert (app.started_at, app.last.started_at) == (None, None)
    assert (app.finished_at, app.last.finished_at) == (at(1), at(1))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(ended(3), 3, id="it has just failed"),
        pytest.param(after(ended(3), waiting("CrashLoopBackOff"), 0), 3, id="it waits for its next attempt"),
        pytest.param(after(ended(3), running(), 1), None, id="the next attempt runs"),
        pytest.param(after(ended(3), ended(4), 1), 4, id="the next attempt failed as well"),
        pytest.param(after(ended(3), ended(0), 1), None, id="the next attempt succeeded"),
        pytest.param(after(ended(0), waiting("CrashLoopBackOff"), 1), None, id="it ended well before"),
        pytest.param(waiting(), None, id="it has never run"),
    ],
)
def test_the_crash_that_matters_survives_the_flipping_of_a_crash_loop(
    status: dict[str, Any], code: int | None
) -> None:
    (app,) = facts(app={"app": status}).containers
    assert (app.crash.exit_code if app.crash else None) == code


@pytest.mark.parametrize(
    ("policy", "own", "retried"),
    [
        ("Always", {}, True),
        ("OnFailure", {}, True),
        ("Never", {}, False),
        pytest.param("Always", {"restartPolicy": "Never"}, False, id="a policy of its own"),
        pytest.param("Never", {"restartPolicy": "OnFailure"}, True, id="a kinder policy of its own"),
        pytest.param("Never", {"restartPolicyRules": [{"action": "Restart"}]}, True, id="rules by exit code"),
    ],
)
def test_a_container_is_retried_as_the_nearest_policy_says(
    policy: str, own: dict[str, Any], retried: bool
) -> None:
    (app,) = facts(app={"app": {}}, policy=policy, own={"app": own}).containers
    assert app.retried is retried


def test_a_sidecar_is_retried_whatever_the_policy_of_its_pod() -> None:
    (proxy,) = facts(sidecar={"proxy": {}}, policy="Never").containers
    assert proxy.retried


STAGES = [
    pytest.param(
        {"init": {"a": running()}, "app": {"app": waiting("PodInitializing")}},
        "",
        id="an init container runs",
    ),
    pytest.param(
        {
            "init": {"a": ended(0)},
            "app": {"app": waiting("PodInitializing")},
            "conditions": {"Initialized": True},
        },
        "initialized",
        id="init containers are done",
    ),
    pytest.param(
        {
            "init": {"a": ended(0)},
            "sidecar": {"proxy": running(started=False, ready=False)},
            "app": {"app": waiting("PodInitializing")},
            "conditions": {"Initialized": False},
        },
        "",
        id="a sidecar has not started",
    ),
    pytest.param(
        {
            "app": {"app": running(started=False, ready=False)},
            "phase": "Running",
            "conditions": {"Initialized": True},
        },
        "initialized",
        id="the startup probe has not succeeded",
    ),
    pytest.param(
        {"app": {"app": running(ready=False)}, "phase": "Running", "conditions": {"Initialized": True}},
        "initialized started",
        id="the readiness probe has not succeeded",
    ),
    pytest.param(
        {
            "app": {"app": running(), "once": ended(0)},
            "phase": "Running",
            "conditions": {"Initialized": True, "Ready": True},
        },
        "initialized started ready",
        id="one container is ready and one has ended well",
    ),
    pytest.param(
        {
            "app": {"app": running()},
            "phase": "Running",
            "conditions": {"Initialized": True, "Ready": True},
            "deleting": True,
        },
        "initialized started",
        id="a ready Pod is being deleted",
    ),
    pytest.param(
        {
            "init": {"a": ended(0)},
            "app": {"app": ended(0)},
            "phase": "Succeeded",
            "conditions": {"Initialized": True, "Ready": False},
        },
        "initialized started completed",
        id="all has run to its end",
    ),
]


@pytest.mark.parametrize(("arguments", "reached"), STAGES)
def test_a_pod_tells_how_far_it_is(arguments: dict[str, Any], reached: str) -> None:
    found = facts(**arguments)
    stages = ("initialized", "started", "ready", "completed")
    assert " ".join(stage for stage in stages if getattr(found, stage)) == reached
