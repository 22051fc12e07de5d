"""Times podpatterns.core.workload beside kubectl and kubernetes.core on one cluster, in turn, in one run.

    python benchmarks/compare.py --kubeconfig FILE [--runs 5] [--output benchmarks/results/NAME.json]

Needs kubectl on PATH, and this interpreter's environment with the PyPI package `ansible`, which brings
ansible-core and kubernetes.core (benchmarks/requirements.txt). Figures are wall seconds; of a playbook's time
that of an empty play, measured in the same round, is taken off. Nothing here asserts anything.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
COLLECTIONS = ROOT / "collections"
NAMESPACE = "podpatterns-benchmark"
IMAGE = "busybox"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
TIMEOUT = 300


def container(name: str, script: str) -> dict[str, Any]:
    """A busybox container that runs a script."""
    return {"name": name, "image": IMAGE, "command": ["sh", "-c", script], "securityContext": RESTRICTED}


def pod_spec(init: str = "true") -> dict[str, Any]:
    """A Pod with one init container and one app."""
    return {
        "terminationGracePeriodSeconds": 1,
        "initContainers": [container("prepare", init)],
        "containers": [container("app", "trap 'exit 0' TERM; sleep 3600 & wait")],
    }


def pods(count: int) -> list[dict[str, Any]]:
    """Pods to create together."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod-{number}", "namespace": NAMESPACE, "labels": {"app": "benchmark"}},
            "spec": pod_spec(),
        }
        for number in range(count)
    ]


def deployments(count: int) -> list[dict[str, Any]]:
    """Deployments of one replica to leave unchanged."""
    made = []
    for number in range(count):
        labels = {"app": f"web-{number}"}
        made.append(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": f"web-{number}", "namespace": NAMESPACE},
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": pod_spec()},
                },
            }
        )
    return made


@dataclass
class Cluster:
    """Where to measure, and the folder that a round's files go to."""

    kubeconfig: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What every command runs with; the collection under test is the checkout."""
        return {
            **os.environ,
            "KUBECONFIG": self.kubeconfig,
            "K8S_AUTH_KUBECONFIG": self.kubeconfig,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *command: str, check: bool = True, text: str | None = None) -> str:
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            command, env=self.environment, input=text, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def playbook(self, name: str, tasks: list[dict[str, Any]]) -> list[str]:
        """The command that plays tasks on localhost."""
        path = self.folder / f"{name}.yml"
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        path.write_text(yaml.safe_dump([play], sort_keys=False))
        return ["ansible-playbook", str(path)]

    def manifest(self, name: str, objects: list[dict[str, Any]]) -> str:
        """A file with the objects, as kubectl reads it."""
        path = self.folder / f"{name}-objects.yml"
        path.write_text(yaml.safe_dump_all(objects, sort_keys=False))
        return str(path)


@contextmanager
def namespace(cluster: Cluster) -> Iterator[None]:
    """A namespace that is there before the clock starts and gone before the next one."""
    cluster.run("kubectl", "create", "namespace", NAMESPACE)
    cluster.run("kubectl", "wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE)
    try:
        yield
    finally:
        cluster.run("kubectl", "delete", "namespace", NAMESPACE, "--wait=true")


def timed(action: Callable[[], object]) -> float:
    """Wall seconds that an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


# --- contestants --------------------------------------------------------------------------------


def kubectl_apply(
    cluster: Cluster, name: str, objects: list[dict[str, Any]], wait: str
) -> Callable[[], object]:
    """kubectl apply, then kubectl wait or rollout status for all."""
    path = cluster.manifest(name, objects)

    def act() -> None:
        cluster.run("kubectl", "apply", "-f", path)
        cluster.run("kubectl", "wait", wait, "-f", path, f"--timeout={TIMEOUT}s")

    return act


def workload_task(cluster: Cluster, name: str, objects: list[dict[str, Any]]) -> Callable[[], object]:
    """One task of podpatterns.core.workload with all objects."""
    command = cluster.playbook(name, [{"podpatterns.core.workload": {"definition": objects}}])
    return lambda: cluster.run(*command)


def core_task(cluster: Cluster, name: str, objects: list[dict[str, Any]]) -> Callable[[], object]:
    """One task of kubernetes.core.k8s with all objects."""
    options = {"definition": objects, "wait": True, "wait_timeout": TIMEOUT}
    command = cluster.playbook(name, [{"kubernetes.core.k8s": options}])
    return lambda: cluster.run(*command)


def core_loop(cluster: Cluster, name: str, objects: list[dict[str, Any]]) -> Callable[[], object]:
    """One task of kubernetes.core.k8s that loops over the objects."""
    options = {"definition": "{{ item }}", "wait": True, "wait_timeout": TIMEOUT}
    task = {
        "kubernetes.core.k8s": options,
        "loop": objects,
        "loop_control": {"label": "{{ item.metadata.name }}"},
    }
    command = cluster.playbook(name, [task])
    return lambda: cluster.run(*command)


# --- measurements -------------------------------------------------------------------------------


@dataclass
class Figures:
    """Seconds of each contestant, a figure a round."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, contestant: str, value: float) -> None:
        """Keep one figure."""
        self.seconds.setdefault(contestant, []).append(round(value, 3))

    def summary(self) -> dict[str, Any]:
        """Median, least and most of each contestant beside all its figures."""
        return {
            name: {
                "median": round(statistics.median(values), 3),
                "min": min(values),
                "max": max(values),
                "runs": values,
            }
            for name, values in self.seconds.items()
        }


def measure_create(cluster: Cluster, rounds: int, loop: bool) -> Figures:
    """Ten Pods with an init container, from nothing to ready."""
    figures = Figures()
    objects = pods(10)
    empty = cluster.playbook("empty", [])
    contestants = {
        "kubectl": kubectl_apply(cluster, "kubectl", objects, "--for=condition=Ready"),
        "podpatterns.core.workload": workload_task(cluster, "workload", objects),
        "kubernetes.core.k8s, one task": core_task(cluster, "core-task", objects),
    }
    if loop:
        contestants["kubernetes.core.k8s, loop"] = core_loop(cluster, "core-loop", objects)
    for number in range(rounds):
        start = timed(lambda: cluster.run(*empty))
        figures.add("empty play", start)
        for name, act in contestants.items():
            with namespace(cluster):
                seconds = timed(act)
            figures.add(name, seconds if name == "kubectl" else seconds - start)
            say(f"create, round {number + 1}: {name} {figures.seconds[name][-1]:.2f} s")
    return figures


def measure_unchanged(cluster: Cluster, rounds: int) -> tuple[Figures, dict[str, Any]]:
    """Fifty Deployments that are as they should be already; then the module's peak memory for them."""
    figures = Figures()
    objects = deployments(50)
    empty = cluster.playbook("empty", [])
    workload = workload_task(cluster, "workload-50", objects)
    contestants = {
        "kubectl": kubectl_apply(cluster, "kubectl-50", objects, "--for=condition=Available"),
        "podpatterns.core.workload": workload,
        "kubernetes.core.k8s, one task": core_task(cluster, "core-task-50", objects),
    }
    with namespace(cluster):
        workload()
        # Each writes its own bookkeeping once; from then on nothing changes.
        for act in contestants.values():
            act()
        for number in range(rounds):
            start = timed(lambda: cluster.run(*empty))
            for name, act in contestants.items():
                seconds = timed(act)
                figures.add(name, seconds if name == "kubectl" else seconds - start)
                say(f"unchanged, round {number + 1}: {name} {figures.seconds[name][-1]:.2f} s")
        memory = module_alone(cluster, objects)
    return figures, memory


def module_alone(cluster: Cluster, objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds and peak memory of the module's own process, without Ansible around it."""
    arguments = cluster.folder / "arguments.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"definition": objects}}))
    module = "ansible_collections.podpatterns.core.plugins.modules.workload"
    # The process itself asks the kernel for its peak at its end, so that no other child is counted.
    program = (
        "import atexit, resource, runpy, sys;"
        "atexit.register(lambda: sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)));"
        f"sys.argv = ['{module}', '{arguments}'];"
        f"runpy.run_module('{module}', run_name='__main__', alter_sys=True)"
    )
    environment = {**cluster.environment, "PYTHONPATH": str(COLLECTIONS)}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    result = json.loads(done.stdout)
    return {
        "seconds": round(seconds, 3),
        "peak_memory_mb": round(int(done.stderr.strip().splitlines()[-1]) / 1024, 1),
        "api_calls": result.get("api_calls"),
        "elapsed": result.get("elapsed"),
        "changed": result.get("changed"),
    }


def measure_failure(cluster: Cluster, rounds: int) -> Figures:
    """From an init container's last line before it fails to the task's error on the terminal."""
    figures = Figures()
    spec = {**pod_spec("sleep 3; echo failing; exit 3"), "restartPolicy": "Never"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "fails", "namespace": NAMESPACE},
        "spec": spec,
    }
    command = cluster.playbook("fails", [{"podpatterns.core.workload": {"definition": pod, "goal": "ready"}}])
    for number in range(rounds):
        with namespace(cluster):
            told = moment_of(cluster, command, "[ERROR]")
            log = cluster.run("kubectl", "logs", "fails", "-c", "prepare", "-n", NAMESPACE, "--timestamps")
            failed = datetime.fromisoformat(log.split()[0][:26] + "+00:00").timestamp()
        figures.add("podpatterns.core.workload", told - failed)
        say(f"failure, round {number + 1}: told after {told - failed:.2f} s")
    return figures


def moment_of(cluster: Cluster, command: list[str], word: str) -> float:
    """The wall-clock moment when a command's output first shows a word; node and command share this machine's clock."""
    with subprocess.Popen(
        command, env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        moment = 0.0
        for line in process.stdout or ():
            if not moment and word in line:
                moment = time.time()
    if not moment:
        raise SystemExit(f"{' '.join(command)} never showed {word}")
    return moment


# --- report -------------------------------------------------------------------------------------


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)


def machine(cluster: Cluster) -> dict[str, Any]:
    """What the figures were measured on."""
    versions = json.loads(cluster.run("kubectl", "version", "-o", "json"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "kubernetes": versions["serverVersion"]["gitVersion"],
        "ansible": cluster.run("ansible", "--version").splitlines()[0],
    }


def ratios(summary: dict[str, Any]) -> dict[str, float]:
    """Each contestant's median as a multiple of ours."""
    ours = summary["podpatterns.core.workload"]["median"]
    return {name: round(one["median"] / ours, 2) for name, one in summary.items() if name != "empty play"}


def main() -> None:
    """Measure all and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kubeconfig", default=os.environ.get("KUBECONFIG"), required="KUBECONFIG" not in os.environ
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--no-loop", action="store_true", help="leave out kubernetes.core's loop, the slowest"
    )
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(options.kubeconfig, Path(folder))
        create = measure_create(cluster, options.runs, not options.no_loop).summary()
        unchanged, memory = measure_unchanged(cluster, options.runs)
        failure = measure_failure(cluster, options.runs).summary()
        report = {
            "machine": machine(cluster),
            "create_10_pods": {"seconds": create, "times_ours": ratios(create)},
            "unchanged_50_deployments": {
                "seconds": unchanged.summary(),
                "times_ours": ratios(unchanged.summary()),
                "module_alone": memory,
            },
            "failure_to_error": {"seconds": failure},
        }
    text = json.dumps(report, indent=2) + "\n"
    if options.output:
        options.output.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
