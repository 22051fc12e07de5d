# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells an app that its files have changed, by a request or by a signal in a shared process namespace.

Part of a program's source (see source.py). Standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import urllib.request
from pathlib import Path
from typing import Any

from .outcomes import Unavailable, say, without_query


def reload(config: dict[str, Any], timeout: float) -> None:
    """Tell the app that there is something new, by a request or a signal."""
    if config.get("url"):
        request = urllib.request.Request(config["url"], data=b"", method="POST")
        try:
            with urllib.request.build_opener().open(request, timeout=timeout):
                say(f"told {without_query(config['url'])}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unavailable(f"POST {without_query(config['url'])}: {error}") from error
        return
    number = signal.Signals[f"SIG{config['signal']}"]
    found = processes(config["process"])
    if not found:
        raise Unavailable(f"there is no process named {config['process']} to signal")
    for pid in found:
        try:
            os.kill(pid, number)
        except OSError as error:
            raise Unavailable(
                f"signal {config['signal']} to {config['process']} as user {os.getuid()}: {error.strerror}"
            ) from error
    say(f"sent {config['signal']} to {config['process']}")


def processes(name: str) -> list[int]:
    """The processes of a name whose parent does not have it: of a master and its workers the master."""
    named: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            stat = Path("/proc", entry, "stat").read_text(encoding="utf-8", errors="replace")
            command, _bracket, rest = stat.partition("(")[2].rpartition(")")
            if command == name[:15]:  # the kernel keeps no more
                named[int(entry)] = int(rest.split()[1])
    return [pid for pid, parent in named.items() if parent not in named]
