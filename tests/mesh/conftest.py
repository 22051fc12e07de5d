"""Tests on a cluster with a real Istio: `scripts/test mesh`, or KUBECONFIG=FILE pytest tests/mesh.

The servers that the tests ask are deployed once; everything else is in a namespace of the test's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.lab import Lab, Space

from .mesh import SERVERS, policy, server, service


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    given = os.environ.get("KUBECONFIG")
    if not given or not Path(given).is_file():
        raise pytest.UsageError("tests/mesh needs a cluster with Istio: set KUBECONFIG")
    found = Lab(Path(given).resolve())
    yield found
    found.close()


@pytest.fixture(scope="session")
def servers(lab: Lab) -> Iterator[Space]:
    """A namespace with two servers of the mesh, of which one talks to nobody without an identity."""
    made = lab.space()
    made.ready(policy("strict"), *(service(name) for name in SERVERS))
    for name in SERVERS:
        made.ready(server(name), patterns=[{"proxy": {"provider": "istio"}}])
    yield made
    made.remove()


@pytest.fixture
def space(lab: Lab) -> Iterator[Space]:
    """A namespace of the test's own."""
    made = lab.space()
    yield made
    made.remove()
