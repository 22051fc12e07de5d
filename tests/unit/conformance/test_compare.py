"""Runs side by side: what is judged in another way, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.compare import BEGIN, DIFFERENT, END, USAGE, differences, main, page, table
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
    assert [(one.ids, one.verdicts) for one in found] == [
        (("probe-recovers",), ("deviates", "conforms", "not applicable"))
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


def test_behaviours_with_the_same_verdicts_for_the_same_reason_share_a_row() -> None:
    other = replace(SERIAL, verdict="not applicable", reason=LACKING.reason)
    lines = table([run("1.1", other, LACKING), run("1.2", SERIAL, PROBE)]).splitlines()
    assert lines[0] == "2 of 2 behaviours differ."
    assert lines[4:] == [
        "| `order-serial`, `probe-recovers` | not applicable | conforms | the server drops the field |"
    ]


def test_a_known_deviation_is_told_by_its_bug_alone() -> None:
    known = replace(HANGS, verdict="deviates as known", reason="kubernetes/kubernetes#1, versions >=1.1")
    (found,) = differences([run("1.1", known), run("1.2", PROBE)])
    assert found.why == known.reason


def test_the_page_counts_the_verdicts_of_each_run_and_tells_what_does_not_conform_in_some() -> None:
    always = replace(SERIAL, verdict="deviates as known", reason="kubernetes/kubernetes#1, versions >=1.0")
    other = replace(SERIAL, id="order-mixed")
    lines = page([run("1.1", always, PROBE), run("1.2", always, LACKING, other)]).splitlines()
    assert lines == [
        "| Kubernetes | run of | judged | conforms | not applicable | deviates as known | could not judge | deviates |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
        "| 1.1 | 2026-01-01 | 2 | 1 | 0 | 1 | 0 | 0 |",
        "| 1.2 | 2026-01-01 | 3 | 1 | 1 | 1 | 0 | 0 |",
        "",
        "| id | 1.1 | 1.2 | why |",
        "| --- | --- | --- | --- |",
        "| `order-serial` | deviates as known | deviates as known | kubernetes/kubernetes#1, versions >=1.0 |",
        "| `probe-recovers` | conforms | not applicable | the server drops the field |",
    ]


def test_the_command_renews_a_page_between_its_marks(tmp_path: Path) -> None:
    report, target = tmp_path / "report.json", tmp_path / "page.md"
    report.write_text(json.dumps(as_data(run("1.1", SERIAL))))
    target.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert main([str(report), "--page", str(target)]) == 0
    told = target.read_text()
    assert told == f"before\n{BEGIN}\n\n{page([run('1.1', SERIAL)])}\n\n{END}\nafter\n"


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
