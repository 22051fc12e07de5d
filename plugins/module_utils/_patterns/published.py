# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that a helper publishes on a volume for the app to read: volumes, mounts and order, whatever tool fetches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from .access import Access
from .fragment import BadPattern, Fragment, Graft, Helper, Mode
from .helper import Context
from .options import Spec

CONTENT_PATH = "/podpatterns/content"
WORK_PATH = "/tmp"
# What fetches is ready to end at any moment: what it has published is whole.
SHUTDOWN_SECONDS = 1
# Beyond the helper's own deadline, so that it can say itself what was wrong.
PROBE_SLACK_SECONDS = 30
RESERVED = ("/", "/dev", "/etc", "/proc", "/sys", "/bin", "/lib", "/sbin", "/usr")

PUBLISHED_OPTIONS: Spec = {
    "target": {"type": "str", "required": True},
    "containers": {"type": "list", "elements": "str", "default": []},
    "memory": {"type": "bool"},
    "size_limit": {"type": "str"},
}

# A container that fetches, by context; staying: whether it goes on after the first time.
Make = Callable[[Context, bool], dict[str, Any]]


def fragment(
    context: Context,
    options: Mapping[str, Any],
    access: Access,
    make: Make,
    *,
    stays: bool,
    probe: Mapping[str, Any] | None = None,
    volumes: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> Fragment:
    """The whole of such a pattern. probe: what answers once the first version is published. more: further fields."""
    return Fragment(
        helpers=_helpers(context, options, make, stays, probe),
        volumes=[
            {"name": context.name, "emptyDir": _medium(options, context.where)},
            # Where a repository is fetched to is as secret as what is published of it.
            {
                "name": f"{context.name}-work",
                "emptyDir": _medium(options, context.where) if options["memory"] else {},
            },
            *access.volumes(),
            *volumes,
        ],
        grafts=[
            Graft(
                mounts=[
                    {
                        "name": context.name,
                        "mountPath": _target(options["target"], f"{context.where}.target"),
                        "readOnly": True,
                    }
                ],
                containers=tuple(options["containers"]),
            )
        ],
        annotations=access.annotations,
        **more,
    )


def helper_mounts(name: str, access: Access, further: Sequence[Mapping[str, Any]] = ()) -> list[Any]:
    """The mounts of a container that fetches. name: the pattern's entry."""
    return [
        {"name": name, "mountPath": CONTENT_PATH},
        {"name": f"{name}-work", "mountPath": WORK_PATH},
        *access.all_mounts(),
        *further,
    ]


def running_as(user: int | None, group: int | None = None) -> dict[str, int]:
    """The security context of a helper that writes files as a user, where one is given."""
    if user is None:
        return {}
    return {"runAsUser": user, "runAsGroup": user if group is None else group}


def _helpers(
    context: Context, options: Mapping[str, Any], make: Make, stays: bool, probe: Mapping[str, Any] | None
) -> list[Helper]:
    if not stays:
        return [Helper(make(context, False), Mode.INIT, options["position"])]
    mode = context.mode(options["mode"])
    sidecar = make(context, True)
    # Started is not fetched: Kubernetes goes on to the app when a native sidecar's startup probe succeeds, and
    # not when its first file is there. Where no probe can hold the app, an init container fetches first.
    gated = mode is Mode.NATIVE and options["probes"] and probe is not None
    if gated:
        sidecar["startupProbe"] = dict(probe or {})
    before = [] if gated else [Helper(make(replace(context, name=f"{context.name}-first"), False), Mode.INIT)]
    return [*before, Helper(sidecar, mode, options["position"], shutdown_seconds=SHUTDOWN_SECONDS)]


def startup_probe(check: Mapping[str, Any], deadline: int) -> dict[str, Any]:
    """A startup probe that looks every second and gives the first time as long as it may take."""
    return {
        **check,
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": deadline + PROBE_SLACK_SECONDS,
    }


def _medium(options: Mapping[str, Any], where: str) -> dict[str, str]:
    limit = options["size_limit"]
    if limit is not None and not re.fullmatch(r"[1-9]\d*(\.\d+)?(Ki|Mi|Gi|k|M|G)?", limit):
        raise BadPattern(f"{where}.size_limit is {limit!r}; it must be a quantity such as 64Mi")
    in_memory = {"medium": "Memory", "sizeLimit": "32Mi"} if options["memory"] else {}
    return {**in_memory, **({"sizeLimit": limit} if limit else {})}


def _target(path: str, where: str) -> str:
    parts = PurePosixPath(path)
    plain = parts.is_absolute() and ".." not in parts.parts and ":" not in path
    if not plain or str(parts) in RESERVED:
        raise BadPattern(
            f"{where} is {path!r}; it must be the absolute path of a directory for these files alone, such as"
            " /srv/config"
        )
    return str(parts)


def file_mode(text: str, where: str) -> int:
    """A file mode of four octal digits that lets no one but the owner write. Raises BadPattern."""
    if not re.fullmatch(r"0[0-7]{3}", text):
        raise BadPattern(f"{where} is {text!r}; it must be four octal digits in quotes, such as '0444'")
    mode = int(text, 8)
    if mode & 0o022 or not mode & 0o400:
        raise BadPattern(f"{where} is {text!r}; its owner must be able to read, and no one else to write")
    return mode


def seconds(options: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    """Raise BadPattern where a time is not at least a second."""
    for name in names:
        if options[name] is not None and options[name] < 1:
            raise BadPattern(f"{where}.{name} is {options[name]}; it must be 1 second or more")
