"""The virtual environments of the two commands: made once per set of pins, found again while they are unchanged."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class EnvironmentFailed(Exception):
    """A virtual environment cannot be made; the message is one sentence for the terminal."""


def cache() -> Path:
    """Where everything lives that outlasts a checkout."""
    given = os.environ.get("PODPATTERNS_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podpatterns"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock dies with its holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another run that holds {path}", flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def environment(name: str, python: str = sys.executable) -> Path:
    """The folder of a virtual environment that holds the pins of `requirements/<name>.txt`."""
    pins = ROOT / "requirements" / f"{name}.txt"
    version = _version(python)
    key = hashlib.sha256(f"{os.path.realpath(python)} {version}\n{pins.read_text()}".encode()).hexdigest()[
        :12
    ]
    folder = cache() / "venv" / f"{name}-{version}-{key}"
    complete = folder / "complete"
    if not complete.exists():
        with locked(folder.with_suffix(".lock")):
            if not complete.exists():
                _make(folder, python, pins)
                complete.touch()
    return folder


def commands_of(venv: Path) -> dict[str, str]:
    """The environment in which the commands of a virtual environment find this checkout's collection."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(venv / "bin"), os.environ.get("PATH", os.defpath)]),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "PYTHONUNBUFFERED": "1",
    }


def cluster_facts(name: str) -> dict[str, str]:
    """What role kind_cluster wrote down of the cluster that it made."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    facts: dict[str, str] = json.loads((state / "podpatterns" / "clusters" / name / "facts.json").read_text())
    return facts


def _version(python: str) -> str:
    code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _make(folder: Path, python: str, pins: Path) -> None:
    print(f"Installing {pins.relative_to(ROOT)} into {folder} (once for these pins)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        [python, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--requirement", str(pins)],
    ):
        made = subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
        if made.returncode:
            raise EnvironmentFailed(
                f"Failed to make the virtual environment {folder}: exit code {made.returncode} of {' '.join(command)}"
            )


def other_pythons() -> dict[str, str]:
    """Interpreters newer than the running one that are on this machine and work, by their minor version.

    Besides PATH, pyenv's own folder is looked into: its names on PATH are shims that may lead nowhere.
    """
    shelves = [Path(entry) for entry in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    shelves += sorted(pyenv.glob("*/bin"), reverse=True)
    found: dict[str, str] = {}
    for minor in range(sys.version_info.minor + 1, 15):
        for path in (shelf / f"python3.{minor}" for shelf in shelves):
            if path.exists() and _can_make_environments(path):
                found[f"3.{minor}"] = str(path)
                break
    return found


def _can_make_environments(path: Path) -> bool:
    tried = subprocess.run([path, "-c", "import ensurepip, venv"], check=False, capture_output=True)
    return tried.returncode == 0
