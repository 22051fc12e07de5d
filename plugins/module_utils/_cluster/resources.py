# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which path of the API a kind lives at, asked of the server once per group and version."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .api import Api
from .errors import ClusterError, Refusal


@dataclass(frozen=True)
class Resource:
    """A kind as one server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def base(self) -> str:
        """The path of the group and version."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The path of one object, or of the collection where name is None."""
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.base}{scope}/{self.plural}" + (f"/{name}" if name else "")


class UnknownKind(ClusterError):
    """The server does not serve this kind; it may do so once a CRD of the same definition is there."""


PODS = Resource("v1", "Pod", "pods", True)
EVENTS = Resource("v1", "Event", "events", True)
QUOTAS = Resource("v1", "ResourceQuota", "resourcequotas", True)
NAMESPACES = Resource("v1", "Namespace", "namespaces", False)
SERVICE_ACCOUNTS = Resource("v1", "ServiceAccount", "serviceaccounts", True)
DEPLOYMENTS = Resource("apps/v1", "Deployment", "deployments", True)
REPLICA_SETS = Resource("apps/v1", "ReplicaSet", "replicasets", True)
STATEFUL_SETS = Resource("apps/v1", "StatefulSet", "statefulsets", True)
DAEMON_SETS = Resource("apps/v1", "DaemonSet", "daemonsets", True)
JOBS = Resource("batch/v1", "Job", "jobs", True)
CRON_JOBS = Resource("batch/v1", "CronJob", "cronjobs", True)
CRDS = Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False)

BY_KIND: dict[str, Resource] = {
    one.kind: one for one in (PODS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS, CRON_JOBS)
}


class Resources:
    """The kinds of one server; safe to use from several threads."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._served: dict[str, dict[str, Resource]] = {}
        self._coming: dict[tuple[str, str], Resource] = {}

    def of(self, manifest: Mapping[str, Any]) -> Resource:
        """The resource of a manifest. Raises UnknownKind, with the nearest name, where the server has none."""
        api_version, kind = manifest["apiVersion"], manifest["kind"]
        with self._lock:
            if api_version not in self._served:
                self._served[api_version] = self._ask(api_version)
            served = self._served[api_version]
        if kind in served:
            return served[kind]
        if not served:
            raise UnknownKind(
                f"apiVersion is {api_version!r}, which this server does not serve for kind {kind}"
            )
        near = difflib.get_close_matches(kind, served, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; it serves {', '.join(sorted(served))}"
        raise UnknownKind(f"kind is {kind!r}, which this server does not serve in {api_version}{hint}")

    def expect(self, crd: Mapping[str, Any]) -> None:
        """Know the kinds of a CRD that is still to be made; one that is malformed is left to the server."""
        for resource in _declared(crd):
            self._coming[resource.api_version, resource.kind] = resource

    def coming(self, manifest: Mapping[str, Any]) -> Resource | None:
        """The resource of a manifest whose CRD is still to be made."""
        return self._coming.get((manifest["apiVersion"], manifest["kind"]))

    def learn(self, crd: Mapping[str, Any]) -> None:
        """Know the kinds of a CRD that has just been established, before discovery tells of them."""
        for resource in _declared(crd):
            with self._lock:
                self._served.setdefault(resource.api_version, {})[resource.kind] = resource

    def _ask(self, api_version: str) -> dict[str, Resource]:
        prefix = "apis" if "/" in api_version else "api"
        try:
            listed = self._api.request("get", f"/{prefix}/{api_version}")
        except Refusal as error:
            if error.status != 404:
                raise
            return {}
        return {
            entry["kind"]: Resource(api_version, entry["kind"], entry["name"], entry["namespaced"])
            for entry in listed.get("resources") or ()
            if "/" not in entry["name"]
        }


def _declared(crd: Mapping[str, Any]) -> list[Resource]:
    try:
        spec = crd["spec"]
        names, namespaced = spec["names"], spec["scope"] == "Namespaced"
        return [
            Resource(f"{spec['group']}/{version['name']}", names["kind"], names["plural"], namespaced)
            for version in spec["versions"]
        ]
    except (KeyError, TypeError):
        return []
