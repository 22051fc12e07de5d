"""Servers and clients in a mesh, and what they tell."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import PODS
from tests.cluster.lab import RESTRICTED, Manifest, Space, named

SERVERS = ("open", "strict")
IMAGE = "docker.io/library/python:3-slim"

# Asks each address until it gets the answer that is wanted of it, for at most a minute; then says what it got.
CLIENT = """
import json, sys, time, urllib.request
for url, wanted in json.loads(sys.argv[1]):
    for _ in range(60):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                meshed = "x-envoy-upstream-service-time" in answer.headers
                got, said = "answered", f"answered {'through' if meshed else 'past'} a proxy"
        except OSError as error:
            got, said = "refused", f"refused: {error}"
        if got == wanted:
            break
        time.sleep(1)
    print(url, said, flush=True)
"""

# Waits for TERM; then asks some times more, as an app does that empties its queues.
LAST_WORDS = """
import signal, sys, time, urllib.request
def leave(number, frame):
    for number in range(6):
        urllib.request.urlopen(f"{sys.argv[1]}/last-{number}", timeout=5).close()
        time.sleep(1)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("waits", flush=True)
while True:
    signal.pause()
"""

# Answers 204 to everything, and tells its log what it was asked.
SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def program(name: str, source: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """A container that runs a Python program."""
    return {
        "name": name,
        "image": IMAGE,
        "command": ["python3", "-u", "-c", source, *arguments],
        "securityContext": RESTRICTED,
        **more,
    }


def asks(*wanted: tuple[str, str], name: str = "app") -> dict[str, Any]:
    """A container that asks addresses, each of which is to be answered or refused."""
    return program(name, CLIENT, json.dumps(wanted))


def pod(name: str, app: dict[str, Any], **spec: Any) -> Manifest:
    return {**named("Pod", name), "spec": {"terminationGracePeriodSeconds": 1, "containers": [app], **spec}}


def stays() -> dict[str, Any]:
    """An app that does nothing."""
    return program("app", "import signal; signal.pause()")


def job(name: str, app: dict[str, Any]) -> Manifest:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": [app]},
    }
    return {**named("Job", name, "batch/v1"), "spec": {"backoffLimit": 0, "template": template}}


def server(name: str) -> Manifest:
    ready = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    serving = program("app", SERVER, ports=[{"containerPort": 8080}], readinessProbe=ready)
    spec = {"terminationGracePeriodSeconds": 5, "containers": [serving]}
    return {**named("Pod", name, labels={"app": name}), "spec": spec}


def service(name: str) -> Manifest:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {**named("Service", name), "spec": {"selector": {"app": name}, "ports": ports}}


def policy(name: str) -> Manifest:
    """Let nobody in who shows no identity of the mesh."""
    spec = {"selector": {"matchLabels": {"app": name}}, "mtls": {"mode": "STRICT"}}
    return {**named("PeerAuthentication", name, "security.istio.io/v1"), "spec": spec}


def url(servers: Space, name: str) -> str:
    return f"http://{name}.{servers.name}"


def log(space: Space, pod: str, container: str) -> str:
    """What a container has written."""
    path = f"{PODS.path(space.name, pod)}/log"
    return space.api.text(path, query={"container": container})
