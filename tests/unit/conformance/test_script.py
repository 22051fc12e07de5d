"""The words that containers speak, spoken by this machine's own shell."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import (
    Order,
    from_uptime,
    order,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import (
    Stamp,
    lines_of,
    stamps_in,
)
from conformance.script import BOARD, aside, until_its_end, until_told

PATIENT = {"NAME": "one", "PATIENCE": "5", "WINDOW": "1", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def on_board(script: str, board: Path) -> list[str]:
    return ["sh", "-c", script.replace(BOARD, str(board))]


def spoken(board: Path, *lines: str) -> list[Stamp]:
    command = on_board(until_its_end(*lines), board)
    done = subprocess.run(command, env=PATIENT, check=True, capture_output=True, text=True)
    return list(stamps_in(lines_of("one", 0, done.stdout.splitlines())))


def said(stamps: list[Stamp]) -> list[str]:
    return [f"{stamp.event} {stamp.detail}".strip() for stamp in stamps if stamp.event != "begin"]


APART = ["unshare", "--pid", "--fork", "--mount-proc"]


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*APART, "true"], check=False, capture_output=True).returncode != 0,
    reason="nobody here may make a process 1 of its own",
)
def test_a_hook_is_heard_while_process_1_is_not(tmp_path: Path) -> None:
    """A word that is waited for is silent; what a probe says meanwhile is not lost."""
    hook = tmp_path / "hook.sh"
    hook.write_text(aside("hook_say hello")[2])
    script = until_its_end(f"within 5 sh {hook}")
    command = [*APART, *on_board(script, tmp_path)]
    done = subprocess.run(command, env=PATIENT, check=True, capture_output=True, text=True)
    assert said(list(stamps_in(lines_of("one", 0, done.stdout.splitlines())))) == ["hello", "end"]


def test_a_container_says_when_the_kernel_made_its_process(tmp_path: Path) -> None:
    first = spoken(tmp_path)[0]
    born = from_uptime(first.detail)
    assert first.event == "begin"
    assert born is not None
    assert 0 <= first.at.earliest - born.earliest < 60


def test_the_clock_has_ticked_when_the_next_process_is_made(tmp_path: Path) -> None:
    """So that no end and no start that come one after the other are ever a tie."""
    for _time in range(20):
        ended = spoken(tmp_path)[-1]
        born = from_uptime(spoken(tmp_path)[0].detail)
        assert born is not None
        assert order(ended.at, born) is Order.YES


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tell note echo hello", ["note hello", "end"]),
        ("tell note printf 'two\\nlines'", ["note two lines", "end"]),
        ("tell note sh -c 'echo why; exit 3'", ["note-failed why", "end"]),
        ("mark two; await two", ["saw two", "end"]),
        ("PATIENCE=1; await two", ["missed two", "end"]),
        ("await one", ["saw one", "end"]),
        ("linger two; say on", ["on", "end"]),
    ],
)
def test_words(tmp_path: Path, line: str, words: list[str]) -> None:
    assert said(spoken(tmp_path, line)) == words


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = on_board(until_told("say ready"), tmp_path)
    with subprocess.Popen(
        command, env=PATIENT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        yield child
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def test_a_sidecar_stays_until_it_gets_term_and_exits_0(sidecar: subprocess.Popen[str]) -> None:
    assert sidecar.stdout is not None
    heard = [sidecar.stdout.readline() for _line in range(2)]
    assert sidecar.poll() is None
    sidecar.send_signal(signal.SIGTERM)
    heard += [sidecar.stdout.readline() for _line in range(2)]
    assert said(list(stamps_in(lines_of("one", 0, [line.strip() for line in heard])))) == [
        "ready",
        "term",
        "end",
    ]
    assert sidecar.wait(10) == 0


def free_address() -> str:
    """An address of this process's own: the tests run in several environments at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


ADDRESS = free_address()


@pytest.mark.skipif(shutil.which("busybox") is None, reason="serving takes a busybox, which is not on PATH")
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([f"serve {ADDRESS} && say mine", "kill $server"], ["mine", "end"]),
        ([f"serve {ADDRESS}", f"serve {ADDRESS} || say taken", "kill %1"], ["taken", "end"]),
        (
            [f"serve {ADDRESS}; echo hello > {BOARD}/x; reach got http://{ADDRESS}/x", "kill $server"],
            ["got hello", "end"],
        ),
        ([f"PATIENCE=1; reach got http://{ADDRESS}/x"], [f"got-failed http://{ADDRESS}/x", "end"]),
    ],
    ids=["free port", "taken port", "answer", "no answer"],
)
def test_words_of_the_network(tmp_path: Path, lines: list[str], words: list[str]) -> None:
    command = ["busybox", *on_board(until_its_end(*lines), tmp_path)]
    done = subprocess.run(command, env=PATIENT, check=True, stdout=subprocess.PIPE, text=True)
    assert said(list(stamps_in(lines_of("one", 0, done.stdout.splitlines())))) == words
