# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A counted, typed way to the API server; the kubernetes client does the talking."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .errors import ClusterError, NotConnected, refusal

try:
    from kubernetes.client.exceptions import ApiException
    from kubernetes.dynamic import DynamicClient
    from kubernetes.watch.watch import iter_resp_lines
    from urllib3.exceptions import HTTPError
except ImportError:  # reported by connect(), with the way to mend it
    pass

APPLY = "application/apply-patch+yaml"
CONNECT_SECONDS = 10
# An answer that takes longer than this is one that will not come.
READ_SECONDS = 60

Query = Mapping[str, Any]


class _NoDiscovery:
    """The dynamic client's discovery keeps a cache file at a guessable place; resources.py needs none."""

    def __init__(self, client: Any, _cache_file: Any) -> None:
        self.client = client


class Api:
    """Requests to one API server, safe to use from several threads. `calls` counts them."""

    def __init__(self, api_client: Any) -> None:
        dynamic: Any = DynamicClient
        self._client = dynamic(api_client, discoverer=_NoDiscovery)
        self.host: str = api_client.configuration.host
        self._lock = threading.Lock()
        self.calls = 0

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        content_type: str | None = None,
    ) -> dict[str, Any]:
        """One request and its JSON answer. Raises ClusterError."""
        answer = self._send(method, path, query or {}, body, content_type, (CONNECT_SECONDS, READ_SECONDS))
        loaded: dict[str, Any] = json.loads(answer.data)
        return loaded

    def text(self, path: str, *, query: Query | None = None) -> str:
        """One request and its answer as text, such as a log."""
        answer = self._send("get", path, query or {}, None, None, (CONNECT_SECONDS, READ_SECONDS))
        data: bytes = answer.data
        return data.decode("utf-8", errors="replace")

    def stream(self, path: str, *, query: Query) -> Stream:
        """An open watch. Raises ClusterError where it cannot be opened."""
        # The server ends a watch by itself after some minutes; silence until then is normal.
        return Stream(self._send("get", path, query, None, None, (CONNECT_SECONDS, None)))

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        body: Any,
        content_type: str | None,
        seconds: Sequence[Any],
    ) -> Any:
        with self._lock:
            self.calls += 1
        try:
            return self._client.request(
                method,
                path,
                body=body,
                content_type=content_type,
                query_params=list(query.items()),
                header_params={"Accept": "application/json"}
                if not path.endswith("/log")
                else {"Accept": "*/*"},
                serialize=False,
                _request_timeout=tuple(seconds),
            )
        except ApiException as error:
            if not error.status:
                raise self._unreachable(error.reason) from error
            raise refusal(error.status, error.body, str(error.reason)) from error
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Any) -> ClusterError:
        return NotConnected(f"cannot reach the API server {self.host}: {_network_reason(error)}")


class Stream:
    """The lines of an open watch as decoded events; close() from another thread ends the iteration."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            for line in _lines(self._response):
                if line:
                    yield json.loads(line)
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
