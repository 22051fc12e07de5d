# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a Pod, which container it is about, and whether it may heal by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._pod.container import Role
from .facts import ContainerFacts, PodFacts, Termination


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
        yield Trouble("Unschedulable", f"no node takes it: {_plain(scheduled.message)}", True, pod.name)
    if not any(one.state != "waiting" for one in pod.containers):
        yield from event_troubles(events, pod.name)


def event_troubles(events: Iterable[Mapping[str, Any]], pod: str | None = None) -> Iterator[Trouble]:
    """Troubles that only events tell: volumes that do not mount, Pods that a quota or a policy refuses."""
    latest: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event.get("reason") in EVENT_TROUBLES:
            latest[event["reason"]] = event
    for reason, event in latest.items():
        yield Trouble(reason, f"{_plain(event.get('message'))} ({reason})", True, pod)


def _failed_pod(pod: PodFacts) -> Iterator[Trouble]:
    crashed = [one for one in pod.containers if one.crash is not None]
    # The first that failed is the cause; those killed afterwards are its consequence.
    crashed.sort(key=lambda one: (one.crash.finished_at if one.crash else None) or "")
    for container in crashed:
        if container.crash is not None:
            yield _crash(pod, container, container.crash, heals=False)
    if not crashed or pod.reason:
        yield Trouble(
            pod.reason or "Failed",
            f"the Pod failed: {_plain(pod.message) or pod.reason or 'no reason given'}",
            False,
            pod.name,
        )


def _container_troubles(pod: PodFacts, container: ContainerFacts) -> Iterator[Trouble]:
    crash = container.crash
    if crash is not None and _counts(pod, container):
        yield _crash(pod, container, crash, heals=True)
    elif container.state == "waiting" and container.reason in WAITING_TROUBLES:
        heals = WAITING_TROUBLES[container.reason]
        detail = _plain(container.message)
        yield Trouble(
            "ImagePull" if container.reason in ("ErrImagePull", "ImagePullBackOff") else container.reason,
            f"{container.role.value} container {container.name} cannot start: {container.reason}"
            + (f": {detail}" if detail else ""),
            heals,
            pod.name,
            container.name,
            container.role,
        )


def _counts(pod: PodFacts, container: ContainerFacts) -> bool:
    """A first crash of a container that will be restarted is no trouble yet; a repeated one is."""
    if container.restarts >= 1:
        return True
    restarts = container.role is Role.SIDECAR or pod.restart_policy != "Never"
    return not restarts


def _crash(pod: PodFacts, container: ContainerFacts, crash: Termination, heals: bool) -> Trouble:
    times = f" {container.restarts + 1} times, last" if container.restarts else ""
    reason = crash.reason or "Error"
    said = f" ({reason})" if reason not in ("Error", "Completed") else ""
    message = _plain(crash.message)
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


def _plain(message: str | None) -> str:
    """A message on one line, of bearable length."""
    text = " ".join((message or "").split())
    return text if len(text) <= 400 else text[:399] + "…"
