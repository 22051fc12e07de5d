"""What becomes of a cluster that is there, in whichever state it is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind.errors import KindClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._kind.lifeplan import (
    CREATE,
    KEEP,
    REPLACE,
    START,
    Found,
    decide,
)

UP = {"dev-control-plane": True}
STOPPED = {"dev-control-plane": False, "dev-worker": True}
FACTS = {"name": "dev"}


@pytest.mark.parametrize(
    ("found", "recreate", "verb", "reason"),
    [
        (Found({}, None, making=False), False, CREATE, ""),
        (Found({}, FACTS, making=False), False, CREATE, ""),
        (Found(UP, FACTS, making=False), False, KEEP, ""),
        (Found(UP, None, making=True), False, REPLACE, "an earlier run was stopped while making it"),
        (Found(STOPPED, None, making=True), False, REPLACE, "an earlier run was stopped while making it"),
        (Found(STOPPED, FACTS, making=False), False, START, "dev-control-plane stopped"),
        (Found(UP, FACTS, making=False), True, REPLACE, "recreate is set"),
        (
            Found(UP, FACTS, making=False, lost=("dev-control-plane",)),
            False,
            REPLACE,
            "the processes of dev-control-plane were killed",
        ),
    ],
)
def test_a_cluster_is_brought_up_from_any_state(found: Found, recreate: bool, verb: str, reason: str) -> None:
    action = decide("dev", found, [], recreate)
    assert (action.verb, action.reason) == (verb, reason)


@pytest.mark.parametrize(
    ("found", "differences", "sentence"),
    [
        (
            Found(UP, None, making=False),
            [],
            "Failed to use cluster dev: a kind cluster of this name exists that this role did not make; choose another "
            "name, or use it as it is with source 'existing'",
        ),
        (
            Found(UP, FACTS, making=False),
            ["workers is 0, asked for 2"],
            "Failed to use cluster dev: it is another one than asked for: workers is 0, asked for 2; "
            "set recreate to replace it",
        ),
    ],
)
def test_a_cluster_that_is_not_the_one_meant_is_left_alone(
    found: Found, differences: Sequence[str], sentence: str
) -> None:
    with pytest.raises(KindClusterError) as caught:
        decide("dev", found, differences, recreate=False)
    assert str(caught.value) == sentence
