# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects as they are in the cluster: one list where many of a collection are asked for, else one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .api import Api
from .errors import ClusterError, Refusal
from .resources import Resource

# From how many objects of one collection on a list is the cheaper way.
WORTH_A_LIST = 4
# A collection may hold far more than is asked for; then the objects are read one by one.
LIST_LIMIT = 500

Place = tuple[Resource, str]


class Existing:
    """Reads objects, each collection that is worth it once and before anything is written."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._listed: dict[Place, dict[str, Mapping[str, Any]]] = {}

    def look_ahead(self, places: Iterable[Place]) -> None:
        """List the collections in which many objects will be asked for; each place counts for one object."""
        for place, count in Counter(places).items():
            if count >= WORTH_A_LIST:
                self._list(place)

    def _list(self, place: Place) -> None:
        resource, namespace = place
        try:
            found = self._api.request("get", resource.path(namespace), query={"limit": LIST_LIMIT})
        except ClusterError:
            return  # whoever may not list may still read the objects one by one, or is told then
        if (found.get("metadata") or {}).get("continue"):
            return
        kind = {"apiVersion": resource.api_version, "kind": resource.kind}
        self._listed[place] = {
            item["metadata"]["name"]: {**kind, **item} for item in found.get("items") or ()
        }

    def take(self, resource: Resource, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, None where it is not there. Raises ClusterError."""
        listed = self._listed.get((resource, namespace))
        if listed is not None:
            return listed.get(name)
        try:
            return self._api.request("get", resource.path(namespace, name))
        except Refusal as error:
            if error.status == 404:
                return None
            raise
