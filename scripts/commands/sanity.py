"""ansible-test sanity on the installed artefact, in a home of its own."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

from artefact import COLLECTION
from environment import ROOT, cache, locked
from steps import Runner, Step

# The version of pip that ansible-test names in the file name which it looks for before it downloads.
BOOTSTRAP = Path(".ansible") / "test" / "cache" / "get_pip_24_2.py"


def sanity(run: Runner, tree: Path, venv: Path) -> tuple[bool, int]:
    """Every sanity test there is, with no ignore entries: whether all succeeded, and how many looked at something.

    The environments that ansible-test makes for its tests outlast the run in the cache.
    """
    collection = tree / COLLECTION
    (collection / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "config.yml", collection / "tests")
    home = cache() / "sanity"
    (home / BOOTSTRAP).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("get_pip.py"), home / BOOTSTRAP)
    env = {
        "HOME": str(home),
        # ansible-test tries every Python on PATH: shims of a version manager would lead it astray.
        "PATH": os.pathsep.join([str(venv / "bin"), os.defpath]),
    }
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["ansible-test", "sanity", "--python", version, "--color", "no"]
    step = Step("ansible-test sanity", command, env, collection)
    with locked(home / "lock"):
        settings = _pip_settings(home, venv)
        try:
            succeeded = run.show(step)
        finally:
            settings.unlink()  # it may hold a password of a package index
    count = run.log(step.title).read_text(errors="replace").count("Running sanity test ")
    return succeeded and count > 0, count


def _pip_settings(home: Path, venv: Path) -> Path:
    """The user's own pip settings for the other home: ansible-test passes on no variable that pip reads."""
    pip = [str(venv / "bin" / "pip"), "config", "list"]
    listed = subprocess.run(pip, check=True, capture_output=True, text=True).stdout
    settings = RawConfigParser()
    settings.add_section("global")
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in (":env:", "global", "install"):
            settings.set("global", option, ast.literal_eval(value))
    settings.set("global", "quiet", "1")
    path = home / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with path.open("w") as stream:
        settings.write(stream)
    return path
