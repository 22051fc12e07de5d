# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What comes of a composition, and the note on a workload of what else was made for it.

Apart from compose.py, so that who composes nothing need not load the patterns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .fragment import ExpectedProxy

# On the workload itself, not on its Pods: what else belongs to it is no reason to roll it out anew.
OBJECTS_ANNOTATION = "podpatterns.core/objects"


@dataclass(frozen=True)
class Composition:
    """A workload with its patterns, further objects that they need, and what the user should know."""

    manifest: dict[str, Any]
    objects: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    expected_proxies: list[ExpectedProxy] = field(default_factory=list)


@dataclass(frozen=True)
class Composed:
    """A whole definition with patterns on its workloads, each of these after the objects that it needs.

    expected_proxies: by kind, namespace and name of the workload.
    """

    manifests: list[dict[str, Any]]
    warnings: tuple[str, ...] = ()
    expected_proxies: Mapping[tuple[str, str, str], Sequence[ExpectedProxy]] = field(default_factory=dict)


def noted_objects(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The further objects that an earlier composition made for this workload: kind, name and namespace of each."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    try:
        noted = json.loads(annotations.get(OBJECTS_ANNOTATION, "[]"))
        return [
            {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
            for version, kind, namespace, name in noted
        ]
    except (TypeError, ValueError):
        return []


def identity(item: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells objects of one definition apart: apiVersion, kind, namespace, name."""
    metadata = item["metadata"]
    return item["apiVersion"], item["kind"], metadata.get("namespace"), metadata["name"]


def note_objects(manifest: Mapping[str, Any], objects: Sequence[Mapping[str, Any]]) -> None:
    """Note on the workload what else was made for it, so that it can go when its pattern goes."""
    metadata = manifest["metadata"]
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key != OBJECTS_ANNOTATION
    }
    if objects:
        noted = [
            [item["apiVersion"], item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]]
            for item in objects
        ]
        annotations[OBJECTS_ANNOTATION] = json.dumps(noted)
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
