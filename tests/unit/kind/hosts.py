"""Hosts that the tables speak of."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.podpatterns.core.plugins.module_utils._kind.facts import UNLIMITED, HostFacts

ORDINARY = HostFacts(
    root=True,
    architecture="amd64",
    cgroup_version=2,
    missing_capabilities=frozenset(),
    nofile_hard=1048576,
    nproc_hard=UNLIMITED,
    distribution="debian",
    codename="bookworm",
    apt=True,
    podman="4.3.1",
    docker=None,
)
#: cgroup v1, no CAP_SYS_RESOURCE, low hard limits.
RESTRICTED = replace(
    ORDINARY,
    cgroup_version=1,
    missing_capabilities=frozenset({"CAP_SYS_RESOURCE"}),
    nofile_hard=20000,
    nproc_hard=96551,
    pid_max=32768,
)
