"""Module lifecycle_assert on Pods that ran: what holds, what does not, and what nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .lab import STAY, Lab, Space, container

TASK = "podpatterns.core.lifecycle_assert"


SHARES = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
# Both outlast the second in which they start, so that no stamp of whole seconds hides that they ran.
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {
        "restartPolicy": "Never",
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "initContainers": [
            container("prepare", "echo ready; sleep 2", **SHARES),
            # The status tells an end to a second: this one keeps the end of prepare apart from the start of app.
            container("pause", "sleep 2"),
            container("helper", f"echo here; {STAY}", restartPolicy="Always", **SHARES),
        ],
        "containers": [container("app", "echo app; sleep 2", **SHARES), container("lonely", "true")],
    },
}


@pytest.fixture(scope="module")
def space(lab: Lab) -> Iterator[Space]:
    """A namespace in which the Pod has run to its end."""
    made = lab.space()
    made.ready(POD, goal="completed")
    yield made
    lab.forget(made.name)


def ask(space: Space, *that: dict[str, Any], **options: Any) -> Any:
    given = {
        "kubeconfig": "{{ kubeconfig }}",
        "namespace": "{{ namespace }}",
        "name": "web",
        "that": list(that),
    }
    return space.play([{TASK: {**given, **options}, "register": "found"}])


def test_what_is_so_passes_and_changes_nothing(space: Space) -> None:
    done = ask(
        space,
        {"outcome": {"container": "prepare", "exit_code": 0}},
        {"restarts": {"container": "app", "exactly": 0}},
        {"before": ["prepare.started", "app.started"]},
        {"before": ["prepare.first_line", "app.first_line"]},
        {"before": ["helper.started", "app.started"]},
        {"overlap": ["helper", "app"]},
        {"shares_volume": {"containers": ["helper", "app"], "volume": "shared"}},
        {"shares_network": ["helper", "app"]},
        {"duration": {"container": "prepare", "least": 1}},
        tie="fail",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout


@pytest.mark.parametrize(
    ("asserted", "said"),
    [
        (
            {"before": ["app.started", "prepare.started"]},
            "app.started is before prepare.started: app.started after ",
        ),
        ({"outcome": {"container": "lonely", "exit_code": 3}}, "lonely has exit_code 3: it has exit_code 0"),
        ({"overlap": ["prepare", "app"]}, "prepare and app run at the same time: prepare ran from "),
        (
            {"shares_volume": ["app", "lonely"]},
            "app and lonely share a volume: app mounts shared; lonely mounts nothing",
        ),
        (
            {"restarts": {"container": "app", "least": 1}},
            "app was restarted 1 times or more: it was restarted 0 times",
        ),
        (
            {"before_ready": "ghost"},
            "the Pod has no container ghost; it has prepare, pause, helper, app, lonely",
        ),
    ],
    ids=str,
)
def test_what_is_not_so_fails_with_one_sentence_and_the_timeline(
    space: Space, asserted: dict[str, Any], said: str
) -> None:
    done = ask(space, asserted)
    told = done.stdout + done.stderr
    assert done.returncode == 2, told
    assert f"Failed to assert on Pod {space.name}/web: " in told
    assert said in told
    assert "CONTAINER" in told


def test_a_look_tells_when_the_first_line_came(space: Space) -> None:
    given = {
        "kubeconfig": "{{ kubeconfig }}",
        "namespace": "{{ namespace }}",
        "name": "web",
        "first_lines": True,
    }
    attempt = "found.workloads[0].pods[0].containers[0].attempts[0]"
    asserted = [
        f"{attempt}.first_line.source == 'log'",
        f"{attempt}.first_line.earliest >= {attempt}.created.earliest",
    ]
    done = space.play(
        [
            {"podpatterns.core.workload_info": given, "register": "found"},
            {"ansible.builtin.assert": {"that": asserted}},
        ]
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_mode_judges_too(space: Space) -> None:
    asserted = {"outcome": {"container": "lonely", "exit_code": 3}}
    given = {
        "kubeconfig": "{{ kubeconfig }}",
        "namespace": "{{ namespace }}",
        "name": "web",
        "that": [asserted],
    }
    done = space.play([{TASK: given, "check_mode": True}])
    assert done.returncode == 2, done.stdout


@pytest.mark.parametrize(
    ("tie", "code", "word"),
    [("fail", 2, "Failed to tell of"), ("warn", 0, "No telling"), ("pass", 0, "ok=1")],
)
def test_a_tie_is_told_as_a_tie(space: Space, tie: str, code: int, word: str) -> None:
    """The Pod is not ready any more: nobody can tell what came before that."""
    done = ask(space, {"before_ready": "helper"}, tie=tie)
    told = done.stdout + done.stderr
    assert done.returncode == code, told
    assert word in told


def test_a_workload_that_is_not_there_is_told(space: Space) -> None:
    done = ask(space, {"before_ready": "app"}, name="nobody")
    assert done.returncode == 2
    assert f"Failed to assert on Pod {space.name}/nobody: there is none" in done.stdout + done.stderr


def test_an_assertion_that_makes_no_sense_is_refused_before_the_cluster_is_asked(space: Space) -> None:
    done = ask(space, {"befor": []}, kubeconfig="/nowhere")
    assert done.returncode == 2
    assert "that[0] is 'befor'; it must be one of before" in done.stdout + done.stderr
