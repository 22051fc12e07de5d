# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an object is already what a manifest asks for, by the server's own record of who set which field.

The record (`managedFields`, of server-side apply) tells the fields that one manager set. Where these are just the
manifest's fields, and each has the manifest's value, applying the manifest again would change nothing. Whatever is
not plainly so (a value that the server writes in another way, a default inside a list's key) counts as not so:
then the server has to tell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

# What names an object; no manager owns it.
_NAMING = ("apiVersion", "kind")
_NAMING_METADATA = ("name", "namespace")


def owned_fields(item: Mapping[str, Any], manager: str) -> Any:
    """The fields that the manager has applied, as the server records them; None where there is no record."""
    entry = _record(item, manager)
    return entry.get("fieldsV1") if entry else None


def is_applied(manifest: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> bool:
    """Whether the manager has applied exactly this manifest, and its values still stand."""
    entry = _record(live, manager)
    if entry is None or entry.get("apiVersion") != manifest["apiVersion"]:
        return False
    wanted = {key: value for key, value in manifest.items() if key not in _NAMING}
    metadata = manifest["metadata"]
    named = {key: value for key, value in metadata.items() if key not in _NAMING_METADATA}
    if named:
        wanted["metadata"] = named
    else:
        del wanted["metadata"]
    return _stands(wanted, live, entry.get("fieldsV1") or {})


def _record(item: Mapping[str, Any], manager: str) -> Mapping[str, Any] | None:
    for entry in item["metadata"].get("managedFields") or ():
        if (entry.get("manager"), entry.get("operation")) == (manager, "Apply") and not entry.get(
            "subresource"
        ):
            found: Mapping[str, Any] = entry
            return found
    return None


def _stands(wanted: Any, live: Any, fields: Mapping[str, Any]) -> bool:
    """Whether the value is owned as a whole and equal, or owned part by part and each part stands."""
    parts = {key: below for key, below in fields.items() if key != "."}
    if not parts:
        return type(wanted) is type(live) and bool(wanted == live)
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return _fields_stand(wanted, live, parts)
    if isinstance(wanted, list) and isinstance(live, list):
        return _entries_stand(wanted, live, parts)
    return False


def _fields_stand(wanted: Mapping[str, Any], live: Mapping[str, Any], parts: Mapping[str, Any]) -> bool:
    if {f"f:{key}" for key in wanted} != set(parts):
        return False
    return all(key in live and _stands(value, live[key], parts[f"f:{key}"]) for key, value in wanted.items())


def _entries_stand(wanted: Sequence[Any], live: Sequence[Any], parts: Mapping[str, Any]) -> bool:
    """The same for a list whose entries are told apart by some of their fields, or by their values."""
    if len(wanted) != len(parts):
        return False
    places = []
    for value in wanted:
        found = [(place, part) for part in parts if (place := _place(part, value, live)) is not None]
        if len(found) != 1:
            return False
        place, part = found[0]
        if part.startswith("k:") and not _stands(value, live[place], parts[part]):
            return False
        places.append(place)
    # The order of a list is applied, too.
    return places == sorted(places)


def _place(part: str, value: Any, live: Sequence[Any]) -> int | None:
    """Where in the list the entry stands that this part of the record is about, if the value is that entry."""
    kind, _colon, text = part.partition(":")
    key = json.loads(text)
    if kind == "v":
        return live.index(key) if key == value and key in live else None
    if not (isinstance(value, Mapping) and _agrees(key, value)):
        return None
    places = (
        place
        for place, entry in enumerate(live)
        if isinstance(entry, Mapping) and all(entry.get(name) == key[name] for name in key)
    )
    return next(places, None)


def _agrees(key: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether the value may have this key: what it leaves out, such as a port's protocol, the server has filled in."""
    return all(name not in value or value[name] == key[name] for name in key) and any(
        name in value for name in key
    )
