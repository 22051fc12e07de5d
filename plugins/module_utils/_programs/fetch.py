# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs in an init container or a sidecar: fetches files, checks them, publishes them whole or not at all.

Standard library and, for a git source, git; no import from the collection but its neighbours. What is published
never changes in place, so a reader sees one version or the other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from .fetch_reload import reload
from .fetch_sources import Files, Git, source_of
from .fetch_volume import Volume
from .outcomes import Refused, Unavailable, one_line, say

TERMINATION_LOG = "/dev/termination-log"
LONGEST_PAUSE = 10.0
# In the work directory, which outlasts the container: the version that the app knows of.
TOLD = "told"


def verify(directory: Path, config: dict[str, Any]) -> None:
    """Refuse a version that lacks a required file or does not pass the check."""
    missing = [path for path in config.get("required_files") or () if not (directory / path).exists()]
    if missing:
        raise Refused(f"lacks {', '.join(missing)}")
    check = config.get("check")
    if not check:
        return
    try:
        done = subprocess.run(
            check,
            cwd=directory,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=config["timeout"],
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"could not be checked: {error}") from error
    if done.returncode:
        said = one_line(done.stderr) or one_line(done.stdout) or "it said nothing"
        raise Refused(f"does not pass the check (exit code {done.returncode}): {said}")


def update(config: dict[str, Any], source: Files | Git, volume: Volume) -> bool:
    """Publish what the source has, if it is new; returns whether it was."""
    version = source.look()
    if version == volume.current():
        return False
    with volume.stage(version) as staged:
        source.write(staged)
        try:
            verify(staged, config)
        except Refused as error:
            raise Refused(f"version {version[:12]} {error}") from None
        count = volume.publish(version, staged)
    say(f"published version {version[:12]}, {count} file{'' if count == 1 else 's'}")
    return True


def first(config: dict[str, Any], source: Files | Git, volume: Volume) -> bool:
    """Update until it has worked once. Raises Refused at once, Unavailable at the deadline."""
    started, pause = time.monotonic(), 1.0
    while True:
        try:
            return update(config, source, volume)
        except Unavailable as error:
            if time.monotonic() + pause > started + config["deadline"]:
                raise Unavailable(f"{error}; gave up after {config['deadline']} s") from error
            say(f"{error}; trying again")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


class Watch:
    """Rounds after the first update. What was published stays while the source is away or offers what is refused."""

    def __init__(self, config: dict[str, Any], source: Files | Git, volume: Volume) -> None:
        self.config, self.source, self.volume = config, source, volume
        self.failures = 0
        self.last = ""

    def round(self) -> None:
        """Update and reload; raises when more rounds in a row have failed than may."""
        failed: list[Exception] = []
        for step in (lambda: update(self.config, self.source, self.volume), self._tell):
            try:
                step()
            except (
                Refused,
                Unavailable,
                OSError,
            ) as error:  # OSError: a version that its volume has no room for
                failed.append(error)
        if failed:
            self._failed(failed[0])
            return
        if self.failures:
            say(f"well again after {self.failures} failed round{'' if self.failures == 1 else 's'}")
        self.failures, self.last = 0, ""

    def _tell(self) -> None:
        """Tell the app of the version that is there, until it has worked once."""
        version, told = self.volume.current(), Path(self.config["work"], TOLD)
        if not self.config.get("reload") or version is None:
            return
        if told.exists() and told.read_text(encoding="utf-8") == version:
            return
        reload(self.config["reload"], self.config["timeout"])
        told.write_text(version, encoding="utf-8")

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if str(error) != self.last:
            say(f"{error}; what was published stays")
            self.last = str(error)
        if 0 <= self.config["max_failures"] < self.failures:
            raise Refused(f"{error}; {self.failures} rounds in a row have failed")


def run(config: dict[str, Any]) -> None:
    """Publish once, or for as long as the container lives."""
    synced = Path(config["work"], "synced")
    synced.unlink(missing_ok=True)
    volume = Volume(config)
    source = source_of(config)
    # A watch that was started anew finds what it had published: that is good enough for the app, and a source that
    # is away now must not make the Pod unready.
    resumes = config["watch"] and volume.current() is not None
    if not resumes:
        first(config, source, volume)
        # An app that has still to start needs not be told, and cannot be: it waits for the next file.
        Path(config["work"], TOLD).write_text(str(volume.current()), encoding="utf-8")
    synced.touch()
    if not config["watch"]:
        return
    watch = Watch(config, source, volume)
    if resumes:
        watch.round()
    while True:
        time.sleep(config["period"])
        watch.round()


def stop(_number: int, _frame: Any) -> None:
    """End well on TERM: whatever is under way, what is published is whole."""
    raise SystemExit(0)


def main() -> int:
    """Run as configured; a failure is the termination message."""
    config = json.loads(os.environ["PODPATTERNS_CONFIG"])
    signal.signal(signal.SIGTERM, stop)
    try:
        run(config)
    except (Refused, Unavailable) as error:
        text = str(error)
    except OSError as error:
        text = f"{error.filename or 'the volume'}: {error.strerror}"
    else:
        return 0
    say(text)
    with open(TERMINATION_LOG, "w", encoding="utf-8") as stream:
        stream.write(text[:4000])
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
