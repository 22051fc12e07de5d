"""scripts/test: every part of the tests, one after the other, with one summary at the end."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import artefact
from cluster import Cluster
from environment import ROOT, EnvironmentFailed, environment, locked, other_pythons
from sanity import sanity
from steps import Runner, Step, interrupt_on_signals

LOGS = ROOT / "build" / "test"
CLOSING_LINE = re.compile(r"^(?:=+ )?(\d+ .+) in [0-9.]+s", re.MULTILINE)  # pytest's

# Most of a scenario is waiting for the kubelet: a few more than there are cores run at a time.
AT_ONCE = 3
# So it is with tests of the core: 600 s of processor time, the cluster's too, in 542 s of two cores with three at once.
TESTS_AT_ONCE = 4

EPILOG = """\
Without a part all but mesh run, in the order above. Every part that can run does, whatever failed before it.

environment variables:
  KEEP=1                  leave the cluster up for the next run
  PODPATTERNS_CLUSTER     name of the cluster (podpatterns-test)
  PODPATTERNS_CACHE       what outlasts a checkout (~/.cache/podpatterns)
  PYTHON                  the interpreter to use (python3)
"""


@dataclass
class Outcome:
    """How one part ended."""

    part: str
    succeeded: bool
    seconds: float
    note: str = ""


class Parts:
    """The parts by their names on the command line; each says whether it succeeded, and may leave a note."""

    def __init__(self, run: Runner, tree: Path, cluster: Cluster, meshed: Cluster, venv: Path) -> None:
        self.run = run
        self.tree = tree
        self.cluster = cluster
        self.meshed = meshed
        self.venv = venv
        self.note = ""

    def lint(self) -> bool:
        """ruff, mypy --strict, ansible-lint (production), yamllint, changelog"""
        return self.run.together(
            [
                Step("ansible-lint", ["ansible-lint", "--offline", "--nocolor", "-q"]),
                Step("mypy", ["mypy"]),
                Step("ruff check", ["ruff", "check", "--quiet", "--output-format", "concise"]),
                Step("ruff format", ["ruff", "format", "--check", "--output-format", "concise"]),
                Step("yamllint", ["yamllint", "--strict", "."]),
                Step("antsibull-changelog", ["antsibull-changelog", "lint"]),
            ]
        )

    def unit(self) -> bool:
        """unit tests and the house rules: import direction, purity, packaging"""
        return self._pytest("unit tests", ["tests/unit", "--numprocesses", "auto", "--quiet"])

    def ends(self) -> bool:
        """unit tests again at both ends of the supported versions, on every Python that is here"""
        venvs = _ends()
        if len(venvs) == 1:
            self.note = "no newer Python here: the newest versions for this one are those of unit"
        return self.run.together([_units(venv, len(venvs)) for venv in venvs], at_once=len(venvs))

    def sanity(self) -> bool:
        """the built artefact: its content, documentation, playbooks and ansible-test sanity"""
        if not artefact.install(self.run, self.tree):
            return False
        fit = artefact.check_content(self.tree) & artefact.check_use(self.run, self.tree)
        sane, count = sanity(self.run, self.tree, self.venv)
        self.note = f"{count} sanity tests"
        return fit and sane

    def molecule(self) -> bool:
        """Molecule's scenarios on a kind cluster, run from the installed artefact"""
        if not self.cluster.up():
            return False
        scenarios = self.cluster.scenarios()
        deployments = [self.cluster.deployment(venv) for venv in _ends()]
        self.note = (
            f"{len(scenarios)} scenarios, and {len(deployments)} deployments at the ends of the versions"
        )
        return self.run.together(scenarios + deployments, at_once=AT_ONCE)

    def kind(self) -> bool:
        """a kind cluster that was killed behind the engine's back is made again"""
        return self.cluster.up() and self._pytest(
            "tests of kind", ["tests/kind", "--quiet"], self.cluster.env()
        )

    def core(self) -> bool:
        """the modules on the same cluster: refusals, rights, failures, waits, writes"""
        if not self.cluster.up():
            return False
        return self._pytest(
            "tests of the core",
            ["tests/cluster", "--numprocesses", str(TESTS_AT_ONCE), "--quiet"],
            self.cluster.env(),
        )

    def conformance(self) -> bool:
        """what Kubernetes promises on init containers and sidecars, on the same cluster"""
        if not self.cluster.up():
            return False
        report = f"--report-dir={LOGS / 'conformance'}"
        return self._pytest("conformance tests", ["conformance", report, "--quiet"], self.cluster.env())

    def mesh(self) -> bool:
        """role proxy on a real Istio, which is built from packages first; on a cluster of its own"""
        if not self.meshed.up():
            return False
        env = {**self.meshed.env(), "K8S_AUTH_KUBECONFIG": self.meshed.env()["KUBECONFIG"]}
        istio = Step("Istio", ["ansible-playbook", "tests/mesh/istio.yml"], env)
        return self.run.show(istio) and self._pytest(
            "tests of the mesh", ["tests/mesh", "--numprocesses", str(AT_ONCE), "--quiet"], env
        )

    def _pytest(self, title: str, arguments: list[str], env: dict[str, str] | None = None) -> bool:
        succeeded = self.run.show(Step(title, ["pytest", *arguments], env or {}))
        closing = CLOSING_LINE.findall(self.run.log(title).read_text(errors="replace"))
        self.note = closing[-1] if closing else "no test ran"
        return succeeded


NAMES = ["lint", "unit", "ends", "sanity", "kind", "core", "molecule", "conformance", "mesh"]
# Building Istio takes as long as all the others together.
ONLY_BY_NAME = ["mesh"]
IMAGES_OF_THE_MESH = "python istio-pilot istio-proxyv2 istioctl"


def _ends() -> list[Path]:
    """An environment with the oldest versions, and one with the newest for each newer Python on the machine."""
    return [environment("oldest"), *(environment("newest", python) for python in other_pythons().values())]


def _units(venv: Path, at_once: int) -> Step:
    """The unit tests in an environment, beside those of others; all of them together keep the cores busy."""
    title = f"unit tests, {venv.name.rpartition('-')[0]}"
    workers = (os.cpu_count() or 1) // at_once
    # A worker collects every test for itself: one alone would cost that for nothing.
    processes = str(workers) if workers > 1 else "0"
    return Step(title, [str(venv / "bin" / "pytest"), "tests/unit", "--numprocesses", processes, "--quiet"])


def main() -> int:
    """Run the parts that are asked for; the exit code is 0 only when all of them succeeded."""
    wanted = _arguments()
    interrupt_on_signals()
    with locked(LOGS / "lock"):
        return _run(wanted)


def _arguments() -> list[str]:
    described = "\n".join(f"  {name:<12} {getattr(Parts, name).__doc__}" for name in NAMES)
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"Run the tests.\n\nparts:\n{described}",
        epilog=EPILOG,
    )
    parser.add_argument("parts", nargs="*", metavar="part", help="the parts to run")
    given: list[str] = parser.parse_args().parts
    unknown = [name for name in given if name not in NAMES]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; choose from {', '.join(NAMES)}")
    return [name for name in NAMES if (name in given if given else name not in ONLY_BY_NAME)]


def _run(wanted: list[str]) -> int:
    venv = environment("test")
    run = Runner(LOGS, _run_environment(venv))
    # Outside the checkout: ansible-test would ask git, and git ignores everything below build/.
    with tempfile.TemporaryDirectory(prefix="podpatterns-") as folder:
        tree = Path(folder)
        name = os.environ.get("PODPATTERNS_CLUSTER", "podpatterns-test")
        cluster = Cluster(run, LOGS / "molecule", tree, name)
        meshed = Cluster(run, LOGS / "molecule-of-the-mesh", tree, f"{name}-mesh", IMAGES_OF_THE_MESH)
        parts = Parts(run, tree, cluster, meshed, venv)
        outcomes: list[Outcome] = []
        interrupted = False
        try:
            for name in wanted:
                outcome = _one(parts, name)
                outcomes.append(outcome)
        except KeyboardInterrupt:
            interrupted = True
            print("\nInterrupted", flush=True)
        finally:
            keep = os.environ.get("KEEP") == "1"
            down = all([cluster.down(keep=keep), meshed.down(keep=keep)])
    return _summary(wanted, outcomes, down, interrupted)


def _run_environment(venv: Path) -> dict[str, str]:
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))
    }
    env.pop("PYTHONPATH", None)
    return {
        **env,
        "PATH": os.pathsep.join([str(venv / "bin"), env.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": str(venv),
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(LOGS / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    }


def _one(parts: Parts, name: str) -> Outcome:
    print(f"\n=== {name}: {getattr(parts, name).__doc__}", flush=True)
    began = time.monotonic()
    parts.note = ""
    work: Callable[[], bool] = getattr(parts, name)
    try:
        succeeded = work()
    except (EnvironmentFailed, OSError, subprocess.SubprocessError) as failure:
        print(failure, flush=True)
        succeeded, parts.note = False, str(failure)
    return Outcome(name, succeeded, time.monotonic() - began, parts.note)


def _summary(wanted: list[str], outcomes: list[Outcome], down: bool, interrupted: bool) -> int:
    print(f"\n=== summary (logs: {LOGS})")
    for outcome in outcomes:
        word = "ok" if outcome.succeeded else "FAILED"
        print(f"  {outcome.part:<12} {word:<7} {outcome.seconds:6.0f} s  {outcome.note}")
    for name in wanted[len(outcomes) :]:
        print(f"  {name:<12} not run")
    if not down:
        print("  The cluster could not be removed; see its log")
    passed = sum(outcome.succeeded for outcome in outcomes)
    print(f"parts: {passed} passed, {len(outcomes) - passed} failed, {len(wanted) - len(outcomes)} skipped")
    if interrupted:
        return 130
    return 0 if passed == len(wanted) and down else 1


if __name__ == "__main__":
    sys.exit(main())
