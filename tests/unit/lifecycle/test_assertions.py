"""Assertions on a Pod's life: what a user may write, and when they are answered yes, no and tie."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.assertions import assertions
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import from_log
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.joining import with_lines
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import Line
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition

from .statuses import after, at, ended, pod, running, seen, told_event, waiting


def mounts(*volumes: str, part: str = "", path: str = "/srv") -> dict[str, Any]:
    return {"volumeMounts": [{"name": one, "mountPath": path, "subPath": part} for one in volumes]}


TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"

# prepare ends in the second in which web starts; web crashes once, and helper starts some ms before it.
POD = pod(
    init={"prepare": ended(0, 2, 4), "early": ended(0, 0, 1)},
    sidecar={"helper": running(4), "late": waiting()},
    app={
        "web": after(ended(137, 4, 9, "OOMKilled"), running(20), 1),
        "agent": running(6),
        "loner": running(6),
    },
    phase="Running",
    own={
        "web": mounts("logs", "page"),
        "agent": mounts("logs"),
        "helper": mounts("page", part="a/b"),
        "late": mounts("page", part="a/c"),
        "loner": mounts("token", path=TOKEN),
        "early": mounts("token", path=TOKEN),
    },
)
POD["status"]["conditions"] = [
    {"type": "Ready", "status": "True", "lastTransitionTime": at(22)},
]
EVENTS = (
    told_event("Created", "helper", 4.25),
    told_event("Started", "helper", 4.375),
    told_event("Created", "web", 4.5, count=2, last=20),
    told_event("Started", "web", 4.75, count=2, last=20),
)


def timeline() -> Timeline:
    view = seen(POD, *EVENTS)
    lines = (
        Line("prepare", 0, "", from_log(at(2).replace("Z", ".5Z"))),
        Line("web", 0, "", from_log(at(4).replace("Z", ".625Z"))),
    )
    return with_lines(view.timeline(view.pods["uid-web"]), lines)


def answer(assertion: dict[str, Any]) -> str:
    (found,) = assertions([assertion])
    return found.finding(timeline()).answer.value


@pytest.mark.parametrize(
    ("assertion", "expected"),
    [
        ({"before": ["early.finished", "prepare.started"]}, "yes"),
        ({"before": ["early.finished", "web.started"]}, "yes"),
        ({"before": ["web.started", "early.finished"]}, "no"),
        ({"before": ["prepare.finished", "web.started"]}, "tie"),
        ({"before": ["helper.started", "web.started"]}, "yes"),
        ({"before": ["web.started", "helper.created"]}, "no"),
        ({"before": ["prepare.first_line", "web.first_line"]}, "yes"),
        ({"before": ["prepare.first_line", "helper.first_line"]}, "tie"),
        ({"before": ["web[1].finished", "web[2].started"]}, "yes"),
        ({"before": ["web[2].started", "web[1].started"]}, "no"),
        ({"before": ["prepare.finished", "web.finished"]}, "yes"),
        ({"before": ["web.finished", "prepare.finished"]}, "no"),
        ({"before": ["prepare.finished", "late.started"]}, "yes"),
        ({"before": ["late.started", "prepare.finished"]}, "no"),
        ({"before": ["late.started", "web.finished"]}, "tie"),
        ({"before": ["Pod.taken", "web.started"]}, "yes"),
        ({"before": ["Pod.initialized", "web.started"]}, "tie"),
        ({"before": ["prepare.started", "ghost.started"]}, "no"),
        ({"before_ready": "prepare"}, "yes"),
        ({"before_ready": "agent"}, "yes"),
        ({"before_ready": "late"}, "no"),
        ({"overlap": ["web", "agent"]}, "yes"),
        ({"overlap": ["early", "web"]}, "no"),
        ({"overlap": ["prepare", "helper"]}, "tie"),
        ({"overlap": ["late", "web"]}, "no"),
        ({"shares_volume": ["web", "agent"]}, "yes"),
        ({"shares_volume": {"containers": ["web", "agent"], "volume": "page"}}, "no"),
        ({"shares_volume": ["web", "helper"]}, "yes"),
        ({"shares_volume": ["helper", "late"]}, "no"),
        ({"shares_volume": ["agent", "helper"]}, "no"),
        ({"shares_volume": ["loner", "early"]}, "no"),
        ({"shares_network": ["web", "agent"]}, "yes"),
        ({"shares_network": ["web", "ghost"]}, "no"),
        ({"outcome": {"container": "prepare", "exit_code": 0, "reason": "Completed"}}, "yes"),
        ({"outcome": {"container": "prepare", "exit_code": "0"}}, "yes"),
        ({"outcome": {"container": "prepare", "exit_code": 1}}, "no"),
        ({"outcome": {"container": "agent", "state": "running", "ready": True}}, "yes"),
        ({"outcome": {"container": "agent", "ready": False}}, "no"),
        ({"outcome": {"container": "agent", "exit_code": 0}}, "no"),
        ({"restarts": {"container": "web", "exactly": 1}}, "yes"),
        ({"restarts": {"container": "web", "most": 0}}, "no"),
        ({"restarts": {"container": "web", "least": 1}}, "yes"),
        ({"duration": {"container": "prepare", "least": 1, "most": 3}}, "yes"),
        ({"duration": {"container": "prepare", "most": 2}}, "tie"),
        ({"duration": {"container": "prepare", "most": 0.5}}, "no"),
        ({"duration": {"container": "web", "most": 5}}, "tie"),
        ({"duration": {"from": "prepare.first_line", "to": "web.first_line", "most": 2.2}}, "yes"),
        ({"duration": {"from": "Pod.taken", "to": "Pod.ready", "least": 30}}, "no"),
    ],
    ids=str,
)
def test_an_assertion_is_answered(assertion: dict[str, Any], expected: str) -> None:
    assert answer(assertion) == expected


def test_the_evidence_names_both_moments_with_their_error_and_source() -> None:
    (found,) = assertions([{"before": ["prepare.finished", "web.started"]}])
    assert found.finding(timeline()).evidence == (
        "prepare.finished after 4.0 to 5.0 s (status), web.started after 4.50 to 4.75 s (event)"
    )


def test_attempts_that_nobody_saw_leave_a_tie() -> None:
    view = seen(pod(app={"web": after(ended(1, 50, 51), running(60), 4), "agent": running(70)}))
    unseen = view.timeline(view.pods["uid-web"])
    for asserted, evidence in [
        ({"before": ["web.started", "agent.started"]}, "attempt 1 of web is not known; known are 4, 5"),
        ({"duration": {"container": "web", "most": 5}}, "attempt 1 of web is not known; known are 4, 5"),
    ]:
        (found,) = assertions([asserted])
        finding = found.finding(unseen)
        assert (finding.answer, finding.evidence) == ("tie", evidence)


def test_only_first_lines_need_the_logs() -> None:
    with_logs, without = assertions(
        [{"before": ["a.first_line", "b.started"]}, {"before": ["a.started", "b.started"]}]
    )
    assert (with_logs.logs, without.logs) == (True, False)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([], "that is empty; give at least one assertion"),
        (["x"], "that[0] is 'x'; it must be a mapping with one key, one of before, before_ready, overlap"),
        ([{"befor": []}], "that[0] is 'befor'; it must be one of before, before_ready, overlap"),
        ([{"before": ["a.started"]}], "that[0].before is ['a.started']; it must be a list of two"),
        ([{"before": "a.started"}], "that[0].before is 'a.started'; it must be a list of two"),
        ([{"before": ["a", "b.started"]}], "that[0].before has 'a'; a moment is CONTAINER.MOMENT"),
        (
            [{"before": ["a.began", "b.started"]}],
            "that[0].before has 'a.began'; a moment of a container is one of created, started, first_line, finished",
        ),
        (
            [{"before": ["Pod.started", "b.started"]}],
            "that[0].before has 'Pod.started'; a moment of a Pod is one of taken, initialized, ready",
        ),
        ([{"before": ["a[0].started", "b.started"]}], "has 'a[0].started'; attempts are counted from 1"),
        ([{"before_ready": 7}], "that[0].before_ready has 7; it must be a text"),
        ([{"shares_volume": {"volume": "x"}}], "that[0].shares_volume has no containers; name it"),
        ([{"outcome": {"exit_code": 0}}], "that[0].outcome has no container; name it"),
        (
            [{"outcome": {"container": "a"}}],
            "that[0].outcome says nothing of a; give some of state, exit_code",
        ),
        (
            [{"outcome": {"container": "a", "code": 0}}],
            "that[0].outcome has 'code'; it must be one of container",
        ),
        ([{"restarts": {"container": "a"}}], "that[0].restarts has neither least nor most"),
        (
            [{"restarts": {"container": "a", "most": "few"}}],
            "that[0].restarts.most is 'few'; it must be a number",
        ),
        ([{"restarts": {"container": "a", "least": 2, "most": 1}}], "least must not be above most"),
        ([{"duration": {"most": 1}}], "that[0].duration must name either a container, or two moments"),
        ([{"duration": {"from": "a.started", "most": 1}}], "that[0].duration has no to; name it"),
    ],
    ids=str,
)
def test_an_assertion_that_makes_no_sense_is_refused_with_its_place(
    entries: list[Any], sentence: str
) -> None:
    with pytest.raises(BadDefinition) as refused:
        assertions(entries)
    assert sentence in str(refused.value)
