# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is this host like? Reads /proc, /sys and asks the tools that are there."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
from pathlib import Path

from .facts import UNLIMITED, HostFacts
from .process import attempt

#: Names of the capabilities that kind's privileged nodes use and restricted hosts take away.
CAPABILITIES = {
    12: "CAP_NET_ADMIN",
    16: "CAP_SYS_MODULE",
    19: "CAP_SYS_PTRACE",
    21: "CAP_SYS_ADMIN",
    22: "CAP_SYS_BOOT",
    23: "CAP_SYS_NICE",
    24: "CAP_SYS_RESOURCE",
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def host() -> HostFacts:
    release = _os_release()
    docker, local = _docker()
    return HostFacts(
        root=os.geteuid() == 0,
        architecture=ARCHITECTURES.get(platform.machine(), platform.machine()),
        cgroup_version=2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1,
        missing_capabilities=_missing_capabilities(),
        nofile_hard=_hard(resource.RLIMIT_NOFILE),
        nproc_hard=_hard(resource.RLIMIT_NPROC),
        pid_max=int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii")),
        distribution=release.get("ID", ""),
        codename=release.get("VERSION_CODENAME", ""),
        apt=shutil.which("apt-get") is not None,
        podman=_podman(),
        docker=docker,
        docker_is_local=local,
        lib_modules=Path("/lib/modules").is_dir(),
    )


def _hard(limit: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return UNLIMITED if hard == resource.RLIM_INFINITY else hard


def _missing_capabilities() -> frozenset[str]:
    match = re.search(
        r"^CapBnd:\s*([0-9a-f]+)", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE
    )
    if not match:
        return frozenset()
    bounding = int(match[1], 16)
    return frozenset(name for bit, name in CAPABILITIES.items() if not bounding >> bit & 1)


def _os_release() -> dict[str, str]:
    path = Path("/etc/os-release")
    if not path.exists():
        return {}
    pairs = (line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
    return {key: value.strip('"') for key, value in pairs}


def _podman() -> str | None:
    if not shutil.which("podman"):
        return None
    succeeded, output = attempt(["podman", "--version"], timeout=30)
    match = re.search(r"(\d+\.\d+(\.\d+)?)", output)
    return match[1] if succeeded and match else None


def _docker() -> tuple[str | None, bool]:
    if not shutil.which("docker"):
        return None, True
    succeeded, output = attempt(["docker", "version", "--format", "{{.Server.Version}}"], timeout=30)
    local = os.environ.get("DOCKER_HOST", "unix://").startswith("unix://")
    version = output.strip().splitlines()[-1:] or [""]
    if not succeeded or not re.match(r"\d+\.\d+", version[0]):
        return None, local
    return version[0], local
