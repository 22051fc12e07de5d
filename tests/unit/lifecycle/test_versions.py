"""Which states of a Pod a view remembers."""

from __future__ import annotations

from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View


def pod(phase: str) -> dict[str, Any]:
    metadata = {"name": "shop", "namespace": "default", "uid": "1"}
    return {"kind": "Pod", "metadata": metadata, "spec": {}, "status": {"phase": phase}}


def phases(view: View) -> list[tuple[float, str]]:
    return [(seen.at, seen.pod.phase) for seen in view.timeline(view.pods["1"]).versions]


def test_every_state_is_kept_with_the_moment_it_was_first_seen() -> None:
    view = View()
    view.put(pod("Pending"), 1.0)
    view.put(pod("Running"), 2.5)
    assert phases(view) == [(1.0, "Pending"), (2.5, "Running")]


def test_the_same_state_told_again_by_a_new_list_is_no_version() -> None:
    view = View()
    view.put(pod("Pending"), 1.0)
    view.replace("Pod", "default", [pod("Pending")], 2.0)
    assert phases(view) == [(1.0, "Pending")]


def test_a_state_that_comes_back_is_a_version_again() -> None:
    view = View()
    for moment, phase in enumerate(["Running", "Pending", "Running"]):
        view.put(pod(phase), float(moment))
    assert [phase for _at, phase in phases(view)] == ["Running", "Pending", "Running"]
