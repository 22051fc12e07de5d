"""A cluster whose processes were killed behind podman's back, as when a host's session ends: `scripts/test kind`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.awaiting import await_that

MIRROR = "podpatterns-mirror"


@pytest.fixture
def facts() -> Mapping[str, Any]:
    """What is known of the cluster that scripts/test has made."""
    name = os.environ.get("PODPATTERNS_CLUSTER")
    if not name:
        raise pytest.UsageError("tests/kind kills a cluster: name it in PODPATTERNS_CLUSTER")
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    found: Mapping[str, Any] = json.loads(
        (state / "podpatterns" / "clusters" / name / "facts.json").read_text(encoding="utf-8")
    )
    if found.get("engine") != "podman":
        pytest.skip(f"{found.get('engine') or 'nobody'} is told of the death of its containers' processes")
    return found


def test_a_cluster_and_a_mirror_that_were_killed_behind_podmans_back_are_made_again(
    facts: Mapping[str, Any],
) -> None:
    node = f"{facts['name']}-control-plane"
    for container in (node, MIRROR):
        _kill(container, facts)
        assert _podman(facts, "inspect", "--format", "{{.State.Running}}", container) == "true", (
            f"podman was told of the death of {container}: the case is not staged"
        )

    told = _play(facts)

    assert f"replacing it (the processes of {node} were killed)" in told, told
    assert _kubectl(facts, "get", "nodes", "--output", "name") == f"node/{node}"
    _kubectl(facts, "run", "pulled", "--image=busybox", "--restart=Never", "--", "true")
    _kubectl(facts, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/pulled", "--timeout=120s")


def _kill(container: str, facts: Mapping[str, Any]) -> None:
    """The watcher first, which would tell podman; the first process takes all others with it."""
    pids = _podman(facts, "inspect", "--format", "{{.State.ConmonPid}} {{.State.Pid}}", container).split()
    for pid in map(int, pids):
        os.kill(pid, signal.SIGKILL)
    await_that(
        lambda: not any(Path("/proc", pid).exists() for pid in pids), lambda: f"{container} lives: {pids}"
    )


def _play(facts: Mapping[str, Any]) -> str:
    """The role with the options that the cluster was made with."""
    options = {
        "kind_cluster_name": facts["name"],
        "kind_cluster_kubeconfig": facts["kubeconfig"],
        "kind_cluster_images": os.environ.get("PODPATTERNS_IMAGES", "all").split(),
    }
    return _run(["ansible-playbook", "podpatterns.core.cluster", "--extra-vars", json.dumps(options)])


def _kubectl(facts: Mapping[str, Any], *arguments: str) -> str:
    return _run([facts["kubectl"], "--kubeconfig", facts["kubeconfig"], *arguments])


def _podman(facts: Mapping[str, Any], *arguments: str) -> str:
    return _run(["podman", *arguments], facts["engine_environment"])


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    ended = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    told = ended.stdout + ended.stderr
    assert ended.returncode == 0, f"{' '.join(command)}\n{told}"
    return told.strip()
