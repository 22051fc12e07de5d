# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern env_validate: the app does not start with an environment that cannot work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .._programs import env_validate as validator
from .fragment import BadPattern, Fragment, Helper, Mode, Target
from .helper import Context, container, program
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


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """An init container with the app container's own environment, mounts and user."""
    if not any(options[check] not in (None, [], {}) for check in CHECKS):
        raise BadPattern(f"{context.where} checks nothing; give at least one of {', '.join(CHECKS)}")
    app = _app(options, target, context)
    config = _config(options, context)
    user = _user(app, target)
    if options["uid"] is not None and user is None:
        raise BadPattern(
            f"{context.where}.uid is {options['uid']}, but neither the Pod nor container {app['name']} sets"
            " runAsUser, so the app's user cannot be known beforehand; set it in the workload"
        )
    made = container(
        context,
        options,
        "python",
        command=program(validator),
        env=[
            *app.get("env", ()),
            {"name": "PODPATTERNS_CONFIG", "value": json.dumps(config, sort_keys=True)},
        ],
        mounts=app.get("volumeMounts", ()),
        user=user,
    )
    if app.get("envFrom"):
        made["envFrom"] = app["envFrom"]
    return Fragment(helpers=[Helper(made, Mode.INIT, options["position"])])


def _app(options: Mapping[str, Any], target: Target, context: Context) -> Mapping[str, Any]:
    apps: dict[str, Mapping[str, Any]] = {one["name"]: one for one in target.pod_spec["containers"]}
    name = options["container"]
    if name is None:
        return next(iter(apps.values()))
    if name not in apps:
        raise BadPattern(f"{context.where}.container is {name!r}; the workload has {', '.join(apps)}")
    return apps[name]


def _user(app: Mapping[str, Any], target: Target) -> int | None:
    own = (app.get("securityContext") or {}).get("runAsUser")
    shared = (target.pod_spec.get("securityContext") or {}).get("runAsUser")
    found: int | None = own if own is not None else shared
    return found


def _config(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
    variables: dict[str, Any] = {name: {} for name in options["required"]}
    for name, wanted in options["variables"].items():
        where = f"{context.where}.variables.{name}"
        variables[name] = _variable(wanted, where)
    for number, wanted in enumerate(options["files"]):
        digest = wanted["sha256"]
        if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise BadPattern(
                f"{context.where}.files[{number}].sha256 is {digest!r}; it must be 64 hexadecimal digits"
            )
    return {
        "variables": variables,
        "placeholders": options["placeholders"],
        **{check: options[check] for check in ("files", "dns", "writable", "free_space", "uid")},
    }


def _variable(wanted: Any, where: str) -> dict[str, Any]:
    if wanted is None:
        return {}
    if not isinstance(wanted, Mapping):
        raise BadPattern(f"{where} is {wanted!r}; it must be a mapping with {', '.join(VARIABLE_KEYS)}")
    for key in wanted:
        if key not in VARIABLE_KEYS:
            raise BadPattern(f"{where}.{key} is no check; there are {', '.join(VARIABLE_KEYS)}")
    kind = wanted.get("type")
    if kind is not None and kind not in validator.TYPES:
        raise BadPattern(f"{where}.type is {kind!r}; it must be one of {', '.join(validator.TYPES)}")
    if wanted.get("pattern") is not None:
        try:
            re.compile(wanted["pattern"])
        except (re.error, TypeError) as error:
            raise BadPattern(
                f"{where}.pattern is {wanted['pattern']!r}, no regular expression: {error}"
            ) from error
    enum = wanted.get("enum")
    if enum is not None and not (isinstance(enum, list) and all(isinstance(one, str) for one in enum)):
        raise BadPattern(f"{where}.enum is {enum!r}; it must be a list of texts (put numbers in quotes)")
    return dict(wanted)


PATTERN = Pattern("env_validate", OPTIONS, build)
