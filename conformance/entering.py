"""Does the deeds on nodes of a kind cluster: shell on the node of a Pod, and manifests in a folder of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from shlex import quote

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from conformance.deeds import CutPower, OnNode, PutOnNode
from conformance.nodes import Node, NotEntered, node
from conformance.on_nodes import BOOTED, script
from conformance.performance import Performance
from conformance.stage import Missed


def enter(performance: Performance, deed: CutPower | OnNode | PutOnNode) -> None:
    """Do it. Raises Missed where there is no such node, or the shell fails."""
    match deed:
        case CutPower():
            _cut_power(performance, deed)
        case OnNode():
            _run(performance, deed)
        case PutOnNode():
            _put(performance, deed)


def _cut_power(performance: Performance, deed: CutPower) -> None:
    there, pod = _place(performance, deed.pod)
    try:
        there.cut_power()
        there.run("sh", "-c", script(pod, int(performance.left), BOOTED), timeout=performance.left)
    except NotEntered as error:
        raise Missed(str(error)) from error


def _run(performance: Performance, deed: OnNode) -> None:
    run_there = _shell(performance, deed.pod)
    if deed.undo:
        performance.undoing.append(partial(run_there, deed.undo))
    said = run_there(deed.command)
    if deed.note:
        performance.looks[deed.note] = said


def _put(performance: Performance, deed: PutOnNode) -> None:
    namespace = performance.namespace
    manifest = performance.prepare(deed.manifest)
    placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
    run_there = _shell(performance, deed.pod)
    path = f"{deed.folder}/{namespace}-{manifest['metadata']['name']}.json"
    performance.undoing.append(partial(run_there, f"rm -f {path}"))
    # Who reads the folder must not find a half, and passes over what begins with a point.
    half = f"{deed.folder}/.{namespace}-{manifest['metadata']['name']}"
    run_there(f"printf %s {quote(json.dumps(placed))} > {half} && mv {half} {path}")


def _shell(performance: Performance, name: str) -> Callable[[str], str]:
    """A way to run shell on the node of the newest Pod of this name."""
    there, pod = _place(performance, name)
    left = performance.left

    def run_there(command: str) -> str:
        try:
            return there.run("sh", "-c", script(pod, int(left), command), timeout=left)
        except NotEntered as error:
            raise Missed(str(error)) from error

    return run_there


def _place(performance: Performance, name: str) -> tuple[Node, PodFacts]:
    """The newest Pod of this name, and its node."""
    found = [timeline.pod for timeline in performance.stage.timelines([performance.workload(name)])]
    if not found or not found[-1].node:
        raise Missed(f"no node has a Pod of {name}")
    try:
        return node(found[-1].node), found[-1]
    except NotEntered as error:
        raise Missed(str(error)) from error
