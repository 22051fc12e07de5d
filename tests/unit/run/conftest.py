"""A server for each test that asks for one, and no configuration but the test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ..cluster.fake_api import FakeApi, serving


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("K8S_AUTH_") or name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[FakeApi]:
    with serving() as fake:
        yield fake
