# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache: what was built, under a digest of what it was built from.

A finished thing appears by one rename; whatever a killed run left half made lies in work/ and is swept
by the next one. A lock keeps two runs from building at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .process import run


class Cache:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.artifacts = root / "artifacts"
        self.work = root / "work"
        self.registry = root / "registry"
        self.go = root / "go"

    @contextlib.contextmanager
    def locked(self, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Hold the cache for this run alone; on_wait is told once if another run has it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with lock(self.root / "lock", lambda holder: on_wait(f"cache {self.root}: waiting for {holder}")):
            self._sweep()
            self.artifacts.mkdir(exist_ok=True)
            self.work.mkdir(exist_ok=True)
            yield

    def _sweep(self) -> None:
        if self.work.exists():
            shutil.rmtree(self.work, ignore_errors=True)

    def find(self, name: str, digest: str) -> Path | None:
        """The folder of a finished artifact."""
        folder = self._folder(name, digest)
        return folder if folder.is_dir() else None

    def obtain(self, name: str, digest: str, make: Callable[[Path], None]) -> Path:
        """The folder of an artifact. If it is missing make fills one, which counts once that has ended well."""
        folder = self._folder(name, digest)
        if not folder.is_dir():
            with self.scratch(name) as aside:
                (aside / "made").mkdir()
                make(aside / "made")
                (aside / "made").rename(folder)
        return folder

    def _folder(self, name: str, digest: str) -> Path:
        return self.artifacts / f"{name}-{digest}"

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        aside = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.work))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    @property
    def parts(self) -> list[Path]:
        """What this room keeps in the cache and is there; others keep things beside it."""
        return [path for path in (self.artifacts, self.work, self.registry, self.go) if path.exists()]

    def remove(self) -> None:
        """Delete all parts."""
        for path in self.parts:
            # Go writes its module cache read-only.
            run(["chmod", "-R", "u+w", str(path)])
            shutil.rmtree(path)


@contextlib.contextmanager
def lock(path: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """An advisory lock that ends with this process, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            on_wait(f"the run with process id {stream.read().strip() or '(unknown)'}")
            fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def write_atomically(path: Path, text: str, mode: int = 0o644) -> bool:
    """Put text at path by a rename; False where it was there already."""
    if path.exists() and path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o777 == mode:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(aside, mode)
    os.rename(aside, path)
    return True


def read_json(path: Path) -> dict[str, Any] | None:
    """The mapping in a file; None where the file is missing or no JSON mapping."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
