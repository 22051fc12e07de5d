"""Pods, controllers and events as the API returns them, with no more than a test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts, pod_facts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View, Workload

# at(0) in seconds since 1970.
START = 1795687200
LISTS = {"initContainers": "initContainerStatuses", "containers": "containerStatuses"}


def at(second: int) -> str:
    """A stamp of the API, so many seconds after the Pod's start."""
    return f"2026-11-26T10:{second // 60:02}:{second % 60:02}Z"


def running(since: int = 0, **more: Any) -> dict[str, Any]:
    """The status of a container that runs; started and ready unless said otherwise."""
    return {
        "state": {"running": {"startedAt": at(since)}},
        "started": True,
        "ready": True,
        "restartCount": 0,
        **more,
    }


def ended(
    code: int, start: int = 0, finish: int = 1, reason: str | None = None, **more: Any
) -> dict[str, Any]:
    """The status of a container that has ended."""
    detail = {
        "exitCode": code,
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": at(start),
        "finishedAt": at(finish),
    }
    return {"state": {"terminated": detail}, "started": False, "ready": code == 0, "restartCount": 0, **more}


def waiting(reason: str = "ContainerCreating", message: str | None = None, **more: Any) -> dict[str, Any]:
    """The status of a container that waits."""
    detail = {"reason": reason} if message is None else {"reason": reason, "message": message}
    return {"state": {"waiting": detail}, "started": False, "ready": False, "restartCount": 0, **more}


def after(previous: Mapping[str, Any], status: Mapping[str, Any], restarts: int) -> dict[str, Any]:
    """A status whose container has ended before, as `previous` tells."""
    return {**status, "lastState": previous["state"], "restartCount": restarts}


def pod(
    init: Mapping[str, Mapping[str, Any]] | None = None,
    sidecar: Mapping[str, Mapping[str, Any]] | None = None,
    app: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    name: str = "web",
    uid: str = "",
    policy: str = "Always",
    phase: str = "Pending",
    conditions: Mapping[str, bool] | None = None,
    node: str | None = "node-1",
    owner: str | None = None,
    labels: Mapping[str, str] | None = None,
    created: int = 0,
    deleting: bool = False,
    own: Mapping[str, Mapping[str, Any]] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """A Pod with these containers by name; an empty status is a container that the kubelet has not looked at.

    own: fields of a container's spec by its name.
    """
    own = own or {}
    starters = [{"name": one, **own.get(one, {})} for one in init or {}]
    starters += [{"name": one, "restartPolicy": "Always", **own.get(one, {})} for one in sidecar or {}]
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "shop",
        "uid": uid or f"uid-{name}",
        "creationTimestamp": at(created),
        "labels": dict(labels or {}),
    }
    if owner:
        metadata["ownerReferences"] = [{"uid": owner, "controller": True}]
    if deleting:
        metadata["deletionTimestamp"] = at(0)
    return {
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "restartPolicy": policy,
            "initContainers": starters,
            "containers": [{"name": one, **own.get(one, {})} for one in app or {}],
            **({"nodeName": node} if node else {}),
        },
        "status": {
            "phase": phase,
            "startTime": at(0),
            "conditions": [
                {"type": kind, "status": "True" if true else "False"}
                for kind, true in (conditions or {}).items()
            ],
            "initContainerStatuses": _statuses({**(init or {}), **(sidecar or {})}),
            "containerStatuses": _statuses(app or {}),
            **status,
        },
    }


def _statuses(by_name: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, **status} for name, status in by_name.items() if status]


def ready(name: str = "web", **more: Any) -> dict[str, Any]:
    """A Pod that is ready."""
    conditions = {"Initialized": True, "ContainersReady": True, "Ready": True}
    return pod(app={"app": running()}, name=name, phase="Running", conditions=conditions, **more)


def facts(**pod_arguments: Any) -> PodFacts:
    return pod_facts(pod(**pod_arguments))


def controller(
    kind: str, spec: Mapping[str, Any] | None = None, status: Mapping[str, Any] | None = None, **metadata: Any
) -> dict[str, Any]:
    """A controller of generation 1 that has observed it, with the uid `uid-<kind>`."""
    return {
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "uid": f"uid-{kind}", "generation": 1, **metadata},
        "spec": dict(spec or {}),
        "status": {"observedGeneration": 1, **(status or {})},
    }


def event(reason: str, message: str, about: str, second: int = 0, count: int = 3) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"uid": f"event-{reason}-{second}-{about}", "namespace": "shop"},
        "involvedObject": {"uid": about},
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": at(second),
    }


def told_event(
    reason: str,
    container: str | None,
    seconds: float,
    *,
    message: str = "",
    count: int = 1,
    last: int | None = None,
    pod: str = "web",
    reporter: str = "kubelet",
) -> dict[str, Any]:
    """An event as the kubelet makes it: the nanoseconds of its first occurrence, after the Pod's start, in its name."""
    nanoseconds = (START + int(seconds)) * 1_000_000_000 + round(seconds % 1 * 1_000_000_000)
    path = {"fieldPath": f"spec.containers{{{container}}}"} if container else {}
    return {
        "kind": "Event",
        "metadata": {
            "uid": f"{reason}-{container}-{seconds}",
            "namespace": "shop",
            "name": f"{pod}.{nanoseconds:x}",
        },
        "involvedObject": {"uid": f"uid-{pod}", **path},
        "reason": reason,
        "message": message,
        "count": count,
        "firstTimestamp": at(int(seconds)),
        "lastTimestamp": at(int(seconds) if last is None else last),
        "reportingComponent": reporter,
    }


def workload(kind: str, goal: str = "ready", name: str = "web") -> Workload:
    """The workload that `pod` and `controller` make."""
    return Workload(kind, "shop", name, f"uid-{name}" if kind == "Pod" else f"uid-{kind}", goal)


def seen(*items: Mapping[str, Any], now: float = 0.0) -> View:
    """A view of these objects."""
    view = View()
    for item in items:
        view.put(item, now)
    return view
