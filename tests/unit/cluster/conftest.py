"""A server for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .fake_api import FakeApi, serving


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own configuration decides a test."""
    for name in (
        "KUBECONFIG",
        "KUBERNETES_SERVICE_HOST",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FakeApi]:
    with serving() as fake:
        yield fake
