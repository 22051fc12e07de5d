"""pytest, for any suite: fixtures that run a Pod and tell what its containers did.

    def test_the_agent_is_there_before_the_shop(run_pod):
        timeline = run_pod(MANIFEST, goal="completed")
        assert [one.name for one in timeline.pod.containers] == ["agent", "shop"]

Each test has a namespace of its own, `pod_namespace`, which is gone after it. A Pod that does not reach its goal fails
the test, with its timeline.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotConnected,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.text import table
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, look, run

# On the namespaces of these fixtures; its value is the test's own.
LABEL = "podpatterns.core/test"
REMOVAL_SECONDS = 300.0


class RunPod(Protocol):
    """What run_pod is: apply a Pod's manifest, wait for its goal, and tell what was seen of it."""

    def __call__(
        self, manifest: Mapping[str, Any], *, goal: str = "auto", timeout: float = 120.0, grace: float = 30.0
    ) -> Timeline:
        """goal: started, initialized, ready, completed or auto. timeout and grace for trouble are seconds."""


PodTimeline = Callable[[str, str], Timeline]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options that lead to a cluster."""
    add_cluster_options(parser.getgroup("pod timelines", "Pods that tests run"))


def add_cluster_options(group: pytest.OptionGroup) -> None:
    """Add --kubeconfig and --context, unless another plugin has them already."""
    for name, text in (
        ("--kubeconfig", "kubeconfig file (default: KUBECONFIG, then ~/.kube/config)"),
        ("--context", "context of the kubeconfig (default: its current one)"),
    ):
        with suppress(ValueError):
            group.addoption(name, help=text)


@pytest.fixture(scope="session")
def pod_api(pytestconfig: pytest.Config) -> Api:
    """The way to the cluster that the options lead to."""
    given = {name: pytestconfig.getoption(name) for name in ("kubeconfig", "context")}
    try:
        return connect(given)
    except NotConnected as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture
def pod_namespace(pod_api: Api) -> Iterator[str]:
    """A namespace for this test alone, gone after it."""
    name = f"test-{secrets.token_hex(4)}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: name}}}
    run(pod_api, Request([manifest]))
    yield name
    run(pod_api, Request([manifest], present=False, timeout=REMOVAL_SECONDS))


@pytest.fixture
def run_pod(pod_api: Api, pod_namespace: str) -> RunPod:
    """Runs Pods in the test's own namespace; see RunPod."""

    def ran(
        manifest: Mapping[str, Any], *, goal: str = "auto", timeout: float = 120.0, grace: float = 30.0
    ) -> Timeline:
        request = Request([manifest], namespace=pod_namespace, goal=goal, timeout=timeout, grace=grace)
        try:
            outcome = run(pod_api, request)
        except (BadDefinition, ClusterError) as error:
            pytest.fail(str(error), pytrace=False)
        found = [timeline for result in outcome.results for timeline in result.timelines]
        if outcome.message is not None or not found:
            told = [line for timeline in found for line in table(timeline)]
            pytest.fail("\n".join([outcome.message or "no Pod was seen", *told]), pytrace=False)
        return found[0]

    return ran


@pytest.fixture
def pod_timeline(pod_api: Api) -> PodTimeline:
    """The timeline of any Pod, by its namespace and name, as far as the server knows it now."""

    def told(namespace: str, name: str) -> Timeline:
        found = look(pod_api, "Pod", namespace, name, ()).results
        if not found:
            pytest.fail(f"there is no Pod {namespace}/{name}", pytrace=False)
        return found[0].timelines[0]

    return told
