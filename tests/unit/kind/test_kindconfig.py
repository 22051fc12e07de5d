"""kind's configuration for versions, workers and hosts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind.kindconfig import (
    Shape,
    differences,
    fingerprint,
    render,
)
from ansible_collections.podpatterns.core.plugins.module_utils._kind.settings import NodeSettings

ORDINARY = NodeSettings(fail_cgroup_v1=None, restrict_oom_score_adj=False, cgroupfs=False)
PLAIN = Shape(
    name="dev",
    kubernetes_version="1.36.3",
    image="docker.io/kindest/node:v1.36.3",
    workers=0,
    settings=ORDINARY,
    image_tags={},
)


def config(shape: Shape) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(render(shape, "/state/certs.d"))
    return parsed


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_there_is_one_control_plane_and_the_workers_asked_for(workers: int) -> None:
    nodes = config(replace(PLAIN, workers=workers))["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane"] + ["worker"] * workers
    assert {node["image"] for node in nodes} == {PLAIN.image}


def test_the_api_server_listens_on_loopback_only() -> None:
    assert config(PLAIN)["networking"]["apiServerAddress"] == "127.0.0.1"


def test_every_node_reads_the_mirrors_rules_and_cannot_write_them() -> None:
    mounts = [node["extraMounts"] for node in config(replace(PLAIN, workers=1))["nodes"]]
    rule = {"hostPath": "/state/certs.d", "containerPath": "/etc/containerd/certs.d", "readOnly": True}
    assert mounts == [[rule], [rule]]


def test_a_published_image_on_an_ordinary_host_gets_no_kubeadm_patch() -> None:
    assert config(PLAIN)["kubeadmConfigPatches"] == []


def test_the_kubelet_is_told_about_cgroup_v1_where_the_host_needs_it() -> None:
    shape = replace(PLAIN, settings=replace(ORDINARY, fail_cgroup_v1=False))
    (patch,) = config(shape)["kubeadmConfigPatches"]
    assert json.loads(patch) == {"kind": "KubeletConfiguration", "failCgroupV1": False}


def test_containerd_is_told_about_oom_scores_where_the_host_needs_it() -> None:
    shape = replace(PLAIN, settings=replace(ORDINARY, restrict_oom_score_adj=True))
    patches = config(shape)["containerdConfigPatches"]
    assert any("restrict_oom_score_adj = true" in patch for patch in patches)
    assert not any("restrict_oom_score_adj" in patch for patch in config(PLAIN)["containerdConfigPatches"])


@pytest.mark.parametrize("own_node_image", [True, False])
def test_kubelet_and_containerd_make_cgroups_themselves_only_where_both_are_known(
    own_node_image: bool,
) -> None:
    shape = replace(PLAIN, settings=replace(ORDINARY, cgroupfs=True), own_node_image=own_node_image)
    told = config(shape)
    assert any("cgroupDriver" in patch for patch in told["kubeadmConfigPatches"]) is own_node_image
    assert (
        any("SystemdCgroup = false" in patch for patch in told["containerdConfigPatches"]) is own_node_image
    )


def test_kubeadm_is_told_the_true_tags_of_an_image_that_was_built() -> None:
    shape = replace(PLAIN, image_tags={"etcd": "3.6.8", "coredns": "v1.14.3"}, own_node_image=True)
    *_kubelet, patch = config(shape)["kubeadmConfigPatches"]
    assert json.loads(patch) == {
        "kind": "ClusterConfiguration",
        "dns": {"imageTag": "v1.14.3"},
        "etcd": {"local": {"imageTag": "3.6.8"}},
    }


def test_pulls_are_held_up_only_where_the_registry_may_be_far_away() -> None:
    (patch,) = config(replace(PLAIN, own_node_image=True))["kubeadmConfigPatches"]
    assert json.loads(patch) == {"kind": "KubeletConfiguration", "registryPullQPS": 0}


def test_the_users_patches_come_last() -> None:
    shape = replace(PLAIN, kubeadm_patches=["kind: A"], containerd_patches=["[x]"])
    assert config(shape)["kubeadmConfigPatches"][-1] == "kind: A"
    assert config(shape)["containerdConfigPatches"][-1] == "[x]"


def test_a_cluster_of_another_shape_is_told_by_its_differences() -> None:
    recorded = fingerprint(PLAIN)
    assert differences(recorded, recorded) == []
    wanted = {**recorded, "workers": 2, "kubernetes_version": "1.33.13"}
    assert differences(wanted, recorded) == [
        "kubernetes_version is '1.36.3', asked for '1.33.13'",
        "workers is 0, asked for 2",
    ]
