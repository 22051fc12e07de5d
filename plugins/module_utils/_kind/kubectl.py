# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking a cluster by kubectl."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import versions
from .facts import ClusterAnswer
from .process import CommandFailed, attempt, run

#: kubectl may be one minor version older or newer than the server.
SKEW = 1


def fits(kubectl: str, server: str) -> bool:
    """Is the kubectl command within the supported skew of a server's version?"""
    succeeded, output = attempt([kubectl, "version", "--client", "--output=json"], timeout=30)
    if not succeeded:
        return False
    try:
        client = json.loads(output)["clientVersion"]["gitVersion"]
        return abs(versions.minor(client) - versions.minor(server)) <= SKEW
    except (ValueError, KeyError, IndexError):
        return False


def ask_existing(kubectl: str, kubeconfig: str | None, context: str | None) -> ClusterAnswer:
    """The version of the cluster that kubeconfig and context name."""
    base = [kubectl]
    if kubeconfig:
        base += ["--kubeconfig", kubeconfig]
    if context:
        base += ["--context", context]
    else:
        succeeded, output = attempt([*base, "config", "current-context"], timeout=30)
        context = output.strip() if succeeded else ""
    succeeded, output = attempt([*base, "version", "--output=json", "--request-timeout=10s"], timeout=30)
    try:
        version = json.loads(output[output.index("{") :])["serverVersion"]["gitVersion"].removeprefix("v")
    except (ValueError, KeyError):
        reason = (output.strip().splitlines() or ["no answer"])[-1]
        return ClusterAnswer(kubeconfig or "", context, None, reason)
    return ClusterAnswer(kubeconfig or "", context, version)


class Kubectl:
    def __init__(self, command: str, kubeconfig: Path) -> None:
        self.command = command
        self._kubeconfig = kubeconfig

    def call(self, *arguments: str, timeout: float = 60, on_idle: Callable[[], None] | None = None) -> str:
        return run(
            [self.command, "--kubeconfig", str(self._kubeconfig), *arguments],
            timeout=timeout,
            on_idle=on_idle,
        )

    def get(self, *arguments: str) -> Any:
        return json.loads(self.call("get", *arguments, "--output=json"))

    def answers(self) -> bool:
        try:
            return self.call("get", "--raw", "/readyz", "--request-timeout=5s", timeout=20).strip() == "ok"
        except CommandFailed:
            return False

    def ready_nodes(self) -> tuple[int, int]:
        """(ready, all)"""
        nodes = self.get("nodes", "--request-timeout=10s")["items"]
        ready = [
            node
            for node in nodes
            if any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node["status"]["conditions"]
            )
        ]
        return len(ready), len(nodes)
