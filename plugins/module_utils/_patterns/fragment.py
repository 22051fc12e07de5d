# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a pattern asks of a Pod: plain data, joined to a manifest by compose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Mode(StrEnum):
    """How a helper runs: to its end before the app, beside it as Kubernetes' own sidecar, or as one more app."""

    INIT = "init"
    NATIVE = "native"
    CLASSIC = "classic"


class BadPattern(Exception):
    """A pattern cannot be put on the workload; the text names the option, its value and what would be right."""


@dataclass(frozen=True)
class Target:
    """The workload that patterns are put on, as far as a pattern may know it."""

    kind: str
    name: str
    namespace: str
    replicas: int
    pod_spec: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    template_metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """What the patterns may use of the API server, as (major, minor) and the optional kinds that it serves.

    groups: the API groups that it serves, None where no server was asked.
    """

    version: tuple[int, int] = (1, 33)
    kinds: frozenset[str] = frozenset()
    groups: frozenset[str] | None = None

    @property
    def native_sidecars(self) -> bool:
        """Whether init containers may always restart (KEP-753, on by default since 1.29)."""
        return self.version >= (1, 29)

    @property
    def sleep_hooks(self) -> bool:
        """Whether a hook may sleep by itself (KEP-3960, on by default since 1.30)."""
        return self.version >= (1, 30)


@dataclass(frozen=True)
class Helper:
    """A container that a pattern adds.

    ends_by_itself: a classic sidecar that notices the app's end, so that it may stand in a Job.
    shutdown_seconds: what it needs, hooks included, from TERM to its end.
    """

    spec: Mapping[str, Any]
    mode: Mode
    position: str | None = None
    ends_by_itself: bool = False
    shutdown_seconds: int = 0


@dataclass(frozen=True)
class Graft:
    """What a pattern adds to the user's own containers; to all apps where none is named.

    pre_stop: seconds for which an app is kept from TERM by a hook, where it has no hook of its own.
    """

    mounts: Sequence[Mapping[str, Any]] = ()
    env: Sequence[Mapping[str, Any]] = ()
    pre_stop: int = 0
    containers: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExpectedProxy:
    """A proxy that the workload's Pods are to have. native: None where it may be of either kind."""

    container: str
    native: bool | None = None


@dataclass(frozen=True)
class Fragment:
    """Everything that one pattern adds.

    objects: further manifests that the workload needs (RBAC, a Service, a Job); they go to its namespace.
    rules: RBAC policy rules that the helpers need; compose gives them an account.
    rules_elsewhere: the same for other namespaces than the workload's, by namespace.
    """

    helpers: Sequence[Helper] = ()
    volumes: Sequence[Mapping[str, Any]] = ()
    grafts: Sequence[Graft] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    objects: Sequence[Mapping[str, Any]] = ()
    rules: Sequence[Mapping[str, Any]] = ()
    rules_elsewhere: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    share_process_namespace: bool = False
    expected_proxies: Sequence[ExpectedProxy] = ()
    warnings: Sequence[str] = ()
