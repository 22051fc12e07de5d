"""What a behaviour may need of a cluster beyond any cluster's means, and how the cluster is asked for it.

A need is found by asking, never by a version: a Pod that uses the field is tried dry, and the server either keeps
the field, or drops or refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run
from conformance.nodes import NotEntered, node
from conformance.plays import unplayable
from conformance.pods import (
    CONTAINER_POLICIES,
    DEFAULT_STORAGE,
    ENV_FILES,
    IMAGE_VOLUMES,
    KIND_NODES,
    NATIVE_SIDECARS,
    POD_RESOURCES,
    RESIZE,
    RESIZE_OF_INITS,
    RESTARTS_OF_ALL,
    ROLES,
    RULES_OF_SIDECARS,
    SLEEP_HOOKS,
    Manifest,
    app,
    dressed,
    init,
    pod,
    sidecar,
)

FILE_KEY = {"volumeName": "files", "path": "env", "key": "GREETING"}
RESIZED = [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]
ON_EXIT = {"exitCodes": {"operator": "In", "values": [42]}}
RESTART_ALL, RESTART_ONE = {"action": "RestartAllContainers", **ON_EXIT}, {"action": "Restart", **ON_EXIT}

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


@dataclass(frozen=True)
class KeptField:
    """A Pod that uses a field, and where the field stands in it."""

    manifest: Manifest
    path: tuple[str | int, ...]

    def unmet(self, api: Api) -> str:
        """What the server does to the field, where it does not keep it."""
        where = ".".join(map(str, self.path))
        manifest = dressed(self.manifest, "busybox", 1, 1)
        try:
            (change,) = run(api, Request([manifest], check_mode=True)).changes
        except ClusterError as error:
            return f"the server refuses {where}: {error}"
        found: Any = change.after
        for key in self.path:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return f"the server drops {where}"
        return ""


def _no_default_storage(api: Api) -> str:
    try:
        listed = api.request("get", "/apis/storage.k8s.io/v1/storageclasses")
    except ClusterError as error:
        return f"the StorageClasses cannot be read: {error}"
    marks = [(item["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) for item in listed["items"]]
    return "" if "true" in marks else "the cluster has no default StorageClass"


def _no_kind_nodes(api: Api) -> str:
    try:
        listed = api.request("get", "/api/v1/nodes")
        for item in listed["items"]:
            node(item["metadata"]["name"])
    except (ClusterError, NotEntered) as error:
        return str(error)
    return "" if listed["items"] else "the cluster has no nodes"


NEEDS: dict[str, Callable[[Api], str]] = {
    NATIVE_SIDECARS: KeptField(
        pod("asks-for-sidecars", sidecar("helper"), app("main")),
        ("spec", "initContainers", 0, "restartPolicy"),
    ).unmet,
    IMAGE_VOLUMES: KeptField(
        pod("asks-for-image-volumes", app("main"), volumes=[{"name": "image", "image": {}}]),
        ("spec", "volumes", 1, "image"),
    ).unmet,
    CONTAINER_POLICIES: KeptField(
        pod("asks-for-container-policies", app("main", restartPolicy="Never")),
        ("spec", "containers", 0, "restartPolicy"),
    ).unmet,
    ENV_FILES: KeptField(
        pod(
            "asks-for-env-files",
            app("main", env=[{"name": "GREETING", "valueFrom": {"fileKeyRef": FILE_KEY}}]),
            volumes=[{"name": "files", "emptyDir": {}}],
        ),
        ("spec", "containers", 0, "env", 3, "valueFrom", "fileKeyRef"),
    ).unmet,
    SLEEP_HOOKS: KeptField(
        pod("asks-for-sleep-hooks", app("main", lifecycle={"preStop": {"sleep": {"seconds": 0}}})),
        ("spec", "containers", 0, "lifecycle", "preStop", "sleep"),
    ).unmet,
    POD_RESOURCES: KeptField(
        pod("asks-for-pod-resources", app("main"), resources={"requests": {"cpu": "1m"}}),
        ("spec", "resources"),
    ).unmet,
    RESIZE: KeptField(
        pod("asks-for-resize", sidecar("helper", resizePolicy=RESIZED), app("main")),
        ("spec", "initContainers", 0, "resizePolicy"),
    ).unmet,
    RESIZE_OF_INITS: KeptField(
        pod("asks-for-resize-of-inits", init("early", resizePolicy=RESIZED), app("main")),
        ("spec", "initContainers", 0, "resizePolicy"),
    ).unmet,
    RULES_OF_SIDECARS: KeptField(
        pod("asks-for-rules-of-sidecars", sidecar("helper", restartPolicyRules=[RESTART_ONE]), app("main")),
        ("spec", "initContainers", 0, "restartPolicyRules", 0),
    ).unmet,
    RESTARTS_OF_ALL: KeptField(
        pod("asks-for-restarts-of-all", app("main", restartPolicy="Never", restartPolicyRules=[RESTART_ALL])),
        ("spec", "containers", 0, "restartPolicyRules", 0),
    ).unmet,
    DEFAULT_STORAGE: _no_default_storage,
    ROLES: lambda _api: unplayable(),
    KIND_NODES: _no_kind_nodes,
}


def unmet(api: Api, need: str) -> str:
    """Why the cluster lacks it, in its own words; empty where it has it."""
    return NEEDS[need](api)
