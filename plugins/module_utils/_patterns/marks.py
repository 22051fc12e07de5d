# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What patterns added to a Pod template, written down in an annotation and taken off again by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .fragment import BadPattern

ANNOTATION = "podpatterns.core/added"


@dataclass
class Marks:
    """Names of all that was added. grafts: per container of the user's, names of mounts, env and hooks."""

    containers: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)
    pull_secrets: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    grafts: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def text(self) -> str:
        """The annotation's value: what is empty is left out, keys in a fixed order."""
        return json.dumps({key: value for key, value in vars(self).items() if value}, sort_keys=True)


def strip(template: dict[str, Any]) -> None:
    """Take off a template, in place, all that its annotation says was added; nothing else is touched."""
    metadata = template.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if ANNOTATION not in annotations:
        return
    marks = _read(annotations[ANNOTATION])
    _drop_keys(metadata, "annotations", [*marks.annotations, ANNOTATION])
    _drop_keys(metadata, "labels", marks.labels)
    if not metadata:
        template.pop("metadata", None)
    spec = template.get("spec") or {}
    for field_name in marks.fields:
        spec.pop(field_name, None)
    for list_name in ("initContainers", "containers"):
        _drop_named(spec, list_name, marks.containers)
    _drop_named(spec, "volumes", marks.volumes)
    _drop_named(spec, "imagePullSecrets", marks.pull_secrets)
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        graft = marks.grafts.get(container.get("name"))
        if graft:
            _drop_named(container, "volumeMounts", graft.get("mounts", []), key="mountPath")
            _drop_named(container, "env", graft.get("env", []))
            if graft.get("hooks"):
                _drop_keys(container, "lifecycle", graft["hooks"])


def _read(text: str) -> Marks:
    try:
        return Marks(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise BadPattern(
            f"annotation {ANNOTATION} cannot be read; remove it, and what patterns added, from the template"
        ) from error


def _drop_keys(metadata: dict[str, Any], field_name: str, keys: list[str]) -> None:
    entries: dict[str, Any] = metadata.get(field_name) or {}
    for key in keys:
        entries.pop(key, None)
    if not entries:
        metadata.pop(field_name, None)


def _drop_named(owner: dict[str, Any], list_name: str, names: list[str], key: str = "name") -> None:
    entries = owner.get(list_name)
    if not entries or not names:
        return
    kept = [entry for entry in entries if not (isinstance(entry, Mapping) and entry.get(key) in names)]
    if kept:
        owner[list_name] = kept
    else:
        owner.pop(list_name)
