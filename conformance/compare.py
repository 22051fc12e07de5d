"""Runs, of several clusters or versions, in one table of differences: python -m conformance.compare A B [C...].

Exit codes: 0 no difference, 1 there are some, 4 a file is no report.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.record import Entry, Run, from_data

DIFFERENT, USAGE = 1, 4
ABSENT = "not in this run"


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
    """A behaviour whose verdicts differ: one verdict a run, and what the runs have to say for themselves."""

    id: str
    verdicts: tuple[str, ...]
    why: str


def differences(runs: Sequence[Run]) -> list[Difference]:
    """The behaviours that some runs judge in another way than others, in the order in which they come up."""
    by_run = [{entry.id: entry for entry in run.entries} for run in runs]
    found = []
    for name in dict.fromkeys(entry.id for run in runs for entry in run.entries):
        entries = [entries.get(name) for entries in by_run]
        verdicts = tuple(entry.verdict if entry else ABSENT for entry in entries)
        if len(set(verdicts)) > 1:
            said = [text for entry in entries if entry is not None for text in _reasons(entry)]
            found.append(Difference(name, verdicts, "; ".join(dict.fromkeys(said))))
    return found


def _reasons(entry: Entry) -> Iterator[str]:
    if entry.reason:
        yield entry.reason
    yield from (evidence for answer, evidence in entry.findings if answer == "no")


def table(runs: Sequence[Run]) -> str:
    """The differences in Markdown."""
    found = differences(runs)
    lines = [f"{len(found)} of {len({entry.id for run in runs for entry in run.entries})} behaviours differ."]
    if found:
        head = ("id", *(run.version for run in runs), "why")
        lines += ["", _row(head), _row(["---"] * len(head))]
        lines += [_row((f"`{one.id}`", *one.verdicts, _cell(one.why))) for one in found]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m conformance.compare", description=__doc__)
    parser.add_argument("reports", type=Path, nargs="+", help="report.json of a run; give two or more")
    given = parser.parse_args(arguments)
    try:
        runs = [read(path) for path in given.reports]
    except NoReport as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    sys.stdout.write(f"{table(runs)}\n")
    return DIFFERENT if differences(runs) else 0


if __name__ == "__main__":
    sys.exit(main())
