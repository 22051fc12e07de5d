"""How many Pods a run may have there at once, so that nodes start them without falling behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError

# Where the nodes cannot be asked.
UNKNOWN = 20
# More Pods than this a core take no less time altogether, and each of their containers starts later and less evenly.
PODS_PER_CORE = 8
# Of what a node allocates this much is left to others.
SHARE = 0.5


class NoNodes(Exception):
    """The cluster has no node that takes Pods; the text is a whole sentence."""


def room_for(api: Api) -> int:
    """So many Pods at once. Raises NoNodes."""
    try:
        nodes = api.request("get", "/api/v1/nodes").get("items") or []
    except ClusterError:
        return UNKNOWN
    takers = [node for node in nodes if _takes_pods(node)]
    if not takers:
        raise NoNodes(f"no Pod can run: of the cluster's {len(nodes)} nodes none is ready and takes Pods")
    return max(sum(map(_room, takers)), 1)


def _takes_pods(node: Mapping[str, Any]) -> bool:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    closed = any(one["effect"] in ("NoSchedule", "NoExecute") for one in spec.get("taints") or ())
    return ready and not closed and not spec.get("unschedulable")


def _room(node: Mapping[str, Any]) -> int:
    found = node["status"]["allocatable"]
    return min(int(int(found["pods"]) * SHARE), int(_cores(found["cpu"]) * PODS_PER_CORE))


def _cores(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)
