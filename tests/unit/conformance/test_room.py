"""How many Pods a run takes a cluster to bear."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.room import UNKNOWN, NoNodes, room_for


class Nodes:
    """As much of an API as is asked for nodes."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items

    def request(self, _method: str, _path: str) -> dict[str, Any]:
        return {"items": list(self.items)}


def node(cpu: str, pods: str, *, ready: str = "True", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}]
    return {"spec": spec, "status": {"allocatable": {"cpu": cpu, "pods": pods}, "conditions": conditions}}


@pytest.mark.parametrize(
    ("nodes", "room"),
    [
        ([node("2", "110")], 16),
        ([node("1500m", "110")], 12),
        ([node("64", "110")], 55),
        ([node("2", "110"), node("2", "110")], 32),
        ([node("2", "110"), node("64", "110", taints=[{"key": "master", "effect": "NoSchedule"}])], 16),
        ([node("2", "110"), node("2", "110", unschedulable=True)], 16),
    ],
)
def test_the_room_goes_by_cores_and_by_what_nodes_allocate(nodes: list[dict[str, Any]], room: int) -> None:
    assert room_for(Nodes(*nodes)) == room  # type: ignore[arg-type]


@pytest.mark.parametrize("nodes", [[], [node("2", "110", ready="Unknown")]])
def test_where_no_node_takes_pods_it_says_so(nodes: list[dict[str, Any]]) -> None:
    with pytest.raises(NoNodes, match=f"no Pod can run: of the cluster's {len(nodes)} nodes none is ready"):
        room_for(Nodes(*nodes))  # type: ignore[arg-type]


def test_who_may_not_see_the_nodes_gets_a_modest_room() -> None:
    from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import NotAllowed

    class Hidden:
        def request(self, _method: str, _path: str) -> dict[str, Any]:
            raise NotAllowed("no")

    assert room_for(Hidden()) == UNKNOWN  # type: ignore[arg-type]
