"""What the server's own words are found to show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotConnected,
    Refusal,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from conformance.answers import charged, reads, would_be
from conformance.asking import asked
from conformance.claims import Claim, Life, accepts, refuses
from conformance.pods import app, pod

YES, NO, TIE = Order.YES, Order.NO, Order.TIE
REFUSED = "Pod a: spec.containers[0].name: Duplicate value"
CHARGED = (
    'Pod a: pods "a" is forbidden: exceeded quota: q, requested: requests.cpu=300m,requests.memory=1Gi, used:'
    " requests.cpu=0, limited: requests.cpu=0"
)


@pytest.mark.parametrize(
    ("answer", "claim", "found"),
    [
        (REFUSED, refuses("name: Duplicate"), YES),
        (REFUSED, refuses("Pod b", "Duplicate"), NO),
        (f"{REFUSED}\nPod b: accepted", refuses("Pod b", "Duplicate"), NO),
        ("Pod a: accepted", refuses("Duplicate"), NO),
        ("", refuses("Duplicate"), TIE),
        ("Pod a: accepted\nPod b: accepted", accepts(), YES),
        ("Pod a: accepted\nPod b: no", accepts(), NO),
        ("Pod a: accepted\nPod b: no", accepts("Pod a"), YES),
        ("Pod a: accepted", accepts("Pod b"), NO),
        ("", accepts(), TIE),
        (CHARGED, charged(1, requests_cpu="300m"), YES),
        (CHARGED, charged(1, requests_cpu="300m", requests_memory="1Gi"), YES),
        (CHARGED, charged(1, requests_cpu="30m"), NO),
        (CHARGED, charged(1, limits_cpu="300m"), NO),
        (CHARGED, charged(2, requests_cpu="300m"), TIE),
        ("Pod a: accepted", charged(1, requests_cpu="300m"), NO),
        (REFUSED, charged(1, requests_cpu="300m"), TIE),
        ("", charged(1, requests_cpu="300m"), TIE),
    ],
)
def test_answers(answer: str, claim: Claim, found: Order) -> None:
    assert claim(Life(answer=answer)).answer is found


@pytest.mark.parametrize(
    ("path", "wanted", "found"),
    [
        ("spec.containers.0.name", "main", YES),
        ("spec.containers.1.name", "main", NO),
        ("spec.containers.0.name.first", "main", NO),
        ("status.qosClass", "Guaranteed", NO),
    ],
)
def test_what_would_be_kept(path: str, wanted: str, found: Order) -> None:
    kept = {"a": {"spec": {"containers": [{"name": "main"}]}}}
    assert would_be(1, path, wanted)(Life(answer="Pod a: accepted", workloads=kept)).answer is found


def test_nothing_would_be_kept_of_what_is_refused() -> None:
    assert would_be(1, "spec", {})(Life(answer=REFUSED)).answer is NO
    assert would_be(1, "spec", {})(Life()).answer is TIE


@pytest.mark.parametrize(
    ("held", "found"),
    [({"n": 1}, YES), ({"n": 2}, NO), ({}, NO), ({"n": None}, TIE), (None, TIE)],
)
def test_what_was_read(held: Any, found: Order) -> None:
    looks = {} if held is None else {"note": json.dumps(held)}

    def test(read: Any) -> bool | None:
        return None if read["n"] is None else bool(read["n"] == 1)

    assert reads("note", "n is 1", test)(Life(looks=looks)).answer is found


class Server:
    """Says the same to whoever asks."""

    def __init__(self, answer: dict[str, Any] | ClusterError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Any]] = []

    def request(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        if method == "get":
            return {"resources": [{"kind": "Pod", "name": "pods", "namespaced": True}]}
        self.asked.append((path, given["query"]))
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return self.answer


def _ask(server: Any) -> Life:
    return asked(server, [pod("shop", app("main"))], "here")


def test_a_question_is_strict_and_nothing_is_kept_of_it() -> None:
    server = Server({"kind": "Pod", "spec": {}})
    found = _ask(server)
    assert found.answer == "Pod shop: accepted"
    assert found.workloads == {"shop": {"kind": "Pod", "spec": {}}}
    assert server.asked == [("/api/v1/namespaces/here/pods", {"dryRun": "All", "fieldValidation": "Strict"})]


def test_a_refusal_is_an_answer_with_every_cause() -> None:
    causes = [
        {"field": "spec.a", "message": "Forbidden: no"},
        {"field": "spec.b", "message": "Required value"},
    ]
    found = _ask(Server(Refusal(422, "Invalid", "Pod is invalid", causes)))
    assert found.answer == "Pod shop: spec.a: Forbidden: no; spec.b: Required value"


@pytest.mark.parametrize(
    "trouble", [NotConnected("nobody answers"), Refusal(500, "InternalError", "a webhook is away")]
)
def test_trouble_with_the_server_is_no_answer(trouble: ClusterError) -> None:
    found = _ask(Server(trouble))
    assert (found.answer, found.shortfall) == ("", str(trouble))
