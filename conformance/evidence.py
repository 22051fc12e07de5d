"""Gathers what a scene left behind: its timelines, its logs, and what is to be seen inside."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.logs import log_lines
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import Verdict as Standing
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import Line, lines_of
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._run import Result
from conformance.claims import Life
from conformance.pods import Look, Scene

try:
    import testinfra
except ImportError:  # only looks need it, and blindness() says so
    testinfra = None


def blindness() -> str:
    """Why nobody on this machine can look inside a container; empty where somebody can."""
    if testinfra is None:
        return "the Python library testinfra is not installed; install it with: pip install pytest-testinfra"
    return "" if shutil.which("kubectl") else "kubectl is not on PATH"


@dataclass(frozen=True)
class Witness:
    """Reads logs, and looks inside containers by way of kubectl; kubeconfig and context as the user gave them."""

    api: Api
    kubeconfig: str | None
    context: str | None

    def life(self, scene: Scene, results: Sequence[Result]) -> Life:
        """The evidence of one scene, from what the run tells of each of its Pods."""
        gaps: list[str] = []
        timelines = tuple(
            replace(timeline, lines=tuple(self._lines(timeline, gaps)))
            for result in results
            for timeline in result.timelines
        )
        short = [result for result in results if result.standing.verdict is not Standing.DONE]
        shortfall = "" if scene.stuck else "; ".join(_shortfall(result) for result in short)
        looked = {} if short or blindness() else dict(self._looks(scene, timelines))
        return Life(timelines, looked, shortfall, gaps=tuple(gaps))

    def _lines(self, timeline: Timeline, gaps: list[str]) -> Iterator[Line]:
        for container in timeline.pod.containers:
            if container.last is not None:
                number = container.restarts - (0 if container.state == "waiting" else 1)
                yield from self._log(timeline, container.name, number, gaps, previous=True)
            if container.state != "waiting":
                yield from self._log(timeline, container.name, container.restarts, gaps)

    def _log(
        self, timeline: Timeline, container: str, attempt: int, gaps: list[str], previous: bool = False
    ) -> Iterable[Line]:
        pod = timeline.pod
        try:
            log = log_lines(self.api, pod.namespace, pod.name, container, previous=previous, timestamps=True)
        except ClusterError as error:
            gaps.append(f"the log of {container}, attempt {attempt}, cannot be read: {error}")
            return ()
        return lines_of(container, attempt, log)

    def _looks(self, scene: Scene, timelines: Sequence[Timeline]) -> Iterator[tuple[str, str]]:
        for name, look in scene.looks.items():
            for timeline in timelines:
                if any(one.name == look.container for one in timeline.pod.containers):
                    yield name, self._look(timeline, look)

    def _look(self, timeline: Timeline, look: Look) -> str:
        given = {
            "container": look.container,
            "namespace": timeline.pod.namespace,
            "kubeconfig": self.kubeconfig,
            "context": self.context,
        }
        options = "&".join(f"{key}={value}" for key, value in given.items() if value)
        result = testinfra.get_host(f"kubectl://{timeline.pod.name}?{options}").run(look.command)
        return str(result.stdout if result.succeeded else result.stderr)


def continued(first: Life, second: Life) -> Life:
    """The evidence of a scene in two parts: the second part knows all but the states seen in the first."""
    earlier = {timeline.pod.uid: timeline.versions for timeline in first.timelines}
    timelines = tuple(
        replace(timeline, versions=(*earlier.get(timeline.pod.uid, ()), *timeline.versions))
        for timeline in second.timelines
    )
    return replace(second, timelines=timelines)


def _shortfall(result: Result) -> str:
    standing = result.standing
    why = standing.troubles[0].sentence if standing.troubles else standing.reason
    return f"{result.workload} is not {result.workload.goal}: {why}"
