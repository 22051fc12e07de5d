#!/usr/bin/python
# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A genuine kind cluster, with an image registry in reach or with none."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kind_cluster
short_description: Make, keep or remove a kind cluster, with an image registry in reach or with none
version_added: 0.1.0
author:
  - The podpatterns developers (@podpatterns)
description:
  - Uses a cluster that is already there, makes one with kind from the published node image, or builds the node image
    from packages where no image registry answers. Which of them it is, and why, is said in one line.
  - A node image is built once per Kubernetes version, takes about ten minutes on two cores, and is kept in a cache.
  - What a restricted host needs (cgroup v1, no CAP_SYS_RESOURCE, low hard limits) is derived from its properties and
    written to files of the project's own. The user's own configuration stays as it is.
  - The API server and the mirror registry listen on loopback only.
options:
  name:
    description:
      - Name of the cluster. Several with different names can live side by side.
    type: str
    default: podpatterns
  state:
    description:
      - V(present) makes the cluster unless it is there. One that an earlier run left half made is replaced.
      - V(absent) removes it; what was built stays in the cache.
      - V(purge) removes it, and all that was built and downloaded.
    type: str
    choices: [present, absent, purge]
    default: present
  source:
    description:
      - Where the cluster comes from.
      - V(existing) uses the one of O(existing_kubeconfig) and O(context), and makes nothing.
      - V(published) makes one from the published node image C(kindest/node).
      - V(packages) makes one from a node image that is built from Debian packages and Go modules.
      - V(auto) takes the first that is possible, in that order.
    type: str
    choices: [auto, existing, published, packages]
    default: auto
  kubernetes_version:
    description:
      - Version of Kubernetes, such as V(1.36.3) or V(1.33); 1.29 or newer. The newest that can be built unless given.
      - From packages 1.29.6, 1.30.14, 1.31.14, 1.32.13, 1.33.13, 1.34.4, 1.35.4 and 1.36.3 can be built.
    type: str
  workers:
    description:
      - Number of nodes beside the control plane, from 0 to 3.
    type: int
    default: 0
  engine:
    description:
      - Container engine. V(auto) is Docker where it can run privileged containers, else podman.
    type: str
    choices: [auto, docker, podman]
    default: auto
  mirror:
    description:
      - Whether the nodes pull public images from a registry on this machine that holds images built from packages.
      - V(auto) is V(on) for a node image from packages, V(off) otherwise.
    type: str
    choices: [auto, 'on', 'off']
    default: auto
  images:
    description:
      - Images that the mirror must hold, by the names of their folders in the role's C(files/images), or V(all).
      - V(all) leaves those out that are long in the making, such as Istio's; they must be named.
      - Images that it holds already stay.
    type: list
    elements: str
    default: [busybox, nginx]
  kubeadm_patches:
    description:
      - Patches to kubeadm's configuration, as kind's C(kubeadmConfigPatches) takes them.
    type: list
    elements: str
    default: []
  containerd_patches:
    description:
      - Patches to containerd's configuration, as kind's C(containerdConfigPatches) takes them.
    type: list
    elements: str
    default: []
  kubeconfig:
    description:
      - Path of the kubeconfig file to write, with mode 0600. A file in O(state_dir) unless given.
    type: path
  merge_kubeconfig:
    description:
      - Whether to enter the cluster into C(~/.kube/config) as well.
    type: bool
    default: false
  existing_kubeconfig:
    description:
      - Kubeconfig file of an existing cluster; the one of the environment variable E(KUBECONFIG) unless given.
      - A file that this module wrote for a cluster of its own does not count as an existing cluster.
    type: path
  context:
    description:
      - Context of an existing cluster; the current one unless given.
    type: str
  install_packages:
    description:
      - Whether to install missing packages, such as podman, on Debian and Ubuntu as root. Elsewhere, and with V(false),
        what is missing is named together with the command that gets it.
    type: bool
    default: true
  recreate:
    description:
      - Whether to replace a cluster that is there already.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds for the nodes to become ready.
    type: int
    default: 300
  cache_dir:
    description:
      - Folder of what is built and downloaded; E(PODPATTERNS_CACHE), else C(podpatterns) in the user's cache folder.
    type: path
  state_dir:
    description:
      - Folder of what belongs to the clusters (kubeconfig, facts, logs); C(podpatterns) in the user's state folder
        unless given.
    type: path
  files_dir:
    description:
      - Folder C(files) of role P(podpatterns.core.kind_cluster#role), on the host that the module runs on.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Tells what would be done, and from which source.
  diff_mode:
    support: none
    description: A cluster has no text to compare.
"""

EXAMPLES = r"""
- name: A cluster with two workers
  podpatterns.core.kind_cluster:
    name: try
    workers: 2
    files_dir: /usr/share/ansible/collections/ansible_collections/podpatterns/core/roles/kind_cluster/files
  register: cluster

- name: Remove it
  podpatterns.core.kind_cluster:
    name: try
    state: absent
    files_dir: /usr/share/ansible/collections/ansible_collections/podpatterns/core/roles/kind_cluster/files
"""

RETURN = r"""
name:
  description: Name of the cluster.
  returned: always
  type: str
source:
  description: Where the cluster comes from, V(existing), V(published) or V(packages).
  returned: when there is a cluster
  type: str
reason:
  description: Why it comes from there.
  returned: when there is a cluster
  type: str
engine:
  description: V(docker) or V(podman); nothing for an existing cluster.
  returned: when there is a cluster
  type: str
engine_environment:
  description: Environment variables that kind and the container engine need for this cluster.
  returned: when there is a cluster that was made
  type: dict
kubeconfig:
  description: Path of the kubeconfig file.
  returned: when there is a cluster
  type: str
context:
  description: Context in that file.
  returned: when there is a cluster
  type: str
kubernetes_version:
  description: Version of Kubernetes.
  returned: when there is a cluster
  type: str
kubectl:
  description: Path of a kubectl that fits the cluster.
  returned: when there is a cluster
  type: str
node_image:
  description: Image of the nodes.
  returned: when there is a cluster
  type: str
images:
  description: Images that the mirror holds.
  returned: when there is a cluster
  type: list
  elements: str
mirror:
  description: Address of the mirror registry on this machine; nothing where there is none.
  returned: when there is a cluster
  type: str
log_file:
  description: Path of a file with the output of all commands of this run.
  returned: on failure
  type: str
facts_file:
  description: Path of a JSON file with all of this.
  returned: when there is a cluster
  type: str
"""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podpatterns.core.plugins.module_utils._kind import options, run, way
from ansible_collections.podpatterns.core.plugins.module_utils._kind.errors import KindClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._progress import report

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "default": "podpatterns"},
    "state": {"type": "str", "choices": list(options.STATES), "default": "present"},
    "source": {"type": "str", "choices": list(options.SOURCES), "default": "auto"},
    "kubernetes_version": {"type": "str"},
    "workers": {"type": "int", "default": 0},
    "engine": {"type": "str", "choices": list(options.ENGINES), "default": "auto"},
    "mirror": {"type": "str", "choices": list(options.MIRRORS), "default": "auto"},
    "images": {"type": "list", "elements": "str", "default": ["busybox", "nginx"]},
    "kubeadm_patches": {"type": "list", "elements": "str", "default": []},
    "containerd_patches": {"type": "list", "elements": "str", "default": []},
    "kubeconfig": {"type": "path"},
    "merge_kubeconfig": {"type": "bool", "default": False},
    "existing_kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "install_packages": {"type": "bool", "default": True},
    "recreate": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 300},
    "cache_dir": {"type": "path"},
    "state_dir": {"type": "path"},
    "files_dir": {"type": "path", "required": True},
}


def main() -> None:
    """Bring the cluster into the state asked for."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = {
        **module.params,
        "cache_dir": module.params["cache_dir"]
        or os.environ.get("PODPATTERNS_CACHE")
        or _home("XDG_CACHE_HOME", ".cache"),
        "state_dir": module.params["state_dir"] or _home("XDG_STATE_HOME", ".local/state"),
    }
    signal.signal(signal.SIGTERM, _stop)
    try:
        asked = options.parse(params)
    except KindClusterError as error:
        module.fail_json(msg=str(error), name=params["name"])
    try:
        outcome = run.run(asked, report, module.check_mode)
    except KindClusterError as error:
        module.fail_json(msg=str(error), name=params["name"], log_file=way.log_file(asked))
    module.exit_json(
        **{"name": module.params["name"], **outcome.facts},
        changed=outcome.changed,
        msg=outcome.message,
        facts_file=outcome.facts_file,
    )


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """End like an interrupted program: commands that run are ended, too."""
    raise KeyboardInterrupt


def _home(variable: str, otherwise: str) -> str:
    """The project's folder below one of the user's base directories."""
    base = os.environ.get(variable)
    return str((Path(base) if base else Path.home() / otherwise) / "podpatterns")


if __name__ == "__main__":
    main()
