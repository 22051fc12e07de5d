"""Runs the commands that scenes have for running containers."""

from __future__ import annotations

import queue
import threading
import time

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from conformance.deeds import Tell
from conformance.performance import Performance
from conformance.pods import Look
from conformance.stage import Missed

# What kubectl says of a command that never came to run, and of one that the kubelet may run yet.
NOT_REACHED = "error: unable to upgrade connection"
UNKNOWN_THERE = f"{NOT_REACHED}: pod does not exist"


def tell(performance: Performance, deed: Tell) -> None:
    """Run it and keep what it prints under the deed's note. Raises Missed where it cannot be run, or never ends."""
    timelines = performance.stage.timelines([performance.workload(deed.pod)])
    if not timelines:
        raise Missed(f"there is no Pod of {deed.pod} to {deed}")
    answers: queue.Queue[str] = queue.Queue()

    def ask() -> None:
        answers.put(_told(performance, timelines[0], Look(deed.container, deed.command)))

    # A command that never answers must not hold the scene.
    threading.Thread(target=ask, daemon=True, name=str(deed)).start()
    try:
        said = answers.get(timeout=performance.left)
    except queue.Empty:
        raise Missed(f"there is no answer to: {deed}") from None
    if deed.note:
        performance.looks[deed.note] = said
    elif said.startswith(NOT_REACHED):
        raise Missed(f"nobody could {deed}: {said}")


def _told(performance: Performance, timeline: Timeline, look: Look) -> str:
    """What a command says. A kubelet that was just started knows of no Pods; it tells nobody when it does."""
    said = performance.witness.look(timeline, look)
    while said.startswith(UNKNOWN_THERE) and time.monotonic() < performance.deadline:
        said = performance.witness.look(timeline, look)
    return said
