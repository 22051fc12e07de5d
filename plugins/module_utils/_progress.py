# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signs of life from a long module: one line of text a time, to whoever reads the pipe."""

from __future__ import annotations

import os

ENVIRONMENT_VARIABLE = "PODPATTERNS_PROGRESS"


def report(line: str) -> None:
    """Tell the terminal what is going on; nothing happens where nobody watches.

    The pipe is never waited for: a reader that is gone or slow is not worth holding up a deployment.
    """
    path = os.environ.get(ENVIRONMENT_VARIABLE)
    if not path:
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    except OSError:
        return
    try:
        os.write(descriptor, (" ".join(line.split()) + "\n").encode())
    except OSError:
        return
    finally:
        os.close(descriptor)
