"""What a host needs, by its properties."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind.errors import KindClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._kind.facts import UNLIMITED, HostFacts
from ansible_collections.podpatterns.core.plugins.module_utils._kind.settings import (
    NodeSettings,
    choose_engine,
    containers_conf,
    node_settings,
)
from tests.unit.kind.hosts import ORDINARY, RESTRICTED

HEADER = "# Written by podpatterns.core.kind_cluster for this host; podman reads it by CONTAINERS_CONF.\n"


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (ORDINARY, None),
        (
            RESTRICTED,
            '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]\ncgroupns = "private"\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n',
        ),
        (
            replace(RESTRICTED, cgroup_version=2, nproc_hard=5000),
            '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=5000:5000"]\n[engine]\nruntime = "runc"\n',
        ),
        (
            replace(RESTRICTED, nofile_hard=UNLIMITED, nproc_hard=UNLIMITED, pid_max=4194304),
            '[containers]\ncgroupns = "private"\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n',
        ),
        (
            replace(ORDINARY, cgroup_version=1),
            '[containers]\ncgroupns = "private"\n[engine]\ncgroup_manager = "cgroupfs"\n',
        ),
    ],
    ids=["ordinary", "restricted", "restricted-cgroup-v2", "restricted-without-limits", "cgroup-v1-only"],
)
def test_podman_gets_only_the_settings_that_the_host_needs(host: HostFacts, text: str | None) -> None:
    assert containers_conf(host) == (HEADER + text if text else None)


@pytest.mark.parametrize(
    ("host", "version", "wanted"),
    [
        (ORDINARY, "1.36.3", NodeSettings(None, False, False)),
        (RESTRICTED, "1.36.3", NodeSettings(False, True, True)),
        (RESTRICTED, "1.35.4", NodeSettings(False, True, True)),
        (RESTRICTED, "1.34.4", NodeSettings(None, True, True)),
        (replace(RESTRICTED, cgroup_version=2), "1.36.3", NodeSettings(None, True, False)),
        (replace(ORDINARY, cgroup_version=1), "1.36.3", NodeSettings(False, False, True)),
    ],
)
def test_a_node_gets_only_the_settings_that_the_host_needs(
    host: HostFacts, version: str, wanted: NodeSettings
) -> None:
    assert node_settings(host, version) == wanted


@pytest.mark.parametrize(
    ("wanted", "host", "engine", "reason"),
    [
        ("auto", ORDINARY, "podman", "no Docker daemon answers"),
        ("auto", replace(ORDINARY, docker="28.2"), "docker", "Docker 28.2 answers"),
        (
            "auto",
            replace(RESTRICTED, docker="20.10"),
            "podman",
            "Docker cannot run privileged containers here: the bounding set lacks CAP_SYS_RESOURCE",
        ),
        ("auto", replace(RESTRICTED, docker="28.2", docker_is_local=False), "docker", "Docker 28.2 answers"),
        ("podman", replace(ORDINARY, docker="28.2"), "podman", "asked for"),
        ("docker", replace(RESTRICTED, docker="20.10"), "docker", "asked for"),
    ],
)
def test_docker_is_taken_where_it_can_run_privileged_containers(
    wanted: str, host: HostFacts, engine: str, reason: str
) -> None:
    choice = choose_engine(wanted, host)
    assert (choice.name, choice.reason) == (engine, reason)


def test_docker_asked_for_must_be_there() -> None:
    with pytest.raises(
        KindClusterError, match="no Docker daemon answers; start it, or set engine to 'podman'"
    ):
        choose_engine("docker", ORDINARY)
