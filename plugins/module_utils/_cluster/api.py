# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A counted, typed way to the API server; the kubernetes client does the talking."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from .errors import ClusterError, NotConnected, refusal

try:
    from kubernetes.watch.watch import iter_resp_lines
    from urllib3.exceptions import HTTPError
    from urllib3.util import Timeout
except ImportError:  # reported by connect(), with the way to mend it
    pass

APPLY = "application/apply-patch+yaml"
JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
CONNECT_SECONDS = 10
# An answer that takes longer than this is one that will not come.
READ_SECONDS = 60
# How long to leave a server alone that cannot be reached just now.
PAUSE_SECONDS = 1.0
# How often to come back to a server that asks to be left alone for some seconds.
TRIES = 10
REDIRECTED = 300
TOO_MANY_REQUESTS = 429

Query = Mapping[str, Any]


class _Counter:
    """Counts, from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def up(self) -> None:
        with self._lock:
            self.value += 1


class Api:
    """Requests to one API server, safe to use from several threads. `calls` counts them.

    deadline, in monotonic seconds, is when an answer is no longer waited for. patience, in seconds, is how long a
    server that cannot be reached is asked again.
    """

    def __init__(
        self,
        api_client: Any,
        *,
        deadline: float = math.inf,
        counter: _Counter | None = None,
        patience: float = 0.0,
    ) -> None:
        self._api_client = api_client
        self._deadline = deadline
        self._patience = patience
        self._counter = counter or _Counter()
        self.host: str = api_client.configuration.host

    @property
    def calls(self) -> int:
        """The number of requests so far."""
        return self._counter.value

    def until(self, deadline: float) -> Api:
        """The same way to the same server, with another deadline and the same count."""
        return Api(self._api_client, deadline=deadline, counter=self._counter, patience=self._patience)

    def patient(self, seconds: float) -> Api:
        """The same way to the same server, which may be away for so long; what is asked may reach it twice."""
        return Api(self._api_client, deadline=self._deadline, counter=self._counter, patience=seconds)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        content_type: str | None = None,
        accept: str = JSON,
    ) -> dict[str, Any]:
        """One request and its JSON answer, in the form that `accept` asks for. Raises ClusterError."""
        data = self._data(method, path, query or {}, body, content_type, accept)
        try:
            loaded = json.loads(data)
        except ValueError:
            loaded = None
        if not isinstance(loaded, dict):
            raise NotConnected(
                f"{self.host} does not answer as a Kubernetes API server does, but with"
                f" {data[:60].decode(errors='replace')!r}; check the address"
            )
        return loaded

    def text(self, path: str, *, query: Query | None = None) -> str:
        """One request and its answer as text, such as a log. Raises ClusterError."""
        accept = "*/*" if path.endswith("/log") else JSON
        return self._data("get", path, query or {}, None, None, accept).decode("utf-8", errors="replace")

    def stream(self, path: str, *, query: Query) -> Stream:
        """An open watch. Raises ClusterError where it cannot be opened."""
        # The server ends a watch by itself after some minutes; silence until then is normal.
        return Stream(self._send("get", path, query, None, None, None, JSON))

    def _data(
        self, method: str, path: str, query: Query, body: Any, content_type: str | None, accept: str
    ) -> bytes:
        until = min(time.monotonic() + self._patience, self._deadline)
        while True:
            try:
                return self._data_once(method, path, query, body, content_type, accept)
            except NotConnected:
                if time.monotonic() + PAUSE_SECONDS > until:
                    raise
                time.sleep(PAUSE_SECONDS)

    def _data_once(
        self, method: str, path: str, query: Query, body: Any, content_type: str | None, accept: str
    ) -> bytes:
        seconds = max(min(READ_SECONDS, self._deadline - time.monotonic()), 0.1)
        answer = self._send(method, path, query, body, content_type, seconds, accept)
        try:
            data: bytes = answer.data
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        return data

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        body: Any,
        content_type: str | None,
        seconds: float | None,
        accept: str,
    ) -> Any:
        """The answer, still to be read. A server that is too busy is asked again when it says so."""
        left = TRIES
        while True:
            left -= 1
            try:
                return self._send_once(method, path, query, body, content_type, seconds, accept)
            except _Busy as busy:
                if not left or time.monotonic() + busy.seconds > self._deadline:
                    raise busy.refusal from busy
                time.sleep(busy.seconds)

    def _send_once(
        self,
        method: str,
        path: str,
        query: Query,
        body: Any,
        content_type: str | None,
        seconds: float | None,
        accept: str,
    ) -> Any:
        # By the client's connections, not by its calls: those walk through every body, and write down where in the
        # source an answer was refused, which two threads must not do at once on Python 3.11.
        self._counter.up()
        left = max(self._deadline - time.monotonic(), 0.1)
        try:
            answer = self._api_client.rest_client.pool_manager.request(
                method.upper(),
                f"{self.host}{path}?{urlencode(query)}" if query else f"{self.host}{path}",
                body=None if body is None else json.dumps(body),
                headers=self._headers(accept, content_type),
                timeout=Timeout(connect=min(CONNECT_SECONDS, left), read=seconds),
                preload_content=False,
            )
            if answer.status < REDIRECTED:
                return answer
            refused = refusal(answer.status, answer.data, str(answer.reason))
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        asked = answer.headers.get("Retry-After", "")
        if answer.status == TOO_MANY_REQUESTS and asked.isdigit():
            raise _Busy(float(asked), refused)
        raise refused

    def _headers(self, accept: str, content_type: str | None) -> dict[str, str]:
        # The token may be one that must be renewed from time to time: this asks for it.
        auth = self._api_client.configuration.auth_settings()
        tokens = {one["key"]: one["value"] for one in auth.values() if one["value"]}
        return {
            **self._api_client.default_headers,
            **tokens,
            "Accept": accept,
            "Content-Type": content_type or JSON,
        }

    def _unreachable(self, error: Any) -> ClusterError:
        return NotConnected(f"cannot reach the API server {self.host}: {_network_reason(error)}")


class _Busy(Exception):
    """The server asks to be left alone for some seconds."""

    def __init__(self, seconds: float, refused: ClusterError) -> None:
        super().__init__(str(refused))
        self.seconds = seconds
        self.refusal = refused


class Stream:
    """The lines of an open watch as decoded events; close() from another thread ends the iteration."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            for line in _lines(self._response):
                if line:
                    yield _watch_event(line)
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # A closed socket shows itself in several ways; only an end that nobody asked for is news.
            if not self._closed:
                raise NotConnected(f"the API server ended a watch: {_network_reason(error)}") from error

    def close(self) -> None:
        """End the watch: a reader that is blocked on the socket wakes up."""
        self._closed = True
        connection = getattr(self._response, "connection", None) or getattr(
            self._response, "_connection", None
        )
        open_socket = getattr(connection, "sock", None)
        if open_socket is not None:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)


def _watch_event(line: str) -> dict[str, Any]:
    event = json.loads(line)
    if not isinstance(event, dict) or not isinstance(event.get("object"), dict) or "type" not in event:
        raise ValueError(f"it sent {line[:60]!r}, which is no event of a watch")
    return event


def _lines(response: Any) -> Iterator[str]:
    split: Any = iter_resp_lines
    found: Iterator[str] = split(response)
    return found


def _network_reason(error: Any) -> str:
    """The heart of a network error, without the layers that wrapped it."""
    text = " ".join(str(getattr(error, "reason", None) or error).split())
    for words, meaning in (
        ("Connection refused", "connection refused; is the cluster up, and is this its address?"),
        ("Name or service not known", "its host name is not known"),
        ("nodename nor servname", "its host name is not known"),
        ("No route to host", "no route to host"),
        ("timed out", "it does not answer in time"),
        (
            "CERTIFICATE_VERIFY_FAILED",
            "its certificate is not trusted; check ca_cert or the kubeconfig's authority",
        ),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS there; check the address"),
    ):
        if words in text:
            return meaning
    return text[-300:]
