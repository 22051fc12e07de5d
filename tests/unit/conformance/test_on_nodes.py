"""What is run on a node: the words, in the shell that they are for, with a runtime of a few lines."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    ContainerFacts,
    PodFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.on_nodes import remove_container, script, stop_sandbox

ID = "0123456789abcdef" * 4
MAIN = ContainerFacts("main", Role.APP, container_id=f"containerd://{ID}")
POD = PodFacts("shop", "conf", "a-uid", "Running", None, "Never", containers=(MAIN,))
# One byte that tells of no compression, four of the length, then the field: its number, its length, the id.
CALL = b"\x00\x00\x00\x00\x42\x0a\x40" + ID.encode()


def run(tmp_path: Path, command: str, status: str = "0") -> subprocess.CompletedProcess[bytes]:
    """The command in a shell that finds these programs; curl keeps what it is given."""
    for name, text in {
        "ctr": f'echo "$*" >> {tmp_path}/asked; echo {ID}',
        "curl": f'echo "$*" >> {tmp_path}/called; cat >> {tmp_path}/body; echo grpc-status: {status}',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    return subprocess.run(
        ["sh", "-c", script(POD, 1, command)],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        check=False,
        capture_output=True,
    )


def test_a_sandbox_is_found_by_its_pod_and_stopped_by_the_runtime(tmp_path: Path) -> None:
    assert run(tmp_path, stop_sandbox("shop").command).returncode == 0
    assert 'io.kubernetes.pod.uid"==a-uid' in (tmp_path / "asked").read_text()
    assert "RuntimeService/StopPodSandbox" in (tmp_path / "called").read_text()
    assert (tmp_path / "body").read_bytes() == CALL


def test_a_container_is_removed_by_the_id_of_its_status(tmp_path: Path) -> None:
    assert run(tmp_path, remove_container("shop", "main").command).returncode == 0
    assert "RuntimeService/RemoveContainer" in (tmp_path / "called").read_text()
    assert (tmp_path / "body").read_bytes() == CALL


def test_a_runtime_that_refuses_fails_the_deed(tmp_path: Path) -> None:
    assert run(tmp_path, remove_container("shop", "main").command, status="5").returncode != 0


def test_what_does_not_come_is_not_waited_for_forever(tmp_path: Path) -> None:
    assert run(tmp_path, "soon false").returncode != 0
