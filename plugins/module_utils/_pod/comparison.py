# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manifests made comparable: without what the server writes by itself, without the values of Secrets."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

# What every write or the server changes; none of it is the user's intent.
_SERVER_METADATA = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
# A copy of the whole object in an annotation, Secrets included.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# What the API lets change on the kinds that keep most of their spec for life: ends of the fields' paths.
_CHANGEABLE: dict[str, tuple[str, ...]] = {
    "Pod": (".image", ".activeDeadlineSeconds", ".tolerations", ".schedulingGates"),
    "Job": (
        *(".parallelism", ".completions", ".suspend", ".activeDeadlineSeconds"),
        *(".backoffLimit", ".ttlSecondsAfterFinished"),
    ),
}
# The fields of its spec that can be changed; all others are kept.
_CHANGEABLE_BELOW: dict[str, tuple[str, ...]] = {
    "StatefulSet": (
        *("spec.replicas", "spec.ordinals", "spec.template", "spec.updateStrategy", "spec.minReadySeconds"),
        *("spec.revisionHistoryLimit", "spec.persistentVolumeClaimRetentionPolicy"),
    ),
}


def normalised(manifest: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a person would call the object: its intent, with the server's defaults, without status and bookkeeping."""
    if not manifest:
        return {}
    plain = copy.deepcopy(dict(manifest))
    plain.pop("status", None)
    metadata = plain.get("metadata", {})
    for field in _SERVER_METADATA:
        metadata.pop(field, None)
    annotations = metadata.get("annotations")
    if annotations:
        annotations.pop(_LAST_APPLIED, None)
        if not annotations:
            del metadata["annotations"]
    return plain


def shown(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides of a diff, normalised; values of a Secret are replaced by whether they change."""
    old, new = normalised(before), normalised(after)
    if "Secret" in (old.get("kind"), new.get("kind")):
        for field in ("data", "stringData"):
            _hide(old, new, field)
    return old, new


def _hide(old: dict[str, Any], new: dict[str, Any], field: str) -> None:
    first, second = old.get(field) or {}, new.get(field) or {}
    same = {key for key in first if first[key] == second.get(key)}
    if first:
        old[field] = {key: "(hidden)" if key in same else "(hidden, old value)" for key in first}
    if second:
        new[field] = {key: "(hidden)" if key in same else "(hidden, new value)" for key in second}


def fixed_fields(desired: Mapping[str, Any], live: Mapping[str, Any]) -> list[str]:
    """Fields that the definition would change although an object of its kind keeps them for life.

    Empty for kinds whose refusals name the field well enough.
    """
    kind = str(desired.get("kind"))
    if kind not in _CHANGEABLE and kind not in _CHANGEABLE_BELOW:
        return []
    ends, below = _CHANGEABLE.get(kind, ()), _CHANGEABLE_BELOW.get(kind, ())
    found = _differences(desired.get("spec") or {}, live.get("spec") or {}, "spec")
    return sorted(
        {
            path
            for path in found
            if not (ends and path.endswith(ends)) and not (below and path.startswith(below))
        }
    )


def _differences(desired: Any, live: Any, path: str) -> Iterator[str]:
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        for key, value in desired.items():
            yield from _differences(value, live.get(key), f"{path}.{key}")
    elif _named(desired) and _named(live):
        yield from _named_differences(desired, live, path)
    elif desired != live and (desired or live):  # an empty list is no list
        yield path


def _named_differences(desired: list[Any], live: list[Any], path: str) -> Iterator[str]:
    existing = {entry["name"]: entry for entry in live}
    wanted = {entry["name"]: entry for entry in desired}
    for name, entry in wanted.items():
        if name in existing:
            yield from _differences(entry, existing[name], f"{path}[{name}]")
        else:
            yield f"{path}[{name}] (new)"
    if path in ("spec.containers", "spec.initContainers"):
        yield from (f"{path}[{name}] (removed)" for name in existing if name not in wanted)


def _named(entries: Any) -> bool:
    return isinstance(entries, list) and all(
        isinstance(entry, Mapping) and "name" in entry for entry in entries
    )
