# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has been seen of a cluster so far: the latest state of each object, by uid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .events import event_time
from .facts import PodFacts, pod_facts
from .joining import with_events, with_states
from .timeline import Attempt, Seen, Timeline, attempts_in

REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class Workload:
    """An object that is waited for. uid is that of the very object applied: a namesake does not count."""

    kind: str
    namespace: str
    name: str
    uid: str
    goal: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass
class View:
    """Latest states by uid, and since when (monotonic seconds) each container has been in its state."""

    pods: dict[str, PodFacts] = field(default_factory=dict)
    controllers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    events: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    since: dict[tuple[str, str], tuple[str, int, float]] = field(default_factory=dict)
    attempts: dict[tuple[str, str], dict[int, Attempt]] = field(default_factory=dict)
    versions: dict[str, list[Seen]] = field(default_factory=dict)

    def put(self, item: Mapping[str, Any], now: float) -> None:
        """Take an object as it is now."""
        uid = item["metadata"]["uid"]
        if item["kind"] == "Event":
            about = (item.get("involvedObject") or {}).get("uid", "")
            self.events.setdefault(about, {})[uid] = item
        elif item["kind"] == "Pod":
            facts = pod_facts(item)
            if self.pods.get(uid) != facts:
                self.versions.setdefault(uid, []).append(Seen(now, facts))
            self.pods[uid] = facts
            for container in facts.containers:
                state, attempt, _moment = self.since.get((uid, container.name), ("", 0, now))
                if (state, attempt) != (container.state, container.restarts):
                    self.since[uid, container.name] = container.state, container.restarts, now
                known = self.attempts.setdefault((uid, container.name), {})
                known.update({attempt.number: attempt for attempt in attempts_in(container)})
        else:
            self.controllers[uid] = item

    def remove(self, item: Mapping[str, Any]) -> None:
        """Take note that an object is gone; what its last state said is kept for the report."""
        self._lose({item["metadata"]["uid"]})

    def replace(self, kind: str, namespace: str, items: Iterable[Mapping[str, Any]], now: float) -> None:
        """Take a whole list: what was known of this kind and is not in it is gone."""
        uids = set()
        for item in items:
            self.put(item, now)
            uids.add(item["metadata"]["uid"])
        if kind == "Pod":
            known = {uid for uid, pod in self.pods.items() if pod.namespace == namespace}
        else:
            known = {
                uid
                for uid, item in self.controllers.items()
                if item["kind"] == kind and item["metadata"].get("namespace", "") == namespace
            }
        self._lose(known - uids)

    def _lose(self, uids: set[str]) -> None:
        self.gone |= uids
        for uid in uids & self.pods.keys():
            self.pods[uid] = replace(self.pods[uid], deleting=True)

    def events_about(self, uid: str) -> list[Mapping[str, Any]]:
        """Events about one object, the oldest first."""
        return sorted(self.events.get(uid, {}).values(), key=event_time)

    def timeline(self, pod: PodFacts) -> Timeline:
        """Every attempt of every container of the Pod that was seen, first to last, with what events tell of them."""
        attempts = {
            container.name: tuple(attempt for _number, attempt in sorted(found.items()))
            for container in pod.containers
            if (found := self.attempts.get((pod.uid, container.name)))
        }
        seen = Timeline(pod, attempts, tuple(self.versions.get(pod.uid, ())))
        return with_events(with_states(seen), self.events_about(pod.uid))

    def living(self, uid: str) -> Mapping[str, Any] | None:
        """A controller's latest state, None where it has not been seen or is gone."""
        return None if uid in self.gone else self.controllers.get(uid)

    def pods_of(self, workload: Workload) -> list[PodFacts]:
        """The Pods that the workload's present template made and that still exist, oldest first.

        Those of a Job count even when they are gone: a Job that fails may delete the very Pod that tells why.
        """
        if workload.kind == "Pod":
            pod = self.pods.get(workload.uid)
            return [pod] if pod is not None else []
        owners, revision = self._owners(workload)
        found = [
            pod
            for uid, pod in self.pods.items()
            if pod.owner_uid in owners
            and (workload.kind == "Job" or uid not in self.gone)
            and revision.items() <= pod.labels.items()
        ]
        return sorted(found, key=lambda pod: (pod.created_at or "", pod.name))

    def owned(self, kind: str, owner_uid: str) -> Iterator[Mapping[str, Any]]:
        """Objects of a kind that one other object controls and that still exist."""
        for uid, item in self.controllers.items():
            if item["kind"] == kind and uid not in self.gone and _owner(item) == owner_uid:
                yield item

    def _owners(self, workload: Workload) -> tuple[set[str], dict[str, str]]:
        """The uids that own the present Pods, and the labels that tell these from those of older templates."""
        if workload.kind == "Deployment":
            deployment = self.controllers.get(workload.uid) or {}
            revision = _annotations(deployment).get(REVISION)
            sets = self.owned("ReplicaSet", workload.uid)
            return {
                item["metadata"]["uid"]
                for item in sets
                if revision and _annotations(item).get(REVISION) == revision
            }, {}
        if workload.kind == "CronJob":
            return {job["metadata"]["uid"] for job in self.owned("Job", workload.uid)}, {}
        item = self.controllers.get(workload.uid) or {}
        labels: dict[str, str] = {}
        if keeps_old_pods(item):
            return {workload.uid}, labels
        if workload.kind == "StatefulSet" and (item.get("status") or {}).get("updateRevision"):
            labels["controller-revision-hash"] = item["status"]["updateRevision"]
        if workload.kind == "DaemonSet":
            generation = _annotations(item).get("deprecated.daemonset.template.generation")
            if generation:
                labels["pod-template-generation"] = generation
        return {workload.uid}, labels


def keeps_old_pods(controller: Mapping[str, Any]) -> bool:
    """Whether a StatefulSet or DaemonSet leaves Pods of older templates alone, so that they are its Pods too."""
    strategy = (controller.get("spec") or {}).get("updateStrategy") or {}
    return strategy.get("type") == "OnDelete" or bool((strategy.get("rollingUpdate") or {}).get("partition"))


def _owner(item: Mapping[str, Any]) -> str | None:
    references = item["metadata"].get("ownerReferences") or ()
    return next((reference["uid"] for reference in references if reference.get("controller")), None)


def _annotations(item: Mapping[str, Any]) -> Mapping[str, str]:
    return (item.get("metadata") or {}).get("annotations") or {}
