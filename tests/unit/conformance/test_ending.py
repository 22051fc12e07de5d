"""Claims on the end of containers and Pods, each with evidence for it, against it, and short of telling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    ContainerFacts,
    PodFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import (
    Attempt,
    Seen,
    Timeline,
)
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import Claim, Finding, Life, earliest, exited, mark
from conformance.deeds import Delete, Done
from conformance.ending import (
    at_best,
    at_last,
    birth_of,
    ended_by,
    ended_within,
    ends,
    given,
    killed,
    later_by,
    never_made,
    never_says,
    stays_dead,
)

WAITS = ContainerFacts("main", Role.APP)
RUNS = replace(WAITS, state="running", container_id="containerd://1")
ENDED = replace(RUNS, state="terminated", exit_code=0, reason="Completed")
KILLED = replace(ENDED, exit_code=137, reason="Error")
AGAIN = replace(WAITS, container_id="containerd://1")
POD = PodFacts("shop", "conf", "1", "Running", None, "Never")


def seen(*states: ContainerFacts, phase: str = "Running", short: str = "", reason: str | None = None) -> Life:
    """A Pod that was seen in these states of its one container, and at last in this phase."""
    pods = [replace(POD, containers=(one,)) for one in states]
    if pods:
        pods[-1] = replace(pods[-1], phase=phase, reason=reason)
    attempts = {
        "main": tuple(
            Attempt(number, None, None, one.exit_code, one.reason) for number, one in enumerate(states)
        )
    }
    versions = tuple(Seen(float(number), one) for number, one in enumerate(pods))
    timelines = (Timeline(pods[-1], attempts, versions),) if pods else ()
    return Life(timelines, shortfall=short, done=(Done(Delete("shop"), 0.0),))


@pytest.mark.parametrize(
    ("claim", "life", "answer"),
    [
        (ends("main", "Succeeded"), seen(ENDED, phase="Succeeded"), Order.YES),
        (ends("main", "Succeeded"), seen(KILLED, phase="Failed"), Order.NO),
        (ends("main", "Succeeded"), seen(RUNS), Order.TIE),
        (ends("main", "Failed", "Evicted"), seen(KILLED, phase="Failed", reason="Evicted"), Order.YES),
        (ends("main", "Failed", "Evicted"), seen(KILLED, phase="Failed"), Order.NO),
        (killed("main"), seen(KILLED), Order.YES),
        (killed("main"), seen(ENDED), Order.NO),
        (killed("main"), seen(RUNS, short="too slow"), Order.TIE),
        (ended_by("main", "Completed"), seen(ENDED), Order.YES),
        (ended_by("main", "OOMKilled"), seen(ENDED), Order.NO),
        (ended_by("main", "OOMKilled"), seen(RUNS), Order.TIE),
        (never_made("main"), seen(WAITS), Order.YES),
        (never_made("main"), seen(WAITS, RUNS), Order.NO),
        (never_made("main"), seen(WAITS, short="too slow"), Order.TIE),
        (stays_dead("main"), seen(WAITS, RUNS, ENDED), Order.YES),
        (stays_dead("main"), seen(WAITS, RUNS, AGAIN), Order.NO),
        (stays_dead("main"), seen(WAITS, replace(RUNS, restarts=1)), Order.NO),
        (stays_dead("main"), seen(WAITS), Order.TIE),
        (
            at_last("main", "it has ended", lambda pod: pod.phase == "Failed"),
            seen(KILLED, phase="Failed"),
            Order.YES,
        ),
        (at_last("main", "it has ended", lambda pod: pod.phase == "Failed"), seen(RUNS), Order.NO),
        (at_last("main", "it has ended", lambda pod: pod.phase == "Failed"), seen(), Order.TIE),
        (ended_within("main", 5), seen(RUNS, ENDED, phase="Succeeded"), Order.YES),
        (ended_within("main", 1), seen(RUNS, ENDED, phase="Succeeded"), Order.NO),
        (ended_within("main", 5), seen(RUNS), Order.TIE),
        (at_best(exited("main", 0)), seen(ENDED), Order.YES),
        (at_best(exited("main", 0)), seen(KILLED), Order.TIE),
        (given(exited("main", 0), ends("main", "Succeeded")), seen(ENDED, phase="Succeeded"), Order.YES),
        (given(exited("main", 0), ends("main", "Succeeded")), seen(ENDED, phase="Failed"), Order.NO),
        (given(exited("main", 0), ends("main", "Succeeded")), seen(KILLED, phase="Failed"), Order.TIE),
    ],
)
def test_the_end_as_states_tell_it(claim: Claim, life: Life, answer: Order) -> None:
    finding: Finding = claim(life)
    assert finding.answer is answer, finding.evidence


@pytest.mark.parametrize(
    ("claim", "logs", "answer"),
    [
        (never_says("main", "term"), {"main": "@ 1.00 begin 1.00"}, Order.YES),
        (never_says("main", "term"), {"main": "@ 1.00 begin 1.00; @ 2.00 term"}, Order.NO),
        (never_says("main", "term"), {"main": "no stamp"}, Order.TIE),
        (
            later_by(mark("one", "go"), mark("two", "go"), 2),
            {"one": "@ 1.00 go", "two": "@ 3.00 go"},
            Order.YES,
        ),
        (
            later_by(mark("one", "go"), mark("two", "go"), 2),
            {"one": "@ 1.00 go", "two": "@ 2.50 go"},
            Order.TIE,
        ),
        (
            later_by(mark("one", "go"), mark("two", "go"), 2),
            {"one": "@ 1.00 go", "two": "@ 1.50 go"},
            Order.NO,
        ),
        (later_by(mark("one", "go"), mark("two", "go"), 2), {"one": "@ 1.00 go", "two": "none"}, Order.TIE),
        (
            later_by(mark("one", "go"), mark("two", "go"), 4),
            {"three": "@ 3.50 begin 1.00", "one": "@ 3.50 go", "two": "@ 5.20 go"},
            Order.TIE,
        ),
        (
            later_by(mark("one", "go"), mark("two", "go"), 4),
            {"three": "@ 3.50 begin 1.00", "one": "@ 3.50 go", "two": "@ 4.50 go"},
            Order.NO,
        ),
        (
            later_by(mark("one", "go"), mark("two", "go"), 2),
            {"three": "@ 9.00 begin 1.00", "one": "@ 3.50 go", "two": "@ 3.40 go"},
            Order.NO,
        ),
        (
            later_by(earliest(mark("one", "go"), mark("two", "go")), mark("two", "go"), 2),
            {"one": "@ 1.00 go", "two": "@ 3.00 go"},
            Order.YES,
        ),
        (
            later_by(earliest(mark("one", "go"), mark("none", "go")), mark("two", "go"), 2),
            {"one": "@ 1.00 go", "two": "@ 3.00 go"},
            Order.TIE,
        ),
    ],
)
def test_the_end_as_stamps_tell_it(
    life: Callable[..., Life], claim: Claim, logs: dict[str, str], answer: Order
) -> None:
    finding = claim(life(**logs))
    assert finding.answer is answer, finding.evidence


def test_a_silence_that_was_cut_short_tells_nothing(life: Callable[..., Life]) -> None:
    assert (
        never_says("main", "term")(life(main="@ 1.00 begin 1.00", shortfall="too slow")).answer is Order.TIE
    )


def test_an_attempt_has_a_start_of_its_own(life: Callable[..., Life]) -> None:
    once = life(main="@ 5.00 begin 4.00")
    assert birth_of("main", 0).find(once) is not None
    assert birth_of("main", 1).find(once) is None
