# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a restricted host needs, derived from its properties, and only that."""

from __future__ import annotations

from dataclasses import dataclass

from . import versions
from .errors import failed
from .facts import UNLIMITED, HostFacts

#: podman asks for this many files and processes, which an ordinary host grants.
PODMAN_DEFAULT_LIMIT = 1048576
#: The kubelet refuses cgroup v1 from here on, unless told otherwise.
KUBELET_REFUSES_CGROUP_V1 = 35


@dataclass(frozen=True)
class EngineChoice:
    name: str  #: docker, podman
    reason: str


@dataclass(frozen=True)
class NodeSettings:
    fail_cgroup_v1: bool | None  #: None leaves the kubelet's default
    restrict_oom_score_adj: bool
    #: Whether kubelet and runtime are to make cgroups themselves rather than ask the node's systemd.
    cgroupfs: bool


def choose_engine(wanted: str, host: HostFacts) -> EngineChoice:
    """Docker where it can run privileged containers, else podman (which may still have to be installed)."""
    if wanted == "docker":
        if host.docker is None:
            raise failed("use", "docker", "no Docker daemon answers; start it, or set engine to 'podman'")
        return EngineChoice("docker", "asked for")
    if wanted == "podman":
        return EngineChoice("podman", "asked for")
    if host.docker is None:
        return EngineChoice("podman", "no Docker daemon answers")
    if host.docker_is_local and host.missing_capabilities:
        lacking = ", ".join(sorted(host.missing_capabilities))
        return EngineChoice(
            "podman", f"Docker cannot run privileged containers here: the bounding set lacks {lacking}"
        )
    return EngineChoice("docker", f"Docker {host.docker} answers")


def containers_conf(host: HostFacts) -> str | None:
    """podman's settings for this host as the text of a containers.conf; None where its defaults will do."""
    containers: list[str] = []
    engine: list[str] = []
    if not host.can_raise_resources:
        # podman lowers its own limit of processes to pid_max, and cannot give a container more than it has.
        bounds = {"nofile": [host.nofile_hard], "nproc": [host.nproc_hard, host.pid_max]}
        limits = []
        for name, candidates in bounds.items():
            hard = min([PODMAN_DEFAULT_LIMIT, *(bound for bound in candidates if bound != UNLIMITED)])
            if hard < PODMAN_DEFAULT_LIMIT:
                limits.append(f'"{name}={hard}:{hard}"')
        if limits:
            containers.append(f"default_ulimits = [{', '.join(limits)}]")
        # crun sets a resource limit of its own that this host refuses; runc does not.
        engine.append('runtime = "runc"')
    if host.cgroup_version == 1:
        containers.append('cgroupns = "private"')
        engine.append('cgroup_manager = "cgroupfs"')
    if not containers and not engine:
        return None
    lines = ["# Written by podpatterns.core.kind_cluster for this host; podman reads it by CONTAINERS_CONF."]
    for title, settings in (("containers", containers), ("engine", engine)):
        if settings:
            lines += [f"[{title}]", *settings]
    return "\n".join(lines) + "\n"


def node_settings(host: HostFacts, kubernetes_version: str) -> NodeSettings:
    refused = host.cgroup_version == 1 and versions.minor(kubernetes_version) >= KUBELET_REFUSES_CGROUP_V1
    return NodeSettings(
        fail_cgroup_v1=False if refused else None,
        restrict_oom_score_adj=not host.can_raise_resources,
        # There systemd keeps a dozen hierarchies, which took a third of the processor wherever Pods come and go.
        cgroupfs=host.cgroup_version == 1,
    )
