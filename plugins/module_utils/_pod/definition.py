# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a user hands over, read into manifests, and refused with one sentence where it cannot be meant.

Only what the API server cannot tell well is checked here; field names and types are the server's own
strict validation.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .container import Role, containers
from .template import is_workload, pod_spec, pod_template, template_path
from .text import Refused, Unreadable, load

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
NAME_LIMIT = 253
# Pods of these kinds carry the workload's name in a label, and labels are shorter than names.
LABEL_NAME_LIMITS = {"Job": 63, "CronJob": 52, "StatefulSet": 63, "Service": 63, "Namespace": 63}


class BadDefinition(Exception):
    """The definition cannot be applied; the text names the field, its value and what would be right."""


@dataclass(frozen=True)
class Place:
    """Where an object of the definition stands, as a message names it."""

    number: int
    manifest: Mapping[str, Any]

    def __str__(self) -> str:
        metadata = self.manifest.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        kind = self.manifest.get("kind")
        if isinstance(kind, str) and kind and isinstance(name, str) and name:
            return f"{kind} {name}"
        return f"object {self.number} of the definition"


def parse(definition: Any, origin: str = "definition") -> list[dict[str, Any]]:
    """Manifests from a mapping, a list of mappings, or YAML text of one or several documents.

    `List` kinds are taken apart. Raises BadDefinition where nothing to apply remains.
    """
    documents = _load(definition, origin) if isinstance(definition, (str, bytes)) else definition
    if isinstance(documents, Mapping):
        documents = [documents]
    if not isinstance(documents, list):
        raise BadDefinition(
            f"{origin} is {_name_type(documents)}; give a mapping, a list of mappings or YAML text"
        )
    manifests = list(_flatten(documents, origin))
    if not manifests:
        raise BadDefinition(f"{origin} is empty; give at least one Kubernetes object")
    return manifests


def _load(text: str | bytes, origin: str) -> list[Any]:
    try:
        return load(text)
    except Refused as error:
        raise BadDefinition(f"{origin}: {error}") from error
    except Unreadable as error:
        raise BadDefinition(f"{origin} is not YAML: {error}") from error


def _flatten(documents: list[Any], origin: str) -> Iterator[dict[str, Any]]:
    for number, document in enumerate(documents, start=1):
        if isinstance(document, list):
            yield from _flatten(document, origin)
        elif not isinstance(document, Mapping):
            raise BadDefinition(
                f"object {number} of {origin} is {_name_type(document)}; a Kubernetes object is a mapping"
                " with apiVersion, kind and metadata"
            )
        elif str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
            yield from _flatten(document["items"], f"{origin} ({document['kind']})")
        else:
            yield copy.deepcopy(dict(document))


def _name_type(value: Any) -> str:
    if value is None:
        return "empty"
    names = {str: "text", bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), f"a {type(value).__name__}")


def check(manifests: list[dict[str, Any]], identity_only: bool = False) -> None:
    """Refuse, with one sentence, what the server would refuse unclearly or not at all. Raises BadDefinition.

    identity_only: the objects are to be deleted, and need no more than what tells them from others.
    """
    for number, manifest in enumerate(manifests, start=1):
        place = Place(number, manifest)
        _check_identity(place)
        if is_workload(manifest) and not identity_only:
            _check_containers(place)
    _check_twice(manifests)


def _check_identity(place: Place) -> None:
    manifest = place.manifest
    for field in ("apiVersion", "kind"):
        value = manifest.get(field)
        if value is None or value == "":
            raise BadDefinition(
                f"{place} has no {field}; every Kubernetes object needs one, such as {field}: {_sample(field)}"
            )
        if not isinstance(value, str):
            raise BadDefinition(f"{place}: {field} is {value!r}; it must be text, such as {_sample(field)}")
    given = manifest.get("metadata")
    metadata = given if isinstance(given, Mapping) else {}
    name = metadata.get("name")
    if name is None or name == "":
        raise BadDefinition(
            f"{place} ({manifest['kind']}) has no metadata.name; every object of the list needs one"
        )
    for field, value in (("name", name), ("namespace", metadata.get("namespace"))):
        if value is not None and not isinstance(value, str):
            raise BadDefinition(
                f"{place}: metadata.{field} is {value!r}, {_name_type(value)}; YAML reads it so:"
                " put the name in quotes"
            )
    limit = LABEL_NAME_LIMITS.get(manifest["kind"], NAME_LIMIT)
    if len(name) > limit:
        raise BadDefinition(
            f"{manifest['kind']} {name[:20]}…: metadata.name has {len(name)} characters; {manifest['kind']} names"
            f" have at most {limit}"
        )


def _sample(field: str) -> str:
    return "v1" if field == "apiVersion" else "Pod"


def _check_containers(place: Place) -> None:
    manifest = place.manifest
    prefix = template_path(manifest["kind"])
    spec_path = f"{prefix}.spec" if prefix else "spec"
    if not pod_template(manifest):
        raise BadDefinition(f"{place} has no {prefix}; a {manifest['kind']} needs a Pod template there")
    spec = pod_spec(manifest)
    if not isinstance(spec.get("containers"), list) or not spec["containers"]:
        raise BadDefinition(f"{place} has no {spec_path}.containers; a Pod needs at least one container")
    seen: dict[str, str] = {}
    for container in containers(spec):
        where = f"{spec_path}.{container.spec_list}"
        given = container.spec.get("name")
        if given is not None and not isinstance(given, str):
            raise BadDefinition(
                f"{place}: a container name in {where} is {given!r}, {_name_type(given)}; YAML reads it so:"
                " put the name in quotes"
            )
        if not given:
            raise BadDefinition(
                f"{place}: a container in {where} has no name; give each one a name of its own"
            )
        if given in seen:
            raise BadDefinition(
                f"{place}: container name {given!r} is used in {seen[given]} and again in {where};"
                " every container of a Pod needs a name of its own"
            )
        seen[given] = where
        _check_probes(place, container.role, given, container.spec)


def _check_probes(place: Place, role: Role, name: str, spec: Mapping[str, Any]) -> None:
    if role is not Role.INIT:
        return
    for probe in PROBES:
        if spec.get(probe) is not None:
            raise BadDefinition(
                f"{place}: init container {name!r} has a {probe}, but an init container that runs to its end has no"
                " probes; remove it, or set restartPolicy: Always to make the container a sidecar"
            )


def _check_twice(manifests: list[dict[str, Any]]) -> None:
    seen: set[tuple[str, str, str, str]] = set()
    for manifest in manifests:
        metadata = manifest["metadata"]
        key = (
            manifest["apiVersion"],
            manifest["kind"],
            str(metadata.get("namespace") or ""),
            metadata["name"],
        )
        if key in seen:
            raise BadDefinition(f"{key[1]} {key[3]} is in the definition twice; keep one of the two")
        seen.add(key)
