# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where in a list of containers a new one goes."""

from __future__ import annotations

from typing import Any

from .fragment import BadPattern


def insert(entries: list[Any], spec: dict[str, Any], position: str | None, default: int, where: str) -> int:
    """Put a container into the list, in place, and return its index.

    position: first, last, before:NAME, after:NAME, or None for the default index.
    """
    index = _index(entries, position, default, where)
    entries.insert(index, spec)
    return index


def _index(entries: list[Any], position: str | None, default: int, where: str) -> int:
    if position is None:
        return min(default, len(entries))
    if position == "first":
        return 0
    if position == "last":
        return len(entries)
    word, colon, name = position.partition(":")
    if not colon or word not in ("before", "after") or not name:
        raise BadPattern(f"{where} is {position!r}; it must be first, last, before:NAME or after:NAME")
    names = [entry.get("name") for entry in entries]
    if name not in names:
        raise BadPattern(
            f"{where} is {position!r}, but that list has no {name!r}; it has {', '.join(names) or 'none'}"
        )
    return names.index(name) + (word == "after")
