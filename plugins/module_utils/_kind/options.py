# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of kind_cluster, checked: each bad one gets a sentence with field, value and what would be right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import versions
from .errors import KindClusterError

SOURCES = ("auto", "existing", "published", "packages")
ENGINES = ("auto", "docker", "podman")
MIRRORS = ("auto", "on", "off")
STATES = ("present", "absent", "purge")
MAX_WORKERS = 3
#: "<name>-control-plane" is a host name, and those end at 63 characters.
MAX_NAME = 63 - len("-control-plane")


@dataclass(frozen=True)
class Options:
    name: str = "podpatterns"
    state: str = "present"
    source: str = "auto"
    kubernetes_version: str | None = None  #: full version; None leaves it to the source
    workers: int = 0
    engine: str = "auto"
    mirror: str = "auto"
    images: tuple[
        str, ...
    ] = ()  #: workload images that the mirror must have, by their folders; "all" for all
    kubeadm_patches: tuple[str, ...] = ()
    containerd_patches: tuple[str, ...] = ()
    kubeconfig: str | None = None  #: written for a cluster of our own; None for a file in state_dir
    merge_kubeconfig: bool = False
    existing_kubeconfig: str | None = None
    context: str | None = None
    install_packages: bool = True
    recreate: bool = False
    wait_timeout: int = 300  #: seconds
    cache_dir: str = ""
    state_dir: str = ""
    files_dir: str = ""


def parse(params: Mapping[str, Any]) -> Options:
    """The module's parameters as Options.

    Raises KindClusterError with the sentence for the first option that is wrong.
    """
    return Options(
        name=_name(params["name"]),
        state=params["state"],
        source=params["source"],
        kubernetes_version=resolve_version(params.get("kubernetes_version"), params["source"]),
        workers=_workers(params["workers"]),
        engine=params["engine"],
        mirror=params["mirror"],
        images=tuple(params.get("images") or ()),
        kubeadm_patches=_patches("kubeadm_patches", params.get("kubeadm_patches") or ()),
        containerd_patches=_patches("containerd_patches", params.get("containerd_patches") or ()),
        kubeconfig=params.get("kubeconfig"),
        merge_kubeconfig=bool(params.get("merge_kubeconfig")),
        existing_kubeconfig=params.get("existing_kubeconfig"),
        context=params.get("context"),
        install_packages=bool(params.get("install_packages", True)),
        recreate=bool(params.get("recreate")),
        wait_timeout=_timeout(params.get("wait_timeout", 300)),
        cache_dir=params["cache_dir"],
        state_dir=params["state_dir"],
        files_dir=params["files_dir"],
    )


def _wrong(field: str, value: object, right: str) -> KindClusterError:
    return KindClusterError(f"Invalid option {field} {value!r}: {right}")


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name):
        raise _wrong(
            "name",
            name,
            "lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
        )
    if len(name) > MAX_NAME:
        raise _wrong(
            "name", name, f"at most {MAX_NAME} characters, since the node is called <name>-control-plane"
        )
    return name


def _workers(workers: int) -> int:
    if not 0 <= workers <= MAX_WORKERS:
        raise _wrong("workers", workers, f"a number from 0 to {MAX_WORKERS}")
    return workers


def _timeout(seconds: int) -> int:
    if seconds <= 0:
        raise _wrong("wait_timeout", seconds, "a number of seconds above 0")
    return seconds


def _patches(field: str, patches: Sequence[str]) -> tuple[str, ...]:
    for patch in patches:
        if not isinstance(patch, str) or not patch.strip():
            raise _wrong(field, patch, "a list of texts, each one patch")
    return tuple(patches)


def resolve_version(version: str | None, source: str) -> str | None:
    """ "1.33", "v1.33.13" -> "1.33.13"; None stays None.

    A version that is not among those which can be built is fine for the other sources, if it is complete.
    """
    if version is None or version == "":
        return None
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    known = ", ".join(versions.KUBERNETES)
    if not match:
        raise _wrong(
            "kubernetes_version",
            version,
            f"a version such as {versions.NEWEST_KUBERNETES} (can be built: {known})",
        )
    major, minor, patch = match.groups()
    if int(major) != 1 or int(minor) < versions.OLDEST_MINOR:
        raise _wrong(
            "kubernetes_version",
            version,
            f"1.{versions.OLDEST_MINOR} or newer, where native sidecars exist (can be built: {known})",
        )
    if patch is None:
        for candidate in versions.KUBERNETES:
            if candidate.startswith(f"{major}.{minor}."):
                return candidate
        raise _wrong(
            "kubernetes_version", version, f"a complete version, or the minor version of one of {known}"
        )
    full = f"{major}.{minor}.{patch}"
    if source == "packages" and full not in versions.KUBERNETES:
        raise _wrong("kubernetes_version", version, f"one of {known} with source 'packages'")
    return full
