# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A shared volume on which versions are published whole: each is made beside the last, then a link is swapped.

Part of a program's source (see source.py). Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSIONS = "..versions"


class Volume:
    """The shared volume. link: the name under which a version appears; without one its entries appear at the root."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.root = Path(config["volume"])
        self.link: str | None = config.get("link")
        self.pointer = self.root / (self.link or "..data")
        self.file_mode: int = config["file_mode"]

    def current(self) -> str | None:
        """The version that readers see."""
        try:
            return os.path.basename(os.readlink(self.pointer))
        except OSError:
            return None

    @contextlib.contextmanager
    def stage(self, version: str) -> Iterator[Path]:
        """An empty directory beside the versions, gone again unless it was published."""
        directory = self.root / VERSIONS / f".{version}"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def publish(self, version: str, staged: Path) -> int:
        """Swap the readers over to a version; returns its number of files. The one before stays for who reads it."""
        previous = self.current()
        count = set_modes(staged, self.file_mode)
        final = self.root / VERSIONS / version
        if not final.exists():  # else it is the version before this one, offered again
            staged.rename(final)
        if self.link is None:
            # Links of new entries first: until the swap they lead nowhere, as the entries do not exist yet.
            for entry in os.listdir(final):
                swap(self.root / entry, f"..data/{entry}")
        swap(self.pointer, f"{VERSIONS}/{version}")
        self._tidy({version, previous})
        return count

    def _tidy(self, kept: set[str | None]) -> None:
        for old in (self.root / VERSIONS).iterdir():
            if old.name not in kept:
                shutil.rmtree(old, ignore_errors=True)
        if self.link is not None:
            return
        for entry in self.root.iterdir():
            gone = not os.path.lexists(self.pointer / entry.name)
            if gone and entry.is_symlink() and os.readlink(entry).startswith("..data/"):
                entry.unlink()


def swap(link: Path, target: str) -> None:
    """Let a link lead to the target in one step."""
    if link.is_symlink() and os.readlink(link) == target:
        return
    fresh = link.with_name(f"..{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def set_modes(directory: Path, mode: int) -> int:
    """Give every file the mode, programs their x beside each r, directories what goes with it; count the files."""
    count = 0
    beside_r = (mode & 0o444) >> 2
    for path, _directories, names in os.walk(directory):
        os.chmod(path, 0o700 | mode & 0o444 | beside_r)
        for name in names:
            file = Path(path, name)
            count += 1
            if not file.is_symlink():
                runs = file.stat().st_mode & 0o100
                file.chmod(mode | (beside_r if runs else 0))
    return count
