"""The manifest of rights has all that scenes and their deeds ask for, and nothing beyond what a run needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance import premises
from conformance.deeds import Apply, Delete, Evict, Patch, Read, Tell
from conformance.pods import Scene
from conformance.registry import areas

MANIFEST = Path(premises.__file__).parent / "rbac.yaml"
(ROLE,) = (one for one in yaml.safe_load_all(MANIFEST.read_text()) if one["kind"] == "ClusterRole")
# Rights by group, resource and verb.
GRANTED = {
    (group, resource, verb)
    for rule in ROLE["rules"]
    for group in rule["apiGroups"]
    for resource in rule["resources"]
    for verb in rule["verbs"]
}
# What making an object, seeing it and taking it away asks for.
OF_OBJECTS = ("create", "delete", "get", "patch")
PLURALS = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}


def scenes(*tiers: str) -> dict[str, Scene]:
    return {
        f"{area.name} {scene.name}": scene
        for area in areas()
        for behaviour in area.behaviours
        if behaviour.tier in tiers
        for scene in behaviour.scenes
    }


def resource(manifest: dict[str, Any]) -> tuple[str, str]:
    kind = manifest["kind"]
    return manifest["apiVersion"].rpartition("/")[0], PLURALS.get(kind, f"{kind.lower()}s")


def wanted(scene: Scene) -> Iterator[tuple[str, str, str]]:
    applied = [deed.manifest for deed in scene.deeds if isinstance(deed, Apply)]
    played = [manifest for task in scene.play for manifest in task.definition]
    for manifest in (*scene.manifests, *scene.then, *scene.rules, *applied, *played):
        group, plural = resource(dict(manifest))
        yield from ((group, plural, verb) for verb in (("create",) if scene.dry else OF_OBJECTS))
    if scene.looks_inside:
        yield from (("", "pods/exec", verb) for verb in ("create", "get"))
    for deed in scene.deeds:
        match deed:
            case Evict():
                yield "", "pods/eviction", "create"
            case Delete():
                yield "", "pods", "delete"
            case Patch(kind="Pod", subresource=subresource) if subresource:
                yield "", f"pods/{subresource}", "patch"
            case Tell():
                yield "", "pods/exec", "create"
            case Read():
                yield *_read(deed.kind), "get" if deed.name else "list"


def _read(kind: str) -> tuple[str, str]:
    groups = {"Job": "batch", "Deployment": "apps", "EndpointSlice": "discovery.k8s.io"}
    return groups.get(kind, ""), PLURALS.get(kind, f"{kind.lower()}s")


SCENES = scenes("api", "portable")


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_the_manifest_grants_what_a_scene_asks_for(scene: Scene) -> None:
    assert sorted(set(wanted(scene)) - GRANTED) == []


def test_nothing_is_granted_wholesale() -> None:
    assert not [one for one in GRANTED if "*" in one]


def test_nothing_is_granted_that_would_change_nodes_rights_or_what_the_cluster_admits() -> None:
    beyond = {"nodes", "roles", "clusterroles", "rolebindings", "clusterrolebindings"}
    assert not [one for one in GRANTED if one[1] in beyond and one[2] not in ("get", "list")]
    assert not [one for one in GRANTED if one[0] == "admissionregistration.k8s.io"]
