# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one Pod's status says of the Pod and of each of its containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._pod.container import STATUS_LISTS, Role, containers


@dataclass(frozen=True)
class Termination:
    """How a container ended. Times are the API's own stamps, whole seconds, or None."""

    exit_code: int
    reason: str | None
    message: str | None
    started_at: str | None
    finished_at: str | None


# Where Kubernetes puts the token of a Pod's account.
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True)
class Mount:
    """A volume in a container; sub_path is the part of it that is mounted, empty for all."""

    volume: str
    path: str
    sub_path: str = ""

    @property
    def token(self) -> bool:
        """Whether it is the token of the Pod's account, which every container gets unasked."""
        return self.path == TOKEN_PATH

    def meets(self, other: Mount) -> bool:
        """Whether some file of the volume is in both mounts."""
        one, two = (f"{mount.sub_path.strip('/')}/".lstrip("/") for mount in (self, other))
        return self.volume == other.volume and (one.startswith(two) or two.startswith(one))


@dataclass(frozen=True)
class ContainerFacts:
    """One container of one Pod, as the status tells it; its mounts are those of the spec.

    state: waiting, running or terminated. `last` is the attempt before the present one, if any.
    retried: whether the kubelet starts it anew after a failure, so far as its restart policies tell.
    """

    name: str
    role: Role
    retried: bool = True
    state: str = "waiting"
    started: bool = False
    ready: bool = False
    restarts: int = 0
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    image: str | None = None
    image_id: str | None = None
    container_id: str | None = None
    last: Termination | None = None
    mounts: tuple[Mount, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Ran to its end and exited 0."""
        return self.state == "terminated" and self.exit_code == 0

    @property
    def crash(self) -> Termination | None:
        """The failed attempt that matters now: the present one, or the last one while it waits for the next."""
        if self.state == "terminated" and self.exit_code not in (None, 0):
            return Termination(
                self.exit_code or 0, self.reason, self.message, self.started_at, self.finished_at
            )
        if self.state == "waiting" and self.last is not None and self.last.exit_code != 0:
            return self.last
        return None


@dataclass(frozen=True)
class Condition:
    """One condition of a status."""

    type: str
    status: str
    reason: str | None
    message: str | None
    since: str | None

    @property
    def true(self) -> bool:
        """Whether the status is True."""
        return self.status == "True"


@dataclass(frozen=True)
class PodFacts:
    """One Pod, as its status tells it."""

    name: str
    namespace: str
    uid: str
    phase: str
    created_at: str | None
    restart_policy: str
    start_time: str | None = None
    reason: str | None = None
    message: str | None = None
    node: str | None = None
    deleting: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    owner_uid: str | None = None
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    containers: tuple[ContainerFacts, ...] = ()

    def having(self, *roles: Role) -> tuple[ContainerFacts, ...]:
        """The containers of these roles, in the order of the spec."""
        return tuple(one for one in self.containers if one.role in roles)

    def condition(self, name: str) -> bool:
        """Whether the condition is there and True."""
        found = self.conditions.get(name)
        return found is not None and found.true

    @property
    def initialized(self) -> bool:
        """Every init container has succeeded and every sidecar of the list has started."""
        inits_done = all(one.succeeded for one in self.having(Role.INIT))
        return self.condition("Initialized") or (inits_done and self.phase in ("Running", "Succeeded"))

    @property
    def started(self) -> bool:
        """Initialized, and every app container and sidecar has started (or already ended well)."""
        alive = self.having(Role.SIDECAR, Role.APP)
        return self.initialized and all(one.started or one.succeeded for one in alive)

    @property
    def ready(self) -> bool:
        """The Pod's own Ready condition."""
        return self.condition("Ready") and not self.deleting

    @property
    def completed(self) -> bool:
        """The Pod has succeeded."""
        return self.phase == "Succeeded"


def conditions_of(status: Mapping[str, Any]) -> dict[str, Condition]:
    """The conditions of any status by their type."""
    return {
        entry["type"]: Condition(
            entry["type"],
            entry.get("status", "Unknown"),
            entry.get("reason"),
            entry.get("message"),
            entry.get("lastTransitionTime"),
        )
        for entry in status.get("conditions") or ()
    }


def pod_facts(pod: Mapping[str, Any]) -> PodFacts:
    """Facts from a Pod object as the API returns it; a status that is not there yet is a Pod that waits."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    spec = pod.get("spec") or {}
    references = metadata.get("ownerReferences") or ()
    return PodFacts(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        uid=metadata.get("uid", ""),
        phase=status.get("phase", "Pending"),
        created_at=metadata.get("creationTimestamp"),
        restart_policy=spec.get("restartPolicy", "Always"),
        start_time=status.get("startTime"),
        reason=status.get("reason"),
        message=status.get("message"),
        node=spec.get("nodeName"),
        deleting=metadata.get("deletionTimestamp") is not None,
        labels=metadata.get("labels") or {},
        owner_uid=next((one["uid"] for one in references if one.get("controller")), None),
        conditions=conditions_of(status),
        containers=tuple(_containers(spec, status)),
    )


def _containers(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[ContainerFacts]:
    seen = {
        spec_list: {entry["name"]: entry for entry in status.get(status_list) or ()}
        for spec_list, status_list in STATUS_LISTS.items()
    }
    for container in containers(spec):
        entry = seen[container.spec_list].get(container.name)
        facts = _container(container.name, container.role, _retried(container.spec, spec), entry or {})
        yield replace(facts, mounts=tuple(_mounts(container.spec)))


def _mounts(container: Mapping[str, Any]) -> Iterator[Mount]:
    for one in container.get("volumeMounts") or ():
        part = one.get("subPath") or one.get("subPathExpr") or ""
        yield Mount(one.get("name", ""), one.get("mountPath", ""), part)


def _retried(container: Mapping[str, Any], pod_spec: Mapping[str, Any]) -> bool:
    """A container's own policy comes before the Pod's, and rules by exit code before both."""
    policy = container.get("restartPolicy") or pod_spec.get("restartPolicy", "Always")
    return policy != "Never" or bool(container.get("restartPolicyRules"))


def _container(name: str, role: Role, retried: bool, entry: Mapping[str, Any]) -> ContainerFacts:
    state, detail = _state(entry.get("state"))
    last_state, last_detail = _state(entry.get("lastState"))
    return ContainerFacts(
        name=name,
        role=role,
        retried=retried,
        state=state,
        # A plain init container's `started` falls back to false at its end; that it ran is in its state.
        started=bool(entry.get("started")),
        ready=bool(entry.get("ready")),
        restarts=entry.get("restartCount", 0),
        exit_code=detail.get("exitCode"),
        reason=detail.get("reason"),
        message=detail.get("message"),
        started_at=_started_at(detail),
        finished_at=detail.get("finishedAt"),
        image=entry.get("image"),
        image_id=entry.get("imageID") or None,
        container_id=entry.get("containerID"),
        last=_termination(last_detail) if last_state == "terminated" else None,
    )


def _started_at(detail: Mapping[str, Any]) -> str | None:
    """When it started; a container that the runtime could not start has the beginning of the clock for it."""
    stamp = detail.get("startedAt")
    return None if stamp is None or stamp.startswith("1970-01-01T00:00:00") else str(stamp)


def _state(state: Mapping[str, Any] | None) -> tuple[str, Mapping[str, Any]]:
    for name, detail in (state or {}).items():
        return name, detail or {}
    return "waiting", {}


def _termination(detail: Mapping[str, Any]) -> Termination:
    return Termination(
        exit_code=detail.get("exitCode", 0),
        reason=detail.get("reason"),
        message=detail.get("message"),
        started_at=_started_at(detail),
        finished_at=detail.get("finishedAt"),
    )
