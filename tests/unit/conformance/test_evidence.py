"""What becomes of evidence that comes in two parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from conformance.claims import Life
from conformance.evidence import continued

PENDING = PodFacts("shop", "conf", "1", "Pending", None, "Never")


def test_the_states_of_both_parts_are_one_history(life: Callable[..., Life]) -> None:
    done = replace(PENDING, phase="Succeeded")
    whole = continued(life(PENDING, one="a"), life(done, one="a"))
    assert [seen.pod.phase for seen in whole.timelines[0].versions] == ["Pending", "Succeeded"]


def test_a_goal_missed_at_first_is_no_shortfall_when_it_is_reached_later(life: Callable[..., Life]) -> None:
    assert continued(life(PENDING, one="a", shortfall="stuck"), life(PENDING, one="a")).shortfall == ""


def test_another_pod_has_a_history_of_its_own(life: Callable[..., Life]) -> None:
    other = replace(PENDING, uid="2")
    whole = continued(life(PENDING, one="a"), life(other, one="a"))
    assert [seen.pod.uid for seen in whole.timelines[0].versions] == ["2"]
