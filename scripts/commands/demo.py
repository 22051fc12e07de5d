"""scripts/demo: the Pods of the seed, deployed to a kind cluster of the demo's own or to one that exists."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from environment import ROOT, EnvironmentFailed, environment

CLUSTER = "podpatterns-demo"
NAMESPACES = ("seed-init", "seed-sidecar", "seed-native-sidecar")

AFTERWARDS = """
Look at it:
  {kubectl} get pods --all-namespaces
  {kubectl} describe pod nginx-pod --namespace seed-init
  {kubectl} logs nginx-pod --container log-agent --namespace seed-sidecar

Remove it:
  {remove}
"""


@dataclass(frozen=True)
class Target:
    """A cluster to deploy to: what leads Ansible there, what leads a person there, and how to clean up."""

    env: Mapping[str, str]
    kubectl: str
    remove: str


def main() -> int:
    """Deploy the demo, or remove it; the exit code is that of the first command that failed."""
    asked = _arguments()
    try:
        env = _run_environment(environment("newest"))
    except EnvironmentFailed as failure:
        print(failure, file=sys.stderr)
        return 2
    if asked.remove:
        return _playbook("teardown", env, f"kind_cluster_name={CLUSTER}")
    if not asked.context:
        # The user's own cluster is not the demo's, unless named.
        made = _playbook("cluster", {**env, "KUBECONFIG": ""}, f"kind_cluster_name={CLUSTER}")
        if made:
            return made
    target = _existing(asked.context) if asked.context else _own()
    deployed = _playbook("demo", {**env, **target.env})
    if deployed == 0:
        print(AFTERWARDS.format(kubectl=target.kubectl, remove=target.remove))
    return deployed


def _existing(context: str) -> Target:
    kubectl = f"kubectl --context {shlex.quote(context)}"
    return Target(
        {"K8S_AUTH_CONTEXT": context}, kubectl, f"{kubectl} delete namespace {' '.join(NAMESPACES)}"
    )


def _own() -> Target:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    facts = json.loads((state / "podpatterns" / "clusters" / CLUSTER / "facts.json").read_text())
    kubectl = f"{shlex.quote(facts['kubectl'])} --kubeconfig {shlex.quote(facts['kubeconfig'])}"
    return Target({"K8S_AUTH_KUBECONFIG": facts["kubeconfig"]}, kubectl, "scripts/demo --remove")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description=f"Deploy the seed's Pods to kind cluster {CLUSTER}, which is made where it is not there yet.",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--context", metavar="NAME", help="use the cluster of this context of your kubeconfig"
    )
    choice.add_argument("--remove", action="store_true", help=f"remove the cluster {CLUSTER}")
    return parser.parse_args()


def _run_environment(venv: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(venv / "bin"), os.environ.get("PATH", os.defpath)]),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "PYTHONUNBUFFERED": "1",
    }


def _playbook(name: str, env: Mapping[str, str], *variables: str) -> int:
    extra = [word for variable in variables for word in ("--extra-vars", variable)]
    command = ["ansible-playbook", f"podpatterns.core.{name}", *extra]
    try:
        return subprocess.run(command, env=dict(env), stdin=subprocess.DEVNULL, check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
