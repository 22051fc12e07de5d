# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A git repository as a source of files: its options, and what a helper needs to read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .access import Access, checked_url, key_name, object_name
from .fragment import BadPattern
from .options import Spec

REFS = ("branch", "tag", "commit")
SCHEMES = ("https", "http", "ssh", "git")
SHELL_SAFE = re.compile(r"[-\w.@+=:]+")

GIT_OPTIONS: Spec = {
    "url": {"type": "str", "required": True},
    "branch": {"type": "str"},
    "tag": {"type": "str"},
    "commit": {"type": "str"},
    "subdirectory": {"type": "str"},
    "ssh_secret": {"type": "str", "no_log": False},
    "token_secret": {
        "type": "dict",
        "no_log": False,
        "options": {
            "name": {"type": "str", "required": True},
            "key": {"type": "str", "default": "token", "no_log": False},
            "username": {"type": "str", "default": "git"},
        },
    },
}

CA_OPTION: dict[str, Any] = {
    "type": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "key": {"type": "str", "default": "ca.crt", "no_log": False},
    },
}


@dataclass(frozen=True)
class Repository:
    """A repository and what of it is wanted. kind: branch, tag, commit or head. The files are paths in the helper."""

    url: str
    kind: str
    ref: str | None
    subdirectory: str | None
    username: str | None = None
    token_file: str | None = None
    ssh_key: str | None = None
    known_hosts: str | None = None


def repository(options: Mapping[str, Any], access: Access, insecure: bool, where: str) -> Repository:
    """The repository that the options name. Raises BadPattern."""
    url = _url(options["url"], f"{where}.url")
    kind, ref = _ref(options, where)
    token, ssh = options["token_secret"], options["ssh_secret"]
    by_ssh = url.startswith("ssh://")
    if by_ssh != bool(ssh):
        raise BadPattern(
            f"{where}.ssh_secret is {ssh!r}, but url is {url!r}; "
            + (
                "ssh needs a Secret with ssh-privatekey and known_hosts"
                if by_ssh
                else "only an ssh url has a key"
            )
        )
    if token and not url.startswith("http"):
        raise BadPattern(f"{where}.token_secret is given, but url is {url!r}; a token goes with an https url")
    if url.startswith(("http://", "git://")) and not insecure and (kind != "commit" or token):
        raise BadPattern(
            f"{where}.url is {url!r}, where nothing vouches for what is read"
            + (" and the token goes in the clear" if token else "")
            + "; use https or ssh, or set insecure to true for a network that you trust"
        )
    made = Repository(url, kind, ref, _subdirectory(options["subdirectory"], f"{where}.subdirectory"))
    if token:
        return _with_token(made, token, access, f"{where}.token_secret")
    if ssh:
        name = object_name(ssh, f"{where}.ssh_secret")
        key = access.secret(name, "ssh-privatekey", "ssh-privatekey")
        known = access.secret(name, "known_hosts", "known_hosts")
        return Repository(made.url, kind, ref, made.subdirectory, ssh_key=key, known_hosts=known)
    return made


def _with_token(made: Repository, token: Mapping[str, Any], access: Access, where: str) -> Repository:
    if not SHELL_SAFE.fullmatch(token["username"]):
        raise BadPattern(f"{where}.username is {token['username']!r}; it must be a user's name")
    name = object_name(token["name"], f"{where}.name")
    file = access.secret(name, key_name(token["key"], f"{where}.key"), "token")
    return Repository(
        made.url, made.kind, made.ref, made.subdirectory, username=token["username"], token_file=file
    )


def _url(url: str, where: str) -> str:
    # git@host:path, as hosting services show it, says the same as ssh://git@host/path.
    short = re.fullmatch(r"([\w.-]+@)?([\w.-]+):(?!//)(.+)", url)
    if short:
        url = f"ssh://{short[1] or ''}{short[2]}/{short[3].lstrip('/')}"
    return checked_url(url, SCHEMES, where)


def _ref(options: Mapping[str, Any], where: str) -> tuple[str, str | None]:
    given = [ref for ref in REFS if options[ref] is not None]
    if len(given) > 1:
        raise BadPattern(f"{where} has {' and '.join(given)}; give one of them")
    if not given:
        return "head", None
    kind = given[0]
    value: str = options[kind]
    if kind == "commit" and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value):
        raise BadPattern(f"{where}.commit is {value!r}; it must be a whole commit id, 40 hexadecimal digits")
    if not re.fullmatch(r"(?!-)[^\s~^:?*\[\\]+", value) or ".." in value:
        raise BadPattern(f"{where}.{kind} is {value!r}; it must be the name of a {kind}")
    return kind, value


def _subdirectory(path: str | None, where: str) -> str | None:
    if path is None:
        return None
    parts = path.strip("/").split("/")
    if path.startswith("/") or any(part in ("", ".", "..") for part in parts) or ":" in path:
        raise BadPattern(f"{where} is {path!r}; it must be a path within the repository, such as config/prod")
    return "/".join(parts)
