"""scripts/demo: the Pods of the seed and a shop, deployed to a kind cluster of the demo's own or to one that exists."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environment import EnvironmentFailed, cluster_facts, commands_of, environment

CLUSTER = "podpatterns-demo"
IMAGES = ("busybox", "nginx", "python", "buildpack-deps", "postgres", "golang-migrate", "envoy", "prometheus")

AFTERWARDS = """
Look at it:
  {kubectl} get pods --all-namespaces
  {kubectl} describe pod nginx-pod --namespace seed-init
  {kubectl} logs nginx-pod --container log-agent --namespace seed-sidecar
  {kubectl} get pods --namespace podpatterns-shop
  {kubectl} logs job/client --namespace podpatterns-shop

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
        env = commands_of(environment("newest"))
    except EnvironmentFailed as failure:
        print(failure, file=sys.stderr)
        return 2
    if asked.remove:
        return _remove(asked.context, env)
    return _deploy(asked.context, env)


def _remove(context: str | None, env: Mapping[str, str]) -> int:
    if context:
        return _playbook("demo_remove", {**env, "K8S_AUTH_CONTEXT": context})
    return _playbook("teardown", env, {"kind_cluster_name": CLUSTER})


def _deploy(context: str | None, env: Mapping[str, str]) -> int:
    steps: list[tuple[str, float]] = []

    def timed(title: str, playbook: str, env: Mapping[str, str], variables: Mapping[str, Any]) -> int:
        began = time.monotonic()
        code = _playbook(playbook, env, variables)
        steps.append((title, time.monotonic() - began))
        return code

    if not context:
        variables = {"kind_cluster_name": CLUSTER, "kind_cluster_images": list(IMAGES)}
        # The user's own cluster is not the demo's, unless named.
        made = timed(f"cluster {CLUSTER}", "cluster", {**env, "KUBECONFIG": ""}, variables)
        if made:
            return made
    target = _existing(context) if context else _own()
    env = {**env, **target.env}
    with tempfile.TemporaryDirectory(prefix="podpatterns-") as folder:
        told = Path(folder) / "shop.json"
        failed = timed("the Pods of the seed", "demo", env, {}) or timed(
            "the shop", "shop", env, {"shop_summary": str(told)}
        )
        if failed:
            return failed
        print(summary(steps, json.loads(told.read_text())))
    print(AFTERWARDS.format(kubectl=target.kubectl, remove=target.remove))
    return 0


def summary(steps: Sequence[tuple[str, float]], shop: Mapping[str, Any]) -> str:
    """What each step took, those of the shop below it, and what its client counted."""
    lines = [f"  {title:<42} {seconds:7.1f} s" for title, seconds in steps]
    lines += [f"    {one['step']:<40} {float(one['seconds']):7.1f} s" for one in shop["steps"]]
    counted = shop["counted"]
    answers = ", ".join(
        f"{number} by release {name}" for name, number in counted["answers_by_release"].items()
    )
    lines.append(
        f"\nThe client's requests during the update: {counted['requests']}, of which {counted['failed']} failed"
        f" (answered: {answers}; by {counted['pods']} Pods)"
    )
    return "\n".join(["What it took:", *lines])


def _existing(context: str) -> Target:
    name = shlex.quote(context)
    return Target(
        {"K8S_AUTH_CONTEXT": context}, f"kubectl --context {name}", f"scripts/demo --remove --context {name}"
    )


def _own() -> Target:
    facts = cluster_facts(CLUSTER)
    kubectl = f"{shlex.quote(facts['kubectl'])} --kubeconfig {shlex.quote(facts['kubeconfig'])}"
    return Target({"K8S_AUTH_KUBECONFIG": facts["kubeconfig"]}, kubectl, "scripts/demo --remove")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description=f"Deploy the seed's Pods, and a shop that is updated while a client asks it, to kind cluster"
        f" {CLUSTER}, which is made where it is not there yet.",
    )
    parser.add_argument(
        "--context", metavar="NAME", help="use the cluster of this context of your kubeconfig"
    )
    parser.add_argument(
        "--remove",
        action="store_true",
        help=f"remove the cluster {CLUSTER}, or from your cluster what was deployed",
    )
    return parser.parse_args()


def _playbook(name: str, env: Mapping[str, str], variables: Mapping[str, Any] | None = None) -> int:
    extra = ["--extra-vars", json.dumps(variables)] if variables else []
    command = ["ansible-playbook", f"podpatterns.core.{name}", *extra]
    try:
        return subprocess.run(command, env=dict(env), stdin=subprocess.DEVNULL, check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
