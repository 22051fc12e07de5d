"""Runs, of several clusters or versions, in one table of differences: python -m conformance.compare A B [C...].

With --page, a page of the documentation gets what each run found, counted and told.

Exit codes: 0 no difference, 1 there are some, 4 a file is no report.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.claims import Verdict
from conformance.record import VERDICTS, Entry, Run, from_data
from conformance.table import renewed

DIFFERENT, USAGE = 1, 4
ABSENT = "not in this run"
BEGIN = "<!-- versions: made by python -m conformance.compare --page -->"
END = "<!-- end of versions -->"


class NoReport(Exception):
    """A file is not what a run of the suite leaves; the text is a whole sentence."""


def read(path: Path) -> Run:
    """The run of a report.json. Raises NoReport."""
    try:
        return from_data(json.loads(path.read_text()))
    except OSError as error:
        raise NoReport(f"Failed to read report {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoReport(f"Failed to read report {path}: {error}") from error


@dataclass(frozen=True)
class Difference:
    """Behaviours with the same verdicts, one a run, and the same reasons, in the words of the runs."""

    ids: tuple[str, ...]
    verdicts: tuple[str, ...]
    why: str


def differences(runs: Sequence[Run]) -> list[Difference]:
    """The behaviours that some runs judge in another way than others, in the order in which they come up."""
    return [one for one in _side_by_side(runs) if len(set(one.verdicts)) > 1]


def _side_by_side(runs: Sequence[Run]) -> list[Difference]:
    by_run = [{entry.id: entry for entry in run.entries} for run in runs]
    found: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for name in dict.fromkeys(entry.id for run in runs for entry in run.entries):
        entries = [entries.get(name) for entries in by_run]
        verdicts = tuple(entry.verdict if entry else ABSENT for entry in entries)
        said = [text for entry in entries if entry is not None for text in _reasons(entry)]
        found.setdefault((verdicts, "; ".join(dict.fromkeys(said))), []).append(name)
    return [Difference(tuple(ids), verdicts, why) for (verdicts, why), ids in found.items()]


def _reasons(entry: Entry) -> Iterator[str]:
    if entry.reason:
        yield entry.reason
    if entry.verdict != Verdict.KNOWN.value:  # the bug says it in fewer words
        yield from (evidence for answer, evidence in entry.findings if answer == "no")


def table(runs: Sequence[Run]) -> str:
    """The differences in Markdown."""
    found = differences(runs)
    ids = {entry.id for run in runs for entry in run.entries}
    lines = [f"{sum(len(one.ids) for one in found)} of {len(ids)} behaviours differ."]
    return "\n".join([*lines, *(("", *_rows(runs, found)) if found else ())])


def page(runs: Sequence[Run]) -> str:
    """What each run found in Markdown: how many behaviours have which verdict, then all that do not conform in some."""
    told = list(reversed(VERDICTS))
    lines = [_row(("Kubernetes", "run of", "judged", *told)), _row(["---"] * 3 + ["---:"] * len(told))]
    for run in runs:
        counts = [str(run.counts[verdict]) for verdict in told]
        lines.append(_row((run.version, run.started[:10], str(len(run.entries)), *counts)))
    found = [one for one in _side_by_side(runs) if not set(one.verdicts) <= {Verdict.CONFORMS.value, ABSENT}]
    return "\n".join([*lines, *(("", *_rows(runs, found)) if found else ())])


def _rows(runs: Sequence[Run], found: Sequence[Difference]) -> Iterator[str]:
    head = ("id", *(run.version for run in runs), "why")
    yield from (_row(head), _row(["---"] * len(head)))
    for one in found:
        yield _row((", ".join(f"`{name}`" for name in one.ids), *one.verdicts, _cell(one.why)))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m conformance.compare", description=__doc__)
    parser.add_argument("reports", type=Path, nargs="+", help="report.json of a run; give two or more")
    parser.add_argument("--page", type=Path, metavar="FILE", help="renew what the runs found in this page")
    given = parser.parse_args(arguments)
    try:
        runs = [read(path) for path in given.reports]
    except NoReport as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    if given.page:
        given.page.write_text(renewed(given.page.read_text(), BEGIN, page(runs), END))
    sys.stdout.write(f"{table(runs)}\n")
    return DIFFERENT if differences(runs) else 0


if __name__ == "__main__":
    sys.exit(main())
