"""What is seen of the namespaces of a run: one watch a namespace, for all who wait in it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import (
    BY_KIND,
    EVENTS,
    JOBS,
    REPLICA_SETS,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.watch import (
    PROGRESS_SECONDS,
    Broken,
    Changed,
    Collection,
    Listed,
    News,
    Watch,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.joining import with_states
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View, Workload


class Missed(Exception):
    """Something that a scene needs did not come; the text says what, and how things stand instead."""


class Stage:
    """All that is seen of one namespace, for many who wait. Use as a context manager; leaving it ends every wait."""

    def __init__(self, api: Api, namespace: str, kinds: Iterable[str]) -> None:
        self.namespace = namespace
        self.view = View()
        self._changed = threading.Condition()
        self._closing = False
        self._ends: list[Callable[[], None]] = []
        self._broken: ClusterError | None = None
        self._watch = Watch(api, _collections(namespace, set(kinds)))
        self._thread = threading.Thread(target=self._follow, daemon=True, name=f"stage {namespace}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        with self._changed:
            self._closing = True
            for end in self._ends:
                end()
            self._changed.notify_all()

    @property
    def over(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._closing

    def wait(
        self,
        holds: Callable[[View], bool],
        deadline: float,
        what: Callable[[View], str],
        wake: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """Wait until it holds. Raises Missed, with `what` did not come, where it does not before the deadline.

        wake: when, in monotonic seconds, to look again though nothing was heard.
        """
        with self._changed:
            while not holds(self.view):
                left = deadline - time.monotonic()
                if self._closing:
                    raise Missed(f"{what(self.view)}: the run was ended")
                if self._broken is not None:
                    raise Missed(f"{what(self.view)}: {self._broken}")
                if left <= 0:
                    raise Missed(f"{what(self.view)}, and its time is over")
                self._changed.wait(min(left, max(wake() - time.monotonic(), 0.0)))

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Call this where the stage is left before the block is."""
        with self._changed:
            self._ends.append(end)
            if self._closing:
                end()
        try:
            yield
        finally:
            with self._changed:
                self._ends.remove(end)

    def timelines(self, workloads: Iterable[Workload]) -> tuple[Timeline, ...]:
        """The timelines of the workloads' Pods, as far as seen."""
        with self._changed:
            return tuple(self.view.timeline(pod) for one in workloads for pod in pods_made(self.view, one))

    def with_states_of(self, timeline: Timeline) -> Timeline:
        """The timeline with what was seen of its Pod before the state that it is of."""
        uid = timeline.pod.uid
        with self._changed:
            seen = self.view.timeline(self.view.pods[uid]) if uid in self.view.pods else timeline
        attempts = {name: {one.number: one for one in found} for name, found in seen.attempts.items()}
        for name, found in timeline.attempts.items():
            attempts.setdefault(name, {}).update({one.number: one for one in found})
        joined = {
            name: tuple(one for _number, one in sorted(found.items())) for name, found in attempts.items()
        }
        versions = (*seen.versions, *timeline.versions)
        return with_states(replace(timeline, attempts=joined, versions=versions))

    def states(self, workloads: Iterable[Workload]) -> dict[str, Mapping[str, Any]]:
        """The last state of each workload that is no Pod, empty where none was seen."""
        with self._changed:
            ours = [one for one in workloads if one.kind != "Pod"]
            return {one.name: self.view.controllers.get(one.uid, {}) for one in ours}

    def _follow(self) -> None:
        with self._watch as watch:
            while not self._closing:
                if found := watch.next(PROGRESS_SECONDS):
                    with self._changed:
                        for news in found:
                            self._take(news)
                        self._changed.notify_all()

    def _take(self, news: News) -> None:
        now = time.monotonic()
        if isinstance(news, Listed):
            self.view.replace(news.resource.kind, news.namespace, news.items, now)
        elif isinstance(news, Changed):
            if news.gone:
                self.view.put(news.item, now)  # its end may be in its last state alone
                self.view.remove(news.item)
            else:
                self.view.put(news.item, now)
        elif isinstance(news, Broken) and news.final and news.resource is not EVENTS:
            self._broken = news.error


def pods_made(view: View, workload: Workload) -> list[PodFacts]:
    """Every Pod that was ever seen of the workload, by the label that its template gives them, the first seen first."""
    if workload.kind == "Pod":
        return view.pods_of(workload)
    found = [pod for pod in view.pods.values() if pod.labels.get("pod") == workload.name]
    return sorted(found, key=lambda pod: view.versions[pod.uid][0].at)


def _collections(namespace: str, kinds: set[str]) -> list[Collection]:
    resources = [BY_KIND[kind] for kind in sorted({"Pod", *kinds})]
    resources += [REPLICA_SETS] if "Deployment" in kinds and "ReplicaSet" not in kinds else []
    resources += [JOBS] if "CronJob" in kinds and "Job" not in kinds else []
    return [Collection(one, namespace) for one in (EVENTS, *resources)]
