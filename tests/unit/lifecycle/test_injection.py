"""What a Pod says of its proxy: there, native, before the workload's own init containers, after the app's end."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import pod_facts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.injection import (
    Injection,
    Order,
    injection,
    shortcomings,
)


def stamp(second: int) -> str:
    return f"2026-11-26T10:00:{second:02}Z"


def status(name: str, started: int | None = None, ended: int | None = None) -> dict[str, Any]:
    """A container's status: waiting, running since a second, or ended at one."""
    if started is None:
        return {"name": name, "state": {"waiting": {"reason": "PodInitializing"}}}
    if ended is None:
        return {"name": name, "started": True, "state": {"running": {"startedAt": stamp(started)}}}
    times = {"startedAt": stamp(started), "finishedAt": stamp(ended), "exitCode": 0}
    return {"name": name, "state": {"terminated": times}}


def pod(inits: list[tuple[Any, ...]], apps: list[tuple[Any, ...]]) -> dict[str, Any]:
    """A Pod from (name, started, ended) of each container; a name with a star is a native sidecar's."""

    def spec(name: str) -> dict[str, Any]:
        star = {"restartPolicy": "Always"} if name.startswith("*") else {}
        return {"name": name.lstrip("*"), **star}

    def statuses(entries: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        return [status(name.lstrip("*"), *times) for name, *times in entries]

    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "1"},
        "spec": {
            "initContainers": [spec(name) for name, *_times in inits],
            "containers": [spec(name) for name, *_times in apps],
        },
        "status": {
            "phase": "Running",
            "initContainerStatuses": statuses(inits),
            "containerStatuses": statuses(apps),
        },
    }


def seen(inits: list[tuple[Any, ...]], apps: list[tuple[Any, ...]], proxy: str = "istio-proxy") -> Injection:
    return injection(pod_facts(pod(inits, apps)), proxy)


# As a real Istio leaves them: see what its injector made of a Pod with an init container need-net.
NATIVE = ([("istio-init", 42, 42), ("*istio-proxy", 43), ("need-net", 44, 44)], [("nginx", 45)])
CLASSIC = ([("need-net", 40, 41), ("istio-init", 42, 42)], [("nginx", 44), ("istio-proxy", 43)])


def test_a_native_proxy_started_before_the_workload_s_own_init_containers() -> None:
    assert seen(*NATIVE) == Injection("web", "istio-proxy", True, True, Order.YES, Order.PROMISED)
    assert shortcomings(seen(*NATIVE), native=True) == []


def test_a_classic_proxy_comes_after_them_and_is_stopped_with_the_app() -> None:
    found = seen(*CLASSIC)
    assert (found.native, found.before_init_containers, found.outlives_app) == (False, Order.NO, Order.NO)
    assert shortcomings(found, native=False) == []
    assert shortcomings(found, native=None) == []
    assert shortcomings(found, native=True) == ["has istio-proxy as a classic sidecar, not as a native one"]


def test_a_native_proxy_is_not_what_was_asked_for_where_it_was_to_be_classic() -> None:
    assert shortcomings(seen(*NATIVE), native=False) == [
        "has istio-proxy as a native sidecar, not as a classic one"
    ]


def test_a_pod_without_the_proxy_says_that_no_injector_saw_it() -> None:
    (said,) = shortcomings(seen([], [("nginx", 45)]), native=True)
    assert said.startswith("has no container istio-proxy; the injector did not take it up")


def test_the_mesh_s_own_init_container_is_none_of_the_workload_s() -> None:
    assert seen([("istio-init", 42, 42), ("*istio-proxy", 43)], []).before_init_containers is Order.NONE


@pytest.mark.parametrize(
    ("proxy", "init", "order"), [(43, 44, Order.YES), (43, 43, Order.TIE), (43, None, Order.PROMISED)]
)
def test_stamps_of_one_second_are_a_tie(proxy: int, init: int | None, order: Order) -> None:
    found = seen([("*istio-proxy", proxy), ("need-net", *([init] if init else []))], [("nginx",)])
    assert found.before_init_containers is order


def test_a_native_proxy_that_is_listed_after_an_init_container_is_found_out() -> None:
    found = seen([("need-net", 40, 41), ("*istio-proxy", 43)], [("nginx", 44)])
    assert found.before_init_containers is Order.NO
    assert shortcomings(found, native=True) == ["starts istio-proxy after an init container of its own"]


@pytest.mark.parametrize(
    ("ended", "order"), [(None, Order.YES), (52, Order.YES), (50, Order.TIE), (49, Order.NO)]
)
def test_a_proxy_that_ended_after_the_app_outlived_it(ended: int | None, order: Order) -> None:
    times = (43,) if ended is None else (43, ended)
    assert seen([("*istio-proxy", *times)], [("nginx", 45, 50)]).outlives_app is order


def test_a_native_proxy_that_ended_while_the_app_goes_on_is_found_out() -> None:
    found = seen([("*istio-proxy", 43, 47)], [("nginx", 45)])
    assert shortcomings(found, native=True) == ["ended istio-proxy before the app"]


def test_the_stamp_of_a_later_attempt_is_no_evidence_of_the_first_start() -> None:
    later = pod([("*istio-proxy", 59), ("need-net", 44, 44)], [("nginx", 45)])
    later["status"]["initContainerStatuses"][0]["restartCount"] = 1
    assert injection(pod_facts(later), "istio-proxy").before_init_containers is Order.PROMISED
