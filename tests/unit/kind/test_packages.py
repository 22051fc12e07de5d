"""What is missing is installed where that is possible, and named elsewhere with the command that gets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind import packages
from ansible_collections.podpatterns.core.plugins.module_utils._kind.errors import KindClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._kind.facts import HostFacts
from tests.unit.kind.hosts import ORDINARY, RESTRICTED

FEDORA = replace(ORDINARY, distribution="fedora", apt=False)


@pytest.mark.parametrize(
    ("host", "needed"),
    [
        (ORDINARY, packages.PODMAN),
        (FEDORA, ("podman",)),
        (replace(FEDORA, missing_capabilities=RESTRICTED.missing_capabilities), ("podman", "runc")),
    ],
)
def test_podman_needs_runc_where_resources_cannot_be_raised(host: HostFacts, needed: tuple[str, ...]) -> None:
    assert packages.for_podman(host) == needed


@pytest.mark.parametrize(
    ("host", "allowed", "way"),
    [
        (
            ORDINARY,
            False,
            "run 'apt-get install --no-install-recommends podman' as root, or allow install_packages",
        ),
        (replace(ORDINARY, root=False), True, "run 'apt-get install --no-install-recommends podman' as root"),
        (
            FEDORA,
            True,
            "install podman with the package manager of this system (such as 'dnf install podman')",
        ),
    ],
)
def test_what_cannot_be_installed_is_named_with_the_way_to_get_it(
    host: HostFacts, allowed: bool, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(KindClusterError) as caught:
        packages.install(["podman"], host, allowed, Path("unused"), lambda _line: None)
    assert str(caught.value).startswith(f"Failed to find podman: {way}")


def test_only_the_distributions_own_package_sources_are_taken() -> None:
    targets = (
        "Debian|http://mirror.example/debian/|bookworm|main\n"
        "Debian|http://mirror.example/debian-security/|bookworm-security|main\n"
        "Debian|http://mirror.example/debian/|trixie|main\n"
        "Node Source|http://vendor.example/|nodistro|main\n"
    )
    assert packages.source_lines(targets, "bookworm") == [
        "deb http://mirror.example/debian/ bookworm main",
        "deb http://mirror.example/debian-security/ bookworm-security main",
    ]
