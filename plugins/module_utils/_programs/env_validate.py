# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs in an init container: checks the environment that the app will get, tells all findings at once.

Values are never shown: any of them may be a secret. Standard library only; no import from the collection.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

TERMINATION_LOG = "/dev/termination-log"


def is_port(text: str) -> bool:
    """Whether the text is a port number."""
    return text.isdigit() and 0 < int(text) < 65536


def is_number(text: str) -> bool:
    """Whether the text is a number with or without a fraction."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_url(text: str) -> bool:
    """Whether the text has a scheme and a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)


TYPES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "string": ("text", bool),
    "integer": ("a whole number", lambda text: re.fullmatch(r"[+-]?\d+", text) is not None),
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
        if not os.access(path, os.W_OK):
            yield f"{path} is not writable for user {os.getuid()}"
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
    """What is wrong with one file."""
    path = wanted["path"]
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        yield f"{path}: {error.strerror}"
        return
    if wanted.get("min_size") is not None and len(content) < wanted["min_size"]:
        yield f"{path} has {len(content)} bytes, it needs at least {wanted['min_size']}"
    if wanted.get("max_size") is not None and len(content) > wanted["max_size"]:
        yield f"{path} has {len(content)} bytes, it may have at most {wanted['max_size']}"
    if wanted.get("sha256") and hashlib.sha256(content).hexdigest() != wanted["sha256"]:
        yield f"{path} does not have the sha256 {wanted['sha256']}"


def dns_findings(name: str) -> Iterator[str]:
    """Whether a name resolves."""
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        yield f"the name {name} does not resolve"


def space_findings(wanted: dict[str, Any]) -> Iterator[str]:
    """Whether a file system has room."""
    try:
        free = shutil.disk_usage(wanted["path"]).free
    except OSError as error:
        yield f"{wanted['path']}: {error.strerror}"
        return
    if free < wanted["bytes"]:
        yield f"{wanted['path']} has {free} bytes free, it needs {wanted['bytes']}"


def main() -> int:
    """Print every finding, leave them as the termination message, fail where there is one."""
    config = json.loads(os.environ["PODPATTERNS_CONFIG"])
    found = list(findings(config, dict(os.environ)))
    for line in found:
        print(line, flush=True)
    if not found:
        print("environment is valid", flush=True)
        return 0
    with open(TERMINATION_LOG, "w", encoding="utf-8") as stream:
        stream.write("; ".join(found)[:4000])
    return 1


if __name__ == "__main__":
    sys.exit(main())
