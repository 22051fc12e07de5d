# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Following collections of objects: a list, then every change, again from a list after any break."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from .api import Api, Stream
from .errors import ClusterError, NotAllowed, Refusal
from .resources import Resource

# How long to leave a server alone that has just broken a watch.
PAUSE_SECONDS = 0.5
# Refusals that another try may change: timeouts, conflicts, versions too old, a server too busy.
PASSING = frozenset({408, 409, 410, 429})
SERVER_SIDE_SECONDS = 290
# How often a wait tells that it is alive.
PROGRESS_SECONDS = 3.0


@dataclass(frozen=True)
class Listed:
    """All objects of a collection as they are now."""

    resource: Resource
    namespace: str
    items: list[dict[str, Any]]
    version: str


@dataclass(frozen=True)
class Changed:
    """One object, added or changed; gone tells that it was deleted and this is its last state."""

    item: dict[str, Any]
    gone: bool = False


@dataclass(frozen=True)
class Broken:
    """A collection cannot be followed at the moment, or at all where final."""

    resource: Resource
    namespace: str
    error: ClusterError
    final: bool


News: TypeAlias = "Listed | Changed | Broken"


@dataclass(frozen=True)
class Collection:
    """What to follow: a resource in one namespace, narrowed by selectors."""

    resource: Resource
    namespace: str
    query: tuple[tuple[str, str], ...] = ()


class Watch:
    """Follows collections in threads and puts all news into one queue. Use as a context manager."""

    def __init__(self, api: Api, collections: list[Collection]) -> None:
        self._api = api
        self.news: queue.Queue[News] = queue.Queue()
        self._closing = threading.Event()
        self._streams: dict[Collection, Stream] = {}
        self._threads = [
            threading.Thread(
                target=self._follow, args=(one,), daemon=True, name=f"watch {one.resource.plural}"
            )
            for one in collections
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closing.set()
        for stream in list(self._streams.values()):
            stream.close()

    def next(self, seconds: float) -> list[News]:
        """All news there is, after waiting up to `seconds` for the first."""
        try:
            found = [self.news.get(timeout=max(seconds, 0.0))]
        except queue.Empty:
            return []
        while True:
            try:
                found.append(self.news.get_nowait())
            except queue.Empty:
                return found

    def _follow(self, collection: Collection) -> None:
        while not self._closing.is_set():
            try:
                self._stream(collection, self._list(collection))
            except (NotAllowed, Refusal) as error:
                final = _is_final(error, allowed=collection in self._streams)
                self._tell_broken(collection, error, final)
                if final:
                    return
            except ClusterError as error:
                self._tell_broken(collection, error, False)
            # A pause for the server's sake, not a wait for something to happen.
            self._closing.wait(PAUSE_SECONDS)

    def _tell_broken(self, collection: Collection, error: ClusterError, final: bool) -> None:
        if not self._closing.is_set():
            self.news.put(Broken(collection.resource, collection.namespace, error, final))

    def _list(self, collection: Collection) -> str:
        listed = list_once(self._api, collection)
        self.news.put(listed)
        return listed.version

    def _stream(self, collection: Collection, version: str) -> None:
        resource = collection.resource
        while not self._closing.is_set():
            query = {
                **dict(collection.query),
                "watch": "true",
                "resourceVersion": version,
                "allowWatchBookmarks": "true",
                "timeoutSeconds": SERVER_SIDE_SECONDS,
            }
            stream = self._api.stream(resource.path(collection.namespace), query=query)
            self._streams[collection] = stream
            if self._closing.is_set():
                stream.close()
            for event in stream:
                item = event["object"]
                if event["type"] == "ERROR":
                    # 410: the version is too old by now, only a new list can help.
                    raise Refusal(item.get("code", 500), item.get("reason", ""), item.get("message", ""))
                version = (item.get("metadata") or {}).get("resourceVersion", version)
                if event["type"] != "BOOKMARK":
                    self.news.put(Changed(_typed(item, resource), gone=event["type"] == "DELETED"))
            # A server, or a proxy before it, that ends each watch at once is not to be hammered.
            self._closing.wait(PAUSE_SECONDS)


def _is_final(error: NotAllowed | Refusal, allowed: bool) -> bool:
    """Whether another try is in vain. allowed: the collection was followed before.

    A server that has just been started refuses everybody until it knows all rights.
    """
    if isinstance(error, NotAllowed):
        return not allowed
    return 400 <= error.status < 500 and error.status not in PASSING


def _typed(item: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """Items of a list carry neither kind nor apiVersion; everything downstream goes by them."""
    return {**item, "kind": resource.kind, "apiVersion": resource.api_version}


def list_once(api: Api, collection: Collection) -> Listed:
    """All objects of a collection as they are now. Raises ClusterError."""
    resource = collection.resource
    answer = api.request("get", resource.path(collection.namespace), query=dict(collection.query))
    items = [_typed(item, resource) for item in answer.get("items") or ()]
    version = str((answer.get("metadata") or {}).get("resourceVersion", ""))
    return Listed(resource, collection.namespace, items, version)


def wait_until(
    api: Api,
    resource: Resource,
    namespace: str,
    name: str,
    holds: Callable[[Mapping[str, Any] | None], bool],
    deadline: float,
    alive: Callable[[], None],
) -> bool:
    """Wait until `holds` is true of the named object (None while there is none).

    False where the deadline, in monotonic seconds, passed first. alive is called every few seconds until then.
    Raises ClusterError where it cannot be followed.
    """
    collection = Collection(resource, namespace, (("fieldSelector", f"metadata.name={name}"),))
    with Watch(api, [collection]) as watch:
        while (left := deadline - time.monotonic()) > 0:
            found = watch.next(min(left, PROGRESS_SECONDS))
            if not found:
                alive()
            for news in found:
                if isinstance(news, Broken):
                    if news.final:
                        raise news.error
                elif holds(_present(news)):
                    return True
    return False


def _present(news: Listed | Changed) -> Mapping[str, Any] | None:
    if isinstance(news, Listed):
        return news.items[0] if news.items else None
    return None if news.gone else news.item
