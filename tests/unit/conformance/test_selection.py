"""Which behaviours a run takes on."""

from __future__ import annotations

import pytest

from conformance.pods import Scene, app, pod, scene
from conformance.registry import Area, Behaviour, areas
from conformance.selection import BadChoice, Shard, check_ids, check_tiers, shard_of, share

ALL = [(area, behaviour) for area in areas() for behaviour in area.behaviours]
IDS = {behaviour.id for _area, behaviour in ALL}


def made(name: str, own: Scene, twin: Scene) -> Behaviour:
    return Behaviour(name, "It runs.", "a test", "1.0", own, (), twin)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_share_out_every_behaviour_once(count: int) -> None:
    shares = [share(ALL, Shard(number, count)) for number in range(1, count + 1)]
    assert set().union(*shares) == IDS
    assert sum(map(len, shares)) == len(IDS)


def test_behaviours_that_share_a_scene_are_in_one_shard() -> None:
    scenes = {name: scene(pod(name, app("main"))) for name in "abcde"}
    area = Area(
        "an area",
        (
            made("a-b", scenes["a"], scenes["b"]),
            made("c-d", scenes["c"], scenes["d"]),
            made("b-e", scenes["b"], scenes["e"]),
        ),
    )
    found = [(area, one) for one in area.behaviours]
    assert sorted(sorted(share(found, Shard(number, 2))) for number in (1, 2)) == [["a-b", "b-e"], ["c-d"]]


def test_a_share_of_a_share_is_a_share() -> None:
    whole = share(ALL, Shard(2, 3))
    parts = [share(ALL, Shard(2, 3).split(number, 2)) for number in (1, 2)]
    assert sum(map(len, parts)) <= len(IDS)
    assert Shard(2, 3).split(1, 2) == Shard(3, 6)
    assert whole <= IDS


@pytest.mark.parametrize("text", ["3", "0/2", "3/2", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadChoice, match=r"--shard is '.*'; give which share of how many, such as 1/3"):
        shard_of(text)


def test_a_shard_is_written_as_it_is_read() -> None:
    assert str(shard_of("2/3")) == "2/3"


def test_an_unknown_tier_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadChoice, match="--tier is 'cloud'; it must be one of api, portable, node"):
        check_tiers(["api", "cloud"])


def test_an_unknown_id_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadChoice, match="did you mean order-init-serial"):
        check_ids({"order-init-seral"}, IDS)
