# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Goals, and how far a workload is on its way to one: done, pending with a reason, or failed with the trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from .._pod.container import Role
from .facts import Condition, ContainerFacts, PodFacts, conditions_of
from .instant import unix_seconds
from .trouble import Trouble, causes_of_end, event_troubles, pod_troubles
from .view import View, Workload

GOALS = ("auto", "exists", "started", "initialized", "ready", "completed")

_COMPLETES = frozenset({"Pod", "Job"})
# What keeps a controller from making Pods, by the field of its spec.
_HELD = {"suspend": "suspended", "paused": "paused"}
_WAITED_FOR = frozenset({"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})


DELETED = "it has been deleted"


class Verdict(StrEnum):
    """How a workload stands to its goal."""

    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class Standing:
    """A verdict with what a person should know of it; troubles are what stands in the way, the cause first."""

    verdict: Verdict
    reason: str
    reached: int = 0
    wanted: int = 1
    troubles: tuple[Trouble, ...] = ()


class UnfitGoal(Exception):
    """The goal makes no sense for the kind; the text says what would."""


def goal_for(kind: str, pod_spec: Mapping[str, Any], goal: str) -> str:
    """The goal to wait for on an object of this kind.

    `auto` means completed for what runs to an end (a Job, a Pod that does not always restart), ready for
    what stays up, exists for everything else. Raises UnfitGoal.
    """
    if kind not in _WAITED_FOR:
        if kind == "CronJob" and goal not in ("auto", "exists"):
            raise UnfitGoal(
                f"goal is {goal!r}, but a CronJob runs nothing until its time comes; use auto or exists"
            )
        return "exists"
    if goal == "auto":
        if kind == "Job" or (kind == "Pod" and pod_spec.get("restartPolicy", "Always") != "Always"):
            return "completed"
        return "ready"
    if goal == "completed":
        if kind not in _COMPLETES:
            raise UnfitGoal(
                f"goal is 'completed', but a {kind} never completes; use ready, started or initialized"
            )
        if kind == "Pod" and pod_spec.get("restartPolicy", "Always") == "Always":
            raise UnfitGoal(
                "goal is 'completed', but a Pod that always restarts never completes; use ready, started or"
                " initialized, or set restartPolicy: Never"
            )
    return goal


def standing(workload: Workload, view: View) -> Standing:
    """How the workload stands to its goal in what has been seen so far.

    Failed means that time cannot mend it; what may heal is pending with its troubles, for the caller to
    set against a grace.
    """
    if workload.goal == "exists":
        return Standing(Verdict.DONE, "exists", 1, 1)
    if workload.uid in view.gone:
        return _failed(Trouble("Deleted", DELETED, False))
    judge = _judge_pod if workload.kind == "Pod" else _judge_controller
    return judge(workload, view)


def _failed(*troubles: Trouble) -> Standing:
    return Standing(Verdict.FAILED, troubles[0].sentence, troubles=troubles)


def _reached(pod: PodFacts, goal: str) -> bool:
    tests: dict[str, Callable[[PodFacts], bool]] = {
        "initialized": lambda one: one.initialized or one.completed,
        "started": lambda one: one.started or one.completed,
        "ready": lambda one: one.ready,
        "completed": lambda one: one.completed,
    }
    return tests[goal](pod)


def _judge_pod(workload: Workload, view: View) -> Standing:
    pod = view.pods.get(workload.uid)
    if pod is None:
        return Standing(Verdict.PENDING, "not seen yet")
    if _reached(pod, workload.goal):
        return Standing(Verdict.DONE, workload.goal, 1, 1)
    if pod.completed:
        return _failed(
            Trouble(
                "Completed", f"it has run to its end, so it will never be {workload.goal}", False, pod.name
            )
        )
    if pod.deleting and (workload.goal != "completed" or pod.phase == "Failed"):
        # What its containers do from here on is a consequence.
        return _failed(_taken_away(pod))
    troubles = tuple(pod_troubles(pod, view.events_about(workload.uid)))
    if any(not trouble.heals for trouble in troubles):
        return _failed(*troubles)
    return Standing(Verdict.PENDING, _why_pending(pod, workload.goal), 0, 1, troubles)


def _taken_away(pod: PodFacts) -> Trouble:
    disruption = pod.conditions.get("DisruptionTarget")
    if disruption is None or not disruption.true:
        return Trouble("Deleted", DELETED, False, pod.name)
    reason = disruption.reason or "Disrupted"
    return Trouble(reason, f"{DELETED}: {_one_line(disruption.message)} ({reason})", False, pod.name)


def _judge_controller(workload: Workload, view: View) -> Standing:
    item = view.controllers.get(workload.uid)
    if item is None:
        return Standing(Verdict.PENDING, "not seen yet")
    wanted = _wanted(item, workload.goal)
    if not _caught_up(item):
        # Until then its status, and the Pods it has, are those of the template before.
        return Standing(Verdict.PENDING, "its controller has not caught up", 0, wanted)
    made = view.pods_of(workload)
    pods = [pod for pod in made if not pod.deleting]
    if item["kind"] != "Job":
        # A controller replaces Pods that have ended, such as evicted ones.
        pods = [pod for pod in pods if pod.phase not in ("Failed", "Succeeded")]
    reached = _count(workload, item, pods)
    if _settled(workload, item, reached, wanted):
        return Standing(Verdict.DONE, workload.goal, wanted, wanted)
    troubles = tuple(_controller_troubles(workload, item, made if len(pods) < wanted else pods, view))
    if any(not trouble.heals for trouble in troubles):
        # The verdict is the controller's, the cause is in its Pods: say the cause first.
        causes = sorted(troubles, key=lambda trouble: trouble.container is None)
        return Standing(Verdict.FAILED, causes[0].sentence, reached, wanted, tuple(causes))
    waiting = next((pod for pod in pods if not _reached(pod, workload.goal)), None)
    reason = (
        f"{waiting.name}: {_why_pending(waiting, workload.goal)}"
        if waiting
        else _why_unsettled(item, pods, wanted)
    )
    return Standing(Verdict.PENDING, reason, reached, wanted, troubles)


def _wanted(item: Mapping[str, Any], goal: str) -> int:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    if item["kind"] == "DaemonSet":
        return int(status.get("desiredNumberScheduled", 0))
    if item["kind"] == "Job":
        parallelism, completions = spec.get("parallelism", 1), spec.get("completions")
        at_once = parallelism if completions is None else min(parallelism, completions)
        return int(completions or at_once if goal == "completed" else at_once)
    return int(spec.get("replicas", 1))


def _count(workload: Workload, item: Mapping[str, Any], pods: list[PodFacts]) -> int:
    if workload.goal == "completed":
        return int((item.get("status") or {}).get("succeeded", 0))
    return sum(_reached(pod, workload.goal) for pod in pods)


def _settled(workload: Workload, item: Mapping[str, Any], reached: int, wanted: int) -> bool:
    status = item.get("status") or {}
    if item["kind"] == "Job":
        done = conditions_of(status)
        complete = "Complete" in done and done["Complete"].true
        return complete if workload.goal == "completed" else (complete or reached >= wanted)
    if workload.goal != "ready":
        return reached >= wanted and _updated(item, wanted)
    return _rolled_out(item, wanted)


def _caught_up(item: Mapping[str, Any]) -> bool:
    """Whether the status is about the present spec; a Job's spec never changes, and has no such number."""
    observed = int((item.get("status") or {}).get("observedGeneration", 0))
    return item["kind"] == "Job" or observed >= int(item["metadata"].get("generation", 0))


def _updated(item: Mapping[str, Any], wanted: int) -> bool:
    """Whether a StatefulSet that leaves some Pods on the template before has updated the others."""
    strategy = item["spec"].get("updateStrategy") or {}
    partition = int((strategy.get("rollingUpdate") or {}).get("partition", 0))
    return not partition or int((item.get("status") or {}).get("updatedReplicas", 0)) >= wanted - partition


def _rolled_out(item: Mapping[str, Any], wanted: int) -> bool:
    status, kind = item.get("status") or {}, item["kind"]
    if kind == "DaemonSet":
        updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        on_delete = ((item["spec"].get("updateStrategy") or {}).get("type")) == "OnDelete"
        return available >= wanted and (on_delete or updated >= wanted)
    if kind == "ReplicaSet":
        return int(status.get("availableReplicas", 0)) >= wanted
    if kind == "StatefulSet":
        return _stateful_set_rolled_out(item, wanted)
    updated = int(status.get("updatedReplicas", 0))
    return (
        updated >= wanted
        and status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= wanted
    )


def _stateful_set_rolled_out(item: Mapping[str, Any], wanted: int) -> bool:
    status, strategy = item.get("status") or {}, item["spec"].get("updateStrategy") or {}
    if int(status.get("availableReplicas", status.get("readyReplicas", 0))) < wanted:
        return False
    if strategy.get("type") == "OnDelete":
        return True
    if (strategy.get("rollingUpdate") or {}).get("partition"):
        return _updated(item, wanted)
    return (
        status.get("updateRevision") == status.get("currentRevision")
        or status.get("updatedReplicas", 0) >= wanted
    )


def _controller_troubles(
    workload: Workload, item: Mapping[str, Any], pods: list[PodFacts], view: View
) -> Iterator[Trouble]:
    conditions = conditions_of(item.get("status") or {})
    final = _final(item["kind"], conditions)
    lost = final is not None
    # The last of a Job's attempts is the one that still has its log.
    for pod in reversed(pods) if item["kind"] == "Job" else pods:
        for trouble in pod_troubles(pod, view.events_about(pod.uid)):
            # A controller replaces a Pod that failed, and a Job counts its own retries.
            healing = trouble.heals or trouble.exit_code is not None or pod.phase == "Failed"
            if item["kind"] == "Job" and healing and trouble.exit_code is not None and not lost:
                continue
            yield replace(trouble, heals=healing)
    refused = conditions.get("ReplicaFailure")
    if refused is not None and refused.true:
        yield Trouble(refused.reason or "ReplicaFailure", _one_line(refused.message), True)
    elif sum(not pod.deleting and pod.phase != "Failed" for pod in pods) < _wanted(item, workload.goal):
        # An event about a Pod that could not be made is stale as soon as a later one was.
        newest = max((unix_seconds(pod.created_at) or 0.0 for pod in pods), default=0.0)
        yield from event_troubles(view.events_about(workload.uid), after=newest)
    if final is not None:
        if item["kind"] == "Job" and not any(list(pod_troubles(pod)) for pod in pods):
            yield from (trouble for pod in reversed(pods) for trouble in causes_of_end(pod))
        yield Trouble(
            final.reason or "Failed", f"{_one_line(final.message) or 'it failed'} ({final.reason})", False
        )


def _final(kind: str, conditions: Mapping[str, Condition]) -> Condition | None:
    """The condition by which a controller says that it has given up."""
    if kind == "Job":
        # The target comes first, while the Job's Pods are still there to tell why.
        found = (conditions.get("Failed"), conditions.get("FailureTarget"))
        return next((one for one in found if one is not None and one.true), None)
    progress = conditions.get("Progressing")
    return progress if progress is not None and progress.status == "False" else None


def _why_unsettled(item: Mapping[str, Any], pods: list[PodFacts], wanted: int) -> str:
    if len(pods) < wanted:
        held = next((word for field, word in _HELD.items() if item["spec"].get(field)), "")
        return f"{len(pods)} of {wanted} Pods made" + (f", it is {held}" if held else "")
    status = item.get("status") or {}
    if item["kind"] == "Deployment" and status.get("replicas", 0) > status.get("updatedReplicas", 0):
        return "Pods of the template before are still there"
    return "its controller has not caught up"


# Conditions that only follow what the containers do; others are gates of somebody's own.
_FOLLOWING = ("Ready", "ContainersReady", "PodReadyToStartContainers")


def _why_pending(pod: PodFacts, goal: str) -> str:
    if pod.deleting:
        return "is being deleted"
    if pod.node is None:
        return "waits for a node"
    container = next((one for one in pod.containers if not _has_done_its_part(one, goal)), None)
    if container is None:
        gates = [one for one in pod.conditions.values() if not one.true and one.type not in _FOLLOWING]
        return f"waits for condition {gates[0].type}" if gates else "waits for the kubelet"
    detail = f" ({container.reason})" if container.state == "waiting" and container.reason else ""
    if container.state == "running":
        word = "" if container.ready else ", not ready yet" if container.started else ", not started yet"
        return f"{container.role.value} {container.name} running" + (
            "" if container.role is Role.INIT else word
        )
    return f"{container.role.value} {container.name} {container.state}{detail}"


def _has_done_its_part(container: ContainerFacts, goal: str) -> bool:
    if container.role is Role.INIT or (container.role is Role.APP and goal == "completed"):
        return container.succeeded
    if container.role is Role.EPHEMERAL:
        return True
    return container.ready or container.succeeded


def _one_line(message: str | None) -> str:
    return " ".join((message or "").split())
