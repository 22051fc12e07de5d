"""Entering nodes, with an engine that is a few lines of shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.nodes import NotEntered, node

ENGINE = """#!/bin/sh
case "$*" in
  "ps --filter label=io.x-k8s.kind.role --filter name=^mine"*) echo mine; echo mine-too;;
  "ps "*) ;;
  "exec mine journalctl -u containerd -o cat --no-pager --since @7") printf 'one\\ntwo\\n';;
  "restart --time 0 mine") : > "$0.cut";;
  *) echo "no such thing" >&2; exit 1;;
esac
"""


@pytest.fixture(autouse=True)
def _engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    podman = tmp_path / "podman"
    podman.write_text(ENGINE)
    podman.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")


def test_a_journal_is_read_in_lines() -> None:
    assert node("mine").journal("containerd", 7.9) == ["one", "two"]


def test_a_node_whose_power_is_cut_gets_no_time_to_prepare(tmp_path: Path) -> None:
    node("mine").cut_power()
    assert (tmp_path / "podman.cut").exists()


def test_a_command_that_fails_is_told_in_one_sentence() -> None:
    with pytest.raises(NotEntered, match=r"Failed to run podman exec mine false: no such thing"):
        node("mine").run("false")


def test_a_name_that_no_kind_node_has_is_told() -> None:
    with pytest.raises(NotEntered, match="node elsewhere is no kind node on this machine"):
        node("elsewhere")
