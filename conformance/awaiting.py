"""Waits for what is to come of a scene: its Pods' goal, their end, and what its deeds wait for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import Resources
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.watch import (
    PROGRESS_SECONDS,
    Changed,
    Collection,
    Listed,
    News,
    Watch,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import Verdict, standing
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View, Workload
from conformance.claims import states
from conformance.deeds import Until, UntilListed, UntilPods, UntilState, Wait
from conformance.ending import settled
from conformance.finalizer import kept
from conformance.performance import Performance
from conformance.stage import Missed, pods_made


def goal(performance: Performance, workload: Workload) -> None:
    """Wait until a workload has reached its goal. Raises Missed where it does not or cannot."""

    def holds(view: View) -> bool:
        found = standing(workload, view)
        if found.verdict is Verdict.FAILED:
            raise Missed(f"{workload} is not {workload.goal}: {found.reason}")
        return found.verdict is Verdict.DONE

    performance.stage.wait(
        holds,
        performance.deadline,
        lambda view: f"{workload} is not {workload.goal}: {standing(workload, view).reason}",
    )


def end(performance: Performance, workload: Workload) -> None:
    """Wait until a Pod has come to its end, or is gone where its end need not be read. Raises Missed."""
    whole = workload.name in kept(performance.scene) or workload.name not in performance.taken

    def holds(view: View) -> bool:
        pod = view.pods.get(workload.uid)
        return workload.uid in view.gone or (whole and pod is not None and settled(pod))

    performance.stage.wait(
        holds,
        performance.deadline,
        lambda view: f"{workload} has not come to its end: {_stand(view.pods_of(workload))}",
    )


def wait(performance: Performance, deed: Wait) -> None:
    """Wait for what the deed waits for. Raises Missed where it does not come."""
    match deed:
        case Until():
            _until_pod(performance, deed)
        case UntilPods():
            _until_pods(performance, deed)
        case UntilState():
            _until_state(performance, deed)
        case UntilListed():
            _until_listed(performance, deed)


def _until_pod(performance: Performance, deed: Until) -> None:
    workload = performance.workload(deed.pod)

    def what(view: View) -> str:
        return f"nobody has seen that {deed.what}: {_stand(view.pods_of(workload))}"

    def holds(view: View) -> bool:
        if any(deed.test(pod) for pod in view.pods_of(workload)):
            return True
        if workload.uid in view.gone:
            raise Missed(f"{what(view)}; it is gone")
        return False

    performance.stage.wait(holds, performance.deadline, what)


def _until_pods(performance: Performance, deed: UntilPods) -> None:
    workload = performance.workload(deed.workload)
    performance.stage.wait(
        lambda view: deed.test(pods_made(view, workload)),
        performance.deadline,
        lambda view: f"nobody has seen that {deed.what}: {_stand(pods_made(view, workload))}",
    )


def _until_state(performance: Performance, deed: UntilState) -> None:
    workload = performance.workload(deed.workload)

    def holds(view: View) -> bool:
        known = view.controllers.get(workload.uid)
        return known is not None and deed.test(None if workload.uid in view.gone else known)

    def what(view: View) -> str:
        status = view.controllers.get(workload.uid, {}).get("status")
        return f"nobody has seen that {deed.what}: {workload} is {status}"

    performance.stage.wait(holds, performance.deadline, what)


def _until_listed(performance: Performance, deed: UntilListed) -> None:
    """Other objects than workloads are on no stage, and are watched for this deed alone."""
    resource = Resources(performance.api).of({"apiVersion": deed.api_version, "kind": deed.kind})
    collection = Collection(resource, performance.namespace, (("labelSelector", deed.label),))
    found: dict[str, Mapping[str, Any]] = {}
    with Watch(performance.api, [collection]) as watch:
        while not deed.test(list(found.values())):
            left = performance.deadline - time.monotonic()
            if left <= 0 or performance.stage.over:
                raise Missed(f"nobody has seen that {deed.what}, and its time is over")
            for news in watch.next(min(left, PROGRESS_SECONDS)):
                _know(found, news)
    performance.looks[deed.note] = deed.told(list(found.values()))


def _know(found: dict[str, Mapping[str, Any]], news: News) -> None:
    """Take news of objects, by their names."""
    if isinstance(news, Listed):
        found.clear()
        found.update({item["metadata"]["name"]: item for item in news.items})
    elif isinstance(news, Changed):
        found[news.item["metadata"]["name"]] = news.item
        if news.gone:
            del found[news.item["metadata"]["name"]]
    elif news.final:
        raise news.error


def _stand(pods: Iterable[PodFacts]) -> str:
    return "; ".join(_said(pods)) or "there is no Pod of it"


def _said(pods: Iterable[PodFacts]) -> Iterator[str]:
    for pod in pods:
        yield f"{pod.name} is {states(pod)}{', deleting' if pod.deleting else ''}"
