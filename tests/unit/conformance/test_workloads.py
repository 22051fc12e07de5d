"""How workloads other than Pods are declared, and what the lab lends to their containers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import check
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import pod_template
from conformance.pods import another_name, app, dressed, pod, resident, scene
from conformance.workloads import cron_job, daemon_set, deployment, job, stateful_set

MADE: dict[str, dict[str, Any]] = {
    "Job": job(pod("shop", app("main"))),
    "CronJob": cron_job(pod("shop", app("main")), "@hourly"),
    "Deployment": deployment(pod("shop", resident("main"))),
    "DaemonSet": daemon_set(pod("shop", resident("main"))),
    "StatefulSet": stateful_set(pod("shop", resident("main"))),
}


@pytest.mark.parametrize("kind", MADE)
def test_a_workload_has_the_name_and_the_label_of_its_template(kind: str) -> None:
    assert MADE[kind]["kind"] == kind
    assert MADE[kind]["metadata"] == {"name": "shop"}
    assert pod_template(MADE[kind])["metadata"] == {"labels": {"pod": "shop"}}
    check([MADE[kind]])


@pytest.mark.parametrize("kind", MADE)
def test_its_containers_are_clothed_as_those_of_a_pod(kind: str) -> None:
    (main,) = pod_template(dressed(MADE[kind], "busybox:1", 30, 3))["spec"]["containers"]
    assert main["image"] == "busybox:1"
    assert {"name": "PATIENCE", "value": "30"} in main["env"]


def test_what_stays_up_is_always_restarted() -> None:
    assert pod_template(MADE["Deployment"])["spec"]["restartPolicy"] == "Always"
    assert pod_template(MADE["Job"])["spec"]["restartPolicy"] == "Never"


def test_a_scene_may_be_called_after_a_workload() -> None:
    assert scene(MADE["Job"]).name == "shop"


@pytest.mark.parametrize(
    ("image", "other"),
    [
        ("busybox", "busybox:latest"),
        ("busybox:latest", "busybox"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("team/tool:2", "docker.io/team/tool:2"),
        ("registry.example:5000/tool", "registry.example:5000/tool:latest"),
        ("registry.example/tool:1@sha256:0", "registry.example/tool@sha256:0"),
    ],
)
def test_an_image_may_have_another_name(image: str, other: str) -> None:
    assert another_name(image) == other


@pytest.mark.parametrize("image", ["registry.example/tool:1", "localhost/tool:1"])
def test_an_image_with_one_name_is_told(image: str) -> None:
    with pytest.raises(ValueError, match="has one name only; give --image"):
        another_name(image)
