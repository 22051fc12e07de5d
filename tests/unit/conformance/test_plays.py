"""Plays of roles: what Ansible is given, and what is made of what it says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from conformance.plays import COLLECTIONS, play, run_play, task, unplayable
from conformance.pods import app, played, pod

POD = {"kind": "Pod", "metadata": {"name": "web"}}


def test_a_task_gives_a_role_its_variables_and_clothes_the_pods() -> None:
    (found,) = play(
        [task("wait_for", POD, goal="exists")], "shop", 30.0, lambda one: {**one, "clothed": True}
    )
    (only,) = found["tasks"]
    assert only["ansible.builtin.include_role"] == {"name": "podpatterns.core.wait_for"}
    assert only["vars"] == {
        "wait_for_namespace": "shop",
        "wait_for_definition": [{**POD, "clothed": True}],
        "wait_for_timeout": 30.0,
        "wait_for_goal": "exists",
    }


def test_the_collection_is_the_one_that_the_suite_imports() -> None:
    assert (COLLECTIONS / "ansible_collections" / "podpatterns" / "core" / "roles" / "wait_for").is_dir()


def whatever_comes(_end: Callable[[], None]) -> AbstractContextManager[None]:
    return nullcontext()


def ended_at_once(end: Callable[[], None]) -> AbstractContextManager[None]:
    end()
    return nullcontext()


def ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A Python beside which ansible-playbook is this script."""
    program = tmp_path / "ansible-playbook"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))


def test_a_play_that_fails_tells_its_first_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ansible(tmp_path, monkeypatch, "echo '[ERROR]: Task failed: no such Pod' >&2; echo fatal: more; exit 2")
    done = run_play([], None, None, 30.0, whatever_comes)
    assert done.error in ("more", "Task failed: no such Pod")
    assert "no such Pod" in done.output


def test_a_play_that_ends_well_has_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ansible(tmp_path, monkeypatch, 'echo "$K8S_AUTH_KUBECONFIG $K8S_AUTH_CONTEXT"; cat /dev/stdin')
    done = run_play([{"hosts": "localhost"}], "/some/kubeconfig", "here", 30.0, whatever_comes)
    assert done.error == ""
    first, rest = done.output.split("\n", 1)
    assert (first, json.loads(rest)) == ("/some/kubeconfig here", [{"hosts": "localhost"}])


def test_a_play_ends_with_what_it_is_played_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ansible(tmp_path, monkeypatch, "exec sleep 60")
    assert run_play([], None, None, 30.0, ended_at_once).error == "ansible-playbook ended with exit code -15"


def test_a_play_that_is_never_over_is_ended_though_it_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ansible(tmp_path, monkeypatch, "trap '' TERM; exec sleep 60")
    monkeypatch.setattr("conformance.plays.END_SECONDS", 0.1)
    assert run_play([], None, None, 0.1, whatever_comes).error == "ansible-playbook did not end in 0.1 s"


def test_a_machine_without_ansible_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    assert unplayable().startswith("ansible-playbook is not installed")


SETTINGS = {"kind": "ConfigMap", "metadata": {"name": "web"}}


def test_a_played_scene_has_the_pods_of_its_tasks_and_needs_ansible() -> None:
    found = played("mine", task("deploy", pod("web", app("main"))), task("deploy", SETTINGS))
    assert (found.name, [one["metadata"]["name"] for one in found.pods]) == ("mine", ["web"])
    assert "Ansible" in found.needs
