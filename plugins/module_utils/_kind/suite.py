# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The repository's own Python package, the conformance suite, with all that it needs: as wheels for an image."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import failed
from .process import attempt, run

#: What the package is made of, and the pins of what it needs.
PARTS = (
    "pyproject.toml",
    "galaxy.yml",
    "requirements/test.txt",
    "conformance",
    "meta",
    "playbooks",
    "plugins",
    "roles",
)
#: The interpreter of the distribution, whose release the images have as well.
PYTHON = "/usr/bin/python3"


def checkout(files: Path, image: str) -> Path:
    """The repository whose role has these files. An installed collection has no suite, and is told so."""
    root = files.resolve().parents[2]
    if not (root / "pyproject.toml").is_file() or not (root / "conformance").is_dir():
        raise failed(
            "build",
            f"image {image}",
            f"it is made from a checkout of the repository, and {root} is an installed collection",
        )
    return root


def texts(root: Path) -> Mapping[str, str]:
    """All that the package is made of: path -> text."""
    found = (path for part in PARTS for path in _files(root / part))
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in found}


def _files(path: Path) -> Sequence[Path]:
    if path.is_file():
        return [path]
    return sorted(one for one in path.rglob("*") if one.is_file() and "__pycache__" not in one.parts)


def gather_wheels(root: Path, extras: Sequence[str], target: Path, log: Path) -> None:
    """Lay the wheel of the package and those of all that it needs into target.

    By the host's own pip, which knows where this machine gets its packages from.
    """
    pip = [sys.executable, "-m", "pip"]
    run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(root)], timeout=1200, log=log)
    (wheel,) = target.glob("podpatterns_conformance-*.whl")
    run(
        [
            *(*pip, "download", "--quiet", "--only-binary=:all:", "--python-version", _python_version()),
            *("--constraint", str(root / "requirements" / "test.txt"), "--dest", str(target)),
            f"{wheel}[{','.join(extras)}]",
        ],
        timeout=1200,
        log=log,
    )


def _python_version() -> str:
    succeeded, output = attempt([PYTHON, "--version"])
    match = re.search(r"Python (\d+\.\d+)", output)
    if succeeded and match:
        return match[1]
    return "{}.{}".format(*sys.version_info)
