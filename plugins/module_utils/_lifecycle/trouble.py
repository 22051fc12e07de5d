# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a Pod, which container it is about, and whether it may heal by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._pod.container import Role
from .events import event_time
from .facts import ContainerFacts, PodFacts, Termination
from .instant import unix_seconds


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong.

    reason: Kubernetes' own word. sentence: what a person should know, without the workload's name.
    heals: whether time alone may mend it, so that the caller's grace applies.
    """

    reason: str
    sentence: str
    heals: bool
    pod: str | None = None
    container: str | None = None
    role: Role | None = None
    exit_code: int | None = None

    @property
    def key(self) -> tuple[str | None, str | None, str]:
        """What makes a trouble the same one at the next look."""
        return self.pod, self.container, self.reason


# Waiting reasons and whether they may heal: a registry comes back, somebody creates the missing key.
WAITING_TROUBLES: dict[str, bool] = {
    "InvalidImageName": False,
    "ErrImageNeverPull": False,
    "ErrImagePull": True,
    "ImagePullBackOff": True,
    "ImageInspectError": True,
    "RegistryUnavailable": True,
    "SignatureValidationFailed": True,
    "CreateContainerConfigError": True,
    "CreateContainerError": True,
    "PreCreateHookError": True,
    "PreStartHookError": True,
    "PostStartHookError": True,
    "RunContainerError": True,
}

# Event reasons that say what the status of a Pod or of its controller does not.
EVENT_TROUBLES = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreate", "FailedCreatePodSandBox"})


# How often an event must have happened to count.
EVENT_TIMES = 3


def pod_troubles(pod: PodFacts, events: Iterable[Mapping[str, Any]] = ()) -> Iterator[Trouble]:
    """Everything that is wrong with the Pod now, the cause before its consequences.

    events: event objects about this Pod.
    """
    if pod.phase == "Failed":
        yield from _failed_pod(pod)
        return
    for container in pod.containers:
        if container.role is not Role.EPHEMERAL:
            yield from _container_troubles(pod, container)
    scheduled = pod.conditions.get("PodScheduled")
    if scheduled is not None and not scheduled.true and scheduled.reason == "Unschedulable":
        yield Trouble("Unschedulable", f"no node takes it: {plain(scheduled.message)}", True, pod.name)
    # Events outlive what they tell of: a sandbox that is up has all its volumes.
    if not pod.condition("PodReadyToStartContainers") and all(
        one.state == "waiting" for one in pod.containers
    ):
        yield from event_troubles(events, pod.name)


def causes_of_end(pod: PodFacts) -> Iterator[Trouble]:
    """Why a Pod that its controller has given up failed: every failure that was seen, be it the first one.

    The controller may take the Pod away before its last state has come here.
    """
    for container in pod.containers:
        last = container.last if container.last is not None and container.last.exit_code else None
        crash = container.crash or last
        if crash is not None and container.role is not Role.EPHEMERAL:
            yield _crash(pod, container, crash, heals=False)


def event_troubles(
    events: Iterable[Mapping[str, Any]], pod: str | None = None, after: float = 0.0
) -> Iterator[Trouble]:
    """Troubles that only events tell: volumes that do not mount, Pods that a quota or a policy refuses.

    after: the moment, in seconds since 1970, since when an event still counts. An event stays when its cause
    has gone, and a busy node fails once or twice in passing: only what happens again and again is a trouble.
    """
    latest: dict[str, Mapping[str, Any]] = {}
    times: Counter[str] = Counter()
    for event in events:
        if event.get("reason") in EVENT_TROUBLES and (unix_seconds(event_time(event)) or 0.0) >= after:
            latest[event["reason"]] = event
            times[event["reason"]] += event.get("count") or 1
    for reason, event in latest.items():
        if times[reason] < EVENT_TIMES:
            continue
        yield Trouble(reason, f"{plain(event.get('message'))} ({reason})", True, pod)


def _failed_pod(pod: PodFacts) -> Iterator[Trouble]:
    crashed = [(one, one.crash) for one in pod.containers if one.crash is not None]
    # The first that failed is the cause; those killed afterwards, as sidecars are, are its consequence.
    crashed.sort(key=lambda entry: (entry[0].role is Role.SIDECAR, entry[1].finished_at or ""))
    if pod.reason or not crashed:
        # Somebody else ended the Pod: its deadline, an eviction, its node.
        said = plain(pod.message) or "no reason is given"
        reason = f" ({pod.reason})" if pod.reason else ""
        victim = crashed[0][0] if crashed else None
        yield Trouble(
            pod.reason or "Failed",
            f"the Pod failed{reason}: {said}",
            False,
            pod.name,
            victim.name if victim else None,
            victim.role if victim else None,
        )
    for container, crash in crashed:
        yield _crash(pod, container, crash, heals=False)


def _container_troubles(pod: PodFacts, container: ContainerFacts) -> Iterator[Trouble]:
    crash = container.crash
    if crash is not None and (container.restarts >= 1 or not container.retried):
        # A first crash of a container that is started anew is no trouble yet; a repeated one is.
        yield _crash(pod, container, crash, heals=container.retried)
    elif _ends_for_ever(container):
        yield Trouble(
            "CrashLoopBackOff",
            f"{container.role.value} container {container.name} has run to its end {container.restarts + 1} times with"
            " exit code 0 and is restarted each time; let it stay up, or run it in a Job",
            True,
            pod.name,
            container.name,
            container.role,
            0,
        )
    elif container.state == "waiting" and container.reason in WAITING_TROUBLES:
        heals = WAITING_TROUBLES[container.reason]
        detail = plain(container.message)
        yield Trouble(
            "ImagePull" if container.reason in ("ErrImagePull", "ImagePullBackOff") else container.reason,
            f"{container.role.value} container {container.name} cannot start: {container.reason}"
            + (f": {detail}" if detail else ""),
            heals,
            pod.name,
            container.name,
            container.role,
        )


def _ends_for_ever(container: ContainerFacts) -> bool:
    """A command that ends well in a container that always restarts: the classic mistake of a first Pod."""
    ended = container.last is not None and container.last.exit_code == 0
    return ended and container.restarts >= 1 and container.reason == "CrashLoopBackOff"


def _crash(pod: PodFacts, container: ContainerFacts, crash: Termination, heals: bool) -> Trouble:
    failures = container.restarts + (container.state != "running")
    times = f" {failures} times, last" if failures > 1 else ""
    reason = crash.reason or "Error"
    said = f" ({reason})" if reason not in ("Error", "Completed") else ""
    message = plain(crash.message)
    return Trouble(
        reason if reason != "Completed" else "Error",
        f"{container.role.value} container {container.name} failed{times} with exit code {crash.exit_code}{said}"
        + (f": {message}" if message else ""),
        heals,
        pod.name,
        container.name,
        container.role,
        crash.exit_code,
    )


def plain(message: str | None) -> str:
    """A message on one line, of bearable length."""
    text = " ".join((message or "").split())
    return text if len(text) <= 400 else text[:399] + "…"
