"""Stamps that containers leave in their status, for when their logs are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import Refusal
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    ContainerFacts,
    PodFacts,
    Termination,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Seen, Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.evidence import Witness
from conformance.pods import app, pod, scene

SCENE = scene(pod("shop", app("main")))
FIRST = "@ 1.00 begin 1.00\n@ 2.00 end\n"
SECOND = "@ 3.00 begin 3.00\n@ 4.00 end\n"
BEFORE = Termination(1, "Error", FIRST, None, None)
ENDED = ContainerFacts(
    "main", Role.APP, state="terminated", restarts=1, exit_code=0, message=SECOND, last=BEFORE
)


class Logs:
    """A server that has these logs, by whether that of the attempt before is asked for."""

    def __init__(self, **logs: str) -> None:
        self.logs = logs

    def text(self, _path: str, *, query: dict[str, Any]) -> str:
        name = "previous" if "previous" in query else "present"
        if name not in self.logs:
            raise Refusal(400, "BadRequest", "there is no such container")
        return self.logs[name]


def told(container: ContainerFacts, **logs: str) -> tuple[list[tuple[int, str]], tuple[str, ...]]:
    seen = PodFacts("shop", "conf", "1", "Failed", None, "Never", containers=(container,))
    witness = Witness(Logs(**logs), None, None)  # type: ignore[arg-type]  # it has what a witness asks for
    life = witness.life_of(SCENE, [Timeline(seen, {}, (Seen(0.0, seen),))], "")
    return [(one.attempt, one.event) for one in life.timelines[0].stamps], life.gaps


def test_both_attempts_are_told_where_no_log_is_left() -> None:
    assert told(ENDED) == ([(0, "begin"), (0, "end"), (1, "begin"), (1, "end")], ())


def test_a_sentence_in_place_of_a_log_is_no_log() -> None:
    stamps, _gaps = told(
        replace(ENDED, last=None), present="unable to retrieve container logs for containerd://1"
    )
    assert stamps == [(1, "begin"), (1, "end")]


def test_a_whole_log_is_told_as_it_is() -> None:
    stamps, _gaps = told(replace(ENDED, last=None), present=f"{SECOND}@ 4.00 more")
    assert stamps == [(1, "begin"), (1, "end"), (1, "more")]


def test_a_message_of_another_kind_is_no_will_and_the_gap_is_told() -> None:
    stamps, gaps = told(replace(ENDED, last=None, message="out of paper"))
    assert stamps == []
    assert gaps == ("the log of main, attempt 1, cannot be read: there is no such container",)
