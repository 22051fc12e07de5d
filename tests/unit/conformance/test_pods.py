"""How Pods are declared, and what the lab lends to their containers."""

from __future__ import annotations

from typing import Any

from conformance.pods import app, dressed, init, pod, resident, scene, sidecar, value


def spec_of(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]
    return spec


def test_init_containers_and_sidecars_share_one_list_in_the_order_given() -> None:
    spec = spec_of(pod("shop", init("first"), sidecar("helper"), app("main"), init("second")))
    listed = [(one["name"], one.get("restartPolicy")) for one in spec["initContainers"]]
    assert listed == [("first", None), ("helper", "Always"), ("second", None)]
    assert [one["name"] for one in spec["containers"]] == ["main"]


def test_a_pod_of_apps_has_no_init_list() -> None:
    assert "initContainers" not in spec_of(pod("shop", app("main")))


def test_a_resident_stays_and_an_app_ends() -> None:
    ends, stays = spec_of(pod("shop", app("main"), resident("other")))["containers"]
    assert ends["command"][2].endswith("say end\ntick")
    assert "trap" in stays["command"][2]


def test_further_fields_go_to_the_container_and_to_the_pod() -> None:
    spec = spec_of(pod("shop", app("main", tty=True), hostname="stage", securityContext={"fsGroup": 1}))
    assert spec["containers"][0]["tty"] is True
    assert spec["hostname"] == "stage"
    assert spec["securityContext"]["fsGroup"] == 1
    assert spec["securityContext"]["runAsNonRoot"] is True


def test_the_lab_lends_image_and_environment_where_a_container_has_none_of_its_own() -> None:
    made = pod(
        "shop", init("mine", image="other", env=[value("X", "1")]), app("main", env=[value("WINDOW", "9")])
    )
    spec = spec_of(dressed(made, "busybox:1", 30, 3))
    (mine,), (main,) = spec["initContainers"], spec["containers"]
    assert (mine["image"], mine["env"]) == ("other", [value("X", "1")])
    assert main["image"] == "busybox:1"
    assert main["env"] == [value("NAME", "main"), value("PATIENCE", "30"), value("WINDOW", "9")]


def test_a_scene_stays_as_it_was_declared() -> None:
    made = pod("shop", app("main"))
    dressed(made, "busybox", 30, 3)
    assert "image" not in spec_of(made)["containers"][0]


def test_what_is_no_pod_is_not_touched() -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "x"}}
    assert dressed(config, "busybox", 30, 3) == config


def test_a_scene_is_called_after_its_first_pod() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    assert scene(config, pod("shop", app("main")), pod("client", app("other"))).name == "shop"
