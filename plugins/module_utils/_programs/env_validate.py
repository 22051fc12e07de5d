# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs in an init container: checks the environment that the app will get, tells all findings at once.

Values are never shown: any of them may be a secret. Standard library only; no import from the collection.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO
from urllib.parse import urlsplit

TERMINATION_LOG = "/dev/termination-log"
TERMINATION_BYTES = 4096  # Kubernetes keeps no more


def is_port(text: str) -> bool:
    """Whether the text is a port number."""
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) < 65536


def is_number(text: str) -> bool:
    """Whether the text is a finite number with or without a fraction."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def is_url(text: str) -> bool:
    """Whether the text has a scheme and a host."""
    try:
        parts = urlsplit(text)
        return bool(parts.scheme and parts.hostname) and parts.port != 0
    except ValueError:
        return False


TYPES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "string": ("text", bool),
    "integer": ("a whole number", lambda text: re.fullmatch(r"[+-]?[0-9]+", text) is not None),
    "number": ("a number", is_number),
    "boolean": ("true or false", lambda text: text.lower() in ("true", "false", "1", "0", "yes", "no")),
    "port": ("a port number from 1 to 65535", is_port),
    "url": ("a URL with scheme and host", is_url),
}


def findings(config: dict[str, Any], environment: dict[str, str]) -> Iterator[str]:
    """Every finding as one sentence; none where all is well."""
    for name, wanted in config.get("variables", {}).items():
        yield from variable_findings(name, wanted, environment, config.get("placeholders", []))
    for wanted in config.get("files", []):
        yield from file_findings(wanted)
    for name in config.get("dns", []):
        yield from dns_findings(name)
    for path in config.get("writable", []):
        yield from writable_findings(path)
    for wanted in config.get("free_space", []):
        yield from space_findings(wanted)
    uid = config.get("uid")
    if uid is not None and os.getuid() != uid:
        yield f"the user is {os.getuid()}, it must be {uid}"


def variable_findings(
    name: str, wanted: dict[str, Any], environment: dict[str, str], placeholders: list[str]
) -> Iterator[str]:
    """What is wrong with one variable, without its value."""
    value = environment.get(name)
    if value is None or value == "":
        if wanted.get("required", True):
            yield f"{name} is {'not set' if value is None else 'empty'}"
        return
    if value.strip().lower() in {one.lower() for one in placeholders}:
        yield f"{name} still holds a placeholder"
        return
    kind = wanted.get("type") or "string"
    words, fits = TYPES[kind]
    if not fits(value):
        yield f"{name} is not {words}"
    pattern = wanted.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{name} does not match {pattern}"
    choices = wanted.get("enum")
    if choices and value not in choices:
        yield f"{name} is none of {', '.join(choices)}"


def file_findings(wanted: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one file; it may be larger than the memory here."""
    path = wanted["path"]
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            yield from size_findings(wanted, size)
            if wanted.get("sha256") and digest_of(stream) != wanted["sha256"]:
                yield f"{path} does not have the sha256 {wanted['sha256']}"
    except OSError as error:
        yield f"{path}: {error.strerror}"


def size_findings(wanted: dict[str, Any], size: int) -> Iterator[str]:
    """Whether a file is too small or too large."""
    if wanted.get("min_size") is not None and size < wanted["min_size"]:
        yield f"{wanted['path']} has {size} bytes, it needs at least {wanted['min_size']}"
    if wanted.get("max_size") is not None and size > wanted["max_size"]:
        yield f"{wanted['path']} has {size} bytes, it may have at most {wanted['max_size']}"


def digest_of(stream: BinaryIO) -> str:
    """The sha256 of what can be read."""
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def writable_findings(path: str) -> Iterator[str]:
    """Whether the user may write to a file, or make files in a folder."""
    try:
        folder = stat.S_ISDIR(os.stat(path).st_mode)
    except OSError as error:
        yield f"{path}: {error.strerror}"
        return
    if not os.access(path, os.W_OK | (os.X_OK if folder else 0)):
        yield f"{path} is not writable for user {os.getuid()}"


def dns_findings(name: str) -> Iterator[str]:
    """Whether a name resolves."""
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        yield f"the name {name} does not resolve: {error.strerror}"
    except UnicodeError:
        yield f"the name {name!r} is none that DNS can have"


def space_findings(wanted: dict[str, Any]) -> Iterator[str]:
    """Whether a file system has room."""
    try:
        free = shutil.disk_usage(wanted["path"]).free
    except OSError as error:
        yield f"{wanted['path']}: {error.strerror}"
        return
    if free < wanted["bytes"]:
        yield f"{wanted['path']} has {free} bytes free, it needs {wanted['bytes']}"


def stop(number: int, _frame: object) -> None:
    """The first process of a container gets TERM only where it asks for it."""
    os._exit(128 + number)


def main() -> int:
    """Print every finding, leave them as the termination message, fail where there is one."""
    signal.signal(signal.SIGTERM, stop)
    config = json.loads(os.environ["PODPATTERNS_CONFIG"])
    found = list(findings(config, dict(os.environ)))
    sys.stdout.write("".join(f"{line}\n" for line in found or ["environment is valid"]))
    if not found:
        return 0
    with suppress(OSError), open(TERMINATION_LOG, "r+b") as stream:  # there in every container, nowhere else
        stream.write("; ".join(found).encode()[:TERMINATION_BYTES])
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
