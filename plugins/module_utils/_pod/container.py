# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One model for every container of a Pod, found by name and role, never by index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a container is to its Pod. A classic sidecar is an app container to Kubernetes, and here."""

    INIT = "init"
    SIDECAR = "sidecar"
    APP = "app"
    EPHEMERAL = "ephemeral"


# The list of the Pod spec, and the list of the Pod status, that hold containers of a role.
SPEC_LISTS = ("initContainers", "containers", "ephemeralContainers")
STATUS_LISTS = {
    "initContainers": "initContainerStatuses",
    "containers": "containerStatuses",
    "ephemeralContainers": "ephemeralContainerStatuses",
}


@dataclass(frozen=True)
class Container:
    """A container as the spec declares it. `spec` is the user's own mapping, unknown fields included."""

    name: str
    role: Role
    spec_list: str
    spec: Mapping[str, Any]


def role_in(spec_list: str, spec: Mapping[str, Any]) -> Role:
    """The role of a container from the list it stands in; an init container that always restarts is a sidecar."""
    if spec_list == "initContainers":
        return Role.SIDECAR if spec.get("restartPolicy") == "Always" else Role.INIT
    return Role.APP if spec_list == "containers" else Role.EPHEMERAL


def containers(pod_spec: Mapping[str, Any]) -> Iterator[Container]:
    """Every container of the Pod in the order of its start: init list first, then apps, then ephemeral ones."""
    for spec_list in SPEC_LISTS:
        entries = pod_spec.get(spec_list)
        for spec in entries if isinstance(entries, list) else []:
            if isinstance(spec, Mapping):
                yield Container(str(spec.get("name", "")), role_in(spec_list, spec), spec_list, spec)
