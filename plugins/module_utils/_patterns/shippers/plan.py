# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be shipped, as every shipper is told it, and what a shipper is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

STATE = "/var/lib/podpatterns"
CONFIG_FOLDER = "/etc/podpatterns"
CA_FILE = "/etc/podpatterns-ca/ca.crt"
# What an app's rotation leaves beside the file it writes, and no shipper reads.
COMPRESSED = ("*.gz", "*.bz2", "*.xz", "*.zst")
# In the order of a record; the values come from the Pod's own fields.
POD_FIELDS = {"pod": "POD_NAME", "namespace": "POD_NAMESPACE", "node": "NODE_NAME"}


@dataclass(frozen=True)
class Output:
    """Where records go. login: none, basic or token; the secrets are in LOG_USERNAME, LOG_PASSWORD, LOG_TOKEN."""

    type: str
    url: str = ""
    path: str = ""
    host: str = ""
    port: int = 0
    index: str = "logs"
    login: str = "none"
    ca: bool = False
    verify: bool = True


@dataclass(frozen=True)
class Plan:
    """One log and its way out. Durations are seconds; outlives: whether the state is kept beyond the Pod."""

    name: str
    path: str
    output: Output
    rotation: str = "none"
    parser: str = "text"
    expression: str = ""
    multiline: str = ""
    multiline_seconds: int = 2
    fields: Mapping[str, str] = field(default_factory=dict)
    discover_seconds: int = 1
    drain_seconds: int = 3
    flush_seconds: int = 10
    health_port: int = 0
    outlives: bool = False

    @property
    def pattern(self) -> str:
        """The file, with what it is renamed to where the app rotates by renaming."""
        return f"{self.path}*" if self.rotation == "rename" and not self.path.endswith("*") else self.path

    @property
    def folder(self) -> str:
        """The directory that the app writes to."""
        return self.path.rsplit("/", 1)[0]


@dataclass(frozen=True)
class Shipper:
    """A program that ships logs.

    outputs: those that its image can write to; plugins: those that a larger image could. config_file: None where
    the configuration travels in the environment. Whether it is up shows in ready_file, or at health: port and path.
    sleep: a command of the image, for a hook on servers that have none of their own.
    """

    name: str
    image: str
    outputs: tuple[str, ...]
    render: Callable[[Plan], str]
    command: Callable[[str], Sequence[str]]
    args: Sequence[str] = ()
    ready_file: str | None = None
    health: tuple[int, str] | None = None
    config_file: str | None = None
    plugins: Mapping[str, str] = field(default_factory=dict)
    parsers: tuple[str, ...] = ("text", "json", "regex")
    logins: tuple[str, ...] = ("none", "basic", "token")
    drains_by_itself: bool = False
    sleep: tuple[str, ...] = ()
    memory: str = "128Mi"
