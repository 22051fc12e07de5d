"""What holds of every behaviour of the suite, whoever adds one."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import containers
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import check
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import pod_spec
from conformance import pods
from conformance.catalogue import CATALOGUE, IDS
from conformance.claims import Finding, Judgement, Life, Verdict, judge
from conformance.needs import NEEDS
from conformance.pods import Scene, dressed
from conformance.registry import Area, Behaviour, KnownBug, areas, as_known
from conformance.unproven import UNPROVEN

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


def test_the_catalogue_has_each_of_its_271_ids_once() -> None:
    assert len(IDS) == sum(len(names) for names in CATALOGUE.values()) == 271


def test_what_is_unproven_is_of_the_catalogue_told_once_and_asserted_nowhere() -> None:
    unproven = Counter(one.id for one in UNPROVEN)
    asserted = {behaviour.id for _area, behaviour in BEHAVIOURS}
    assert [name for name, count in unproven.items() if count > 1] == []
    assert sorted(set(unproven) - IDS) == []
    assert sorted(set(unproven) & asserted) == []
    assert [one.id for one in UNPROVEN if not one.reason.endswith(".")] == []


def test_every_id_of_the_catalogue_is_asserted_or_told_why_not() -> None:
    asserted = {behaviour.id for _area, behaviour in BEHAVIOURS}
    assert sorted(IDS - asserted - {one.id for one in UNPROVEN}) == []


@each_behaviour
def test_a_behaviour_is_of_the_catalogue_or_of_an_area_of_the_projects_own(
    area: Area, behaviour: Behaviour
) -> None:
    own = behaviour.id.startswith(("node-", "roles-", "seed-"))
    assert own != (behaviour.id in IDS), area.name


@each_behaviour
def test_where_the_server_is_only_asked_the_tier_is_api(area: Area, behaviour: Behaviour) -> None:
    assert behaviour.tier == "api" or not all(one.dry for one in behaviour.scenes), area.name


def test_a_tier_that_is_none_is_refused_with_those_that_are() -> None:
    made = pods.scene(pods.pod("shop", pods.app("main")))
    with pytest.raises(ValueError, match="tier is 'cloud'; it must be one of api, portable, node"):
        Behaviour("a-b", "It runs.", "a test", "1.0", made, (), lambda life: life, tier="cloud")


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("v1.30.2", Verdict.KNOWN),
        ("v1.30.2-gke.17", Verdict.KNOWN),
        ("v1.31.4", Verdict.DEVIATES),
        ("unheard of", Verdict.DEVIATES),
    ],
)
def test_a_deviation_is_as_known_where_the_version_has_the_bug(version: str, verdict: Verdict) -> None:
    broken = judge((lambda _life: Finding(Order.NO, "it does not"),), Life())
    found = as_known(broken, (KnownBug(123456, ">=1.29,<1.31.4"),), version)
    assert found.verdict is verdict
    told = "kubernetes/kubernetes#123456, versions >=1.29,<1.31.4"
    assert found.known == (told if verdict is Verdict.KNOWN else "")


def test_a_promise_that_is_kept_needs_no_bug() -> None:
    kept = Judgement(Verdict.CONFORMS, (), Life())
    assert as_known(kept, (KnownBug(123456, ">=1.29"),), "v1.30.2") is kept


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
    if scene.dry:
        return  # the server is asked about what may be wrong on purpose
    check([dressed(manifest, "busybox", 30, 3) for manifest in scene.manifests])


@each_scene
def test_claims_find_a_container_by_its_name_alone(scene: Scene) -> None:
    if scene.dry:
        return
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
