"""pytest: a test is made for every behaviour of its file's area, and those that were asked for are kept."""

from __future__ import annotations

import pytest

from conformance.pods import Scene
from conformance.registry import Area, Behaviour
from conformance.schedule import Key
from conformance.selection import WHOLE, BadChoice, check_ids, check_tiers, share
from conformance.workers import worker_shard


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a behaviour is made for each one of its file's area."""
    area = getattr(metafunc.module, "AREA", None)
    if "behaviour" in metafunc.fixturenames and isinstance(area, Area):
        metafunc.config.addinivalue_line("markers", f"{area.marker}: behaviours of the area {area.name}")
        mark = getattr(pytest.mark, area.marker)
        cases = [pytest.param(one, id=one.id, marks=[mark]) for one in area.behaviours]
        metafunc.parametrize("behaviour", cases)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the behaviours that were asked for, of these the tiers, of these the share."""
    wanted, tiers = set(config.getoption("behaviour")), config.getoption("tier")
    shard = worker_shard(config, config.getoption("shard"))
    if not wanted and not tiers and shard == WHOLE:
        return
    found = {one.id: (area_of(item), one) for item in items if (one := behaviour_of(item)) is not None}
    try:
        check_ids(wanted, found.keys())
        check_tiers(tiers)
    except BadChoice as error:
        raise pytest.UsageError(str(error)) from error
    chosen = [
        (area, one)
        for area, one in found.values()
        if (not wanted or one.id in wanted) and (not tiers or one.tier in tiers)
    ]
    ids = share(chosen, shard)
    kept = [item for item in items if (one := behaviour_of(item)) is not None and one.id in ids]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def area_of(item: pytest.Item) -> Area:
    """The area of a test's file."""
    area: Area = item.module.AREA  # type: ignore[attr-defined]  # only tests of a module ask for behaviours
    return area


def behaviour_of(item: pytest.Item) -> Behaviour | None:
    """What a test judges; none where it judges no behaviour."""
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("behaviour") if callspec else None
    return found if isinstance(found, Behaviour) else None


def scenes_of(item: pytest.Item) -> list[Scene]:
    """What must run for this very test: the behaviour's scene for its promise, the twin's for its twin."""
    behaviour, asks = behaviour_of(item), set(getattr(item, "fixturenames", ()))
    if behaviour is None:
        return []
    twin = behaviour.twin if isinstance(behaviour.twin, Scene) else behaviour.scene
    found = {"verdict": behaviour.scene, "twin_verdict": twin}
    return [one for fixture, one in found.items() if fixture in asks]


def keys_of(item: pytest.Item) -> list[Key]:
    """By which the schedule knows the scenes of a test."""
    return [(area_of(item).name, one.name) for one in scenes_of(item)]
