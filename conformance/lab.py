"""Runs scenes in namespaces of its own, all of an area side by side, and gathers what they left as evidence.

It takes the road of the modules: `_run.run` applies and watches, the timelines are those of its outcome, and
logs are read through `_cluster.logs`.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import testinfra

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.logs import log_lines
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import Verdict as Standing
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import Line, lines_of
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition
from ansible_collections.podpatterns.core.plugins.module_utils._run import Outcome, Request, Result, run
from conformance.claims import Life
from conformance.pods import Look, Manifest, Scene, dressed

LABEL = "podpatterns.core/conformance"
ENFORCE = "pod-security.kubernetes.io/enforce"
READERS = 8

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
        return 240.0 * self.timeout_factor

    @property
    def patience(self) -> int:
        """Seconds that a container waits for what must come."""
        return math.ceil(60 * self.timeout_factor)

    @property
    def window(self) -> int:
        """Seconds that a container gives to what must not come."""
        return math.ceil(3 * self.timeout_factor)


@dataclass
class Lab:
    """One run of the suite on one cluster. run_id is in the name and the label of all it makes."""

    api: Api
    settings: Settings
    run_id: str
    report: Report
    namespaces: list[str] = field(default_factory=list)
    _removers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=READERS))
    _leaving: list[Future[str]] = field(default_factory=list)

    def lives(self, area: str, scenes: Sequence[Scene]) -> dict[str, Life]:
        """Run the scenes side by side; the evidence of each by the scene's name."""
        batches: dict[tuple[str, str, float], list[Scene]] = {}
        needed: dict[str, bool] = {}
        for one in scenes:
            namespace = self.namespace(area, one)
            needed[namespace] = one.restricted
            batches.setdefault((namespace, one.goal, one.grace), []).append(one)
        self._make(needed)
        with ThreadPoolExecutor(max_workers=len(batches) or 1) as pool:
            done = pool.map(lambda batch: self._batch(area, batch[0][0], batch[1]), batches.items())
            return {name: life for lives in done for name, life in lives.items()}

    def namespace(self, area: str, one: Scene) -> str:
        """The namespace of a scene: one of its own, or that of all restricted or all other ones of the area."""
        kind = one.alone or ("" if one.restricted else "open")
        return "-".join(part for part in ("conf", self.run_id, area.replace(" ", "-"), kind) if part)

    def _make(self, namespaces: Mapping[str, bool]) -> None:
        self.namespaces += namespaces
        manifests = [_namespace(name, self.run_id, restricted) for name, restricted in namespaces.items()]
        run(self.api, Request(manifests, timeout=self.settings.timeout))

    def _batch(self, area: str, namespace: str, scenes: Sequence[Scene]) -> dict[str, Life]:
        try:
            outcome = self._run(area, namespace, scenes)
        except (ClusterError, BadDefinition) as error:
            return {one.name: Life(shortfall=str(error)) for one in scenes}
        by_pod = {result.workload.name: result for result in outcome.results}
        jobs = [(one, [by_pod[pod["metadata"]["name"]] for pod in one.pods]) for one in scenes]
        with ThreadPoolExecutor(max_workers=READERS) as pool:
            lives = pool.map(lambda job: self._life(namespace, *job), jobs)
            return {one.name: life for one, life in zip(scenes, lives, strict=True)}

    def _run(self, area: str, namespace: str, scenes: Sequence[Scene]) -> Outcome:
        settings = self.settings
        manifests = [self._prepared(one, manifest) for one in scenes for manifest in one.manifests]
        request = Request(
            manifests,
            namespace=namespace,
            goal=scenes[0].goal,
            timeout=settings.timeout,
            grace=scenes[0].grace * settings.timeout_factor,
            log_lines=0,
            to_the_end=True,
        )
        title = f"{area}, {scenes[0].alone}" if scenes[0].alone else area
        return run(self.api, request, lambda line: self.report(f"{title}: {line}"))

    def _prepared(self, one: Scene, manifest: Manifest) -> dict[str, Any]:
        if one.alone:
            return dict(manifest)  # somebody else's, to be run as it is
        settings = self.settings
        clothed = dressed(manifest, settings.image, settings.patience, settings.window)
        labels = {**clothed["metadata"].get("labels", {}), LABEL: self.run_id}
        return {**clothed, "metadata": {**clothed["metadata"], "labels": labels}}

    # --- evidence -------------------------------------------------------------------------------

    def _life(self, namespace: str, scene: Scene, results: Sequence[Result]) -> Life:
        timelines = tuple(
            replace(timeline, lines=tuple(self._lines(timeline)))
            for result in results
            for timeline in result.timelines
        )
        short = [result for result in results if result.standing.verdict is not Standing.DONE]
        shortfall = "" if scene.stuck else "; ".join(_shortfall(result) for result in short)
        looked = {} if short else dict(self._looks(namespace, scene))
        return Life(timelines, looked, shortfall)

    def _lines(self, timeline: Timeline) -> Iterator[Line]:
        pod = timeline.pod
        for container in pod.containers:
            if container.last is not None:
                number = container.restarts - (0 if container.state == "waiting" else 1)
                yield from self._log(pod.namespace, pod.name, container.name, number, previous=True)
            if container.state != "waiting":
                yield from self._log(pod.namespace, pod.name, container.name, container.restarts)

    def _log(
        self, namespace: str, pod: str, container: str, attempt: int, previous: bool = False
    ) -> Iterable[Line]:
        try:
            log = log_lines(self.api, namespace, pod, container, previous=previous, timestamps=True)
        except ClusterError:
            return ()  # a log that is gone is a gap in the evidence, and claims say so
        return lines_of(container, attempt, log)

    def _looks(self, namespace: str, scene: Scene) -> Iterator[tuple[str, str]]:
        if not can_look():
            return
        pod = scene.pods[0]["metadata"]["name"]
        for name, look in scene.looks.items():
            yield name, self._look(namespace, pod, look)

    def _look(self, namespace: str, pod: str, look: Look) -> str:
        settings = self.settings
        given = {"kubeconfig": settings.kubeconfig, "context": settings.context}
        options = "".join(f"&{key}={value}" for key, value in given.items() if value)
        address = f"kubectl://{pod}?container={look.container}&namespace={namespace}{options}"
        result = testinfra.get_host(address).run(look.command)
        return str(result.stdout if result.succeeded else result.stderr)

    # --- the end --------------------------------------------------------------------------------

    def leave(self) -> None:
        """Begin to delete every namespace that was made, with all that is in it."""
        self._leaving += [self._removers.submit(self._remove, one) for one in self.namespaces]
        self.namespaces.clear()

    def close(self) -> None:
        """Wait until all that was made is gone; a sentence for each namespace that stays behind."""
        self.leave()
        for removal in self._leaving:
            if problem := removal.result():
                self.report(problem)
        self._removers.shutdown()

    def _remove(self, namespace: str) -> str:
        request = Request(
            [_namespace(namespace, self.run_id, True)], present=False, timeout=self.settings.timeout
        )
        try:
            run(self.api, request)
        except ClusterError as error:
            return f"namespace {namespace} stays behind: {error}"
        return ""


def _namespace(name: str, run_id: str, restricted: bool) -> dict[str, Any]:
    level = "restricted" if restricted else "privileged"
    labels = {LABEL: run_id, ENFORCE: level}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _shortfall(result: Result) -> str:
    standing = result.standing
    why = standing.troubles[0].sentence if standing.troubles else standing.reason
    return f"{result.workload} is not {result.workload.goal}: {why}"


def can_look() -> bool:
    """Whether this machine has what it takes to look inside a container."""
    return shutil.which("kubectl") is not None
