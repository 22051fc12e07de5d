# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passwords, keys and authorities that a helper reads from files: one projected volume that no one else mounts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .fragment import BadPattern

ACCESS_PATH = "/podpatterns/access"
OBJECT_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
KEY_NAME = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@dataclass
class Access:
    """What is projected, and the annotation that it may need. volume: the volume's name."""

    volume: str
    sources: list[dict[str, Any]] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    mounts: list[dict[str, Any]] = field(default_factory=list)

    def secret(self, name: str, key: str, path: str) -> str:
        """A key of a Secret as a file; returns its path in the helper."""
        return self._file("secret", name, key, path)

    def config_map(self, name: str, key: str, path: str) -> str:
        """A key of a ConfigMap as a file; returns its path in the helper."""
        return self._file("configMap", name, key, path)

    def user(self, number: int) -> None:
        """Let the image know the helper's user, whatever image it is: ssh refuses to run for a user of no name."""
        key = f"podpatterns.core/user-{number}"
        self.annotations[key] = f"helper:x:{number}:{number}:helper:/tmp:/bin/sh"
        item = {"path": "passwd", "fieldRef": {"fieldPath": f"metadata.annotations['{key}']"}}
        self.sources.append({"downwardAPI": {"items": [item]}})
        self.mounts.append(
            {"name": self.volume, "mountPath": "/etc/passwd", "subPath": "passwd", "readOnly": True}
        )

    def _file(self, kind: str, name: str, key: str, path: str) -> str:
        source = {kind: {"name": name, "items": [{"key": key, "path": path}]}}
        if source not in self.sources:
            self.sources.append(source)
        return f"{ACCESS_PATH}/{path}"

    def volumes(self) -> list[dict[str, Any]]:
        """The volume, where anything is to be projected."""
        if not self.sources:
            return []
        # Readable by any user of the one container that mounts it; ssh minds a key's mode only if it owns the key.
        return [{"name": self.volume, "projected": {"defaultMode": 0o444, "sources": self.sources}}]

    def all_mounts(self) -> list[dict[str, Any]]:
        """The helper's mounts of it."""
        if not self.sources:
            return []
        return [{"name": self.volume, "mountPath": ACCESS_PATH, "readOnly": True}, *self.mounts]


def object_name(name: str, where: str) -> str:
    """The name of a Secret or ConfigMap. Raises BadPattern where it is none."""
    if not OBJECT_NAME.fullmatch(name):
        raise BadPattern(
            f"{where} is {name!r}; it must be the name of an object, of lower-case letters, digits, hyphens and dots"
        )
    return name


def key_name(key: str, where: str) -> str:
    """A key of a Secret or ConfigMap. Raises BadPattern where it is none."""
    if not KEY_NAME.fullmatch(key) or key.startswith(".."):
        raise BadPattern(
            f"{where} is {key!r}; it must be a key of the object, of letters, digits, hyphens, underscores and dots"
        )
    return key


def authority(option: Mapping[str, Any] | None, access: Access, where: str) -> str | None:
    """The file of the certificate authority that a ConfigMap holds."""
    if option is None:
        return None
    name = object_name(option["name"], f"{where}.name")
    return access.config_map(name, key_name(option["key"], f"{where}.key"), "ca.crt")


def checked_url(url: str, schemes: tuple[str, ...], where: str) -> str:
    """A URL of one of the schemes, with a host, without a password. Raises BadPattern; a password is not shown."""
    try:
        parts = urlsplit(url)
        password, host = parts.password, parts.hostname
    except ValueError:
        parts, password, host = None, None, None
    if password or (parts and parts.username and parts.scheme.startswith("http")):
        raise BadPattern(f"{where} holds credentials; put them into a Secret and name that by token_secret")
    if parts is None or parts.scheme not in schemes or not host:
        begins = " or ".join(f"{scheme}://" for scheme in schemes)
        raise BadPattern(f"{where} is {url!r}; it must begin with {begins} and name a host")
    return url
