# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host is like, as plain data; probe.py finds it out."""

from __future__ import annotations

from dataclasses import dataclass, field

UNLIMITED = -1


@dataclass(frozen=True)
class HostFacts:
    """Properties that decide what a kind cluster needs here; no machine is known by its name."""

    root: bool
    architecture: str  #: as Go spells it: amd64, arm64
    cgroup_version: int
    missing_capabilities: frozenset[str]  #: names that the bounding set lacks
    nofile_hard: int  #: UNLIMITED or a number of files
    nproc_hard: int  #: UNLIMITED or a number of processes
    pid_max: int = 4194304  #: the kernel's bound on process ids
    distribution: str = ""  #: ID of os-release
    codename: str = ""  #: VERSION_CODENAME of os-release
    apt: bool = False
    podman: str | None = None  #: version, None where it is not installed
    docker: str | None = None  #: server version, None where no daemon answers
    docker_is_local: bool = True
    lib_modules: bool = True

    @property
    def can_raise_resources(self) -> bool:
        return "CAP_SYS_RESOURCE" not in self.missing_capabilities


@dataclass(frozen=True)
class ClusterAnswer:
    """An existing cluster that was asked for its version."""

    kubeconfig: str
    context: str
    version: str | None  #: None where it did not answer
    reason: str = ""  #: why it did not


@dataclass(frozen=True)
class ImageAnswer:
    """Where the published node image stands."""

    reference: str
    present: bool = False  #: already on this machine
    reachable: bool = False  #: a registry has it
    reason: str = ""  #: why it is not reachable


@dataclass(frozen=True)
class SourceFacts:
    """What the choice of a source rests on."""

    existing: ClusterAnswer | None = None
    published: ImageAnswer | None = None
    built: str | None = None  #: node image from packages that the engine already holds
    blockers: tuple[str, ...] = field(default=())  #: why packages could not be built from here
