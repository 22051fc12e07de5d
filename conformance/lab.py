"""Runs scenes in namespaces of its own, all of an area side by side, and removes them again.

It takes the road of the modules: `_run.run` applies and watches, and the timelines are those of its outcome.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotConnected,
)
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run
from conformance.acting import Performance, Stage, kept, release, with_finalizer
from conformance.asking import asked
from conformance.claims import Life
from conformance.evidence import Witness, continued
from conformance.needs import unmet
from conformance.pods import Manifest, Scene, dressed
from conformance.script import WILL

LABEL = "podpatterns.core/conformance"
ENFORCE = "pod-security.kubernetes.io/enforce"
THREADS = 8
# How many scenes with deeds are under way at once in a namespace.
ACTORS = 24
# How long to leave a server alone that could not delete something just now.
PAUSE_SECONDS = 2.0

In = TypeVar("In")
Out = TypeVar("Out")
Report = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What the user may choose. timeout_factor stretches every deadline and every window for a slow cluster."""

    image: str = "busybox"
    timeout_factor: float = 1.0
    kubeconfig: str | None = None
    context: str | None = None

    @property
    def timeout(self) -> float:
        """Seconds for the scenes of one area."""
        return 300.0 * self.timeout_factor

    @property
    def patience(self) -> int:
        """Seconds that a container waits for what must come."""
        return math.ceil(120 * self.timeout_factor)

    @property
    def window(self) -> int:
        """Seconds that a container gives to what must not come."""
        return math.ceil(3 * self.timeout_factor)


@dataclass(frozen=True)
class Batch:
    """Scenes that one run can hold: the same namespace, the same goal, the same grace. acted: each has its deeds."""

    namespace: str
    title: str
    goal: str = "auto"
    grace: float = 0.0
    in_two_parts: bool = False
    acted: bool = False


@dataclass
class Lab:
    """One run of the suite on one cluster. run_id is in the name and the label of all it makes."""

    api: Api
    settings: Settings
    run_id: str
    report: Report
    namespaces: list[str] = field(default_factory=list)
    _needs: dict[str, str] = field(default_factory=dict)
    _removers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=THREADS))
    _leaving: list[Future[str]] = field(default_factory=list)

    @property
    def witness(self) -> Witness:
        """Who gathers the evidence."""
        return Witness(self.api, self.settings.kubeconfig, self.settings.context)

    def unmet(self, needs: Iterable[str]) -> str:
        """Which of the needs this cluster does not meet, and why, as it says when asked; empty where it meets all."""
        for need in needs:
            if need not in self._needs:
                self._needs[need] = unmet(self.api, need)
            if self._needs[need]:
                return f"{need} is needed, but {self._needs[need]}"
        return ""

    def lives(self, area: str, scenes: Sequence[Scene]) -> dict[str, Life]:
        """Run the scenes side by side; the evidence of each by the scene's name."""
        asked = [one for one in scenes if one.dry]
        batches: dict[Batch, list[Scene]] = {}
        for one in scenes:
            if not one.dry:
                batches.setdefault(self._batch(area, one), []).append(one)
        try:
            self._make({batch.namespace: found[0].restricted for batch, found in batches.items()})
        except ClusterError as error:
            return {one.name: Life(shortfall=str(error)) for one in scenes}
        found = {one.name: self._ask(one) for one in asked}
        with ExitStack() as stages:
            parts: list[Callable[[], dict[str, Life]]] = []
            for batch, played in batches.items():
                if batch.acted:
                    kinds = {str(pod["kind"]) for one in played for pod in one.pods}
                    stage = stages.enter_context(Stage(self.api, batch.namespace, kinds))
                    parts.append(partial(self._act, batch, stage, played))
                else:
                    parts.append(partial(self._play, batch, played))
            for lives in side_by_side(lambda part: part(), parts, len(parts)):
                found.update(lives)
        return found

    def _batch(self, area: str, one: Scene) -> Batch:
        kind = one.alone or ("" if one.restricted else "open")
        name = "-".join(part for part in ("conf", self.run_id, area.replace(" ", "-"), kind) if part)
        title = f"{area}, {one.alone}" if one.alone else area
        if one.deeds:
            return Batch(name, title, acted=True)
        return Batch(name, title, one.goal, one.grace, bool(one.then))

    def _make(self, namespaces: Mapping[str, bool]) -> None:
        if namespaces:
            self.namespaces += namespaces
            manifests = [self._namespace(name, restricted) for name, restricted in namespaces.items()]
            run(self.api, Request(manifests, timeout=self.settings.timeout))

    def _namespace(self, name: str, restricted: bool = True) -> dict[str, Any]:
        level = "restricted" if restricted else "privileged"
        labels = {LABEL: self.run_id, ENFORCE: level}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}

    # --- scenes ---------------------------------------------------------------------------------

    def _ask(self, one: Scene) -> Life:
        """What the server answers to a scene that it is only asked about."""
        return asked(self.api, self._manifests([one]))

    def _play(self, batch: Batch, scenes: Sequence[Scene]) -> dict[str, Life]:
        try:
            first = self._part(
                batch, scenes, self._manifests(scenes), batch.grace * self.settings.timeout_factor
            )
            if not batch.in_two_parts:
                return first
            more = [manifest for one in scenes for manifest in one.then]
            # The trouble that the first part ran into may take its time to heal.
            grace = self.settings.timeout
            second = self._part(batch, scenes, [*self._manifests(scenes), *more], grace)
        except (ClusterError, BadDefinition) as error:
            if len(scenes) == 1 or isinstance(error, NotConnected):
                return {one.name: Life(shortfall=str(error)) for one in scenes}
            # One object of the batch is refused, and so nothing is applied: the others shall not miss their turn.
            return self._play_one_by_one(batch, scenes)
        return {name: continued(first[name], life) for name, life in second.items()}

    def _play_one_by_one(self, batch: Batch, scenes: Sequence[Scene]) -> dict[str, Life]:
        found: dict[str, Life] = {}
        for lives in side_by_side(lambda one: self._play(batch, [one]), scenes):
            found.update(lives)
        return found

    def _act(self, batch: Batch, stage: Stage, scenes: Sequence[Scene]) -> dict[str, Life]:
        """Scenes with deeds, each of them at its own pace."""
        over: list[str] = []

        def act(one: Scene) -> Life:
            deadline = time.monotonic() + self.settings.timeout
            prepare = partial(self._prepared, one)
            performance = Performance(self.api, stage, self.witness, one, self._clothed, prepare, deadline)
            life = performance.life(self._manifests([one]))
            over.append(one.name)
            self.report(f"{batch.title}: {one.name} is over, {len(over)} of {len(scenes)}")
            return life

        lives = side_by_side(act, scenes, ACTORS)
        return {one.name: life for one, life in zip(scenes, lives, strict=True)}

    def _part(
        self, batch: Batch, scenes: Sequence[Scene], manifests: Sequence[Manifest], grace: float
    ) -> dict[str, Life]:
        request = Request(
            manifests,
            namespace=batch.namespace,
            goal=batch.goal,
            timeout=self.settings.timeout,
            grace=grace,
            log_lines=0,
            to_the_end=True,
        )
        outcome = run(self.api, request, lambda line: self.report(f"{batch.title}: {line}"))
        by_pod = {result.workload.name: result for result in outcome.results}
        lives = side_by_side(
            lambda one: self.witness.life(one, [by_pod[name] for name in _names(one)]), scenes
        )
        return {one.name: life for one, life in zip(scenes, lives, strict=True)}

    def _manifests(self, scenes: Iterable[Scene]) -> list[dict[str, Any]]:
        return [self._prepared(one, manifest) for one in scenes for manifest in one.manifests]

    def _prepared(self, one: Scene, manifest: Manifest) -> dict[str, Any]:
        if one.alone:
            return dict(manifest)  # somebody else's, to be run as it is
        is_kept = manifest["kind"] == "Pod" and manifest["metadata"]["name"] in kept(one)
        leaves_will = is_kept or (bool(one.deeds) and manifest["kind"] != "Pod")
        clothed = self._clothed(manifest, **({"WILL": WILL} if leaves_will else {}))
        labels = {**clothed["metadata"].get("labels", {}), LABEL: self.run_id}
        labelled = {**clothed, "metadata": {**clothed["metadata"], "labels": labels}}
        return with_finalizer(labelled) if is_kept else labelled

    def _clothed(self, manifest: Manifest, **more: str) -> dict[str, Any]:
        settings = self.settings
        return dressed(manifest, settings.image, settings.patience, settings.window, **more)

    # --- the end --------------------------------------------------------------------------------

    def leave(self) -> None:
        """Begin to delete every namespace that was made, with all that is in it."""
        self._leaving += [self._removers.submit(self._remove, one) for one in self.namespaces]
        self.namespaces.clear()

    def close(self) -> None:
        """Wait until all that was made is gone, and tell what stays behind."""
        self.leave()
        for removal in self._leaving:
            if problem := removal.result():
                self.report(problem)
        self._removers.shutdown()

    def _remove(self, namespace: str) -> str:
        """Try until the deadline: a server that is away for a while must not be left with what we made."""
        deadline = time.monotonic() + self.settings.timeout
        while True:
            left = deadline - time.monotonic()
            request = Request([self._namespace(namespace)], present=False, timeout=max(left, 1.0))
            try:
                release(self.api, namespace)
                run(self.api, request)
            except ClusterError as error:
                if left < PAUSE_SECONDS:
                    return f"namespace {namespace} stays behind: {error}"
                threading.Event().wait(PAUSE_SECONDS)  # for the server's sake
            else:
                return ""


def _names(one: Scene) -> list[str]:
    return [pod["metadata"]["name"] for pod in one.pods]


def side_by_side(function: Callable[[In], Out], items: Sequence[In], threads: int = THREADS) -> list[Out]:
    """The function's results for all items. Who interrupts it does not wait for what is under way."""
    pool = ThreadPoolExecutor(max_workers=max(threads, 1))
    try:
        return list(pool.map(function, items))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
