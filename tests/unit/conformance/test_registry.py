"""What holds of every behaviour of the suite, whoever adds one."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import containers
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import check
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import pod_spec
from conformance.needs import NEEDS
from conformance.pods import Scene, dressed
from conformance.registry import Area, Behaviour, areas

AREAS = list(areas())
BEHAVIOURS = [(area, behaviour) for area in AREAS for behaviour in area.behaviours]
SCENES = {
    f"{area.name} {scene.name}": scene
    for area in AREAS
    for scene in area.scenes({behaviour.id for behaviour in area.behaviours})
}
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


each_behaviour = pytest.mark.parametrize(
    ("area", "behaviour"), BEHAVIOURS, ids=[behaviour.id for _area, behaviour in BEHAVIOURS]
)
each_scene = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())


def test_an_id_is_given_once() -> None:
    counts = Counter(behaviour.id for _area, behaviour in BEHAVIOURS)
    assert [name for name, count in counts.items() if count > 1] == []


@each_behaviour
def test_a_behaviour_says_what_is_promised_where_and_since_when(area: Area, behaviour: Behaviour) -> None:
    assert area.name
    assert ID.fullmatch(behaviour.id)
    assert behaviour.statement.endswith(".")
    assert behaviour.source
    assert re.fullmatch(r"1\.\d+", behaviour.since)
    assert behaviour.shows


@each_behaviour
def test_what_a_behaviour_needs_can_be_asked_for(area: Area, behaviour: Behaviour) -> None:
    assert set(behaviour.needs) <= set(NEEDS), area.name


@each_behaviour
def test_a_wrong_twin_is_another_scene_or_doctored_evidence(area: Area, behaviour: Behaviour) -> None:
    if isinstance(behaviour.twin, Scene):
        assert behaviour.twin.name != behaviour.scene.name, f"{area.name}: the twin is the scene itself"
    else:
        assert callable(behaviour.twin)


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_a_scenes_name_stands_for_one_scene(area: Area) -> None:
    """Scenes are run once for all behaviours that look at them, told apart by their names."""
    found: dict[str, Scene] = {}
    for behaviour in area.behaviours:
        for scene in behaviour.scenes:
            assert found.setdefault(scene.name, scene) == scene, f"two scenes are called {scene.name}"


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_objects_of_an_area_have_names_of_their_own(area: Area) -> None:
    shared = [scene for scene in area.scenes({one.id for one in area.behaviours}) if not scene.alone]
    counts = Counter(
        (manifest["kind"], manifest["metadata"]["name"]) for scene in shared for manifest in scene.manifests
    )
    assert [name for name, count in counts.items() if count > 1] == []


@each_scene
def test_a_scene_is_a_definition_that_the_modules_accept(scene: Scene) -> None:
    check([dressed(manifest, "busybox", 30, 3) for manifest in scene.manifests])


@each_scene
def test_claims_find_a_container_by_its_name_alone(scene: Scene) -> None:
    counts = Counter(one.name for pod in scene.pods for one in containers(pod_spec(pod)))
    assert [name for name, count in counts.items() if count > 1] == []


@each_scene
def test_a_scene_asks_for_no_more_rights_than_it_says(scene: Scene) -> None:
    if not scene.restricted:
        return
    for pod in scene.pods:
        spec = pod_spec(pod)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(spec):
            security = container.spec["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
