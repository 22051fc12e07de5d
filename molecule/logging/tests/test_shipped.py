"""Lines written against lines received, where the Pod ends by itself and where it is deleted while it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.watching import Namespace, called, labelled

NAMESPACE = "podpatterns-logging"
RECEIVER = f"/api/v1/namespaces/{NAMESPACE}/pods/receiver:8080/proxy"
DEADLINE = 120
HERE, ELSEWHERE = ("tail", "otel"), ("fluentd", "fluent-bit", "filebeat")
WRITTEN_BEFORE_DELETION = 10_000
PLACE = Namespace(NAMESPACE, patience=DEADLINE)

kubectl = PLACE.kubectl


def counts(source: str, at_least: int = 0) -> dict[str, Any]:
    """What the receiver has of a source, as soon as it has so many lines or the deadline has passed."""
    query = f"source={source}&at_least={at_least}&seconds={DEADLINE if at_least else 0}"
    return dict(json.loads(kubectl(f"get --raw '{RECEIVER}/counts?{query}'")))


def lost(source: str) -> int:
    found = counts(source)
    assert found["written"] is not None, f"{source} never said how much it wrote"
    return int(found["written"] - found["received"])


def needs_its_image(which: str, source: str) -> None:
    PLACE.needs_its_image(which, f"the image of {source.rpartition('-')[0]}")


def deleted_while_writing(source: str) -> None:
    found = counts(source, at_least=WRITTEN_BEFORE_DELETION)
    assert found["received"] >= WRITTEN_BEFORE_DELETION, f"{source} is too slow, or does not ship: {found}"
    kubectl(f"delete pod {source} --wait")


def test_the_example_s_line_is_in_the_log_of_its_sidecar() -> None:
    assert kubectl("logs deployment/shop --container logging").strip() == "started"


@pytest.mark.parametrize("shipper", [*HERE, *ELSEWHERE])
def test_a_native_sidecar_loses_nothing_of_a_short_job(shipper: str) -> None:
    source = f"{shipper}-job"
    if shipper in ELSEWHERE:
        needs_its_image(labelled(f"job-name={source}"), source)
    kubectl(f"wait --for=condition=Complete job/{source} --timeout={DEADLINE}s")
    assert lost(source) == 0, counts(source)


@pytest.mark.parametrize("shipper", [*HERE, *ELSEWHERE])
def test_a_native_sidecar_loses_nothing_of_a_pod_that_is_deleted_while_it_writes(shipper: str) -> None:
    source = f"{shipper}-native"
    if shipper in ELSEWHERE:
        needs_its_image(called(source), source)
    deleted_while_writing(source)
    assert lost(source) == 0, counts(source)


@pytest.mark.parametrize("shipper", HERE)
def test_a_classic_sidecar_that_does_not_stay_loses_what_the_app_writes_after_term(shipper: str) -> None:
    """The contrast: both get TERM at once, the shipper is gone long before the app has written its last."""
    source = f"{shipper}-classic"
    deleted_while_writing(source)
    assert lost(source) > 0, f"nothing was lost, so this test shows nothing: {counts(source)}"


def test_the_shipper_was_there_before_the_app_and_reads_its_volume(
    lifecycle_assert: Callable[..., None],
) -> None:
    lifecycle_assert(
        {"before": ["logging.started", "shop.started"]},
        {"overlap": ["logging", "shop"]},
        {"shares_volume": ["logging", "shop"]},
        kind="Deployment",
        name="shop",
        namespace=NAMESPACE,
    )
