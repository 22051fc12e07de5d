# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache: what was built, under a digest of what it was built from.

A finished thing appears by one rename; whatever a killed run left half made lies in work/ and is swept by the
next one. Two runs at once share the cache: what one is making the other waits for.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .process import run
from .progress import Report


class Cache:
    def __init__(self, root: Path, report: Report) -> None:
        self.root = root
        self.artifacts = root / "artifacts"
        self.work = root / "work"
        self.registry = root / "registry"
        self.go = root / "go"
        self._locks = root / "locks"
        self._report = report

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the cache from being purged meanwhile."""
        with self._lock("cache", shared=True):
            self.artifacts.mkdir(exist_ok=True)
            with self._lock("work"):
                self._sweep()
            yield

    @contextlib.contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Be the only one who makes what; another run that makes it already is waited for."""
        with self._lock(what.replace("/", "_")):
            yield

    def _lock(self, name: str, shared: bool = False) -> contextlib.AbstractContextManager[None]:
        waiting = f"cache {self.root}: {name} is in the hands of"
        return lock(
            self._locks / name, lambda holder: self._report(f"{waiting} {holder}, waiting"), shared=shared
        )

    def _sweep(self) -> None:
        """Remove the scratch folders of runs that are no more: their locks are free."""
        self.work.mkdir(exist_ok=True)
        for guard in self.work.glob("*.lock"):
            with guard.open() as stream, contextlib.suppress(BlockingIOError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(guard.with_suffix(""), ignore_errors=True)
                guard.unlink()

    def find(self, name: str, digest: str) -> Path | None:
        """The folder of a finished artifact."""
        folder = self._folder(name, digest)
        return folder if folder.is_dir() else None

    def obtain(self, name: str, digest: str, make: Callable[[Path], None]) -> Path:
        """The folder of an artifact. If it is missing make fills one, which counts once that has ended well."""
        folder = self._folder(name, digest)
        if not folder.is_dir():
            with self.alone(folder.name), self.scratch(name) as aside:
                if not folder.is_dir():
                    (aside / "made").mkdir()
                    make(aside / "made")
                    (aside / "made").rename(folder)
        return folder

    def _folder(self, name: str, digest: str) -> Path:
        return self.artifacts / f"{name}-{digest}"

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A folder that is gone afterwards, at the latest with the next run."""
        with self._lock("work"):
            guard = self.work / f"{name}-{uuid.uuid4().hex[:8]}.lock"
            stream = guard.open("w", encoding="ascii")
            fcntl.flock(stream, fcntl.LOCK_EX)
        aside = guard.with_suffix("")
        try:
            aside.mkdir()
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            guard.unlink(missing_ok=True)
            stream.close()

    @property
    def parts(self) -> list[Path]:
        """What this room keeps in the cache and is there; others keep things beside it."""
        return [path for path in (self.artifacts, self.work, self.registry, self.go) if path.exists()]

    def remove(self) -> None:
        """Delete all parts, once no other run uses them."""
        with self._lock("cache"):
            for path in self.parts:
                # Go writes its module cache read-only.
                run(["chmod", "-R", "u+w", str(path)])
                shutil.rmtree(path)


@contextlib.contextmanager
def lock(path: Path, on_wait: Callable[[str], None], shared: bool = False) -> Iterator[None]:
    """An advisory lock that ends with this process, however it ends; on_wait is told who has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with path.open("a+", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip()
            if holder and holder != str(os.getpid()):
                on_wait(f"the run with process id {holder}")
            fcntl.flock(stream, kind)
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
