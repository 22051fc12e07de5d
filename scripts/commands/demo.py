"""scripts/demo: the Pods of the seed, deployed to a kind cluster of the demo's own or to one that exists."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
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


def main() -> int:
    """Deploy the demo, or remove it; the exit code is that of the first command that failed."""
    asked = _arguments()
    try:
        venv = environment("newest")
    except EnvironmentFailed as failure:
        print(failure, file=sys.stderr)
        return 2
    env = _run_environment(venv)
    if asked.remove:
        return _playbook("teardown", env, f"kind_cluster_name={CLUSTER}")
    if asked.context:
        target = {"K8S_AUTH_CONTEXT": asked.context}
        kubectl = f"kubectl --context {asked.context}"
        remove = f"{kubectl} delete namespace {' '.join(NAMESPACES)}"
    else:
        kubeconfig = Path("?")
        code = _playbook("cluster", env, f"kind_cluster_name={CLUSTER}")
        if code:
            return code
        target = {"K8S_AUTH_KUBECONFIG": str(kubeconfig)}
        kubectl = f"kubectl --kubeconfig {kubeconfig}"
        remove = "scripts/demo --remove"
    code = _playbook("demo", {**env, **target})
    if code == 0:
        print(AFTERWARDS.format(kubectl=kubectl, remove=remove))
    return code


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
    extra: Sequence[str] = [word for variable in variables for word in ("--extra-vars", variable)]
    command = ["ansible-playbook", f"podpatterns.core.{name}", *extra]
    try:
        return subprocess.run(command, env=dict(env), stdin=subprocess.DEVNULL, check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
