"""Which source a cluster comes from, and why."""

from __future__ import annotations

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind.errors import KindClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._kind.facts import (
    ClusterAnswer,
    ImageAnswer,
    SourceFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._kind.source import choose, short_reason

IMAGE = "docker.io/kindest/node:v1.36.3"
ANSWERS = ClusterAnswer("/k", "prod", "1.34.1")
SILENT = ClusterAnswer("/k", "prod", None, "connection refused")
HERE = ImageAnswer(IMAGE, present=True)
REACHABLE = ImageAnswer(IMAGE, reachable=True)
UNREACHABLE = ImageAnswer(IMAGE, reason="no such host")
BUILT = "localhost/podpatterns/node:1.36.3-abc"


@pytest.mark.parametrize(
    ("wanted", "facts", "source", "reason"),
    [
        ("auto", SourceFacts(existing=ANSWERS, published=HERE), "existing", "/k, context prod answers"),
        ("auto", SourceFacts(published=HERE, built=BUILT), "published", f"{IMAGE} is on this machine"),
        ("auto", SourceFacts(published=REACHABLE, built=BUILT), "packages", "already built on this machine"),
        ("auto", SourceFacts(published=REACHABLE), "published", f"a registry offers {IMAGE}"),
        ("auto", SourceFacts(published=UNREACHABLE), "packages", f"no registry offers {IMAGE}: no such host"),
        ("packages", SourceFacts(published=REACHABLE), "packages", "asked for"),
        ("packages", SourceFacts(built=BUILT), "packages", "asked for; already built"),
        ("published", SourceFacts(published=REACHABLE), "published", f"asked for; a registry offers {IMAGE}"),
        ("existing", SourceFacts(existing=ANSWERS), "existing", "asked for; /k, context prod answers"),
    ],
)
def test_the_nearest_source_is_taken_unless_one_is_asked_for(
    wanted: str, facts: SourceFacts, source: str, reason: str
) -> None:
    choice = choose(wanted, facts)
    assert (choice.source, choice.reason) == (source, reason)


@pytest.mark.parametrize(
    ("wanted", "facts", "sentence"),
    [
        (
            "existing",
            SourceFacts(),
            "Failed to use an existing cluster: neither existing_kubeconfig nor context nor KUBECONFIG names one",
        ),
        (
            "auto",
            SourceFacts(existing=SILENT),
            "Failed to use existing cluster of /k, context prod: connection refused",
        ),
        (
            "published",
            SourceFacts(published=UNREACHABLE),
            f"Failed to find node image {IMAGE}: no such host",
        ),
        (
            "packages",
            SourceFacts(blockers=("building from packages needs root",)),
            "Failed to build a node image from packages: building from packages needs root",
        ),
        (
            "auto",
            SourceFacts(published=UNREACHABLE, blockers=("building from packages needs root",)),
            f"Failed to build a node image from packages: no registry offers {IMAGE} (no such host), "
            "and building from packages needs root",
        ),
    ],
)
def test_what_is_impossible_is_said_with_the_reason(wanted: str, facts: SourceFacts, sentence: str) -> None:
    with pytest.raises(KindClusterError) as caught:
        choose(wanted, facts)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            'Error: pinging registry: Get "https://r/v2/": dial tcp: lookup r: no such host',
            "lookup r: no such host",
        ),
        ("Error: reading manifest: manifest unknown", "reading manifest: manifest unknown"),
        ("", "no answer"),
    ],
)
def test_a_registry_failure_is_told_from_the_networks_words_on(output: str, reason: str) -> None:
    assert short_reason(output) == reason
