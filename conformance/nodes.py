"""Enters the nodes of a kind cluster: they are containers on this machine, and their runtime keeps a record.

A node is found by what it is, a running container of the node's name that kind has labelled, in whichever engine there
is. Whoever is on another machine than the cluster finds none, and is told so.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import unix_seconds
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.joining import with_record
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.runtime import (
    Recorded,
    exactly,
    recorded_in,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline

ENGINES = ("docker", "podman")
LABEL = "io.x-k8s.kind.role"
SECONDS = 60.0
# The file of each container that containerd knows, a line each after its id.
FILES = """
cd /var/lib/containerd/io.containerd.grpc.v1.cri/containers || exit
for one in *; do [ -e "$one/status" ] && echo "$one $(cat "$one/status")"; done; true
"""
# How long before a Pod's own stamp its record may begin: stamps are whole seconds.
MARGIN_SECONDS = 5


class NotEntered(Exception):
    """A node cannot be entered, or does not do what it is told; the text is a whole sentence."""


@dataclass(frozen=True)
class Node:
    """A node of a kind cluster on this machine."""

    engine: str
    name: str

    def run(self, *command: str, timeout: float = SECONDS) -> str:
        """What a command on the node prints. Raises NotEntered."""
        return _output([self.engine, "exec", self.name, *command], timeout)

    def cut_power(self) -> None:
        """End all that runs on the node, its init system too, without a signal, and boot it. Raises NotEntered."""
        _output([self.engine, "restart", "--time", "0", self.name], SECONDS)

    def journal(self, unit: str, since: float) -> list[str]:
        """What a unit of the node's systemd has written, in lines, since a moment in seconds since 1970."""
        told = self.run("journalctl", "-u", unit, "-o", "cat", "--no-pager", "--since", f"@{int(since)}")
        return told.splitlines()


def node(name: str) -> Node:
    """The node of this name. Raises NotEntered where it is no container of kind on this machine."""
    for engine in ENGINES:
        if shutil.which(engine) is None:
            continue
        labelled = ("--filter", f"label={LABEL}", "--filter", f"name=^{name}$")
        try:
            names = _output([engine, "ps", *labelled, "--format", "{{.Names}}"], SECONDS).split()
        except NotEntered:
            continue  # an engine whose service is not running has no nodes
        if name in names:
            return Node(engine, name)
    raise NotEntered(
        f"node {name} is no kind node on this machine: no container of that name with label {LABEL}"
    )


def recorded(timelines: Iterable[Timeline]) -> tuple[Timeline, ...]:
    """The timelines with the runtime's record of their containers. Raises NotEntered."""
    whole = tuple(timelines)
    records: list[Recorded] = []
    for name in sorted({timeline.pod.node for timeline in whole if timeline.pod.node}):
        stamps = (unix_seconds(one.pod.created_at) for one in whole if one.pod.node == name)
        since = min((stamp for stamp in stamps if stamp is not None), default=0.0)
        found = node(name)
        journal = recorded_in(found.journal("containerd", since - MARGIN_SECONDS))
        records += exactly(journal, found.run("sh", "-c", FILES).splitlines())
    return tuple(with_record(timeline, records) for timeline in whole)


def _output(command: Sequence[str], timeout: float) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotEntered(f"Failed to run {' '.join(command[:4])}: {error}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotEntered(f"Failed to run {' '.join(command[:4])}: {last}")
    return done.stdout
