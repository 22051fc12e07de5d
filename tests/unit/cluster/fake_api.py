"""A small API server over real HTTP, for faults that a real cluster cannot be made to have at will.

It discovers, gets, lists, watches, deletes and applies, just enough for a definition to be walked through, and
does on request what a server, or a network, does when it fails. What a real server can show is shown on one,
in tests/cluster.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect

SERVED = {
    "/api/v1": {
        "Pod": "pods",
        "ConfigMap": "configmaps",
        "Secret": "secrets",
        "Event": "events",
        "ServiceAccount": "serviceaccounts",
        "Namespace": "namespaces",
        "ResourceQuota": "resourcequotas",
    },
    "/apis/apps/v1": {
        "Deployment": "deployments",
        "ReplicaSet": "replicasets",
        "StatefulSet": "statefulsets",
    },
    "/apis/batch/v1": {"Job": "jobs"},
    "/apis/apiextensions.k8s.io/v1": {"CustomResourceDefinition": "customresourcedefinitions"},
}
CLUSTER_WIDE = {"namespaces", "customresourcedefinitions"}
OBJECT = re.compile(
    r"^(?P<collection>(?P<base>/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+))"
    r"(?:/(?P<name>[^/]+))?(?P<log>/log)?$"
)


class Hangup(Exception):
    """The server drops the connection without another word."""


Act = Callable[["Handler"], None]


@dataclass
class Fault:
    """What to do instead of answering a request of this method and path, so many times."""

    method: str
    path: re.Pattern[str]
    act: Act
    times: int


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None


@dataclass
class FakeApi:
    """State of the server; objects by their path, as the API has it."""

    url: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[int, str, str, dict[str, Any]]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    closing: threading.Event = field(default_factory=threading.Event)
    version: int = 0

    def client(self, **options: Any) -> Api:
        """A way to this server as the modules have it."""
        return connect({"host": self.url, "api_key": "secret-token", **options})

    def fault(self, method: str, path: str, act: Act, times: int = 1_000_000) -> None:
        """Do this instead of answering; path is a regular expression that some part of the path matches."""
        self.faults.append(Fault(method, re.compile(path), act, times))

    def calls(self, method: str, path: str = "") -> list[Asked]:
        """The requests of this method whose path contains this."""
        return [one for one in self.asked if one.method == method and path in one.path]

    def put(self, path: str, item: Mapping[str, Any], event: str = "") -> dict[str, Any]:
        """Store an object as the server or a controller would, and tell all who watch."""
        match = OBJECT.match(path)
        assert match, path
        with self.changed:
            self.version += 1
            known = self.objects.get(path)
            stored = copy.deepcopy(dict(item))
            metadata = stored.setdefault("metadata", {})
            metadata["name"] = match["name"]
            metadata["resourceVersion"] = str(self.version)
            metadata["uid"] = known["metadata"]["uid"] if known else f"uid-{self.version}"
            if match["namespace"]:
                metadata["namespace"] = match["namespace"]
            self.objects[path] = stored
            self.events.append(
                (self.version, match["collection"], event or ("MODIFIED" if known else "ADDED"), stored)
            )
            self.changed.notify_all()
            return stored

    def drop(self, path: str) -> None:
        """Delete an object, and tell all who watch."""
        match = OBJECT.match(path)
        assert match, path
        with self.changed:
            self.version += 1
            gone = self.objects.pop(path)
            self.events.append((self.version, match["collection"], "DELETED", gone))
            self.changed.notify_all()

    def namespace(self, name: str) -> None:
        """A namespace with its default account, as a cluster has it."""
        self.put(f"/api/v1/namespaces/{name}", {"kind": "Namespace"})
        self.put(f"/api/v1/namespaces/{name}/serviceaccounts/default", {"kind": "ServiceAccount"})


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    fake: FakeApi

    def do_GET(self) -> None:
        self._answer(self.get)

    def do_PATCH(self) -> None:
        self._answer(self.apply)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""

    def say(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """Answer with JSON, or with text as it is."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, reason: str, message: str, causes: Any = ()) -> None:
        """Answer with a Status object."""
        details = {"causes": list(causes)}
        self.say(
            status,
            {
                "kind": "Status",
                "status": "Failure",
                "code": status,
                "reason": reason,
                "message": message,
                "details": details,
            },
        )

    def chunk(self, line: Any) -> None:
        """One line of a watch."""
        data = line.encode() if isinstance(line, str) else json.dumps(line).encode() + b"\n"
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def begin_stream(self) -> None:
        """The head of a watch's answer."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _answer(self, usual: Callable[[], None]) -> None:
        split = urlsplit(self.path)
        self.route = split.path
        self.query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self.body = json.loads(self.rfile.read(length)) if length else None
        self.fake.asked.append(
            Asked(
                self.command,
                self.route,
                self.query,
                {k.lower(): v for k, v in self.headers.items()},
                self.body,
            )
        )
        kind = "WATCH" if self.query.get("watch") == "true" else self.command
        try:
            for fault in self.fake.faults:
                if fault.times and fault.method == kind and fault.path.search(self.route):
                    fault.times -= 1
                    fault.act(self)
                    return
            usual()
        except Hangup:
            self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def get(self) -> None:
        """Discovery, an object, a list, a watch or a log."""
        if self.route in SERVED:
            self.say(200, self._discovery(SERVED[self.route]))
            return
        match = OBJECT.match(self.route)
        if match is None:
            self.refuse(404, "NotFound", "the server could not find the requested resource")
        elif match["log"]:
            self.say(200, self.fake.logs.get(match["name"], ""))
        elif self.query.get("watch") == "true":
            self._watch(match["collection"], int(self.query["resourceVersion"]))
        elif match["name"]:
            self._one(self.route, match)
        else:
            self._list(match["collection"])

    @staticmethod
    def _discovery(kinds: Mapping[str, str]) -> dict[str, Any]:
        return {
            "kind": "APIResourceList",
            "resources": [
                {"kind": kind, "name": plural, "namespaced": plural not in CLUSTER_WIDE}
                for kind, plural in kinds.items()
            ],
        }

    def _one(self, path: str, match: re.Match[str]) -> None:
        found = self.fake.objects.get(path)
        if found is None:
            self.refuse(404, "NotFound", f'{match["plural"]} "{match["name"]}" not found')
        else:
            self.say(200, found)

    def _list(self, collection: str) -> None:
        with self.fake.changed:
            items = [
                item
                for path, item in self.fake.objects.items()
                if path.rpartition("/")[0] == collection and self._wanted(item)
            ]
            self.say(200, {"metadata": {"resourceVersion": str(self.fake.version)}, "items": items})

    def _wanted(self, item: Mapping[str, Any]) -> bool:
        name = re.match(r"metadata.name=(.+)", self.query.get("fieldSelector", ""))
        return name is None or item["metadata"]["name"] == name[1]

    def _watch(self, collection: str, version: int) -> None:
        self.begin_stream()
        sent = version
        while not self.fake.closing.is_set():
            with self.fake.changed:
                news = [one for one in self.fake.events if one[0] > sent]
                if not news:
                    self.fake.changed.wait(0.2)
                    continue
            for number, where, kind, item in news:
                sent = number
                if where == collection and self._wanted(item):
                    self.chunk({"type": kind, "object": item})

    def apply(self) -> None:
        """Server-side apply, dry or not."""
        match = OBJECT.match(self.route)
        assert match
        space = match["namespace"]
        if space and f"/api/v1/namespaces/{space}" not in self.fake.objects and space != "default":
            self.refuse(404, "NotFound", f'namespaces "{space}" not found')
            return
        known = self.fake.objects.get(self.route)
        owned = {"manager": self.query["fieldManager"], "operation": "Apply", "fieldsV1": self.body}
        wanted = {**copy.deepcopy(known or {}), **self.body}
        wanted["metadata"] = {
            **(known or {}).get("metadata", {}),
            **self.body["metadata"],
            "managedFields": [owned],
        }
        if self.query.get("dryRun"):
            self.say(200, wanted)
        elif known is not None and known["metadata"].get("managedFields") == [owned]:
            self.say(200, known)
        else:
            self.say(200, self.fake.put(self.route, wanted))
            if match["plural"] == "namespaces":
                self.fake.namespace(str(match["name"]))

    def _delete(self) -> None:
        match = OBJECT.match(self.route)
        assert match
        if self.route not in self.fake.objects:
            self._one(self.route, match)
            return
        self.fake.drop(self.route)
        self.say(200, {"kind": "Status", "status": "Success"})


@contextmanager
def serving(wrap: Callable[[ThreadingHTTPServer], None] | None = None) -> Iterator[FakeApi]:
    """A server that runs until the end of the context; wrap may put TLS around its socket."""
    fake = FakeApi()
    handler = type("BoundHandler", (Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if wrap is not None:
        wrap(server)
    fake.url = f"{'https' if wrap else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        fake.namespace("shop")
        yield fake
    finally:
        fake.closing.set()
        server.shutdown()
        server.server_close()


# --- faults -------------------------------------------------------------------------------------


def refuses(status: int, reason: str, message: str, causes: Any = ()) -> Act:
    """The server refuses with a Status object."""
    return lambda handler: handler.refuse(status, reason, message, causes)


def says(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Act:
    """The server, or something before it, answers with this."""
    return lambda handler: handler.say(status, body, headers)


def hangs(handler: Handler) -> None:
    """The server takes the request and never answers."""
    handler.fake.closing.wait()
    raise Hangup


def drops(_handler: Handler) -> None:
    """The connection is closed without an answer."""
    raise Hangup


def stops_in_the_middle(handler: Handler) -> None:
    """The answer stops before its end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"items": [')
    raise Hangup


def watch_says(*lines: Any) -> Act:
    """A watch with just these lines, which then ends in the middle of a chunk."""

    def act(handler: Handler) -> None:
        handler.begin_stream()
        for line in lines:
            handler.chunk(line)
        raise Hangup

    return act


def watch_ends(handler: Handler) -> None:
    """A watch that the server ends at once, in good order."""
    handler.begin_stream()
    handler.wfile.write(b"0\r\n\r\n")


def forbidden(verb: str, resource: str, namespace: str | None = "shop", group: str = "") -> Act:
    """A refusal in the words of RBAC."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    user = "system:serviceaccount:shop:deployer"
    return refuses(
        403,
        "Forbidden",
        f'{resource} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}',
    )
