"""pytest-xdist: every worker is a shard of the run with a lab of its own, in place of tests handed out one by one.

Workers that get single tests could not run scenes side by side, and would run scenes that tests share several times.
"""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from conformance.selection import Shard

# Under this name a controller tells its workers that they are shards.
SHARDED = "conformance_sharded"


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker."""
    return hasattr(config, "workerinput")


def worker_id(config: pytest.Config) -> str:
    """What tells a worker's namespaces from those of its colleagues; empty where there are no workers."""
    return str(getattr(config, "workerinput", {}).get("workerid", ""))


def worker_shard(config: pytest.Config, whole: Shard) -> Shard:
    """The share of this process: of a worker its part, else the whole."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    if not given.get(SHARDED):
        return whole
    return whole.split(int(given["workerid"].removeprefix("gw")) + 1, given["workercount"])


def worker_count(config: pytest.Config) -> int:
    """How many processes share the cluster's room: workers of this run, and runs beside it."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    runs: int = config.getoption("sharing")
    return runs * (int(given["workercount"]) if given.get(SHARDED) else 1)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker that it is a shard."""
    node.workerinput[SHARDED] = True


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give every worker all tests, of which it has kept its share."""
    scheduler: Any = importlib.import_module("xdist.scheduler")  # who calls this hook has it
    return scheduler.EachScheduling(config, log)
