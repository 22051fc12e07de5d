"""Claims on the attempts of containers, each with evidence for it, against it, and short of telling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    ContainerFacts,
    PodFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import lines_of
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import (
    Attempt,
    Seen,
    Timeline,
)
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import Claim, Life
from conformance.pods import app, pod
from conformance.restarting import (
    again,
    at_first,
    heard_otherwise,
    leave,
    leaves_message,
    left,
    lives_on,
    never_waits,
    rule,
    ruled,
    said_by,
    says_alike,
    says_in,
    started_again,
    willing,
)
from conformance.script import WILL

RUNS = ContainerFacts("main", Role.APP, state="running", container_id="one")
ENDED = replace(RUNS, state="terminated", exit_code=1, reason="Error")
BACKS_OFF = replace(RUNS, state="waiting", reason="CrashLoopBackOff")
AGAIN = replace(RUNS, restarts=1, container_id="two")
POD = PodFacts("shop", "conf", "1", "Running", None, "Never")


def life(*states: ContainerFacts, short: str = "", logs: Sequence[str] = ()) -> Life:
    """A Pod whose container was seen in these states, the log of each attempt with lines that `;` parts."""
    pods = [replace(POD, containers=(one,)) for one in states]
    attempts = tuple(
        Attempt(one.restarts, None, None, one.exit_code, one.reason)
        for one in states
        if one.state == "terminated"
    )
    lines = tuple(
        line
        for number, log in enumerate(logs)
        for line in lines_of("main", number, [one.strip() for one in log.split(";")])
    )
    versions = tuple(Seen(float(number), one) for number, one in enumerate(pods))
    timelines = (Timeline(pods[-1], {"main": attempts}, versions, lines),) if pods else ()
    return Life(timelines, shortfall=short)


TWICE = (
    "@ 1.00 begin 1.00; @ 2.00 ip 10.0.0.1; @ 3.00 end",
    "@ 4.00 begin 4.00; @ 5.00 ip 10.0.0.1; @ 6.00 end",
)
SHORT = "it got stuck"


@pytest.mark.parametrize(
    ("claim", "evidence", "answer"),
    [
        (started_again("main"), life(ENDED, AGAIN), Order.YES),
        (started_again("main"), life(RUNS, ENDED), Order.NO),
        (started_again("main"), life(RUNS, short=SHORT), Order.TIE),
        (started_again("main"), life(), Order.TIE),
        (left("main", 0, 1), life(ENDED, AGAIN), Order.YES),
        (left("main", 0, 1, "Error"), life(ENDED, AGAIN), Order.YES),
        (left("main", 0, 1, "OOMKilled"), life(ENDED, AGAIN), Order.NO),
        (left("main", 0, 0), life(ENDED, AGAIN), Order.NO),
        (left("main", 1, 1), life(ENDED, AGAIN), Order.TIE),
        (lives_on("main"), life(RUNS, ENDED), Order.YES),
        (lives_on("main"), life(RUNS, AGAIN), Order.NO),
        (lives_on("main"), life(RUNS, short=SHORT), Order.TIE),
        (lives_on("main"), life(), Order.TIE),
        (never_waits("main", "CrashLoopBackOff"), life(ENDED, AGAIN), Order.YES),
        (never_waits("main", "CrashLoopBackOff"), life(ENDED, BACKS_OFF, AGAIN), Order.NO),
        (never_waits("main", "CrashLoopBackOff"), life(ENDED, short=SHORT), Order.TIE),
        (says_in("main", 1, "ip", "10.0.0.1"), life(AGAIN, logs=TWICE), Order.YES),
        (says_in("main", 1, "ip", "10.0.0.2"), life(AGAIN, logs=TWICE), Order.NO),
        (says_in("main", 1, "name", "main"), life(AGAIN, logs=TWICE), Order.NO),
        (says_in("main", 2, "ip", "10.0.0.1"), life(AGAIN, logs=TWICE), Order.TIE),
        (says_alike("main", "ip"), life(AGAIN, logs=TWICE), Order.YES),
        (says_alike("main", "ip"), heard_otherwise(life(AGAIN, logs=TWICE), "main", "ip"), Order.NO),
        (says_alike("main", "ip"), life(AGAIN, logs=TWICE[:1]), Order.TIE),
        (leaves_message("main", "is short", lambda text: len(text) < 3), life(ENDED), Order.YES),
        (
            leaves_message("main", "is short", lambda text: len(text) < 3),
            life(replace(ENDED, message="long")),
            Order.NO,
        ),
        (leaves_message("main", "is short", lambda text: len(text) < 3), life(RUNS), Order.TIE),
    ],
)
def test_a_claim_finds(claim: Claim, evidence: Life, answer: Order) -> None:
    found = claim(evidence)
    assert found.answer is answer, found.evidence


def test_the_word_of_one_attempt_is_not_that_of_another() -> None:
    found = said_by("main", "end", 1).find(life(AGAIN, logs=TWICE))
    assert found is not None
    assert found.earliest == 6.0
    assert said_by("main", "end", 2).find(life(AGAIN, logs=TWICE)) is None


def test_a_wait_for_a_restart_ends_with_the_pod() -> None:
    over = replace(POD, phase="Failed", containers=(ENDED,))
    assert again("main")(over)
    assert again("main")(replace(POD, containers=(AGAIN,)))
    assert not again("main", 2)(replace(POD, containers=(AGAIN,)))


def test_the_containers_of_a_willing_pod_leave_their_stamps_in_the_status_or_where_they_will() -> None:
    kept, own = {"name": "KEPT", "value": "yes"}, {"name": "WILL", "value": "/board/next"}
    made = willing(pod("shop", app("main", env=[kept]), app("next", env=[own])))
    envs = [container["env"] for container in made["spec"]["containers"]]
    assert envs == [[kept, {"name": "WILL", "value": WILL}], [own]]


def test_a_line_that_is_for_the_first_attempt_marks_it() -> None:
    line = at_first(leave(3))
    assert line.startswith('marked "$NAME-was" || ')
    assert "exit 3" in line


def test_rules_stand_beside_a_policy() -> None:
    assert ruled(rule(42)) == {
        "restartPolicy": "Never",
        "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}],
    }
