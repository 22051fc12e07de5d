"""The cache holds whole things only, whatever breaks on the way, and two runs share it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind.cache import (
    Cache,
    lock,
    write_atomically,
)

COLLECTIONS = Path(__file__).resolve().parents[3] / "collections"

#: A run that begins to make an artifact and says so, then waits to be killed.
BEGINS = f"""
import sys, time
sys.path.insert(0, {str(COLLECTIONS)!r})
from pathlib import Path
from ansible_collections.podpatterns.core.plugins.module_utils._kind.cache import Cache

def make(folder):
    (folder / "half").write_text("x")
    print("begun", flush=True)
    time.sleep(600)

cache = Cache(Path(sys.argv[1]), print)
with cache.in_use():
    cache.obtain("thing", "1", make)
"""


def make_whole(folder: Path) -> None:
    (folder / "whole").write_text("x")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", lambda _line: None)


def test_an_artifact_is_made_once(cache: Cache) -> None:
    calls: list[Path] = []
    with cache.in_use():
        first = cache.obtain("thing", "1", calls.append)
        assert cache.obtain("thing", "1", calls.append) == first
    assert len(calls) == 1


def test_an_artifact_that_failed_is_not_there(cache: Cache) -> None:
    def breaks(folder: Path) -> None:
        make_whole(folder)
        raise OSError("the download broke")

    with cache.in_use(), pytest.raises(OSError, match="the download broke"):
        cache.obtain("thing", "1", breaks)
    assert cache.find("thing", "1") is None
    assert list(cache.work.iterdir()) == []


def test_what_a_killed_run_left_is_swept_and_made_anew(cache: Cache) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BEGINS, str(cache.root)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert list(cache.work.glob("thing-*/made/half"))
        os.kill(process.pid, signal.SIGKILL)
    with cache.in_use():
        assert list(cache.work.iterdir()) == []
        folder = cache.obtain("thing", "1", make_whole)
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_what_a_living_run_is_making_is_not_swept(cache: Cache) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BEGINS, str(cache.root)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        with cache.in_use():
            assert list(cache.work.glob("thing-*/made/half"))
        os.kill(process.pid, signal.SIGKILL)


def test_a_lock_that_is_taken_is_waited_for_and_its_holder_named(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holds = (
        "import fcntl, sys; stream = open(sys.argv[1], 'w'); fcntl.flock(stream, fcntl.LOCK_EX);"
        "stream.write('4711'); stream.flush(); print('held', flush=True); sys.stdin.readline()"
    )
    told: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        release = process.stdin

        def on_wait(holder: str) -> None:
            told.append(holder)
            release.write("\n")
            release.flush()

        with lock(path, on_wait):
            pass
    assert told == ["the run with process id 4711"]


def test_only_parts_of_this_room_are_removed(cache: Cache) -> None:
    with cache.in_use():
        cache.obtain("thing", "1", make_whole)
    beside = cache.root / "venv"
    beside.mkdir()
    cache.remove()
    assert cache.parts == []
    assert beside.is_dir()


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "kubeconfig"
    assert write_atomically(path, "text", 0o600)
    assert not write_atomically(path, "text", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [other.name for other in path.parent.iterdir()] == ["kubeconfig"]
