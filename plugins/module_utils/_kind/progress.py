# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines for the terminal: what is being done, how far it is, how long it has taken."""

from __future__ import annotations

import time
from collections.abc import Callable

Report = Callable[[str], None]

#: Seconds between two lines of one step.
INTERVAL = 10.0


def duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Step:
    """One step of a longer work; says that it has begun, now and then how far it is, and that it is done."""

    def __init__(self, report: Report, title: str) -> None:
        self._report = report
        self._title = title
        self._begun = self._told = time.monotonic()
        self.detail = ""
        report(title)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._begun

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._told < INTERVAL:
            return
        self._told = now
        detail = f"{self.detail}, " if self.detail else ""
        self._report(f"{self._title} ({detail}{duration(self.elapsed)} so far)")

    def done(self) -> None:
        self._report(f"{self._title}: done in {duration(self.elapsed)}")
