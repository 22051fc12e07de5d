# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One kind cluster: made, looked at, started, taken away. Its files lie in one folder of the state directory."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import kindconfig
from .cache import read_json, write_atomically
from .engine import Engine
from .errors import failed
from .kindconfig import Shape
from .kubectl import Kubectl
from .lifeplan import Found
from .process import CommandFailed, attempt, run
from .progress import Report, Step


@dataclass(frozen=True)
class Folder:
    """The files that belong to a cluster."""

    root: Path

    @property
    def facts(self) -> Path:
        return self.root / "facts.json"

    @property
    def making(self) -> Path:
        return self.root / "making"

    @property
    def config(self) -> Path:
        return self.root / "kind.json"

    @property
    def certs(self) -> Path:
        return self.root / "certs.d"

    @property
    def logs(self) -> Path:
        return self.root / "logs"


class Cluster:
    def __init__(
        self, name: str, folder: Folder, kubeconfig: Path, engine: Engine, kind: str, report: Report
    ) -> None:
        self.name = name
        self.folder = folder
        self.kubeconfig = kubeconfig
        self._engine = engine
        self._kind = kind
        self._report = report

    @property
    def context(self) -> str:
        return f"kind-{self.name}"

    def _call(self, *arguments: str, **keywords: Any) -> str:
        return run(
            [self._kind, *arguments], environment=self._engine.environment, log=self._engine.log, **keywords
        )

    def create(self, shape: Shape) -> None:
        """Make the nodes and start Kubernetes on them. On failure the logs stay and the nodes go."""
        self.folder.root.mkdir(parents=True, exist_ok=True)
        self.folder.certs.mkdir(exist_ok=True)
        write_atomically(self.folder.making, json.dumps({"kubeconfig": str(self.kubeconfig)}))
        self.folder.facts.unlink(missing_ok=True)
        write_atomically(self.folder.config, kindconfig.render(shape, str(self.folder.certs)))
        step = Step(self._report, f"cluster {self.name}: starting Kubernetes {shape.kubernetes_version}")

        def on_line(line: str) -> None:
            if line.startswith(" • "):
                step.detail = "".join(character for character in line if character.isascii()).strip(" .")
                step.tick()

        try:
            self._call(
                "create",
                "cluster",
                "--name",
                self.name,
                "--config",
                str(self.folder.config),
                "--kubeconfig",
                str(self.kubeconfig),
                "--retain",
                timeout=900,
                on_line=on_line,
                on_idle=step.tick,
            )
        except CommandFailed as error:
            raise self._explain(error) from error
        self.kubeconfig.chmod(0o600)
        step.done()

    def _explain(self, error: CommandFailed) -> Exception:
        """Collect what the nodes know about a failed start, then take them away."""
        logs = self.collect_logs()
        (logs / "kind.log").write_text(error.output, encoding="utf-8")
        self.delete()
        lines = [line.strip() for line in error.output.splitlines() if line.startswith(("ERROR", "Error"))]
        reason = (lines or [str(error)])[0].removeprefix("ERROR: ")
        return failed("create", f"cluster {self.name}", f"{reason}; logs are in {logs}")

    def collect_logs(self) -> Path:
        """Everything that helps to understand a failed start, in one folder."""
        logs = self.folder.logs
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        for node in self._engine.containers(self.name):
            for title, command in NODE_LOGS.items():
                output = self._engine.asks("exec", node, "sh", "-c", command, timeout=60)[1]
                (logs / f"{node}-{title}.log").write_text(output, encoding="utf-8")
            (logs / f"{node}-console.log").write_text(self._engine.asks("logs", node)[1], encoding="utf-8")
        return logs

    def await_ready(self, kubectl: Kubectl, timeout: float) -> None:
        """Until all nodes are Ready, Pods can be made and names resolve; raises with the place of the logs."""
        step = Step(self._report, f"cluster {self.name}: waiting for its nodes")
        deadline = time.monotonic() + timeout

        def left() -> str:
            return f"--timeout={max(1, int(deadline - time.monotonic()))}s"

        try:
            while not kubectl.answers():
                step.tick()
                if time.monotonic() > deadline:
                    raise CommandFailed("the API server does not answer", None, "")
                time.sleep(0.2)  # nobody tells when a server begins to answer
            kubectl.call(
                "wait",
                "--for=condition=Ready",
                "nodes",
                "--all",
                left(),
                timeout=timeout + 30,
                on_idle=step.tick,
            )
            step.detail = "CoreDNS"
            kubectl.call(
                "--namespace=kube-system",
                "rollout",
                "status",
                "deployment/coredns",
                left(),
                timeout=timeout + 30,
                on_idle=step.tick,
            )
        except CommandFailed as error:
            logs = self.collect_logs()
            raise failed("start", f"cluster {self.name}", f"{error}; logs are in {logs}") from error
        step.done()

    def start(self) -> None:
        """Start nodes that were stopped, control plane first."""
        nodes = self._engine.containers(self.name)
        for node in sorted(nodes, key=lambda name: (not name.endswith("control-plane"), name)):
            if not nodes[node]:
                self._report(f"cluster {self.name}: starting {node}")
                self._engine.call("start", node)

    def export_kubeconfig(self, target: Path) -> None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._call("export", "kubeconfig", "--name", self.name, "--kubeconfig", str(target))
        target.chmod(0o600)

    def delete(self, merged_into: Path | None = None) -> None:
        """Take nodes, volumes and the entries in kubeconfig files away."""
        # Nodes that are going away need no orderly shutdown, which would take them long.
        running = [node for node, up in self._engine.containers(self.name).items() if up]
        if running:
            self._engine.asks("kill", *running)
        for kubeconfig in filter(None, (merged_into, self.kubeconfig)):
            self._call("delete", "cluster", "--name", self.name, "--kubeconfig", str(kubeconfig), timeout=300)

    def forget(self) -> None:
        shutil.rmtree(self.folder.root, ignore_errors=True)
        if self.kubeconfig.exists() and "name:" not in self.kubeconfig.read_text(encoding="utf-8"):
            self.kubeconfig.unlink()


NODE_LOGS: Mapping[str, str] = {
    "kubelet": "journalctl --no-pager --unit kubelet",
    "containerd": "journalctl --no-pager --unit containerd",
    "journal": "journalctl --no-pager --lines 2000",
    "containers": "ctr --namespace k8s.io containers list; ctr --namespace k8s.io tasks list",
    "pods": 'for file in $(find /var/log/pods -name \'*.log\'); do echo "== $file"; tail -n 200 "$file"; done',
}


def look(name: str, folder: Folder, engine: Engine | None) -> Found:
    nodes = engine.containers(name) if engine else {}
    return Found(
        nodes=nodes,
        recorded=recorded(folder),
        making=folder.making.exists(),
        lost=tuple(sorted(node for node, up in nodes.items() if up and engine and engine.lost(node))),
    )


def recorded(folder: Folder) -> dict[str, Any] | None:
    return read_json(folder.facts)


def is_ours(folder: Folder) -> bool:
    """Was the cluster made by this role? Not one that was there before."""
    facts = recorded(folder)
    return facts is not None and facts.get("source") != "existing"


def kubeconfigs(state: Path) -> list[Path]:
    """The kubeconfig files of all clusters that this role made."""
    files = sorted((state / "clusters").glob("*/facts.json"))
    return [
        Path(facts["kubeconfig"])
        for facts in map(read_json, files)
        if facts and facts.get("source") != "existing"
    ]


def record(folder: Folder, facts: Mapping[str, Any]) -> bool:
    """Write the facts file; from then on the cluster counts as complete. False where nothing changed."""
    changed = write_atomically(folder.facts, json.dumps(facts, indent=2, sort_keys=True) + "\n")
    folder.making.unlink(missing_ok=True)
    return changed


def tool_version(kind: str) -> str | None:
    """The version of a kind command, such as 0.33.0."""
    succeeded, output = attempt([kind, "version", "--quiet"], timeout=30)
    return output.strip().removeprefix("v") if succeeded else None
