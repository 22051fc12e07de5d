"""Commands: what they say, when they fail, and that nothing of them is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind.process import (
    CommandFailed,
    attempt,
    run,
)
from tests.awaiting import await_that


def test_warnings_are_no_output() -> None:
    assert run(["sh", "-c", "echo out; echo warning >&2"]) == "out\n"


def test_lines_of_output_and_error_are_seen_as_they_come() -> None:
    lines: list[str] = []
    run(["sh", "-c", "echo a; echo b >&2"], on_line=lines.append)
    assert lines == ["a", "b"]


def test_a_failure_tells_the_exit_code_and_the_last_lines() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(["sh", "-c", "echo no such thing; exit 3"])
    assert str(caught.value) == "Failed to run sh -c 'echo no such thing; exit 3': exit code 3: no such thing"
    assert caught.value.returncode == 3


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandFailed, match="Failed to run no-such-command: No such file or directory"):
        run(["no-such-command"])


def test_a_deadline_ends_the_command_and_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(CommandFailed, match="not done after 2 s"):
        run(["sh", "-c", f"sleep 600 & echo $! > {pid}; wait"], timeout=2)
    killed = int(pid.read_text())
    # A killed process is gone as soon as the kernel gets to it.
    await_that(lambda: not _alive(killed), lambda: "what the command had started still runs")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_failure_that_is_an_answer_is_no_error() -> None:
    assert attempt(["sh", "-c", "echo nothing; exit 1"]) == (False, "nothing\n")


def test_the_output_is_kept_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "dev.log"
    run(["sh", "-c", "echo hello; echo careful >&2"], log=log)
    assert log.read_text() == "$ sh -c 'echo hello; echo careful >&2'\nhello\ncareful\n\n"
