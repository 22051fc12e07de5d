# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern env_validate: the app does not start with an environment that cannot work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._programs import env_validate as validator
from .._programs.source import source_of
from .fragment import BadPattern, Fragment, Helper, Mode, Target
from .helper import USER, Context, container
from .options import COMMON_OPTIONS, Spec
from .pattern import Pattern

PLACEHOLDERS = [
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "todo",
    "tbd",
    "xxx",
    "<value>",
    "placeholder",
]

OPTIONS: Spec = {
    **COMMON_OPTIONS,
    "container": {"type": "str"},
    "required": {"type": "list", "elements": "str", "default": []},
    "variables": {"type": "dict", "default": {}},
    "placeholders": {"type": "list", "elements": "str", "default": PLACEHOLDERS},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "str", "required": True},
            "sha256": {"type": "str"},
            "min_size": {"type": "int"},
            "max_size": {"type": "int"},
        },
    },
    "dns": {"type": "list", "elements": "str", "default": []},
    "writable": {"type": "list", "elements": "str", "default": []},
    "free_space": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"path": {"type": "str", "required": True}, "bytes": {"type": "int", "required": True}},
    },
    "uid": {"type": "int"},
}

VARIABLE_KEYS = ("required", "type", "pattern", "enum")
CHECKS = ("required", "variables", "files", "dns", "writable", "free_space", "uid")
# The app's PATH, which is checked as it is, may lead nowhere in this image.
COMMAND = 'exec "$(PATH="$PATH:/usr/local/bin:/usr/bin:/bin"; command -v python3)" -I -c "$0"'
# In every container, whatever its image and mounts.
EVERYWHERE = ("/dev", "/proc", "/sys", "/etc/hosts", "/etc/resolv.conf", "/var/run/secrets/kubernetes.io")


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """An init container with the app container's own environment, mounts and user."""
    where = context.where
    if not any(options[check] not in (None, [], {}) for check in CHECKS):
        raise BadPattern(f"{where} checks nothing; give at least one of {', '.join(CHECKS)}")
    app = _app(options, target, where)
    security = _security(app, target)
    if options["uid"] is not None and "runAsUser" not in security:
        raise BadPattern(
            f"{where}.uid is {options['uid']}, but neither the Pod nor container {app['name']} sets"
            " runAsUser, so the app's user cannot be known beforehand; set it in the workload"
        )
    mounts = list(app.get("volumeMounts") or ())
    if options["image"] is None:
        _check_seen(options, [*mounts, *options["mounts"]], app["name"], where)
    made = container(
        context,
        options,
        "python",
        command=["/bin/sh", "-c", COMMAND],
        args=[source_of(validator)],
        env=[
            *(app.get("env") or ()),
            {"name": "PODPATTERNS_CONFIG", "value": json.dumps(_config(options, where), sort_keys=True)},
        ],
        mounts=mounts,
        security=security,
    )
    if app.get("envFrom"):
        made["envFrom"] = app["envFrom"]
    return Fragment(
        helpers=[Helper(made, Mode.INIT, options["position"])],
        warnings=_warnings(options, security, app, context),
    )


def _app(options: Mapping[str, Any], target: Target, where: str) -> Mapping[str, Any]:
    apps: dict[str, Mapping[str, Any]] = {one["name"]: one for one in target.pod_spec["containers"]}
    name = options["container"]
    if name is None:
        return next(iter(apps.values()))
    if name not in apps:
        raise BadPattern(f"{where}.container is {name!r}; the workload has {', '.join(apps)}")
    return apps[name]


def _security(app: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The app's user and group where the workload names them; a user's own group is the image's affair."""
    given = {**(target.pod_spec.get("securityContext") or {}), **(app.get("securityContext") or {})}
    user = given.get("runAsUser")
    if user is None:
        return {}
    return {"runAsUser": user, "runAsGroup": given.get("runAsGroup"), "runAsNonRoot": user != 0}


def _warnings(
    options: Mapping[str, Any], security: Mapping[str, Any], app: Mapping[str, Any], context: Context
) -> list[str]:
    if not options["writable"] or "runAsUser" in {*security, *options["security_context"]}:
        return []
    return [
        f"{context.where}.writable is checked as user {USER}, for neither the Pod nor container {app['name']} sets"
        " runAsUser; set it in the workload"
    ]


def _check_seen(
    options: Mapping[str, Any], mounts: Sequence[Mapping[str, Any]], app: str, where: str
) -> None:
    """What lies in the app's image alone cannot be seen from another container."""
    folders = [*EVERYWHERE, *(str(mount.get("mountPath")).rstrip("/") for mount in mounts)]
    paths = [(f"files[{number}].path", one["path"]) for number, one in enumerate(options["files"])]
    paths += [(f"writable[{number}]", path) for number, path in enumerate(options["writable"])]
    for option, path in paths:
        if path.startswith("/") and not any(path == one or path.startswith(f"{one}/") for one in folders):
            raise BadPattern(
                f"{where}.{option} is {path!r}, which no volume mount of container {app} covers, so it cannot be seen"
                " from here; mount it, let the pattern that brings it stand earlier in the list, or set image to the"
                " app's own one if that has python3"
            )


# --- the options, checked as far as they can be without the Pod ----------------------------------


def _config(options: Mapping[str, Any], where: str) -> dict[str, Any]:
    for option in ("files", "free_space"):
        for number, wanted in enumerate(options[option]):
            _check_path(wanted["path"], f"{where}.{option}[{number}].path")
    for number, path in enumerate(options["writable"]):
        _check_path(path, f"{where}.writable[{number}]")
    for number, name in enumerate(options["dns"]):
        if not name or name != name.strip() or "/" in name or ":" in name:
            raise BadPattern(f"{where}.dns[{number}] is {name!r}; it must be a name such as db.shop.svc")
    for number, wanted in enumerate(options["free_space"]):
        _check_not_negative(wanted["bytes"], f"{where}.free_space[{number}].bytes")
    _check_not_negative(options["uid"], f"{where}.uid")
    return {
        "variables": _variables(options, where),
        "placeholders": options["placeholders"],
        "files": [
            _file(wanted, f"{where}.files[{number}]") for number, wanted in enumerate(options["files"])
        ],
        **{check: options[check] for check in ("dns", "writable", "free_space", "uid")},
    }


def _check_path(path: str, where: str) -> None:
    if not path.startswith("/") or ".." in path.split("/"):
        raise BadPattern(f"{where} is {path!r}; it must be an absolute path without ..")


def _check_not_negative(value: int | None, where: str) -> None:
    if value is not None and value < 0:
        raise BadPattern(f"{where} is {value}; it must be 0 or more")


def _file(wanted: Mapping[str, Any], where: str) -> dict[str, Any]:
    digest = wanted["sha256"]
    if digest is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise BadPattern(f"{where}.sha256 is {digest!r}; it must be 64 hexadecimal digits")
    smallest, largest = wanted["min_size"], wanted["max_size"]
    _check_not_negative(smallest, f"{where}.min_size")
    _check_not_negative(largest, f"{where}.max_size")
    if smallest is not None and largest is not None and smallest > largest:
        raise BadPattern(
            f"{where}.min_size is {smallest}, more than max_size {largest}; no file can have both"
        )
    return {**wanted, "sha256": digest.lower() if digest else None}


def _variables(options: Mapping[str, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, name in enumerate(options["required"]):
        _check_variable_name(name, f"{where}.required[{number}]")
        found[name] = {}
    for name, wanted in options["variables"].items():
        _check_variable_name(name, f"{where}.variables key")
        checks = _variable(wanted, f"{where}.variables.{name}")
        if name in found and checks.get("required") is False:
            raise BadPattern(
                f"{where}.variables.{name}.required is false, but required names {name} as well; keep one of the two"
            )
        found[name] = checks
    return found


def _check_variable_name(name: Any, where: str) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[^=\s\x00]+", name):
        raise BadPattern(
            f"{where} is {name!r}; it must be the name of a variable, in quotes where YAML needs them"
        )


def _variable(wanted: Any, where: str) -> dict[str, Any]:
    if wanted is None:
        return {}
    if not isinstance(wanted, Mapping):
        raise BadPattern(f"{where} is {wanted!r}; it must be a mapping with {', '.join(VARIABLE_KEYS)}")
    for key in wanted:
        if key not in VARIABLE_KEYS:
            raise BadPattern(f"{where}.{key} is no check; there are {', '.join(VARIABLE_KEYS)}")
    if not isinstance(wanted.get("required", True), bool):
        raise BadPattern(f"{where}.required is {wanted['required']!r}; it must be true or false")
    kind = wanted.get("type")
    if kind is not None and kind not in validator.TYPES:
        raise BadPattern(f"{where}.type is {kind!r}; it must be one of {', '.join(validator.TYPES)}")
    _check_pattern(wanted.get("pattern"), where)
    _check_enum(wanted, where)
    return dict(wanted)


def _check_pattern(pattern: Any, where: str) -> None:
    if pattern is None:
        return
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise BadPattern(f"{where}.pattern is {pattern!r}, no regular expression: {error}") from error


def _check_enum(wanted: Mapping[str, Any], where: str) -> None:
    enum = wanted.get("enum")
    if enum is None:
        return
    if not isinstance(enum, list) or not enum or not all(isinstance(one, str) for one in enum):
        raise BadPattern(f"{where}.enum is {enum!r}; it must be a list of texts (put numbers in quotes)")
    words, fits = validator.TYPES[wanted.get("type") or "string"]
    for choice in enum:
        if not fits(choice):
            raise BadPattern(f"{where}.enum allows {choice!r}, which is not {words} as its type demands")
        if wanted.get("pattern") is not None and not re.fullmatch(wanted["pattern"], choice):
            raise BadPattern(f"{where}.enum allows {choice!r}, which its pattern does not")


PATTERN = Pattern("env_validate", OPTIONS, build)
