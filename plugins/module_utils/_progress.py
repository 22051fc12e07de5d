# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signs of life from a long module: one line of text a time, to whoever watches the file."""

from __future__ import annotations

import os

ENVIRONMENT_VARIABLE = "PODPATTERNS_PROGRESS"


def report(line: str) -> None:
    """Tell the terminal what is going on; nothing happens where nobody watches.

    The file is written by appending whole lines, so a reader never sees half of one for long.
    An unwritable file is not worth failing a deployment for.
    """
    path = os.environ.get(ENVIRONMENT_VARIABLE)
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(line.replace("\n", " ") + "\n")
    except OSError:
        return
