"""Two runs, of two clusters or two versions, in one table of differences: python -m conformance.compare A B.

Exit codes: 0 no difference, 1 there are some, 4 a file is no report.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
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


def differences(first: Run, second: Run) -> list[tuple[str, str, str, str]]:
    """The behaviours whose verdicts differ: id, the verdict of each run, and why."""
    one, two = ({entry.id: entry for entry in run.entries} for run in (first, second))
    return [
        (name, *_verdicts(one.get(name), two.get(name)), _why(one.get(name), two.get(name)))
        for name in dict.fromkeys((*one, *two))
        if len(set(_verdicts(one.get(name), two.get(name)))) > 1
    ]


def _verdicts(one: Entry | None, two: Entry | None) -> tuple[str, str]:
    return (one.verdict if one else ABSENT, two.verdict if two else ABSENT)


def _why(one: Entry | None, two: Entry | None) -> str:
    """What the two runs have to say for themselves, what they share told once."""
    said = [text for entry in (one, two) if entry is not None for text in _reasons(entry)]
    return "; ".join(dict.fromkeys(said))


def _reasons(entry: Entry) -> Iterator[str]:
    if entry.reason:
        yield entry.reason
    yield from (evidence for answer, evidence in entry.findings if answer == "no")


def table(first: Run, second: Run) -> str:
    """The differences in Markdown."""
    found = differences(first, second)
    lines = [
        f"{len(found)} of {len({entry.id for run in (first, second) for entry in run.entries})} behaviours differ."
    ]
    if found:
        lines += ["", f"| id | {first.version} | {second.version} | why |", "| --- | --- | --- | --- |"]
        lines += [f"| `{name}` | {one} | {two} | {_cell(why)} |" for name, one, two, why in found]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m conformance.compare", description=__doc__)
    for name in ("first", "second"):
        parser.add_argument(name, type=Path, help="report.json of a run")
    given = parser.parse_args(arguments)
    try:
        first, second = read(given.first), read(given.second)
    except NoReport as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    sys.stdout.write(f"{table(first, second)}\n")
    return DIFFERENT if differences(first, second) else 0


if __name__ == "__main__":
    sys.exit(main())
