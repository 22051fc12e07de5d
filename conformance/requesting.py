"""Does the deeds that are requests to the API server: apply, patch, delete, evict, read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import JSON, MERGE, STRATEGIC
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import Failure, Refusal
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import (
    BY_KIND,
    PODS,
    Resource,
    Resources,
)
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run
from conformance.deeds import OURS, RENAMED, Apply, Delete, Evict, Patch, Read
from conformance.performance import Performance
from conformance.pods import another_name
from conformance.stage import Missed

TABLE = f"{JSON};as=Table;v=v1;g=meta.k8s.io"


def request(performance: Performance, deed: Apply | Delete | Evict | Patch | Read) -> None:
    """Do it. Raises Missed where the server refuses and the deed has no note; ClusterError where no answer comes."""
    match deed:
        case Apply():
            _apply(performance, deed)
        case Patch():
            _patch(performance, deed)
        case Delete():
            path = PODS.path(performance.namespace, performance.pod_name(deed.name))
            if _ask(performance, deed, "delete", path, _delete_options(deed.grace)):
                performance.taken.add(deed.name)
        case Evict():
            _evict(performance, deed)
        case Read():
            _read(performance, deed)


def _apply(performance: Performance, deed: Apply) -> None:
    manifest = performance.prepare(deed.manifest)
    try:
        if deed.dry:
            path = Resources(performance.api).of(manifest).path(performance.namespace)
            performance.api.request("post", path, query={"dryRun": "All"}, body=manifest)
        else:
            given = Request(
                [manifest], namespace=performance.namespace, goal="exists", timeout=performance.left
            )
            run(performance.api, given)
    except (Refusal, Failure) as error:
        _refused(performance, deed, error)
    else:
        _accepted(performance, deed)


def _patch(performance: Performance, deed: Patch) -> None:
    path = _resource(performance, deed.kind).path(performance.namespace, deed.name)
    whole = f"{path}/{deed.subresource}" if deed.subresource else path
    # Kinds of the server's own merge lists by their keys; of any other nothing is known.
    way = STRATEGIC if deed.kind in BY_KIND else MERGE
    _ask(performance, deed, "patch", whole, _body(performance, deed), way)


def _evict(performance: Performance, deed: Evict) -> None:
    name = performance.pod_name(deed.name)
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": performance.namespace},
        "deleteOptions": _delete_options(deed.grace),
    }
    if _ask(performance, deed, "post", f"{PODS.path(performance.namespace, name)}/eviction", body):
        performance.taken.add(deed.name)


def _read(performance: Performance, deed: Read) -> None:
    path = _resource(performance, deed.kind).path(performance.namespace, deed.name)
    query = {"fieldSelector": deed.selecting} if deed.selecting else {}
    accept = TABLE if deed.as_row else JSON
    found = performance.api.until(performance.deadline).request("get", path, query=query, accept=accept)
    said = " ".join(str(cell) for cell in found["rows"][0]["cells"]) if deed.as_row else json.dumps(found)
    performance.looks[deed.note] = said


# --- answers ------------------------------------------------------------------------------------


def _ask(
    performance: Performance,
    deed: Delete | Evict | Patch,
    method: str,
    path: str,
    body: Any,
    content_type: str | None = None,
) -> bool:
    """Whether the server does it; a refusal that the scene does not ask about raises Missed."""
    try:
        performance.api.until(performance.deadline).request(
            method, path, body=body, content_type=content_type
        )
    except Refusal as error:
        _refused(performance, deed, error)
        return False
    _accepted(performance, deed)
    return True


def _refused(
    performance: Performance, deed: Apply | Delete | Evict | Patch, error: Refusal | Failure
) -> None:
    if not deed.note:
        raise Missed(f"the server refuses to {deed}: {error}") from error
    status = f" with HTTP {error.status}" if isinstance(error, Refusal) else ""
    performance.looks[deed.note] = f"refused{status}: {error}"


def _accepted(performance: Performance, deed: Apply | Delete | Evict | Patch) -> None:
    if deed.note:
        performance.looks[deed.note] = "accepted"


# --- what is asked ------------------------------------------------------------------------------


def _resource(performance: Performance, kind: str) -> Resource:
    if kind in BY_KIND:
        return BY_KIND[kind]
    versions = {manifest["kind"]: manifest["apiVersion"] for manifest in performance.scene.manifests}
    return Resources(performance.api).of({"apiVersion": versions.get(kind, "v1"), "kind": kind})


def _body(performance: Performance, deed: Patch) -> dict[str, Any]:
    if deed.subresource == "ephemeralcontainers":
        return {"spec": performance.clothe({"kind": "Pod", "apiVersion": "v1", **deed.body})["spec"]}
    clothed = performance.clothe({"kind": "Pod", "spec": {"containers": [{"name": "any"}]}})
    merged: dict[str, Any] = _with_image(deed.body, clothed["spec"]["containers"][0]["image"])
    return merged


def _with_image(body: Any, image: str) -> Any:
    """What is to be merged, with the image of the run in its places."""
    if isinstance(body, Mapping):
        return {key: _with_image(value, image) for key, value in body.items()}
    if isinstance(body, list):
        return [_with_image(item, image) for item in body]
    if body == RENAMED:
        try:
            return another_name(image)
        except ValueError as error:
            raise Missed(str(error)) from error
    return image if body == OURS else body


def _delete_options(grace: int | None) -> dict[str, Any]:
    given = {} if grace is None else {"gracePeriodSeconds": grace}
    return {"apiVersion": "v1", "kind": "DeleteOptions", **given}
