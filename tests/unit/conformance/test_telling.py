"""Commands in containers, by a kubectl that is a few lines of shell: a kubelet is seldom caught while it starts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from conformance.claims import Life
from conformance.deeds import Tell
from conformance.evidence import Witness
from conformance.telling import told

POD = PodFacts("shop", "conf", "1", "Running", None, "Never")
NO_API: Any = None
STARTING = (
    "error: Internal error occurred: unable to upgrade connection: pod does not exist",
    'error: unable to upgrade connection: container not found ("main")',
)

Ask = Callable[..., tuple[bool, str]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, life: Callable[..., Life]) -> Ask:
    """What comes of a deed whose command finds these answers in its way, and then a shell."""
    monkeypatch.setattr("conformance.telling.PAUSE_SECONDS", 0.0)

    def asked(
        *answers: str,
        command: str = "echo done",
        note: str = "",
        deadline: float = math.inf,
        over: bool = False,
    ) -> tuple[bool, str]:
        for number, answer in enumerate(answers):
            (tmp_path / f"answer-{number}").write_text(answer)
        (tmp_path / "kubectl").write_text(
            f"""#!/bin/sh
            for one in {tmp_path}/answer-*; do
              [ -e "$one" ] || break
              cat "$one" >&2; rm "$one"; exit 1
            done
            while [ "$1" != -- ]; do shift; done; shift
            exec "$@"
            """
        )
        (tmp_path / "kubectl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        timeline = life(POD).timelines[0]
        deed = Tell("shop", "main", command, note)
        return told(Witness(NO_API, None, None), timeline, deed, deadline, lambda: over)

    return asked


@pytest.mark.parametrize("answer", STARTING)
def test_a_kubelet_that_starts_is_asked_until_it_knows_its_containers(ask: Ask, answer: str) -> None:
    assert ask(answer, answer) == (True, "done\n")


def test_where_a_container_that_is_not_there_is_an_answer_it_is_not_asked_again(ask: Ask) -> None:
    assert ask(STARTING[1], note="seen") == (False, STARTING[1])


def test_it_is_not_asked_for_ever(ask: Ask) -> None:
    assert ask(STARTING[1], STARTING[1], deadline=time.monotonic()) == (False, STARTING[1])


def test_a_pod_that_is_over_is_not_asked_again(ask: Ask) -> None:
    assert ask(STARTING[1], over=True) == (False, STARTING[1])


def test_what_the_server_refuses_it_is_not_asked_again(ask: Ask) -> None:
    refusal = "Error from server (Forbidden): pods is forbidden"
    assert ask(refusal) == (False, refusal)


def test_a_command_that_fails_has_run(ask: Ask) -> None:
    assert ask(command="echo why >&2; exit 7") == (True, "why\n")


def test_a_command_that_is_cut_off_has_run(ask: Ask) -> None:
    assert ask(command="kill -9 $$")[0]
