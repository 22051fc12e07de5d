# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a pattern's container is made: image, resources and the restricted security context, the same for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from .._programs.source import source_of
from .fragment import Mode, Server
from .images import DEFAULT_IMAGES, reference

# A user of no name in any image; Pods that fix their own user pass it by security_context.
USER = 65532
RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
DEFAULT_RESOURCES: dict[str, Any] = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"memory": "128Mi"},
}


@dataclass(frozen=True)
class Context:
    """What building a fragment may know besides its options.

    where: how a message names the entry, such as `patterns[1].wait_for`. name: the entry's own name.
    """

    where: str
    name: str
    server: Server = field(default_factory=Server)
    image_map: Mapping[str, str] = field(default_factory=dict)

    def mode(self, wanted: str) -> Mode:
        """Native or classic; auto takes what the server has."""
        if wanted == "auto":
            return Mode.NATIVE if self.server.native_sidecars else Mode.CLASSIC
        return Mode(wanted)


def container(
    context: Context,
    options: Mapping[str, Any],
    image: str,
    *,
    command: Sequence[str] = (),
    args: Sequence[str] = (),
    env: Sequence[Mapping[str, Any]] = (),
    mounts: Sequence[Mapping[str, Any]] = (),
    security: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A container with the common options applied. image: the key of a default image, which may bring its command.

    security: what the pattern needs otherwise than restricted; None takes a field away.
    """
    wanted = {**RESTRICTED, **(security or {}), **options["security_context"]}
    made: dict[str, Any] = {
        "name": context.name,
        "image": reference(
            options.get("image"), DEFAULT_IMAGES[image], context.image_map, f"{context.where}.image"
        ),
        "resources": options.get("resources") or DEFAULT_RESOURCES,
        "securityContext": {key: value for key, value in wanted.items() if value is not None},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if command:
        made["command"] = list(command)
    if args:
        made["args"] = list(args)
    if options.get("image_pull_policy"):
        made["imagePullPolicy"] = options["image_pull_policy"]
    if variables := [*env, *options["env"]]:
        made["env"] = variables
    if mounted := [*mounts, *options["mounts"]]:
        made["volumeMounts"] = mounted
    return made


def program(module: ModuleType) -> list[str]:
    """The command that runs one of our programs: its source travels in the Pod, so nothing else must exist."""
    return ["python3", "-I", "-c", source_of(module)]
