"""How the two commands run their steps, on real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from steps import Runner, Step

from tests.awaiting import await_that

COMMANDS = Path(__file__).resolve().parents[3] / "scripts" / "commands"
PATIENCE = 20  # seconds after which a wait is given up


def shell(title: str, script: str) -> Step:
    return Step(title, ["/bin/sh", "-c", script])


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(tmp_path / "logs", os.environ)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_shown_step_appears_on_the_terminal_and_in_its_log(
    run: Runner, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run.show(shell("say it", "echo out; echo err >&2"))
    assert "out\nerr\n" in capfd.readouterr().out
    assert run.log("say it").read_text() == "out\nerr\n"


def test_a_step_that_fails_is_told_apart(run: Runner) -> None:
    assert not run.show(shell("fail", "exit 3"))


def test_steps_together_show_the_output_of_those_that_fail(
    run: Runner, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not run.together([shell("good", "echo fine"), shell("bad", "echo broken; exit 1")])
    shown = capfd.readouterr().out
    assert "broken" in shown
    assert "fine" not in shown


def test_a_daemon_that_a_step_leaves_behind_does_not_hold_it_up(run: Runner, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    assert run.show(shell("leave a daemon", f"sleep {10 * PATIENCE} & echo $! > {pid_file}"))
    daemon = int(pid_file.read_text())
    try:
        assert alive(daemon), "the step waited for its daemon"
    finally:
        os.kill(daemon, signal.SIGKILL)


@pytest.mark.parametrize("ignored", [False, True], ids=["in front", "in the background of a shell"])
def test_an_interrupt_ends_the_step_with_all_that_it_started(tmp_path: Path, ignored: bool) -> None:
    pid_file = tmp_path / "pid"
    program = (
        "import os, pathlib, signal, steps\n"
        f"signal.signal(signal.SIGINT, signal.{'SIG_IGN' if ignored else 'default_int_handler'})\n"
        "steps.interrupt_on_signals()\n"
        f"run = steps.Runner(pathlib.Path({str(tmp_path)!r}), os.environ)\n"
        f"run.show(steps.Step('long', ['/bin/sh', '-c', 'sleep {10 * PATIENCE} & echo $! > {pid_file}; wait']))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(COMMANDS)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=env, stderr=subprocess.PIPE, text=True
    ) as command:
        await_that(
            lambda: command.poll() is not None or (pid_file.exists() and bool(pid_file.read_text().strip())),
            lambda: "the step did not start",
        )
        assert command.poll() is None
        command.send_signal(signal.SIGTERM)
        _, complaint = command.communicate(timeout=PATIENCE)
    assert "KeyboardInterrupt" in complaint
    assert not alive(int(pid_file.read_text()))
