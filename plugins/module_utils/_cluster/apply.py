# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Server-side apply of a whole definition: everything is tried dry first, then everything is written."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from .._pod.comparison import fixed_fields, normalised
from .._pod.ownership import is_applied, owned_fields
from .._pod.template import is_workload
from .api import APPLY, Api
from .errors import ClusterError, Failure, NotAllowed, Refusal, explain, is_immutable
from .existing import Existing
from .resources import CRDS, NAMESPACES, QUOTAS, SERVICE_ACCOUNTS, Resource, Resources, UnknownKind
from .watch import PROGRESS_SECONDS, wait_until

FIELD_MANAGER = "podpatterns.core"
# The namespace in which an object is tried whose own namespace is still to be made.
STAND_IN_NAMESPACE = "default"
THREADS = 8
UNDO_SECONDS = 30
# Kinds of which every field can be changed in place, so that there is never a reason to make one anew.
CHANGED_IN_PLACE = frozenset(
    {
        "ConfigMap",
        "CronJob",
        "ClusterRole",
        "HorizontalPodAutoscaler",
        "Ingress",
        "LimitRange",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ResourceQuota",
        "Role",
        "ServiceAccount",
    }
)
# Kinds that take what they hold with them.
NEVER_RECREATED = frozenset(
    {"Namespace", "PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition"}
)

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Action(StrEnum):
    """What a run does, or in check mode would do, to an object."""

    CREATED = "created"
    UPDATED = "updated"
    RECREATED = "recreated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    ABSENT = "absent"


@dataclass(frozen=True)
class Target:
    """One object of the definition and where it goes. namespace is empty for cluster-wide kinds."""

    manifest: Mapping[str, Any]
    namespace: str

    @property
    def kind(self) -> str:
        """The manifest's kind."""
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.manifest["metadata"]["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Change:
    """What happens to one object.

    before is its state in the cluster (None where it is not there), after the state that the server says it
    will have. untried: the server cannot judge it before other objects of the definition exist.
    """

    target: Target
    resource: Resource | None
    action: Action
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    untried: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything is written."""
        return self.action not in (Action.UNCHANGED, Action.ABSENT)


@dataclass(frozen=True)
class Options:
    """How to apply. deadline is in monotonic seconds."""

    deadline: float
    recreate: bool = False
    force_conflicts: bool = False


@dataclass
class Applier:
    """Plans and writes the objects of one definition."""

    api: Api
    options: Options
    report: Callable[[str], None] = lambda _line: None
    resources: Resources = field(init=False)
    _existing: Existing = field(init=False)
    _awaited: dict[str, None] = field(init=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _reported: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.resources = Resources(self.api)
        self._existing = Existing(self.api)

    def place(self, manifests: Iterable[Mapping[str, Any]], namespace: str | None) -> list[Target]:
        """Each manifest with the namespace it goes to: its own, else the given one, else `default`."""
        targets = []
        manifests = list(manifests)
        for manifest in manifests:
            if manifest["kind"] == CRDS.kind:
                self.resources.expect(manifest)
        for manifest in manifests:
            try:
                namespaced = self.resources.of(manifest).namespaced
            except UnknownKind:
                coming = self.resources.coming(manifest)
                namespaced = coming is None or coming.namespaced
            own = manifest["metadata"].get("namespace")
            targets.append(Target(manifest, str(own or namespace or "default") if namespaced else ""))
        return targets

    def plan(self, targets: Sequence[Target], new_namespaces: set[str]) -> list[Change]:
        """What applying would do to each object. Raises Failure on the first refusal.

        The server's dry run tells, but for objects that the server's own record shows to be just so already.
        new_namespaces are those that do not exist yet and will be made before anything else.
        """
        self._existing.look_ahead(self._places(targets, new_namespaces))
        made_here = {(target.kind, target.name) for target in targets}
        return self._each(lambda target: self._plan_one(target, new_namespaces, made_here), targets)

    def apply(self, changes: Sequence[Change]) -> list[Change]:
        """Write what was planned, what others lean on first. On a failure, what this run created is removed again."""
        written: dict[int, Change] = {}
        try:
            for tier in range(_TIERS):
                mine = [
                    (index, change) for index, change in enumerate(changes) if _tier(change.target) == tier
                ]
                self._write_tier(mine, written)
        except ClusterError as error:
            left = self._undo(list(written.values()))
            if left:
                raise ClusterError(f"{error}; {left}") from error
            raise
        return [written[index] for index in range(len(changes))]

    def remove(self, targets: Sequence[Target], dry: bool) -> list[Change]:
        """Delete each object that exists, those who lean on others first, and wait until it is gone."""
        changes: dict[int, Change] = {}
        for tier in reversed(range(_TIERS)):
            mine = [index for index, target in enumerate(targets) if _tier(target) == tier]
            removed = self._each(lambda index: self._remove_one(targets[index], dry), mine)
            changes.update(zip(mine, removed, strict=True))
        return [changes[index] for index in range(len(targets))]

    def existing(self, target: Target) -> Mapping[str, Any] | None:
        """The object as it is in the cluster, None where it is not there."""
        resource = self.resources.of(target.manifest)
        try:
            return self._existing.take(resource, target.namespace, target.name)
        except ClusterError as error:
            raise self._failure("read", target, error) from error

    def missing_namespaces(self, targets: Sequence[Target]) -> set[str]:
        """Namespaces that objects go to and that do not exist, or not for much longer."""
        names = sorted({target.namespace for target in targets if target.namespace})
        found = self._each(self._namespace_exists, names)
        return {name for name, exists in zip(names, found, strict=True) if not exists}

    def _namespace_exists(self, name: str) -> bool:
        try:
            namespace = self.api.request("get", NAMESPACES.path(name=name))
        except NotAllowed:
            # Whoever may only work inside a namespace cannot look at it; the dry run will tell.
            return True
        except Refusal as error:
            if error.status == 404:
                return False
            raise
        return not _is_going(namespace)

    # --- planning -------------------------------------------------------------------------------

    def _places(self, targets: Iterable[Target], new_namespaces: set[str]) -> Iterator[tuple[Resource, str]]:
        for target in targets:
            with suppress(UnknownKind):
                if target.namespace not in new_namespaces:
                    yield self.resources.of(target.manifest), target.namespace

    def _plan_one(self, target: Target, new_namespaces: set[str], made_here: set[tuple[str, str]]) -> Change:
        try:
            resource = self.resources.of(target.manifest)
        except UnknownKind as error:
            coming = self.resources.coming(target.manifest)
            if coming is not None:
                return Change(target, coming, Action.CREATED, after=self._located(target), untried=True)
            raise self._failure("apply", target, error) from error
        stand_in = target.namespace in new_namespaces
        before = None if stand_in else self.existing(target)
        anew = before is not None and (_is_going(before) or (self.options.recreate and _has_failed(before)))
        if before is not None and not anew and is_applied(self._located(target), before, FIELD_MANAGER):
            return Change(target, resource, Action.UNCHANGED, before, before)
        try:
            after = (
                self._try_elsewhere(resource, target, STAND_IN_NAMESPACE)
                if stand_in
                else self._patch(resource, target, dry=True)
            )
        except Refusal as error:
            if before is not None and is_immutable(error):
                return self._plan_again(resource, target, before, error)
            if before is None and _leans_on(error, made_here):
                return Change(target, resource, Action.CREATED, after=self._located(target), untried=True)
            raise self._failure("apply" if before is None else "update", target, error, before) from error
        except ClusterError as error:
            raise self._failure("apply", target, error) from error
        if before is None:
            return Change(target, resource, Action.CREATED, after=after)
        if anew:
            return Change(target, resource, Action.RECREATED, before, after)
        return Change(
            target, resource, Action.UNCHANGED if _same(before, after) else Action.UPDATED, before, after
        )

    def _plan_again(
        self, resource: Resource, target: Target, before: Mapping[str, Any], error: Refusal
    ) -> Change:
        if not self.options.recreate or target.kind in NEVER_RECREATED:
            raise self._failure("update", target, error, before) from error
        try:
            tried = self._try_elsewhere(resource, target, target.namespace)
        except ClusterError as refused:
            raise self._failure("recreate", target, refused) from refused
        return Change(target, resource, Action.RECREATED, before, tried)

    def _try_elsewhere(self, resource: Resource, target: Target, namespace: str) -> dict[str, Any]:
        """What the object will be, where its namespace is still to be made or its predecessor is in the way.

        It is tried under a name of its own: a namesake must not get mixed into the answer.
        """
        spare = f"{target.name[:40].rstrip('-.')}-{secrets.token_hex(4)}"
        moved = Target(_with_metadata(target.manifest, name=spare), namespace)
        try:
            tried = self._patch(resource, moved, dry=True)
        except Refusal as error:
            raise error.renamed(spare, target.name) from error
        place = {"namespace": target.namespace} if target.namespace else {}
        return _with_metadata(tried, name=target.name, **place)

    def _patch(self, resource: Resource, target: Target, dry: bool) -> dict[str, Any]:
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        if dry:
            query["dryRun"] = "All"
        if self.options.force_conflicts:
            query["force"] = "true"
        return self.api.request(
            "patch",
            resource.path(target.namespace, target.name),
            query=query,
            body=self._located(target),
            content_type=APPLY,
        )

    @staticmethod
    def _located(target: Target) -> dict[str, Any]:
        return (
            _with_metadata(target.manifest, namespace=target.namespace)
            if target.namespace
            else dict(target.manifest)
        )

    # --- writing --------------------------------------------------------------------------------

    def _write_tier(self, planned: Sequence[tuple[int, Change]], written: dict[int, Change]) -> None:
        if not planned:
            return
        failures: list[ClusterError] = []

        def write(item: tuple[int, Change]) -> None:
            index, change = item
            try:
                written[index] = self._write(change)
            except ClusterError as error:
                failures.append(error)

        self._each(write, planned)
        if failures:
            raise failures[0]
        self._each(
            self._await_use,
            [
                change.target
                for _index, change in planned
                if change.action in (Action.CREATED, Action.RECREATED)
            ],
        )

    def _await_use(self, target: Target) -> None:
        """Wait until what others lean on does what they need it for."""
        if target.kind == "Namespace":
            # Pods are refused in a new namespace until its default service account is there.
            self._await(SERVICE_ACCOUNTS, target.name, "default", lambda account: account is not None)
        elif target.kind == "ResourceQuota":
            # Everything is refused under a quota whose use has not been counted yet.
            self._await(QUOTAS, target.namespace, target.name, _is_counted)
        elif target.kind == CRDS.kind:
            # Objects of a new kind are refused until the server has established it.
            self._await(CRDS, "", target.name, _is_established)
            self.resources.learn(target.manifest)

    def _write(self, change: Change) -> Change:
        if not change.changed:
            return change
        target = change.target
        try:
            resource = change.resource or self.resources.of(target.manifest)
            if change.action is Action.RECREATED and change.before is not None:
                self._delete(resource, target, change.before)
            after = self._patch(resource, target, dry=False)
        except ClusterError as error:
            raise self._failure("create" if change.before is None else "update", target, error) from error
        return replace(change, resource=resource, after=after)

    def _remove_one(self, target: Target, dry: bool) -> Change:
        try:
            resource = self.resources.of(target.manifest)
        except UnknownKind:
            # A kind that the server does not know has no objects to remove.
            return Change(target, None, Action.ABSENT)
        before = self.existing(target)
        if before is None:
            return Change(target, resource, Action.ABSENT)
        if not dry:
            self._delete(resource, target, before)
        return Change(target, resource, Action.DELETED, before)

    def _delete(self, resource: Resource, target: Target, before: Mapping[str, Any]) -> None:
        """Delete this very object and wait until it and what it owns are gone. Raises Failure."""
        uid = before["metadata"]["uid"]
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Foreground"}
        try:
            self.api.request("delete", resource.path(target.namespace, target.name), body=body)
            with self._waiting(f"{target} to be gone"):
                gone = wait_until(
                    self.api,
                    resource,
                    target.namespace,
                    target.name,
                    lambda item: item is None or item["metadata"]["uid"] != uid,
                    self.options.deadline,
                    self._tell,
                )
        except Refusal as error:
            if error.status in (
                404,
                409,
            ):  # gone, or a namesake of another uid is there: either way not ours any more
                return
            raise self._failure("delete", target, error) from error
        except ClusterError as error:
            raise self._failure("delete", target, error) from error
        if not gone:
            finalizers = ", ".join(before["metadata"].get("finalizers") or ()) or "none of its own"
            raise self._failure(
                "delete",
                target,
                ClusterError(f"it is still there at the end of the timeout (finalizers: {finalizers})"),
            )

    def _undo(self, written: Sequence[Change]) -> str:
        """Remove what was created; says what of it, and of what was changed, is still there."""
        api = self.api.until(time.monotonic() + UNDO_SECONDS)
        left = []
        for change in reversed(written):
            if change.action is Action.CREATED and change.resource is not None and change.after is not None:
                body = {
                    "preconditions": {"uid": change.after["metadata"]["uid"]},
                    "propagationPolicy": "Background",
                }
                try:
                    api.request(
                        "delete",
                        change.resource.path(change.target.namespace, change.target.name),
                        body=body,
                    )
                except ClusterError:
                    left.append(f"{change.target} was created and could not be removed again")
            elif change.changed:
                left.append(f"{change.target} has been {change.action.value} before and stays so")
        return "; ".join(left)

    def _await(
        self, resource: Resource, namespace: str, name: str, holds: Callable[[Mapping[str, Any] | None], bool]
    ) -> None:
        with self._waiting(f"{resource.kind} {namespace}/{name}" if namespace else f"{resource.kind} {name}"):
            try:
                there = wait_until(
                    self.api, resource, namespace, name, holds, self.options.deadline, self._tell
                )
            except NotAllowed:
                return  # who may not look cannot wait, and need not fail: the next request will tell
        if not there:
            raise Failure(
                "await", resource.kind, namespace, name, "it is not there at the end of the timeout"
            )

    @contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        with self._lock:
            self._awaited[what] = None
        try:
            yield
        finally:
            with self._lock:
                self._awaited.pop(what, None)

    def _tell(self) -> None:
        """Say what is waited for; several threads wait, and one line is enough for all."""
        now = time.monotonic()
        with self._lock:
            if now < self._reported + PROGRESS_SECONDS / 2:
                return
            self._reported = now
            waiting = list(self._awaited)
        more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
        self.report(f"waiting for {', '.join(waiting[:3])}{more}")

    # --- sentences ------------------------------------------------------------------------------

    def _failure(
        self, verb: str, target: Target, error: ClusterError, before: Mapping[str, Any] | None = None
    ) -> ClusterError:
        if isinstance(error, Failure):
            return error
        return Failure(verb, target.kind, target.namespace, target.name, self._reason(target, error, before))

    def _reason(self, target: Target, error: ClusterError, before: Mapping[str, Any] | None) -> str:
        if not isinstance(error, Refusal):
            return str(error)
        if error.status == 404 and f'namespaces "{target.namespace}" not found' in error.message:
            return (
                f"namespace is {target.namespace!r}, which does not exist; set create_namespace: true,"
                " put the Namespace into the definition, or correct the name"
            )
        if before is not None and is_immutable(error):
            return _immutable_reason(target, error, before)
        return explain(error, secret=target.kind == "Secret")

    @staticmethod
    def _each(function: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
        if len(items) < 2:
            return [function(item) for item in items]
        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            return list(pool.map(function, items))


# What comes first: namespaces, then CRDs, then what is checked when others are admitted, the rest, workloads.
_FIRST = (
    {"Namespace"},
    {"CustomResourceDefinition"},
    {
        *("ServiceAccount", "Role", "ClusterRole", "PriorityClass", "RuntimeClass", "StorageClass"),
        *("ResourceQuota", "LimitRange"),
    },
)
_TIERS = len(_FIRST) + 2


def _tier(target: Target) -> int:
    found = next((tier for tier, kinds in enumerate(_FIRST) if target.kind in kinds), None)
    if found is not None:
        return found
    return _TIERS - 1 if is_workload(target.manifest) else _TIERS - 2


def _is_going(item: Mapping[str, Any]) -> bool:
    return item["metadata"].get("deletionTimestamp") is not None


def _is_counted(quota: Mapping[str, Any] | None) -> bool:
    return bool(((quota or {}).get("status") or {}).get("hard"))


def _leans_on(error: Refusal, made_here: set[tuple[str, str]]) -> bool:
    """Whether the refusal is about another object of the same definition that is not there yet."""
    said = error.message.lower()
    return any(
        f'"{name.lower()}" not found' in said
        or f"no {kind.lower()} with name {name.lower()} was found" in said
        for kind, name in made_here
    )


def _is_established(crd: Mapping[str, Any] | None) -> bool:
    conditions = ((crd or {}).get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _has_failed(item: Mapping[str, Any]) -> bool:
    """A Pod or Job that has failed stays so for ever; only a new one can try again."""
    status = item.get("status") or {}
    if item["kind"] == "Pod":
        return bool(status.get("phase") == "Failed")
    return item["kind"] == "Job" and any(
        condition["type"] == "Failed" and condition["status"] == "True"
        for condition in status.get("conditions") or ()
    )


def _same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether applying would change nothing: neither the object nor which of its fields are ours."""
    ours = (owned_fields(item, FIELD_MANAGER) for item in (before, after))
    return normalised(before) == normalised(after) and next(ours) == next(ours)


def _with_metadata(manifest: Mapping[str, Any], **values: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], **values}}


def _immutable_reason(target: Target, error: Refusal, before: Mapping[str, Any]) -> str:
    fields = fixed_fields(target.manifest, before) or sorted(
        {str(cause.get("field")) for cause in error.causes}
    )
    what = ", ".join(fields) or "a field of the spec"
    if target.kind in NEVER_RECREATED:
        return (
            f"{what} cannot be changed in place, and recreate spares a {target.kind} for what is in it;"
            " give the new one another name"
        )
    return (
        f"{what} cannot be changed in place; set recreate: true to delete the {target.kind} and make it anew,"
        " or give the new one another name"
    )
