"""scripts/matrix: the suite on one kind cluster a version, then one table of what they judge in another way."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from environment import ROOT, EnvironmentFailed, cluster_facts, commands_of, environment

CLUSTER = "podpatterns-matrix"
VERSIONS = ("1.33.13", "1.34.4", "1.35.4", "1.36.3")
CODE = (ROOT, ROOT / "collections")
REPORTS = ROOT / "build" / "matrix"
# The suite found something, or could not judge something: that is a result, and no reason to stop.
FINDINGS = (0, 1, 3)


def main() -> int:
    """Run the suite on each version; 0 where every version was tried to its end."""
    asked, options = _arguments()
    try:
        venv = environment("test")
    except EnvironmentFailed as failure:
        print(failure, file=sys.stderr)
        return 2
    # The cluster of this machine's user is not ours to judge.
    env = {**commands_of(venv), "KUBECONFIG": "", "PYTHONPATH": os.pathsep.join(map(str, CODE))}
    versions = asked.version or VERSIONS
    failed = [version for version in versions if not _tried(version, env, options)]
    reports = [str(path) for version in versions if (path := REPORTS / version / "report.json").exists()]
    if reports:
        print(flush=True)
        _run(["python", "-m", "conformance.compare", *reports], env)
    for version in failed:
        print(f"Kubernetes {version} was not tried to its end", file=sys.stderr)
    return 1 if failed else 0


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="scripts/matrix",
        description=f"Run the conformance suite on a kind cluster of each version ({', '.join(VERSIONS)}), print"
        " one table of the differences, and leave the reports in build/matrix. Other options go to pytest.",
    )
    parser.add_argument("--version", action="append", metavar="X.Y.Z", help="this version; may be repeated")
    return parser.parse_known_args()


def _tried(version: str, env: Mapping[str, str], options: Sequence[str]) -> bool:
    """Whether the suite came to its end on a new cluster of this version, which is removed again."""
    try:
        if _playbook("cluster", env, f"kind_cluster_kubernetes_version={version}"):
            return False
        facts = cluster_facts(CLUSTER)
        tools = str(Path(facts["kubectl"]).parent)
        suite = [
            *("pytest", "conformance", "--kubeconfig", facts["kubeconfig"]),
            *("--report-dir", str(REPORTS / version), *options),
        ]
        return _run(suite, {**env, "PATH": os.pathsep.join([tools, env["PATH"]])}) in FINDINGS
    finally:
        _playbook("teardown", env)


def _playbook(name: str, env: Mapping[str, str], *variables: str) -> int:
    extra = [word for variable in (f"kind_cluster_name={CLUSTER}", *variables) for word in ("-e", variable)]
    return _run(["ansible-playbook", f"podpatterns.core.{name}", *extra], env)


def _run(command: Sequence[str], env: Mapping[str, str]) -> int:
    return subprocess.run(command, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
