"""Clusters broken on purpose: an admission webhook that changes Pods as they are made, in one run's namespaces alone.

The server is Python's own, on this machine, with a certificate made for the occasion; the cluster's API server calls
it by the address that this machine has on the node's network.
"""

from __future__ import annotations

import base64
import copy
import datetime as dt
import ipaddress
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from conformance.premises import LABEL

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")

Spec = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """A way in which a cluster is broken: what it makes of a Pod's spec, which promises that breaks, and which not."""

    name: str
    words: str
    breaks: Callable[[Spec], None]
    red: tuple[str, ...]
    green: tuple[str, ...]


def _containers(spec: Spec) -> Iterator[dict[str, Any]]:
    yield from (*spec.get("initContainers", ()), *spec["containers"])


def _no_sidecars(spec: Spec) -> None:
    """Probes and hooks go as well: the server takes none from a plain init container."""
    for one in spec.get("initContainers", ()):
        if one.pop("restartPolicy", None) is not None:
            for field in (*PROBES, "lifecycle"):
                one.pop(field, None)


def _backwards(spec: Spec) -> None:
    spec.get("initContainers", []).reverse()


def _no_probes(spec: Spec) -> None:
    for one in _containers(spec):
        for probe in PROBES:
            one.pop(probe, None)


def _no_grace(spec: Spec) -> None:
    spec["terminationGracePeriodSeconds"] = 1


def _deaf(spec: Spec) -> None:
    for one in _containers(spec):
        one["command"] = [
            re.sub(r"^trap told TERM$", "trap '' TERM", word, flags=re.MULTILINE)
            for word in one.get("command", ())
        ]


def _apart(spec: Spec) -> None:
    """Every mount of an emptyDir gets one of its own; the suite's board is left, or nothing could be told at all."""
    shared = {one["name"] for one in spec.get("volumes", ()) if "emptyDir" in one} - {"board"}
    for one in _containers(spec):
        for mount in one.get("volumeMounts", ()):
            if mount["name"] in shared:
                own = f"{mount['name']}-of-{one['name']}"
                if all(volume["name"] != own for volume in spec["volumes"]):
                    spec["volumes"].append({"name": own, "emptyDir": {}})
                mount["name"] = own


FAULTS = (
    Fault(
        "no-sidecars",
        "takes `restartPolicy` off sidecars, and with it their probes and hooks",
        _no_sidecars,
        (
            "order-sidecar-overlaps-later-inits",
            "order-mixed-list",
            "net-localhost-shared",
            "vol-emptydir-live-sharing",
            "term-order-on-natural-completion",
        ),
        (
            "order-init-serial",
            "order-app-containers-parallel",
            "vol-readonly-consumer",
            "order-network-and-volumes-first",
        ),
    ),
    Fault(
        "backwards",
        "turns the list of init containers round",
        _backwards,
        ("order-init-serial", "order-mixed-list", "order-sidecar-overlaps-later-inits"),
        (
            "order-app-containers-parallel",
            "vol-emptydir-live-sharing",
            "net-localhost-shared",
            "order-network-and-volumes-first",
        ),
    ),
    Fault(
        "no-probes",
        "drops probes",
        _no_probes,
        ("order-sidecar-startup-probe-gates", "probe-liveness-restarts-sidecar", "probe-readiness-counts"),
        (
            "order-init-serial",
            "order-sidecar-overlaps-later-inits",
            "order-sidecar-no-probe-started-at-run",
            "vol-emptydir-handoff",
        ),
    ),
    Fault(
        "no-grace",
        "cuts the grace down to one second",
        _no_grace,
        ("term-apps-first", "term-sidecars-reverse-order"),
        ("order-init-serial", "order-sidecar-overlaps-later-inits", "term-grace-zero", "term-respects-grace"),
    ),
    Fault(
        "deaf",
        "swaps what containers run for what ignores TERM",
        _deaf,
        ("term-apps-first", "term-sidecars-reverse-order", "term-order-on-natural-completion"),
        (
            "order-init-serial",
            "order-app-containers-parallel",
            "vol-emptydir-handoff",
            "order-network-and-volumes-first",
        ),
    ),
    Fault(
        "apart",
        "gives every mount of an emptyDir a directory of its own",
        _apart,
        ("vol-emptydir-handoff", "vol-emptydir-live-sharing", "vol-subpath-created-by-init"),
        (
            "order-init-serial",
            "net-localhost-shared",
            "vol-configmap-secret-in-init",
            "order-network-and-volumes-first",
        ),
    ),
)


def _handler(fault: Fault) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers what the API server asks of each Pod."""

        def do_POST(self) -> None:  # the name is the library's
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            body = json.dumps(_review(asked, fault)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    return Handler


def _review(asked: Mapping[str, Any], fault: Fault) -> dict[str, Any]:
    spec = copy.deepcopy(asked["object"]["spec"])
    fault.breaks(spec)
    patch = json.dumps([{"op": "replace", "path": "/spec", "value": spec}]).encode()
    response = {
        "uid": asked["uid"],
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": base64.b64encode(patch).decode(),
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


@contextmanager
def breaking(api: Api, run_id: str, fault: Fault, directory: Path) -> Iterator[None]:
    """While it lasts, the run of this id meets a cluster with the fault; nobody else does."""
    address = _own_address(api)
    certificate, key = _certificate(address, directory)
    server = ThreadingHTTPServer((address, 0), _handler(fault))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True, name="webhook").start()
    url, bundle = f"https://{address}:{server.server_port}", base64.b64encode(certificate.read_bytes())
    body = _webhook(run_id, url, bundle.decode())
    api.request("post", WEBHOOKS, body=body)
    try:
        yield
    finally:
        api.request("delete", f"{WEBHOOKS}/{body['metadata']['name']}")
        server.shutdown()
        server.server_close()


def _webhook(run_id: str, url: str, bundle: str) -> dict[str, Any]:
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    hook = {
        "name": f"{run_id}.broken.podpatterns.example",
        "clientConfig": {"url": url, "caBundle": bundle},
        "namespaceSelector": {"matchLabels": {LABEL: run_id}},
        "rules": [pods],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 30,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"conformance-{run_id}"},
        "webhooks": [hook],
    }


def _own_address(api: Api) -> str:
    """The address of this machine on the network of the cluster's first node."""
    node = api.request("get", "/api/v1/nodes")["items"][0]
    there = next(one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP")
    with socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect((there, 9))
        return str(way.getsockname()[0])


def _certificate(address: str, directory: Path) -> tuple[Path, Path]:
    """A certificate that vouches for itself, for this address and an hour, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broken on purpose")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = directory / "webhook.crt", directory / "webhook.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.touch(mode=0o600)
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret
