"""Run the steps of a command: output kept in a log, shown as it comes or when it matters, every child ended with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import BinaryIO

from environment import ROOT

LINES_OF_A_FAILURE = 80
GLANCE_SECONDS = 0.1  # how often a log is looked at for new lines


@dataclass(frozen=True)
class Step:
    """One command line. `env` is added to the run's own environment."""

    title: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT


def interrupt_on_signals() -> None:
    """Let a polite kill and a closed terminal end us as Ctrl-C does, with everything cleaned up."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    # SIGINT, too: who is started in the background ignores it, and so would all that we start.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


class Runner:
    """Runs steps in one environment and keeps their output as `<logs>/<title>.log`."""

    def __init__(self, logs: Path, env: Mapping[str, str]) -> None:
        self.logs = logs
        self.env = dict(env)
        self._children: list[subprocess.Popen[bytes]] = []
        self._starting = Lock()
        self._stopped = False
        logs.mkdir(parents=True, exist_ok=True)

    def log(self, title: str) -> Path:
        """Where the output of the step of this title is kept."""
        return self.logs / (title.replace(" ", "-").replace("/", "-") + ".log")

    def show(self, step: Step) -> bool:
        """Run one step with its output on the terminal as well; true when it succeeds."""
        print(f"--- {step.title}", flush=True)
        self._stopped = False
        log = self.log(step.title)
        with log.open("wb") as output, log.open("rb") as tail:
            try:
                with ThreadPoolExecutor(max_workers=1) as pool:
                    child = pool.submit(self._start, step, output).result()
                while True:
                    ended = _ended_within(child, GLANCE_SECONDS)
                    sys.stdout.write(tail.read().decode(errors="replace"))
                    sys.stdout.flush()
                    if ended:
                        self._children.remove(child)
                        return child.returncode == 0
            except BaseException:
                self.stop()
                raise

    def together(self, steps: Sequence[Step], at_once: int | None = None) -> bool:
        """Run steps side by side, one line each; the output of those that fail follows their line.

        `at_once` is how many run at a time; as many as there are cores where it is not given.
        """
        succeeded = True
        self._stopped = False
        with ThreadPoolExecutor(max_workers=at_once or os.cpu_count()) as pool:
            waiting = {pool.submit(self._quietly, step): step for step in steps}
            try:
                for done in as_completed(waiting):
                    code, seconds = done.result()
                    title = waiting[done].title
                    print(f"  {title:<28} {'ok' if code == 0 else 'FAILED':<6} {seconds:6.1f} s", flush=True)
                    if code:
                        succeeded = False
                        print(_last_lines(self.log(title)), flush=True)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self.stop()
                raise
        return succeeded

    def stop(self) -> None:
        """End what still runs, with all that it started: ask first, then insist. Nothing starts meanwhile."""
        with self._starting:
            self._stopped = True
        # A shell's background processes do not hear SIGINT: what outlives its step is not waited for so long.
        self._signal(signal.SIGINT, 20, lambda child: child.poll() is None)
        self._signal(signal.SIGTERM, 10, _group_lives)
        self._signal(signal.SIGKILL, 5, _group_lives)
        self._children.clear()

    def _signal(self, number: int, patience: float, lives: Callable[[subprocess.Popen[bytes]], bool]) -> None:
        for child in self._children:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, number)
        deadline = time.monotonic() + patience
        while any(map(lives, self._children)) and time.monotonic() < deadline:
            time.sleep(GLANCE_SECONDS)

    def _quietly(self, step: Step) -> tuple[int, float]:
        began = time.monotonic()
        with self.log(step.title).open("wb") as output:
            child = self._start(step, output)
            code = child.wait()
        self._children.remove(child)
        return code, time.monotonic() - began

    def _start(self, step: Step, output: BinaryIO) -> subprocess.Popen[bytes]:
        """Start a step. Called in a thread: signals interrupt the main one, so no child is lost at its birth."""
        with self._starting:
            if self._stopped:
                raise KeyboardInterrupt
            # Output goes to a file, not a pipe: a daemon that a step leaves behind cannot hold us up.
            # A session of its own lets us end a step with all it started, and keeps the terminal's Ctrl-C from it.
            child = subprocess.Popen(
                list(step.argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self.env, **step.env},
                cwd=step.cwd,
                start_new_session=True,
            )
            self._children.append(child)
        return child


def _ended_within(child: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _group_lives(child: subprocess.Popen[bytes]) -> bool:
    """Whether anything runs of what the child started in its session; the child itself may have ended."""
    child.poll()
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    left_out = len(lines) - LINES_OF_A_FAILURE
    head = [f"... {left_out} lines before these are in {log}"] if left_out > 0 else []
    return "\n".join(head + lines[-LINES_OF_A_FAILURE:])
