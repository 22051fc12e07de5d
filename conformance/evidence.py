"""Gathers what a scene left behind: its timelines, its logs, and what is to be seen inside."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.logs import log_lines
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import BY_KIND
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import Verdict as Standing
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.joining import (
    with_lines,
    with_states,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import (
    Line,
    lines_of,
    stamps_in,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._run import Result
from conformance.claims import Life
from conformance.deeds import Done
from conformance.pods import Look, Scene

try:
    import testinfra
except ImportError:  # only looks need it, and blindness() says so
    testinfra = None


# What a kubelet says in place of a log when its runtime does not answer for the container, which it may do later.
NO_LOG = "unable to retrieve container logs for"
LOG_TRIES = 5


def blindness() -> str:
    """Why nobody on this machine can look inside a container; empty where somebody can."""
    if testinfra is None:
        return "the Python library testinfra is not installed; install it with: pip install pytest-testinfra"
    return "" if shutil.which("kubectl") else "kubectl is not on PATH"


@dataclass(frozen=True)
class Told:
    """What a command has printed, or kubectl of it, and whether it has succeeded."""

    succeeded: bool
    out: str
    err: str


@dataclass(frozen=True)
class Witness:
    """Reads logs, and looks inside containers by way of kubectl; kubeconfig and context as the user gave them."""

    api: Api
    kubeconfig: str | None
    context: str | None

    def life(self, scene: Scene, results: Sequence[Result]) -> Life:
        """The evidence of one scene, from what the run tells of each of its Pods."""
        timelines = [timeline for result in results for timeline in result.timelines]
        short = [result for result in results if result.standing.verdict is not Standing.DONE]
        told = self.life_of(scene, timelines, "; ".join(_shortfall(result) for result in short))
        workloads = dict(self._workloads(results))
        return replace(told, workloads=workloads, shortfall="" if scene.stuck else told.shortfall)

    def life_of(
        self,
        scene: Scene,
        seen: Iterable[Timeline],
        shortfall: str,
        noted: Mapping[str, str] | None = None,
        done: tuple[Done, ...] = (),
    ) -> Life:
        """The evidence of one scene, of whose Pods this was seen; noted is what came of its deeds."""
        gaps: list[str] = []
        whole = tuple(seen)
        # Where somebody has looked around inside, the container itself has come to say its first word.
        looked = {} if shortfall or blindness() else dict(self._looks(scene, whole))
        timelines = tuple(with_lines(one, tuple(self._lines(one, gaps))) for one in whole)
        return Life(timelines, {**looked, **(noted or {})}, shortfall, gaps=tuple(gaps), done=done)

    def _workloads(self, results: Iterable[Result]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What every workload that is no Pod is now; empty where it cannot be read."""
        for one in (result.workload for result in results if result.workload.kind != "Pod"):
            found: Mapping[str, Any] = {}
            with contextlib.suppress(ClusterError):
                found = self.api.request("get", BY_KIND[one.kind].path(one.namespace, one.name))
            yield one.name, found

    def _lines(self, timeline: Timeline, gaps: list[str]) -> Iterator[Line]:
        wills = _wills(timeline)
        for container in timeline.pod.containers:
            last = container.restarts - (0 if container.state == "waiting" else 1)
            readable = {last: True} if container.last is not None else {}
            if container.state != "waiting":
                readable[container.restarts] = False
            for number in sorted({*readable, *(number for name, number in wills if name == container.name)}):
                will = wills.get((container.name, number), ())
                unread: list[str] = []
                log: tuple[Line, ...] = ()
                if number in readable:
                    log = tuple(self._log(timeline, container.name, number, unread, readable[number]))
                # The server may answer with a sentence in place of a log that is gone.
                whole = {line.text for line in log} >= {line.text for line in will}
                yield from log if whole else will
                gaps += unread if whole else ()

    def _log(
        self, timeline: Timeline, container: str, attempt: int, gaps: list[str], previous: bool
    ) -> Iterable[Line]:
        pod = timeline.pod
        for _try in range(LOG_TRIES):
            try:
                log = log_lines(
                    self.api, pod.namespace, pod.name, container, previous=previous, timestamps=True
                )
            except ClusterError as error:
                unread = str(error)
                break
            unread = next((line for line in log if line.startswith(NO_LOG)), "")
            if not unread:
                return lines_of(container, attempt, log)
        gaps.append(f"the log of {container}, attempt {attempt}, cannot be read: {unread}")
        return ()

    def _looks(self, scene: Scene, timelines: Sequence[Timeline]) -> Iterator[tuple[str, str]]:
        for name, look in scene.looks.items():
            for timeline in timelines:
                if any(one.name == look.container for one in timeline.pod.containers):
                    yield name, self.look(timeline, look)

    def look(self, timeline: Timeline, look: Look) -> str:
        """What a command prints in a container of this Pod."""
        said = self.told(timeline, look)
        return said.out if said.succeeded else said.err

    def told(self, timeline: Timeline, look: Look) -> Told:
        """What comes of a command in a container of this Pod."""
        given = {
            "container": look.container,
            "namespace": timeline.pod.namespace,
            "kubeconfig": self.kubeconfig,
            "context": self.context,
        }
        options = "&".join(f"{key}={value}" for key, value in given.items() if value)
        result = testinfra.get_host(f"kubectl://{timeline.pod.name}?{options}").run(look.command)
        return Told(bool(result.succeeded), str(result.stdout), str(result.stderr))


def _wills(timeline: Timeline) -> dict[tuple[str, int], tuple[Line, ...]]:
    """The stamps that containers left in their status at their end, by container and attempt."""
    found: dict[tuple[str, int], tuple[Line, ...]] = {}
    for seen in timeline.versions:
        for one in seen.pod.containers:
            before = one.restarts - (0 if one.state == "waiting" else 1)
            said = {one.restarts: one.message} if one.state == "terminated" else {}
            if one.last is not None:
                said[before] = one.last.message
            for attempt, message in said.items():
                lines = lines_of(one.name, attempt, (message or "").splitlines())
                if any(stamps_in(lines)):
                    found[one.name, attempt] = lines
    return found


def continued(first: Life, second: Life) -> Life:
    """The evidence of a scene in two parts: the second part knows all but the states seen in the first."""
    earlier = {timeline.pod.uid: timeline.versions for timeline in first.timelines}
    timelines = tuple(
        with_states(replace(timeline, versions=(*earlier.get(timeline.pod.uid, ()), *timeline.versions)))
        for timeline in second.timelines
    )
    return replace(second, timelines=timelines)


def _shortfall(result: Result) -> str:
    standing = result.standing
    why = standing.troubles[0].sentence if standing.troubles else standing.reason
    return f"{result.workload} is not {result.workload.goal}: {why}"
