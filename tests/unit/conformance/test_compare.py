"""Runs side by side: what is judged in another way, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.compare import DIFFERENT, USAGE, differences, main, table
from conformance.record import Entry, Figures, Run, as_data

SERIAL = Entry(
    "order-serial", "start order", "One after the other.", "docs", "1.6", "api", verdict="conforms"
)
PROBE = replace(SERIAL, id="probe-recovers")
HANGS = replace(PROBE, verdict="deviates", findings=(("no", "the app did not start"), ("yes", "it ran")))
LACKING = replace(PROBE, verdict="not applicable", reason="the server drops the field")


def run(version: str, *entries: Entry) -> Run:
    return Run("2026-01-01T00:00:00Z", version, {}, Figures(), entries)


def test_only_what_differs_is_told_with_a_verdict_a_run() -> None:
    found = differences([run("1.1", SERIAL, HANGS), run("1.2", SERIAL, PROBE), run("1.3", SERIAL, LACKING)])
    assert [(one.id, one.verdicts) for one in found] == [
        ("probe-recovers", ("deviates", "conforms", "not applicable"))
    ]


def test_the_reason_is_what_the_runs_say_for_themselves() -> None:
    (found,) = differences([run("1.1", HANGS), run("1.2", LACKING)])
    assert found.why == "the app did not start; the server drops the field"


def test_a_behaviour_that_a_run_did_not_judge_differs() -> None:
    (found,) = differences([run("1.1", SERIAL, PROBE), run("1.2", SERIAL)])
    assert found.verdicts == ("conforms", "not in this run")


def test_the_table_has_a_column_a_run() -> None:
    lines = table([run("1.1", HANGS), run("1.2", PROBE)]).splitlines()
    assert lines[0] == "1 of 1 behaviours differ."
    assert lines[2] == "| id | 1.1 | 1.2 | why |"
    assert lines[4] == "| `probe-recovers` | deviates | conforms | the app did not start |"


def test_no_difference_needs_no_table() -> None:
    assert table([run("1.1", SERIAL), run("1.2", SERIAL)]) == "0 of 1 behaviours differ."


def test_the_command_tells_by_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for version, entry in (("1.1", HANGS), ("1.2", PROBE)):
        paths.append(tmp_path / f"{version}.json")
        paths[-1].write_text(json.dumps(as_data(run(version, entry))))
    assert main([str(paths[0]), str(paths[1])]) == DIFFERENT
    assert main([str(paths[0]), str(paths[0])]) == 0
    capsys.readouterr()
    assert main([str(paths[0]), str(tmp_path / "none.json")]) == USAGE
    assert capsys.readouterr().err.startswith("Failed to read report")
