# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's package manager: what is missing is installed or named; the ground of all images is laid by it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import Cache
from .errors import failed
from .facts import HostFacts
from .process import attempt, run
from .progress import Report, Step
from .recipe import digest

PODMAN = (
    "podman",
    "runc",
    "netavark",
    "aardvark-dns",
    "iptables",
    "catatonit",
    # Without its policy.json podman refuses to build and to save images.
    "golang-github-containers-common",
)
#: podman before version 4 has another network and brings it along.
OLDER_PODMAN_LACKS = ("netavark", "aardvark-dns")
#: The command that shows a package is there.
COMMANDS: Mapping[str, str] = {
    "podman": "podman",
    "runc": "runc",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
}
FILES: Mapping[str, tuple[str, ...]] = {
    "netavark": ("/usr/lib/podman/netavark", "/usr/libexec/podman/netavark", "/usr/bin/netavark"),
    "aardvark-dns": (
        "/usr/lib/podman/aardvark-dns",
        "/usr/libexec/podman/aardvark-dns",
        "/usr/bin/aardvark-dns",
    ),
    "catatonit": ("/usr/bin/catatonit", "/usr/libexec/podman/catatonit", "/usr/libexec/catatonit/catatonit"),
    "golang-github-containers-common": ("/etc/containers/policy.json",),
}
APT_WAIT = ("-o", "DPkg::Lock::Timeout=300")
DISTRIBUTIONS = ("debian", "ubuntu")
#: The first codenames whose systemd refuses cgroup v1.
WITHOUT_CGROUP_V1 = ("trixie", "forky", "noble", "plucky", "questing")


def for_podman(host: HostFacts) -> tuple[str, ...]:
    """What podman needs on this host. Elsewhere than on Debian and Ubuntu it comes with its own parts."""
    if host.distribution in DISTRIBUTIONS:
        return PODMAN
    return ("podman",) if host.can_raise_resources else ("podman", "runc")


def missing(wanted: Sequence[str]) -> list[str]:
    def there(package: str) -> bool:
        if package in COMMANDS:
            return shutil.which(COMMANDS[package]) is not None
        return any(Path(path).exists() for path in FILES[package])

    return [package for package in wanted if not there(package)]


def can_install(host: HostFacts) -> bool:
    return host.root and host.apt and host.distribution in DISTRIBUTIONS


def install(wanted: Sequence[str], host: HostFacts, allowed: bool, log: Path, report: Report) -> bool:
    """Install what is missing of wanted; False where nothing was.

    Raises KindClusterError naming the missing pieces and the command for them where this run may not install.
    """
    lacking = missing(wanted)
    if not lacking:
        return False
    if not allowed or not can_install(host):
        raise failed("find", ", ".join(lacking), how_to_get(lacking, host))
    step = Step(report, f"installing {', '.join(lacking)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    run(
        ["apt-get", *APT_WAIT, "-q", "update"],
        environment=environment,
        timeout=900,
        log=log,
        on_idle=step.tick,
    )
    offered = [package for package in lacking if package not in OLDER_PODMAN_LACKS or _is_offered(package)]
    run(
        ["apt-get", *APT_WAIT, "-q", "install", "--yes", "--no-install-recommends", *offered],
        environment=environment,
        timeout=1800,
        log=log,
        on_idle=step.tick,
    )
    step.done()
    return True


def _is_offered(package: str) -> bool:
    return attempt(["apt-cache", "show", "--no-all-versions", package], timeout=60)[0]


def how_to_get(lacking: Sequence[str], host: HostFacts) -> str:
    if host.distribution in DISTRIBUTIONS:
        command = f"apt-get install --no-install-recommends {' '.join(lacking)}"
        return f"run '{command}' as root, or allow install_packages as root"
    if "podman" in lacking:
        return "install podman with the package manager of this system (such as 'dnf install podman'), or start Docker"
    return f"install {' '.join(lacking)} with the package manager of this system"


@dataclass(frozen=True)
class Ground:
    """The root file system below all images that are built from packages."""

    codename: str
    architecture: str

    @property
    def digest(self) -> str:
        return digest("ground", self.codename, self.architecture, INCLUDE, DPKG)


INCLUDE = ("ca-certificates",)
DPKG = (
    "force-unsafe-io",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)


def ground_tar(ground: Ground, cache: Cache, log: Path, report: Report) -> Path:
    """The ground as a tar, from the cache or made now with the host's own package sources."""

    def make(folder: Path) -> None:
        step = Step(report, f"base image: installing Debian packages ({ground.codename})")
        run(
            _mmdebstrap(ground, folder / "rootfs.tar"),
            stdin="".join(f"{line}\n" for line in _sources(ground.codename, log)),
            timeout=1800,
            log=log,
            on_idle=step.tick,
        )
        step.done()

    return cache.obtain("ground", ground.digest, make) / "rootfs.tar"


def _mmdebstrap(ground: Ground, target: Path) -> list[str]:
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    return [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        f"--architectures={ground.architecture}",
        f"--include={','.join(INCLUDE)}",
        *(f"--dpkgopt={option}" for option in DPKG),
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--aptopt={line}" for line in _proxies()),
        # Whom the host trusts, the images' package managers trust as well.
        f'--customize-hook=if [ -e {certificates} ]; then cp {certificates} "$1{certificates}"; fi',
        ground.codename,
        str(target),
        "-",
    ]


def _sources(codename: str, log: Path) -> list[str]:
    """The distribution's own part of the host's package sources, one line each."""
    template = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", template, "Created-By: Packages"]
    lines = source_lines(run(command, timeout=60), codename)
    if not lines:
        # The origin of a source is known only once its index is there.
        run(["apt-get", *APT_WAIT, "-q", "update"], timeout=900, log=log)
        lines = source_lines(run(command, timeout=60), codename)
    if not lines:
        raise failed("find", f"package sources of {codename}", "apt-get has none of Debian or Ubuntu")
    return lines


def source_lines(targets: str, codename: str) -> list[str]:
    """Lines for sources.list out of apt-get's "origin|address|release|component"; other vendors' are left out."""
    lines: dict[str, None] = {}
    for row in targets.splitlines():
        origin, uri, release, component = row.split("|")
        if origin in ("Debian", "Ubuntu") and release.split("-")[0] == codename:
            lines[f"deb {uri} {release} {component}"] = None
    return list(lines)


def _proxies() -> list[str]:
    """The host's own settings for reaching its package sources."""
    output = run(["apt-config", "dump"], timeout=60)
    return [line for line in output.splitlines() if line.startswith("Acquire::http") and '""' not in line]
