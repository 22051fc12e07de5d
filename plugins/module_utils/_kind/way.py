# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What bringing a cluster up and taking it away share: the places, the host, the engine, kind."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import cluster as clusters
from . import probe, recipe, settings, versions
from .cache import Cache, lock, write_atomically
from .cluster import Cluster, Folder
from .engine import Engine
from .golang import Go
from .options import Options
from .progress import Report


@dataclass(frozen=True)
class Outcome:
    changed: bool
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    facts_file: str | None = None


def log_file(options: Options) -> str:
    """Where the output of all commands of a run is kept."""
    return str(Path(options.state_dir) / "logs" / f"{options.name}.log")


class Way(ABC):
    """One run on one cluster."""

    @abstractmethod
    def run(self) -> Outcome:
        """Go it."""

    def __init__(self, options: Options, report: Report, check: bool) -> None:
        self.options = options
        self.report = report
        self.check = check
        self.state = Path(options.state_dir)
        self.folder = Folder(self.state / "clusters" / options.name)
        self.kubeconfig = Path(options.kubeconfig or self.folder.root / "kubeconfig")
        self.cache = Cache(Path(options.cache_dir), report)
        self.log = Path(log_file(options))
        self.host = probe.host()

    def engine(self) -> Engine:
        """The container engine, with the settings that it needs on this host."""
        choice = settings.choose_engine(self.options.engine, self.host)
        self.report(f"engine: {choice.name} ({choice.reason})")
        conf = None
        if choice.name == "podman":
            text = settings.containers_conf(self.host)
            if text is not None:
                conf = self.state / "containers.conf"
                write_atomically(conf, text)
        return Engine(choice.name, conf, self.log)

    def engine_is_there(self) -> bool:
        """Without an engine no cluster of ours can be running."""
        choice = settings.choose_engine(self.options.engine, self.host)
        return choice.name == "docker" or self.host.podman is not None

    def go(self) -> Go:
        """The Go toolchain, which is looked for when it is first needed."""
        return Go(self.cache, self.log, self.report)

    def kind(self) -> str:
        """The kind command: that of PATH where it is new enough, else built from its module."""
        on_path = shutil.which("kind")
        if on_path:
            version = clusters.tool_version(on_path)
            if version and versions.parse(version) >= versions.parse(versions.OLDEST_KIND):
                return on_path
        found = self.cache.find("kind", recipe.kind().digest)
        if found is None:
            with self.cache.in_use():
                found = self.go().build(recipe.kind())
        return str(found / "bin" / "kind")

    def lock(self) -> AbstractContextManager[None]:
        """Two runs on one cluster go one after the other."""
        return lock(
            self.state / "locks" / self.options.name, lambda holder: self.report(f"waiting for {holder}")
        )

    def cluster(self, engine: Engine, kubeconfig: Path) -> Cluster:
        """The cluster that this run is about."""
        return Cluster(self.options.name, self.folder, kubeconfig, engine, self.kind(), self.report)
