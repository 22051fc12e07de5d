# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kind's configuration for one cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .settings import NodeSettings

POD_SUBNET = "10.244.0.0/16"
#: Where the Pod network of our own node image leaves its configuration: see files/node/default-cni.template.
CNI_DIRECTORY = "/run/cni/net.d"
CERTS_DIRECTORY = "/etc/containerd/certs.d"
#: The runtimes that kind's configuration of containerd has.
RUNTIMES = ("runc", "test-handler")


@dataclass(frozen=True)
class Shape:
    """What a cluster is made as; a change of any of it needs another cluster."""

    name: str
    kubernetes_version: str
    image: str
    workers: int
    settings: NodeSettings
    #: Tags that the node image carries instead of those that kubeadm would ask for.
    image_tags: Mapping[str, str]
    kubeadm_patches: Sequence[str] = ()
    containerd_patches: Sequence[str] = ()
    own_node_image: bool = False


def render(shape: Shape, certs_directory: str) -> str:
    """The text for `kind create cluster --config`: JSON, which is YAML as well."""
    node: dict[str, Any] = {
        "image": shape.image,
        # A mount rather than a copy: the mirror can be switched on and off later, and later nodes have it too.
        "extraMounts": [{"hostPath": certs_directory, "containerPath": CERTS_DIRECTORY, "readOnly": True}],
    }
    config: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": shape.name,
        "networking": {"apiServerAddress": "127.0.0.1", "podSubnet": POD_SUBNET},
        "nodes": [
            {"role": "control-plane", **node},
            *({"role": "worker", **node} for _worker in range(shape.workers)),
        ],
        "kubeadmConfigPatches": [*_kubeadm(shape), *shape.kubeadm_patches],
        "containerdConfigPatches": [*_containerd(shape), *shape.containerd_patches],
    }
    return json.dumps(config, indent=2) + "\n"


def _kubeadm(shape: Shape) -> list[str]:
    patches: list[dict[str, Any]] = []
    kubelet: dict[str, Any] = {}
    if shape.settings.fail_cgroup_v1 is not None:
        kubelet["failCgroupV1"] = shape.settings.fail_cgroup_v1
    if _cgroupfs(shape):
        kubelet["cgroupDriver"] = "cgroupfs"
    if shape.own_node_image:
        # Its registry is on this machine. Five pulls a second, the default, hold every further Pod up for ten seconds.
        kubelet["registryPullQPS"] = 0
    if kubelet:
        patches.append({"kind": "KubeletConfiguration", **kubelet})
    cluster: dict[str, Any] = {}
    if "coredns" in shape.image_tags:
        cluster["dns"] = {"imageTag": shape.image_tags["coredns"]}
    if "etcd" in shape.image_tags:
        cluster["etcd"] = {"local": {"imageTag": shape.image_tags["etcd"]}}
    if cluster:
        patches.append({"kind": "ClusterConfiguration", **cluster})
    return [json.dumps(patch) for patch in patches]


def _containerd(shape: Shape) -> list[str]:
    # The plugin's name is that of containerd's second configuration format, which kind's node images use.
    plugin = 'plugins."io.containerd.grpc.v1.cri"'
    patches = []
    if shape.settings.restrict_oom_score_adj:
        patches.append(f"[{plugin}]\n  restrict_oom_score_adj = true\n")
    if shape.own_node_image:
        patches.append(f'[{plugin}.cni]\n  conf_dir = "{CNI_DIRECTORY}"\n')
    else:
        patches.append(f'[{plugin}.registry]\n  config_path = "{CERTS_DIRECTORY}"\n')
    if _cgroupfs(shape):
        patches += [
            f"[{plugin}.containerd.runtimes.{runtime}.options]\n  SystemdCgroup = false\n"
            for runtime in RUNTIMES
        ]
    return patches


def _cgroupfs(shape: Shape) -> bool:
    """Kubelet and runtime must agree, so only where both are known: in a node image of our own."""
    return shape.settings.cgroupfs and shape.own_node_image


def fingerprint(shape: Shape) -> dict[str, Any]:
    """What must stay the same for a cluster to count as the one asked for, in the user's own terms."""
    return {
        "kubernetes_version": shape.kubernetes_version,
        "workers": shape.workers,
        "kubeadm_patches": list(shape.kubeadm_patches),
        "containerd_patches": list(shape.containerd_patches),
    }


def differences(wanted: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    """ "workers is 0, asked for 2" for each field that differs."""
    return [
        f"{field} is {recorded.get(field)!r}, asked for {value!r}"
        for field, value in wanted.items()
        if recorded.get(field) != value
    ]
