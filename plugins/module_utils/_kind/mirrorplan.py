# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a node finds an image in the mirror: one hosts.toml per public registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: The mirror's container, known by this name on kind's network.
CONTAINER = "podpatterns-mirror"
PORT = 5000
#: Mirrored whether or not an image of theirs is there yet: one can be pushed later.
REGISTRIES = ("docker.io", "gcr.io", "ghcr.io", "quay.io", "registry.k8s.io")


def registry_of(image: str) -> str:
    """ "docker.io/library/nginx:latest" -> "docker.io". Names must be complete."""
    return image.split("/", 1)[0]


def repository_and_tag(image: str) -> tuple[str, str]:
    """Where the mirror keeps an image: every public registry is a folder, so that none hides another's images."""
    repository, _colon, tag = image.rpartition(":")
    return repository, tag


def hosts_toml(registry: str, falls_back: bool) -> str:
    """containerd's rule for one registry; falls_back: ask the registry itself for what the mirror lacks."""
    mirror = f"http://{CONTAINER}:{PORT}/v2/{registry}"
    lines = []
    if not falls_back:
        # Without a registry in reach the mirror's "not found" is the answer: quick, and true.
        lines += [f'server = "{mirror}"', ""]
    lines += [
        f'[host."{mirror}"]',
        '  capabilities = ["pull", "resolve"]',
        "  override_path = true",
    ]
    return "\n".join(lines) + "\n"


def hosts_files(images: Iterable[str], falls_back: bool) -> Mapping[str, str]:
    """Files for containerd's certs.d: path below it -> text."""
    registries = sorted({*REGISTRIES, *(registry_of(image) for image in images)})
    return {f"{registry}/hosts.toml": hosts_toml(registry, falls_back) for registry in registries}
