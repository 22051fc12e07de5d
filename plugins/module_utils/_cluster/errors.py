# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong between here and the API server, each as a type with one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ClusterError(Exception):
    """The cluster could not do what was asked; the text is one sentence for a person."""


class NotConnected(ClusterError):
    """There is no way to an API server: no configuration, a wrong one, or nobody answers."""


class NotAllowed(ClusterError):
    """The API server does not know the caller, or does not let them."""


@dataclass
class Refusal(ClusterError):
    """An answer of the API server other than success.

    status is the HTTP code, reason and message the server's own, causes its list of field problems.
    """

    status: int
    reason: str
    message: str
    causes: list[Mapping[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        return plain(self.message) or f"HTTP {self.status} {self.reason}"

    def renamed(self, name: str, other: str) -> Refusal:
        """The same refusal of an object of another name."""
        causes: list[Mapping[str, Any]] = [
            {key: str(value).replace(name, other) for key, value in cause.items()} for cause in self.causes
        ]
        return Refusal(self.status, self.reason, self.message.replace(name, other), causes)


class Failure(ClusterError):
    """Something that was asked for one object failed: "Failed to <verb> <kind> <namespace>/<name>: <reason>"."""

    def __init__(self, verb: str, kind: str, namespace: str, name: str, reason: str) -> None:
        target = f"{namespace}/{name}" if namespace else name
        super().__init__(f"Failed to {verb} {kind} {target}: {reason}")


def refusal(status: int, body: Any, fallback: str) -> ClusterError:
    """The typed error for an HTTP answer; body is what the server sent, a Status object if it kept its word."""
    said = _status_object(body)
    message = str(said.get("message") or fallback or "")
    details = said.get("details") or {}
    if status == 401:
        return NotAllowed(
            "the API server does not accept the credentials (HTTP 401): the token or certificate is wrong or has"
            " expired; check api_key, client_cert, or the user of the kubeconfig's context"
        )
    if status == 403 and (missing := missing_permission(message)):
        return NotAllowed(missing)
    if status == 400 and "HTTP request to an HTTPS server" in message:
        return NotConnected(
            "the API server speaks TLS at this address; give host with https:// instead of http://"
        )
    return Refusal(status, str(said.get("reason") or ""), message, list(details.get("causes") or []))


def _status_object(body: Any) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except (TypeError, ValueError):
        return {"message": body.decode(errors="replace") if isinstance(body, bytes) else body}
    return parsed if isinstance(parsed, Mapping) else {}


_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_FORBIDDEN_PATH = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) path "(?P<path>[^"]*)"')
_ANONYMOUS = "system:anonymous"


def missing_permission(message: str) -> str | None:
    """One sentence with verb, resource and namespace from the server's words on a missing right; None otherwise."""
    match = _FORBIDDEN.search(message) or _FORBIDDEN_PATH.search(message)
    if match is None:
        return None
    if match["user"] == _ANONYMOUS:
        return (
            "the API server got no credentials and lets nobody in without; set api_key, client_cert and client_key,"
            " or the user of the kubeconfig's context"
        )
    if match.re is _FORBIDDEN_PATH:
        return f"{match['user']} may not {match['verb']} {match['path']}; use other credentials"
    group = f".{match['group']}" if match["group"] else ""
    where = f"in namespace {match['namespace']}" if match["namespace"] else "at cluster scope"
    return (
        f"{match['user']} may not {match['verb']} {match['resource']}{group} {where};"
        " grant it by a Role and a RoleBinding, or use other credentials"
    )


_UNDECLARED = re.compile(r"(?P<path>\.\S+?): field not declared in schema")
_UNKNOWN = re.compile(r'unknown field "(?P<path>[^"]+)"')
_MANAGER = re.compile(r'conflict with "(?P<manager>[^"]+)"')
_TYPE = re.compile(r"(?P<path>\.\S+?): expected (?P<wanted>[^,]+), got (?P<got>[^;\n]+)")
# Go's way to print what it got instead.
_GO_VALUE = re.compile(r"^&(?:value\.valueUnstructured)?\{(?:Value:)?(?P<value>.*)\}$")
_NOT_BASE64 = re.compile(r"illegal base64 data at input byte \d+")
_CONVERSION = re.compile(r"^.*(?:unable to convert unstructured object to [^:]+|error decoding from json): ")
_PATTERN = re.compile(r",? ?regex used for validation is '[^']*'")


def explain(refused: Refusal, secret: bool = False) -> str:
    """The server's refusal as one sentence that names the field and what would be right.

    secret: the object holds values that must not be repeated.
    """
    if refused.status == 409 and (conflicts := _conflicts(refused)):
        return conflicts
    unknown = [match["path"].lstrip(".") for match in _UNDECLARED.finditer(refused.message)]
    unknown += [match["path"] for match in _UNKNOWN.finditer(refused.message)]
    if unknown:
        word = "is no field" if len(unknown) == 1 else "are no fields"
        return f"{', '.join(unknown)} {word} of this kind; check spelling and indentation"
    if match := _TYPE.search(refused.message):
        return _wrong_type(match, secret)
    if match := _NOT_BASE64.search(refused.message):
        return f"data holds a value that is not base64 ({match.group()}); plain text belongs into stringData"
    if refused.causes:
        return "; ".join(
            f"{cause.get('field') or 'object'}: {plain(cause.get('message'))}" for cause in refused.causes
        )
    return _CONVERSION.sub("", str(refused))


def _wrong_type(match: re.Match[str], secret: bool) -> str:
    path, wanted = match["path"].lstrip("."), match["wanted"].replace("numeric (int or float)", "number")
    value = _GO_VALUE.match(match["got"].strip())
    if value is None:  # just the name of a type
        return f"{path} must be a {wanted}, not a {match['got'].strip()}"
    found = value["value"]
    if found.startswith(("map[", "[")):
        return f"{path} is a {'list' if found.startswith('[') else 'map'} and must be a {wanted}"
    said = "" if secret else f" is {found} and"
    return f"{path}{said} must be a {wanted}" + ("; put it in quotes" if wanted == "string" else "")


def _conflicts(refused: Refusal) -> str | None:
    by_manager: dict[str, list[str]] = {}
    for cause in refused.causes:
        match = _MANAGER.search(str(cause.get("message")))
        if match is not None:
            by_manager.setdefault(match["manager"], []).append(str(cause.get("field", "")).lstrip("."))
    if not by_manager:
        return None
    said = "; ".join(
        f"{', '.join(fields)} belongs to field manager {manager!r}" for manager, fields in by_manager.items()
    )
    return f"{said}; take the field out of the definition, or set force_conflicts: true to take it over"


# Each kind has words of its own for a field that an object keeps for life.
_FIXED = re.compile(
    r"immutable|may not change|may not add or remove|updates to \S+ .*forbidden|cannot change roleRef|"
    r"may not be changed in an update|can ?not be changed"
)


def is_immutable(refused: Refusal) -> bool:
    """Whether the server refuses because a field cannot be changed in place."""
    said = refused.message + " ".join(str(cause.get("message")) for cause in refused.causes)
    return refused.status == 422 and _FIXED.search(said) is not None


def plain(message: Any) -> str:
    """A message on one line, without the dumps of Go structures that follow some of them."""
    text = _PATTERN.sub("", str(message or "").split("\n", maxsplit=1)[0])
    return " ".join(text.split())
