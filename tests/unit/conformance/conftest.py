"""Lives made up from the lines that containers might have written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    ContainerFacts,
    PodFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import lines_of
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Seen, Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import Life

POD = PodFacts("shop", "conf", "1", "Running", None, "Never")


def container(name: str, **fields: object) -> ContainerFacts:
    """A container's state; a plain init container that has succeeded unless fields say otherwise."""
    done = ContainerFacts(name, Role.INIT, "terminated", exit_code=0)
    return replace(done, **fields)  # type: ignore[arg-type]  # a test names what it means


@pytest.fixture
def life() -> Callable[..., Life]:
    """life(one="@ 1.00 begin 1.00; @ 2.00 end") is a life in which container `one` wrote these two lines."""

    def made(*states: PodFacts, shortfall: str = "", **logs: str) -> Life:
        pod = replace(POD, containers=tuple(container(name) for name in logs))
        lines = tuple(
            line
            for name, log in logs.items()
            for line in lines_of(name, 0, [one.strip() for one in log.split(";")])
        )
        seen = tuple(Seen(float(number), state) for number, state in enumerate(states))
        return Life((Timeline(states[-1] if states else pod, {}, seen, lines),), shortfall=shortfall)

    return made
