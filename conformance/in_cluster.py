"""The suite in a Pod of the very cluster that it judges: python -m conformance.in_cluster, with the suite's options.

As a Pod of an Indexed Job it is the shard of its index, of as many as the variable SHARDS says; what it has to report
goes into its log, where python -m conformance.gather finds it. With --archive-in it leaves its reports there as one
archive and, when that is whole, names it in a file `done`, which is what Sonobuoy waits for.

Exit codes are those of the suite; with --archive-in the reports tell the verdict, and 0 says that they are there.
"""

from __future__ import annotations

import argparse
import os
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.__main__ import run_suite
from conformance.recording import Recorder
from conformance.reports.summary import gist
from conformance.selection import BadChoice, Shard, shard_of
from conformance.shards import Parcel, lines_of

INDEX, SHARDS = "JOB_COMPLETION_INDEX", "SHARDS"
ARCHIVE, DONE = "podpatterns-conformance.tar.gz", "done"
# What a container leaves there comes into its Pod's status, in whose description it is read. In bytes.
LAST_WORDS = Path("/dev/termination-log")
LAST_WORDS_BYTES = 4096
USAGE = 4


@dataclass(eq=False)
class _Keeper:
    """Keeps what the run finds when pytest has ended."""

    recorder: Recorder | None = None
    reason: str = ""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take hold of it."""
        found = config.pluginmanager.get_plugin("conformance-recorder")
        self.recorder = found if isinstance(found, Recorder) else None

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why a run is given up."""
        self.reason = str(excinfo.value)


def shard_in(environment: Mapping[str, str]) -> Shard | None:
    """The shard that an Indexed Job gives its Pod; None outside of one. Raises BadChoice."""
    index, count = environment.get(INDEX), environment.get(SHARDS)
    if index is None:
        return None
    if count is None:
        raise BadChoice(
            f"{INDEX} is {index!r}, but {SHARDS} is not set; give it the Job's number of completions"
        )
    try:
        return shard_of(f"{int(index) + 1}/{count}")
    except (ValueError, BadChoice) as error:
        raise BadChoice(
            f"{INDEX} is {index!r} and {SHARDS} is {count!r}; {SHARDS} must be the Job's number of completions"
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    name = "python -m conformance.in_cluster"
    parser = argparse.ArgumentParser(prog=name, description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--archive-in", type=Path, metavar="DIR", help="leave the reports there, and say in DIR/done where"
    )
    given, others = parser.parse_known_args(arguments)
    if given.archive_in is not None and not given.archive_in.is_dir():
        sys.stderr.write(
            f"--archive-in is {str(given.archive_in)!r}, which is no directory; mount a volume there\n"
        )
        return USAGE
    try:
        shard = shard_in(os.environ)
    except BadChoice as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    if shard is not None:
        others += ["--shard", str(shard), "--sharing", str(shard.of)]
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        keeper = _Keeper()
        code = run_suite([*others, "--report-dir", str(directory)], [keeper])
        if shard is not None and code == pytest.ExitCode.NO_TESTS_COLLECTED:
            code = 0  # of a few behaviours not every shard gets one
        if keeper.recorder is not None and (keeper.recorder.version or code == 0):
            _tell(keeper.recorder, shard, directory)
        elif keeper.reason:
            _say_last(keeper.reason)
        if given.archive_in is None:
            return code
        _archive(directory, given.archive_in)
        return 0 if (directory / "report.json").exists() else code


def _tell(recorder: Recorder, shard: Shard | None, directory: Path) -> None:
    run, junit = recorder.run, directory / "junit.xml"
    if shard is not None:
        parcel = Parcel(shard, run, recorder.drawings, junit.read_text() if junit.exists() else "")
        for line in lines_of(parcel):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    _say_last(gist(run))


def _say_last(text: str) -> None:
    if LAST_WORDS.exists():
        LAST_WORDS.write_bytes(text.encode()[:LAST_WORDS_BYTES])


def _archive(directory: Path, target: Path) -> None:
    """All reports as one archive; its name in the file that others wait for, which is there only when it is whole."""
    with tarfile.open(target / ARCHIVE, "w:gz") as archive:
        for path in sorted(directory.iterdir()):
            archive.add(path, path.name)
    aside = target / f".{DONE}"
    aside.write_text(str(target / ARCHIVE))
    aside.replace(target / DONE)


if __name__ == "__main__":
    sys.exit(main())
