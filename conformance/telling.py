"""Runs the commands that scenes have for running containers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from conformance.deeds import Tell
from conformance.ending import settled
from conformance.evidence import Witness
from conformance.performance import Performance
from conformance.pods import Look
from conformance.stage import Missed

# The first thing that a command says, beside what it prints: that it runs at all.
RUNS = "@ runs"
# What is said of the way to a container by a kubelet that was just started: it knows no Pods yet, then no containers.
NO_POD_THERE = "unable to upgrade connection: pod does not exist"
NOT_THERE = ("unable to upgrade connection", "error dialing backend", "Internal error occurred")
# How long to leave it alone until it is asked again.
PAUSE_SECONDS = 0.5


def tell(performance: Performance, deed: Tell) -> None:
    """Run it and keep what it prints under the deed's note. Raises Missed where it cannot be run, or never ends."""
    workload = performance.workload(deed.pod)
    timelines = performance.stage.timelines([workload])
    if not timelines:
        raise Missed(f"there is no Pod of {deed.pod} to {deed}")
    answers: queue.Queue[tuple[bool, str]] = queue.Queue()

    def is_over() -> bool:
        return all(settled(one.pod) for one in performance.stage.timelines([workload]))

    def ask() -> None:
        answers.put(told(performance.witness, timelines[0], deed, performance.deadline, is_over))

    # A command that never answers must not hold the scene.
    threading.Thread(target=ask, daemon=True, name=str(deed)).start()
    try:
        ran, said = answers.get(timeout=performance.left)
    except queue.Empty:
        raise Missed(f"there is no answer to: {deed}") from None
    if deed.note:
        performance.looks[deed.note] = said
    elif not ran:
        raise Missed(f"nobody could {deed}: {said}")


def told(
    witness: Witness, timeline: Timeline, deed: Tell, deadline: float, is_over: Callable[[], bool]
) -> tuple[bool, str]:
    """Whether it ran, and what it says.

    A kubelet that was just started tells nobody when it knows its Pods, so it is asked again, unless the Pod is
    over. Where the answer is noted, a container that is not there is one.
    """
    look = Look(deed.container, f"echo '{RUNS}' >&2; {deed.command}")
    passing = (NO_POD_THERE,) if deed.note else NOT_THERE
    while True:
        said = witness.told(timeline, look)
        ran = said.succeeded or RUNS in said.err
        again = not ran and any(one in said.err for one in passing)
        if not again or is_over() or time.monotonic() >= deadline:
            return ran, said.out if said.succeeded else said.err.replace(f"{RUNS}\n", "")
        threading.Event().wait(PAUSE_SECONDS)
