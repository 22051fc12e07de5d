"""Tests of the core that only a real cluster can answer: `pytest tests/cluster --kubeconfig FILE`.

Every test has namespaces of its own, whose names begin with `core-`, and removes them at its end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab, Space

# Files whose tests share what is dear to make, or would be in each other's way: each stays on one worker. The suite is
# in a hurry where it judges broken clusters: one at a time.
TOGETHER = (
    "test_asserting.py",
    "test_broken_clusters.py",
    "test_in_cluster.py",
    "test_injection.py",
    "test_installed.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kubeconfig", help="kubeconfig of the cluster (else that of the variable KUBECONFIG)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "long: runs the suite for a minute or more, so it begins before the others"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first: of several workers none is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each test goes to the worker that is free, but for those that stay together.

    Groups of pytest-xdist's own would say the same, but 3.8 marks them in what pytest 9.2 does not look at any more.
    """
    from xdist.scheduler import LoadScopeScheduling  # who runs one test needs no pytest-xdist

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = Path(nodeid.partition("::")[0]).name
            return name if name in TOGETHER else nodeid

    config.option.loadscopereorder = False  # the order above is meant
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def kubeconfig(pytestconfig: pytest.Config) -> Path:
    """The cluster's kubeconfig; without one nothing can be proven here, so it is an error and no skip."""
    given = pytestconfig.getoption("--kubeconfig") or os.environ.get("KUBECONFIG")
    if not given or not Path(given).is_file():
        raise pytest.UsageError("tests/cluster needs a cluster: give --kubeconfig FILE or set KUBECONFIG")
    return Path(given).resolve()


@pytest.fixture(scope="session")
def lab(kubeconfig: Path) -> Iterator[Lab]:
    found = Lab(kubeconfig)
    yield found
    found.close()


@pytest.fixture
def space(lab: Lab) -> Iterator[Space]:
    """A namespace of the test's own."""
    made = lab.space()
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's own configuration decides a test."""
    for name in [name for name in os.environ if name == "KUBECONFIG" or name.startswith("K8S_AUTH_")]:
        monkeypatch.delenv(name)
