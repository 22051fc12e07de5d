"""What a cluster made of a Pod otherwise than it was asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from conformance.alterations import alterations
from conformance.claims import Finding, Life, Verdict, judge
from conformance.pods import app, init, mount, pod, probe, sidecar

ASKED = pod(
    "shop",
    init("first"),
    init("second"),
    sidecar("helper", startupProbe=probe("true"), volumeMounts=[mount("data", "/data")]),
    app("main"),
    terminationGracePeriodSeconds=30,
    volumes=[{"name": "data", "emptyDir": {}}],
)

Edit = Callable[[dict[str, Any]], object]


def made(edit: Edit) -> dict[str, Any]:
    """The Pod with a server's defaults, and edited by somebody."""
    found = copy.deepcopy(ASKED)
    for container in (*found["spec"]["initContainers"], *found["spec"]["containers"]):
        container["imagePullPolicy"] = "Always"
        container["volumeMounts"].append({"name": "token", "mountPath": "/token", "readOnly": True})
        for name in ("startupProbe",):
            if name in container:
                container[name]["successThreshold"] = 1
    edit(found["spec"])
    return found


@pytest.mark.parametrize(
    ("edit", "paths"),
    [
        (lambda _spec: None, ()),
        (lambda spec: spec["initContainers"].insert(0, {"name": "injected"}), ()),
        (lambda spec: spec["containers"][0].update(image="mirror/busybox"), ()),
        (lambda spec: spec["initContainers"].reverse(), ("the order of spec.initContainers",)),
        (
            lambda spec: spec["initContainers"][2].pop("restartPolicy"),
            ("spec.initContainers[helper].restartPolicy",),
        ),
        (
            lambda spec: spec["initContainers"][2].pop("startupProbe"),
            ("spec.initContainers[helper].startupProbe",),
        ),
        (lambda spec: spec.update(terminationGracePeriodSeconds=1), ("spec.terminationGracePeriodSeconds",)),
        (
            lambda spec: spec["initContainers"][2]["volumeMounts"][1].update(name="other"),
            ("spec.initContainers[helper].volumeMounts",),
        ),
        (lambda spec: spec["containers"][0].update(command=["sh"]), ("spec.containers[main].command",)),
    ],
)
def test_only_what_was_asked_for_and_is_not_there_is_told(edit: Edit, paths: tuple[str, ...]) -> None:
    assert alterations(ASKED, made(edit)) == paths


@pytest.mark.parametrize(
    ("answer", "altered", "verdict"),
    [
        (Order.TIE, (), Verdict.UNJUDGED),
        (Order.TIE, ("shop spec.restartPolicy",), Verdict.DEVIATES),
        (Order.YES, ("shop spec.restartPolicy",), Verdict.CONFORMS),
    ],
)
def test_a_scene_that_comes_to_grief_on_what_a_cluster_made_of_it_deviates(
    answer: Order, altered: tuple[str, ...], verdict: Verdict
) -> None:
    found = judge((lambda _life: Finding(answer, "it opens"),), Life(altered=altered))
    assert found.verdict is verdict
    told = "the cluster takes what it is given: it made something else of shop spec.restartPolicy"
    assert any(one.evidence == told for one in found.findings) == (verdict is Verdict.DEVIATES)
