# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running commands: output captured to a log, lines seen as they come, a deadline, one sentence on failure."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .errors import KindClusterError

#: Set once one of several things done side by side has failed: the others end at once instead of working on.
CANCELLED = threading.Event()

#: Lines of a failed command's output that go into the error.
LAST_LINES = 6


class CommandFailed(KindClusterError):
    def __init__(self, message: str, returncode: int | None, output: str) -> None:
        super().__init__(message)
        self.returncode = returncode  #: None after a deadline
        self.output = output


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float = 600,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    on_idle: Callable[[], None] | None = None,
) -> str:
    """Run command to its end and return its standard output.

    environment is added to the process's own. on_line sees the lines of both output and error, which are one text
    then; on_idle is called about once a second while the command runs. log gets both as well.
    Raises CommandFailed with the last lines of both.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                list(command),
                env={**os.environ, **(environment or {})},
                cwd=cwd,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if on_line else errors,
                # A group of its own, so that what the command has started can be ended with it.
                process_group=0,
            )
        except OSError as error:
            raise CommandFailed(f"Failed to run {command[0]}: {error.strerror}", None, "") from error
        try:
            reason, output = _follow(process, stdin, timeout, on_line, on_idle)
        except BaseException:
            _end(process)
            raise
        finally:
            if process.stdout:
                process.stdout.close()
        errors.seek(0)
        everything = output + _text(errors.read())
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(f"$ {shlex.join(command)}\n{everything}\n")
    if reason:
        raise CommandFailed(
            f"Failed to run {_short(command)}: {reason}{_tail(everything)}", process.returncode, everything
        )
    return output


def _follow(
    process: subprocess.Popen[bytes],
    stdin: str | None,
    timeout: float,
    on_line: Callable[[str], None] | None,
    on_idle: Callable[[], None] | None,
) -> tuple[str, str]:
    """Why the command failed, empty where it did not, and its output."""
    if stdin is not None and process.stdin is not None:
        process.stdin.write(stdin.encode())
        process.stdin.close()
    deadline = time.monotonic() + timeout
    output = bytearray()
    pending = b""
    for chunk in _chunks(process):
        if CANCELLED.is_set() or time.monotonic() > deadline:
            _end(process)
            reason = (
                "stopped, since another step failed"
                if CANCELLED.is_set()
                else f"not done after {timeout:.0f} s"
            )
            return reason, _text(output)
        if on_idle:
            on_idle()
        output += chunk
        if on_line:
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                on_line(_text(line))
    process.wait(timeout=max(1.0, deadline - time.monotonic()))
    return f"exit code {process.returncode}" if process.returncode else "", _text(output)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """The output as it comes, and an empty chunk about once a second while none comes."""
    if process.stdout is None:
        return
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(timeout=1):
                chunk = os.read(process.stdout.fileno(), 65536)
                if not chunk:
                    return
                yield chunk
            elif process.poll() is not None:
                # A grandchild (conmon) may hold the pipe open for as long as a container lives.
                return
            else:
                yield b""


def attempt(command: Sequence[str], **keywords: object) -> tuple[bool, str]:
    """Like run, for commands whose failure is an answer: (succeeded, output)."""
    try:
        return True, run(command, **keywords)  # type: ignore[arg-type]
    except CommandFailed as error:
        return False, error.output or str(error)


def _short(command: Sequence[str]) -> str:
    text = shlex.join(command)
    return text if len(text) <= 160 else text[:157] + "..."


def _text(output: bytes | bytearray) -> str:
    return output.decode(errors="replace")


def _tail(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return ": " + " | ".join(lines[-LAST_LINES:]) if lines else ""
