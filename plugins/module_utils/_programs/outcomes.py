# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a program says what went wrong, and whether trying again may help.

Part of a program's source (see source.py). Standard library only. Nothing here shows a secret.
"""

from __future__ import annotations

import sys
from pathlib import Path


class Refused(Exception):
    """What is there must not be published, and will not get better by trying again."""


class Unavailable(Exception):
    """The source does not answer now; it may later."""


def secret(path: str) -> str:
    """A secret's text without the newline that editors leave at its end."""
    return Path(path).read_text(encoding="utf-8").strip()


def without_query(url: str) -> str:
    """A URL without what may hold a secret."""
    return url.partition("?")[0]


def one_line(text: str) -> str:
    """The lines that say something, in one; hints to people at a terminal left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    return "; ".join(lines)[-500:]


def say(text: str) -> None:
    """One line in the container's log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
