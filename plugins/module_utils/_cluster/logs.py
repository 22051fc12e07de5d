# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a container wrote, and what was said about an object."""

from __future__ import annotations

from typing import Any

from .api import Api
from .errors import ClusterError
from .resources import EVENTS, PODS


def log_lines(
    api: Api,
    namespace: str,
    pod: str,
    container: str,
    *,
    lines: int | None = None,
    previous: bool = False,
    timestamps: bool = False,
) -> list[str]:
    """The last `lines` lines of a container's log (all where None), the oldest first. Raises ClusterError."""
    query: dict[str, Any] = {"container": container}
    if lines is not None:
        query["tailLines"] = lines
    if previous:
        query["previous"] = "true"
    if timestamps:
        query["timestamps"] = "true"
    return api.text(f"{PODS.path(namespace, pod)}/log", query=query).splitlines()


# Enough for a stamp, and for nothing of what was written.
STAMP_BYTES = 36


def first_stamp(api: Api, namespace: str, pod: str, container: str, *, previous: bool = False) -> str | None:
    """The runtime's stamp of the first line of a container's log, and nothing of the line: None where there is none."""
    query: dict[str, Any] = {"container": container, "timestamps": "true", "limitBytes": STAMP_BYTES}
    if previous:
        query["previous"] = "true"
    try:
        said = api.text(f"{PODS.path(namespace, pod)}/log", query=query)
    except ClusterError:
        return None
    return said.partition(" ")[0] or None


def last_words(api: Api, namespace: str, pod: str, container: str, lines: int) -> list[str]:
    """The last lines of the present attempt, of the one before where it has none, or nothing: never an error."""
    for previous in (False, True):
        try:
            found = log_lines(api, namespace, pod, container, lines=lines, previous=previous)
        except ClusterError:
            continue
        if found:
            return found
    return []


def events_of(api: Api, namespace: str, uid: str) -> list[dict[str, Any]]:
    """All events about one object; none where the caller may not read them."""
    try:
        listed = api.request(
            "get", EVENTS.path(namespace), query={"fieldSelector": f"involvedObject.uid={uid}"}
        )
    except ClusterError:
        return []
    return list(listed.get("items") or ())
