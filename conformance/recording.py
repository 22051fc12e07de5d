"""Gathers what the tests note of their behaviours, here or in workers, and writes the reports of the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.drawing import svg
from conformance.catalogue import ALL_IDS
from conformance.claims import Judgement
from conformance.record import Entry, Figures, Run, as_data, joined, judged
from conformance.reports import html, summary

try:
    from conformance.reports.metrics import metrics
except ImportError:  # check_directory() says so before the run
    metrics = None  # type: ignore[assignment]

ENTRY = pytest.StashKey[Entry]()
DRAWINGS = pytest.StashKey[list[str]]()
PLACES = {name: place for place, name in enumerate(ALL_IDS)}
# Under this name a report carries what was noted, and a worker's last word the figures.
CARRIED = "conformance"


def note(item: pytest.Item, entry: Entry, found: Judgement | None = None) -> None:
    """Keep what is known of the behaviour by now, with the judgement on its scene where there is one."""
    item.stash[ENTRY] = judged(entry, found) if found else entry
    if found is not None:
        item.stash[DRAWINGS] = [svg(one) for one in found.life.timelines]


def note_failure(item: pytest.Item, error: str) -> None:
    """Keep why there is no judgement, where the test of a promise ended without one."""
    entry = item.stash.get(ENTRY, None)
    if entry is not None and not entry.findings and not entry.reason:
        item.stash[ENTRY] = replace(entry, reason=error.splitlines()[0])


def carry(item: pytest.Item, report: pytest.TestReport) -> None:
    """Put what was noted into the test's last report, in a shape that a worker can send."""
    entry = item.stash.get(ENTRY, None)
    if report.when == "teardown" and entry is not None:
        carried = {"entry": json.loads(json.dumps(asdict(entry))), "drawings": item.stash.get(DRAWINGS, [])}
        setattr(report, CARRIED, carried)


def check_directory(directory: Path | None) -> None:
    """Raises UsageError where no report could be written there."""
    if directory is None:
        return
    if metrics is None:
        raise pytest.UsageError(
            "--report-dir needs the Python library prometheus_client; install it with: pip install prometheus-client"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise pytest.UsageError(
            f"--report-dir is {str(directory)!r}, where no directory can be made: {error.strerror}"
        ) from error


def in_place(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Evidence comes in any order; reports keep to the catalogue's, those of the project's own areas last."""
    return tuple(sorted(entries, key=lambda entry: PLACES.get(entry.id, len(PLACES))))


class Recorder:
    """The run as it grows. options: those that a reader of the report must know."""

    def __init__(self, directory: Path | None, options: Mapping[str, Any]) -> None:
        self.directory = directory
        self.options = dict(options)
        self.started = datetime.now(UTC)
        self.version = ""
        self.figures: list[Figures] = []
        self._entries: dict[str, Entry] = {}
        self.drawings: dict[str, Sequence[str]] = {}

    @property
    def run(self) -> Run:
        """All that is known by now."""
        started = self.started.isoformat(timespec="seconds").replace("+00:00", "Z")
        # Of a run that was interrupted some twins may be known, and not the promise.
        told = [entry for entry in self._entries.values() if entry.findings or entry.reason]
        return Run(started, self.version, self.options, joined(self.figures), in_place(told))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test noted."""
        carried = getattr(report, CARRIED, None)
        if carried is not None:
            self.take(Entry(**carried["entry"]), carried["drawings"])

    def take(self, entry: Entry, drawings: Sequence[str] = ()) -> None:
        """Join what the test of the promise and the test of its twin know."""
        known = self._entries.get(entry.id)
        twin = entry.twin or (known.twin if known else "")
        if known is not None and not _says_more(entry, known):
            entry = known
        self._entries[entry.id] = replace(entry, twin=twin)
        if drawings:
            self.drawings[entry.id] = drawings

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the figures of a worker that has finished."""
        self.hear(getattr(node, "workeroutput", None) or {})

    def hear(self, output: Mapping[str, Any]) -> None:
        """Take a worker's last word; one that died has none."""
        if carried := output.get(CARRIED):
            self.figures.append(Figures(**carried["figures"]))
            self.version = carried["version"]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what was found and what it took."""
        run = self.run
        if not run.entries or not self.version:
            return
        terminalreporter.section("conformance")
        terminalreporter.line(f"Kubernetes {run.version}: {summary.counts(run)}")
        for line in summary.figures(run):
            terminalreporter.line(line)
        if self.directory is not None:
            terminalreporter.line(f"reports: {', '.join(map(str, self.write(self.directory)))}")

    def write(self, directory: Path) -> list[Path]:
        """The reports of the run, one file each."""
        return write_reports(directory, self.run, self.drawings)


def write_reports(directory: Path, run: Run, drawings: html.Drawings) -> list[Path]:
    """Every report of a run, one file each, but for that of JUnit; drawings: those of the behaviours' Pods by id."""
    makers: dict[str, Callable[[], str]] = {
        "report.json": lambda: json.dumps(as_data(run), indent=1) + "\n",
        "report.html": lambda: html.page(run, drawings),
        "report.md": lambda: summary.markdown(run),
        "metrics.txt": lambda: metrics(run),
    }
    for name, make in makers.items():
        (directory / name).write_text(make(), encoding="utf-8")
    return [directory / name for name in makers]


def _says_more(one: Entry, known: Entry) -> bool:
    """The test of the twin notes the behaviour too, but finds nothing out about the promise."""
    return bool(one.findings) or (bool(one.reason) and not known.findings)
