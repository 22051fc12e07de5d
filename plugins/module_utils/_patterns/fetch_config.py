# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern fetch_config: the app finds its files in place, checked and whole, or it does not start."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .._programs import fetch as fetcher
from .access import Access, authority, checked_url, key_name, object_name
from .apps import first_app, known_user
from .fragment import BadPattern, Fragment, Target
from .git_source import CA_OPTION, GIT_OPTIONS, repository
from .helper import USER, Context, container, program
from .options import COMMON_OPTIONS, SIDECAR_OPTIONS, Spec
from .pattern import Pattern
from .published import (
    CONTENT_PATH,
    PUBLISHED_OPTIONS,
    WORK_PATH,
    file_mode,
    fragment,
    helper_mounts,
    running_as,
    seconds,
    startup_probe,
)
from .reload import RELOAD_OPTION, checked_reload, signalling_user

SOURCES = ("http", "git", "config_map", "secret")
SOURCE_PATH = "/podpatterns/source"
WATCH_ONLY = ("period", "max_failures", "reload")
DEFAULT_PERIOD = 60

_KEYS_OF_AN_OBJECT: Spec = {
    "name": {"type": "str", "required": True},
    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
}

OPTIONS: Spec = {
    **COMMON_OPTIONS,
    **SIDECAR_OPTIONS,
    **PUBLISHED_OPTIONS,
    "http": {
        "type": "list",
        "elements": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "path": {"type": "str"},
            "sha256": {"type": "str"},
            "token_secret": {
                "type": "dict",
                "no_log": False,
                "options": {
                    "name": {"type": "str", "required": True},
                    "key": {"type": "str", "default": "token", "no_log": False},
                },
            },
        },
    },
    "git": {"type": "dict", "options": GIT_OPTIONS},
    "config_map": {"type": "dict", "options": _KEYS_OF_AN_OBJECT},
    "secret": {"type": "dict", "no_log": False, "options": _KEYS_OF_AN_OBJECT},
    "required_files": {"type": "list", "elements": "str", "default": []},
    "ca_config_map": CA_OPTION,
    "insecure": {"type": "bool", "default": False},
    "file_mode": {"type": "str"},
    "owner": {"type": "int"},
    "group": {"type": "int"},
    "max_size": {"type": "int", "default": 16 * 1024 * 1024},
    "attempt_timeout": {"type": "int", "default": 30},
    "deadline": {"type": "int", "default": 120},
    "watch": {"type": "bool", "default": False},
    "period": {"type": "int"},
    "max_failures": {"type": "int"},
    "reload": RELOAD_OPTION,
}


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """An init container that publishes once, or a sidecar that publishes before the app starts and goes on."""
    where = context.where
    _check(options, where)
    app = first_app(target, options["containers"], f"{where}.containers")
    access = Access(f"{context.name}-access")
    source, volumes = _source(options, context, access)
    reload = checked_reload(options, where)
    signalled = bool(reload and "signal" in reload)
    user = _owner(
        options, signalling_user(app, target, options, where) if signalled else None, app, target, where
    )
    if source.get("ssh_key"):
        access.user(options["security_context"].get("runAsUser", user))
    config = {
        "source": source,
        "volume": CONTENT_PATH,
        "work": WORK_PATH,
        "file_mode": file_mode(
            options["file_mode"] or _default_mode(options, user, app, target), f"{where}.file_mode"
        ),
        "required_files": [_within(path, f"{where}.required_files") for path in options["required_files"]],
        "timeout": options["attempt_timeout"],
        "deadline": options["deadline"],
        "period": options["period"] or DEFAULT_PERIOD,
        "max_failures": -1 if options["max_failures"] is None else options["max_failures"],
        "reload": reload,
    }

    def make(named: Context, stays: bool) -> dict[str, Any]:
        return container(
            named,
            options,
            "git" if options["git"] else "python",
            command=program(fetcher),
            env=[
                {
                    "name": "PODPATTERNS_CONFIG",
                    "value": json.dumps({**config, "watch": stays}, sort_keys=True),
                }
            ],
            mounts=helper_mounts(context.name, access, _source_mounts(volumes)),
            security=running_as(user, options["group"]),
        )

    return fragment(
        context,
        {**options, "memory": bool(options["secret"]) if options["memory"] is None else options["memory"]},
        access,
        make,
        stays=options["watch"],
        probe=startup_probe(
            {"exec": {"command": ["test", "-e", f"{WORK_PATH}/synced"]}}, options["deadline"]
        ),
        volumes=volumes,
        share_process_namespace=signalled,
    )


def _check(options: Mapping[str, Any], where: str) -> None:
    given = [name for name in SOURCES if options[name] is not None]
    if len(given) != 1:
        raise BadPattern(
            f"{where} has {' and '.join(given) or 'no source'}; give one of {', '.join(SOURCES)}, and an entry to each"
        )
    seconds(options, ("period", "attempt_timeout", "deadline"), where)
    if options["max_size"] < 1:
        raise BadPattern(f"{where}.max_size is {options['max_size']}; it must be 1 byte or more")
    if not options["watch"]:
        useless = [name for name in WATCH_ONLY if options[name] is not None]
        if options["mode"] != "auto":
            useless.append("mode")
        if useless:
            raise BadPattern(
                f"{where}.{useless[0]} is {options[useless[0]]!r}, but watch is false: what fetches ends before the app"
                " starts; set watch to true, or leave it out"
            )
        return
    fixed = [file["url"] for file in options["http"] or () if file["sha256"]]
    if fixed:
        raise BadPattern(
            f"{where}.watch is true, but {fixed[0].partition('?')[0]} has a sha256 and so can never change; drop one"
        )
    if options["git"] and options["git"]["commit"]:
        raise BadPattern(
            f"{where}.watch is true, but git.commit names a commit, which never changes; drop one"
        )


def _source(
    options: Mapping[str, Any], context: Context, access: Access
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the program is told of the source, and the volumes that it needs for it."""
    where = context.where
    ca_file = authority(options["ca_config_map"], access, f"{where}.ca_config_map")
    if options["http"] is not None:
        files = _files(options, access, where)
        return {"type": "http", "files": files, "max_size": options["max_size"], "ca_file": ca_file}, []
    if options["git"]:
        found = repository(options["git"], access, options["insecure"], f"{where}.git")
        return {"type": "git", **vars(found), "ca_file": ca_file}, []
    kind = "config_map" if options["config_map"] else "secret"
    name = object_name(options[kind]["name"], f"{where}.{kind}.name")
    keys = [key_name(key, f"{where}.{kind}.keys") for key in options[kind]["keys"]]
    origin = f"{'ConfigMap' if kind == 'config_map' else 'Secret'} {name}"
    volume = {"configMap": {"name": name}} if kind == "config_map" else {"secret": {"secretName": name}}
    source = {"type": "copy", "origin": origin, "directory": SOURCE_PATH, "keys": keys}
    return source, [{"name": f"{context.name}-source", **volume}]


def _source_mounts(volumes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": one["name"], "mountPath": SOURCE_PATH, "readOnly": True} for one in volumes]


def _files(options: Mapping[str, Any], access: Access, where: str) -> list[dict[str, Any]]:
    if not options["http"]:
        raise BadPattern(f"{where}.http is empty; give at least one file with its url")
    files: list[dict[str, Any]] = []
    for number, wanted in enumerate(options["http"]):
        file = _file(wanted, options["insecure"], access, number, f"{where}.http[{number}]")
        if any(file["path"] == other["path"] for other in files):
            raise BadPattern(
                f"{where}.http[{number}].path is {file['path']!r}, as that of another file; give each its own"
            )
        files.append(file)
    return files


def _file(
    wanted: Mapping[str, Any], insecure: bool, access: Access, number: int, where: str
) -> dict[str, Any]:
    url = checked_url(wanted["url"], ("https", "http"), f"{where}.url")
    digest, token = wanted["sha256"], wanted["token_secret"]
    if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise BadPattern(f"{where}.sha256 is {digest!r}; it must be 64 hexadecimal digits")
    if url.startswith("http://") and not insecure and (digest is None or token):
        raise BadPattern(
            f"{where}.url is plain http, where "
            + ("the token goes in the clear" if token else "nothing vouches for what is read")
            + f"; {'use https' if token else 'give its sha256, use https'}, or set insecure to true for a network that"
            " you trust"
        )
    made: dict[str, Any] = {"url": url, "sha256": digest}
    named = wanted["path"] if wanted["path"] is not None else urlsplit(url).path.rpartition("/")[2]
    if not named:
        raise BadPattern(f"{where}.path must name the file, since the url ends with no name")
    made["path"] = _within(named, f"{where}.path")
    if token:
        name = object_name(token["name"], f"{where}.token_secret.name")
        key = key_name(token["key"], f"{where}.token_secret.key")
        made["token_file"] = access.secret(name, key, f"token-{number}")
    return made


def _within(path: str, where: str) -> str:
    parts = path.split("/")
    if any(part in ("", ".") or part.startswith("..") for part in parts):
        raise BadPattern(f"{where} is {path!r}; it must be a path within target, such as conf.d/app.conf")
    return path


def _owner(
    options: Mapping[str, Any], signaller: int | None, app: Mapping[str, Any], target: Target, where: str
) -> int:
    """The user that the helper runs as: what it writes is its own, and without rights it cannot give it away."""
    owner: int | None = options["owner"]
    for name in ("owner", "group"):
        if options[name] is not None and options[name] < 1:
            raise BadPattern(
                f"{where}.{name} is {options[name]}; it must be 1 or more, since what fetches never runs as root"
            )
    if signaller is not None and owner not in (None, signaller):
        raise BadPattern(
            f"{where}.owner is {owner}, but reload.signal must come from the app's user, {signaller}; drop owner"
        )
    return signaller or owner or known_user(app, target) or USER


def _default_mode(options: Mapping[str, Any], user: int, app: Mapping[str, Any], target: Target) -> str:
    """A secret is its owner's alone where the app is known to be the owner; else the app must be able to read."""
    return "0400" if options["secret"] and user == known_user(app, target) else "0444"


PATTERN = Pattern("fetch_config", OPTIONS, build)
