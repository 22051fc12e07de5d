"""A wait while the server breaks its watches, goes away, or lets nobody look."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils import _run as room
from ansible_collections.podpatterns.core.plugins.module_utils._cluster import watch as watch_room
from ansible_collections.podpatterns.core.plugins.module_utils._run import Outcome, Request, run

from ..cluster.fake_api import Act, FakeApi, drops, forbidden, hangs, refuses, says, watch_says

WEB = "/api/v1/namespaces/shop/pods/web"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "app", "image": "busybox"}]},
}
READY = {
    "phase": "Running",
    "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
    "containerStatuses": [{"name": "app", "ready": True, "started": True, "state": {"running": {}}}],
}
CRASHED = {
    "phase": "Failed",
    "containerStatuses": [{"name": "app", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}],
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_room, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(room, "PROGRESS_SECONDS", 0.05)
    monkeypatch.setattr(room, "OUT_OF_SIGHT_SECONDS", 0.3)


def becomes(server: FakeApi, status: dict[str, Any]) -> Callable[[str], None]:
    """A kubelet that works as soon as the wait has shown that it is under way."""
    once = threading.Event()

    def work(_line: str) -> None:
        if not once.is_set():
            once.set()
            server.put(WEB, {**server.objects[WEB], "status": status})

    return work


def deploy(server: FakeApi, report: Callable[[str], None] = lambda _line: None, **options: Any) -> Outcome:
    return run(server.client(), Request([POD], **{"namespace": "shop", "timeout": 60.0, **options}), report)


TOO_OLD = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(drops, id="no answer"),
        pytest.param(watch_says(TOO_OLD), id="410"),
        pytest.param(watch_says('{"type": "MODI'), id="broken in the middle"),
        pytest.param(says(200, "<html>"), id="garbage"),
        pytest.param(refuses(500, "InternalError", "etcd"), id="500"),
    ],
)
def test_a_wait_survives_a_watch_that_breaks(server: FakeApi, act: Act) -> None:
    server.fault("WATCH", "pods", act, times=2)
    outcome = deploy(server, becomes(server, READY))
    assert outcome.message is None
    assert outcome.results[0].standing.verdict == "done"


def test_the_latest_word_on_a_server_that_went_away_is_told(server: FakeApi) -> None:
    def gone_after_the_first_watch(handler: Any) -> None:
        if server.calls("GET", "pods")[0] is server.calls("GET", "pods")[-1]:
            handler.get()
        else:
            drops(handler)

    server.fault("WATCH", "pods", watch_says())
    server.fault("GET", "pods$", gone_after_the_first_watch)
    outcome = deploy(server, grace=0)
    assert outcome.message is not None
    assert f"cannot reach the API server {server.url}: " in outcome.message


def test_a_server_that_never_comes_back_is_told(server: FakeApi) -> None:
    server.fault("WATCH", "pods", drops)
    server.fault("GET", "pods$", drops)
    outcome = deploy(server, grace=0)
    assert outcome.message is not None
    assert outcome.message.startswith(
        f"Failed to wait for 1 of 1 workloads to be ready: cannot reach the API server {server.url}: "
    )
    assert outcome.changed


def test_a_server_that_hangs_is_left_at_the_timeout(server: FakeApi) -> None:
    server.fault("GET", "pods$", hangs)
    outcome = deploy(server, timeout=0.5)
    assert outcome.message == (
        "Failed to wait for 1 of 1 workloads to be ready: timeout of 0.5 s passed; Pod shop/web: not seen yet"
    )


@pytest.mark.parametrize("method", ["GET", "WATCH"])
def test_a_missing_right_to_look_ends_the_wait_at_once(server: FakeApi, method: str) -> None:
    server.fault(method, "pods$", forbidden("list" if method == "GET" else "watch", "pods"))
    outcome = deploy(server, grace=3600)
    verb = "list" if method == "GET" else "watch"
    assert outcome.message == (
        "Failed to wait for 1 of 1 workloads to be ready: system:serviceaccount:shop:deployer may not"
        f" {verb} pods in namespace shop; grant it by a Role and a RoleBinding, or use other credentials"
    )


def test_events_that_nobody_may_read_are_only_missed(server: FakeApi) -> None:
    server.fault("GET", "events", forbidden("list", "events"))
    outcome = deploy(server, becomes(server, READY))
    assert outcome.message is None
    assert outcome.warnings == (
        "events cannot be read, so causes may be missing: system:serviceaccount:shop:deployer may not list events in"
        " namespace shop; grant it by a Role and a RoleBinding, or use other credentials",
    )


def test_a_failure_is_told_although_neither_log_nor_events_can_be_read(server: FakeApi) -> None:
    server.fault("GET", "events", says(503, ""))
    server.fault("GET", "/log$", drops)
    outcome = deploy(server, becomes(server, CRASHED))
    assert (
        outcome.message
        == "Failed to wait for Pod shop/web to be ready: app container app failed with exit code 3"
    )
    assert outcome.diagnosis is not None
    assert (outcome.diagnosis.logs, outcome.diagnosis.events) == ((), ())


def test_a_trouble_that_may_heal_is_given_the_grace(server: FakeApi) -> None:
    pulling = {
        "phase": "Pending",
        "containerStatuses": [
            {"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}}
        ],
    }
    outcome = deploy(server, becomes(server, pulling), grace=0.2)
    assert outcome.message == (
        "Failed to wait for Pod shop/web to be ready: app container app cannot start: ErrImagePull: no such host"
    )


def test_ready_has_to_hold_until_all_are_ready(server: FakeApi) -> None:
    """The first is ready, then crashes while the second is still waited for."""
    other = {**POD, "metadata": {"name": "other"}}
    crash_loop = {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "app",
                "restartCount": 1,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
            }
        ],
    }
    steps = iter([(WEB, READY), (WEB, crash_loop), (WEB.replace("web", "other"), READY)])

    def work(_line: str) -> None:
        path, status = next(steps, (None, None))
        if path is not None:
            server.put(path, {**server.objects[path], "status": status})

    outcome = run(server.client(), Request([POD, other], namespace="shop", timeout=60.0, grace=0.5), work)
    assert outcome.message == (
        "Failed to wait for Pod shop/web to be ready: app container app failed 2 times, last with exit code 3"
    )
