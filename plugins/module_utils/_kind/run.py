# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way through: options in, a cluster (or none) and what is known about it out."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import cluster as clusters
from . import (
    kindconfig,
    kubectl,
    lifeplan,
    mirror,
    mirrorplan,
    nodeimage,
    packages,
    probe,
    recipe,
    settings,
    source,
    versions,
)
from .cache import Cache, lock, read_json, write_atomically
from .cluster import Cluster, Folder
from .engine import Engine
from .errors import KindClusterError, failed
from .facts import ClusterAnswer, HostFacts, ImageAnswer, SourceFacts
from .golang import Go
from .kindconfig import Shape
from .kubectl import Kubectl
from .lifeplan import Action
from .options import Options
from .process import CommandFailed
from .progress import Report
from .source import Choice

NODE_IMAGE = "docker.io/kindest/node"


@dataclass(frozen=True)
class Outcome:
    changed: bool
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    facts_file: str | None = None


def run(options: Options, report: Report, check: bool) -> Outcome:
    """Bring the cluster into the state asked for; with check, only say what would be done."""
    way = _Present(options, report, check) if options.state == "present" else _Gone(options, report, check)
    way.log.unlink(missing_ok=True)
    return way.run()


def log_file(options: Options) -> str:
    """Where the output of all commands of a run is kept."""
    return str(Path(options.state_dir) / "logs" / f"{options.name}.log")


class _Way(ABC):
    """What both directions share: the places, the host, the engine."""

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

    def lock(self) -> Any:
        return lock(
            self.state / "locks" / self.options.name, lambda holder: self.report(f"waiting for {holder}")
        )


class _Present(_Way):
    def run(self) -> Outcome:
        existing = self._existing()
        if existing is not None:
            return existing
        if self.check and not self.engine_is_there():
            lacking = ", ".join(packages.missing(packages.for_podman(self.host)))
            return Outcome(True, f"Would install {lacking} and create cluster {self.options.name}")
        if settings.choose_engine(self.options.engine, self.host).name == "podman" and not self.check:
            needed = packages.for_podman(self.host)
            packages.install(needed, self.host, self.options.install_packages, self.log, self.report)
            self.host = probe.host()
        with self.lock():
            return self._own()

    def _cluster(self, engine: Engine) -> Cluster:
        return Cluster(self.options.name, self.folder, self.kubeconfig, engine, self.kind(), self.report)

    # An existing cluster

    def _existing(self) -> Outcome | None:
        """Use the cluster that is there; None where none is meant."""
        if self.options.source not in ("auto", "existing"):
            return None
        answer = self._ask_existing()
        if answer is None:
            return None
        choice = source.choose(self.options.source, SourceFacts(existing=answer))
        self.report(choice.line)
        facts: dict[str, Any] = {
            "name": self.options.name,
            "source": choice.source,
            "reason": choice.reason,
            "engine": None,
            "engine_environment": {},
            "kubeconfig": answer.kubeconfig or str(Path.home() / ".kube" / "config"),
            "context": answer.context,
            "kubernetes_version": answer.version,
            "kubectl": self._any_kubectl(),
            "node_image": None,
            "images": [],
            "mirror": None,
        }
        message = f"Cluster {answer.context} is there"
        if self.check or clusters.is_ours(self.folder):
            return Outcome(False, message, facts)
        clusters.record(self.folder, facts)
        return Outcome(False, message, facts, str(self.folder.facts))

    def _ask_existing(self) -> ClusterAnswer | None:
        """Ask the cluster that an option or KUBECONFIG names.

        KUBECONFIG alone may be left over from something else: it counts if its cluster answers and is not one
        that this role made.
        """
        options = self.options
        if options.existing_kubeconfig or options.context or options.source == "existing":
            named = options.existing_kubeconfig or os.environ.get("KUBECONFIG")
            return kubectl.ask_existing(self._any_kubectl(), named, options.context)
        named = os.environ.get("KUBECONFIG")
        ours = (self.kubeconfig, *clusters.kubeconfigs(self.state))
        if not named or not Path(named).exists() or Path(named) in ours:
            return None
        answer = kubectl.ask_existing(self._any_kubectl(), named, None)
        if answer.version is None:
            self.report(f"KUBECONFIG {named} names no cluster that answers: {answer.reason}")
            return None
        return answer

    def _any_kubectl(self) -> str:
        """A kubectl for a cluster whose version is not known yet."""
        on_path = shutil.which("kubectl")
        if on_path:
            return on_path
        with self.cache.in_use():
            return str(self.go().build(recipe.kubectl()) / "bin" / "kubectl")

    # A cluster of our own

    def _own(self) -> Outcome:
        mirror.workloads(Path(self.options.files_dir), self.options.images)  # a wrong name is told at once
        engine = self.engine()
        found = clusters.look(self.options.name, self.folder, engine)
        wanted = self._fingerprint()
        recorded = (found.recorded or {}) if clusters.is_ours(self.folder) else {}
        found = lifeplan.Found(found.nodes, recorded or None, found.making)
        differences = kindconfig.differences(wanted, recorded["made_as"]) if recorded else []
        action = lifeplan.decide(self.options.name, found, differences, self.options.recreate)
        if action.verb in (lifeplan.KEEP, lifeplan.START):
            return self._keep(engine, action, recorded)
        return self._create(engine, action)

    def _fingerprint(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "workers": self.options.workers,
            "kubeadm_patches": list(self.options.kubeadm_patches),
            "containerd_patches": list(self.options.containerd_patches),
        }
        if self.options.kubernetes_version:
            wanted["kubernetes_version"] = self.options.kubernetes_version
        return wanted

    def _create(self, engine: Engine, action: Action) -> Outcome:
        choice, version = self._choose(engine)
        self.report(choice.line)
        name = self.options.name
        why = f" ({action.reason})" if action.reason else ""
        if self.check:
            return Outcome(
                True, f"Would {action.verb} cluster {name}{why} with Kubernetes {version}, {choice.line}"
            )
        if action.verb == lifeplan.REPLACE:
            self.report(f"cluster {name}: replacing it{why}")
        if choice.source == "packages":
            packages.install(("mmdebstrap",), self.host, self.options.install_packages, self.log, self.report)
        builder = self._builder(engine)
        image, tags = self._node_image(builder, choice, version)
        cluster = self._cluster(engine)
        if action.verb == lifeplan.REPLACE:
            cluster.delete()
        self._lib_modules()
        shape = Shape(
            name=name,
            kubernetes_version=version,
            image=image,
            workers=self.options.workers,
            settings=settings.node_settings(self.host, version),
            image_tags=tags,
            kubeadm_patches=self.options.kubeadm_patches,
            containerd_patches=self.options.containerd_patches,
            own_node_image=choice.source == "packages",
        )
        self._write_hosts(choice.source)
        cluster.create(shape)
        return self._finish(builder, cluster, choice, shape, True, f"Cluster {name} is ready")

    def _choose(self, engine: Engine) -> tuple[Choice, str]:
        version = self.options.kubernetes_version or versions.NEWEST_KUBERNETES
        wanted = self.options.source
        published: ImageAnswer | None = None
        if wanted in ("auto", "published"):
            published = engine.published(f"{NODE_IMAGE}:v{version}")
        built = None
        if wanted in ("auto", "packages") and version in versions.KUBERNETES:
            reference = nodeimage.reference_of(self._builder(engine), version)
            built = reference if engine.has_image(reference) else None
        facts = SourceFacts(published=published, built=built, blockers=self._blockers(version))
        return source.choose(wanted, facts), version

    def _blockers(self, version: str) -> tuple[str, ...]:
        """Why packages cannot be built into a node image here."""
        blockers = []
        if version not in versions.KUBERNETES:
            blockers.append(f"Kubernetes {version} is not among {', '.join(versions.KUBERNETES)}")
        if not self.host.root:
            blockers.append("building from packages needs root")
        if not self.host.apt:
            blockers.append("building from packages needs Debian's or Ubuntu's package manager")
        if self.host.cgroup_version == 1 and self.host.codename in packages.WITHOUT_CGROUP_V1:
            blockers.append(f"the systemd of {self.host.codename} does not run on this host's cgroup v1")
        return tuple(blockers)

    def _builder(self, engine: Engine) -> nodeimage.Builder:
        return nodeimage.Builder(
            cache=self.cache,
            engine=engine,
            go=self.go(),
            ground=packages.Ground(self.host.codename, self.host.architecture),
            files=Path(self.options.files_dir),
            log=self.log,
            report=self.report,
        )

    def _node_image(
        self, builder: nodeimage.Builder, choice: Choice, version: str
    ) -> tuple[str, Mapping[str, str]]:
        if choice.source == "published":
            return f"{NODE_IMAGE}:v{version}", {}
        wanted = mirror.workloads(builder.files, self.options.images)

        def meanwhile() -> None:
            if self._mirror_wanted(choice.source):
                mirror.prepare(builder, wanted)

        with self.cache.in_use():
            image = nodeimage.build(builder, version, meanwhile)
        return image, nodeimage.contents(builder.engine, image)

    def _lib_modules(self) -> None:
        """kind mounts it into the nodes; a kernel without modules has none."""
        if not self.host.lib_modules and self.host.root:
            Path("/lib/modules").mkdir(exist_ok=True)

    def _keep(self, engine: Engine, action: Action, recorded: Mapping[str, Any]) -> Outcome:
        name = self.options.name
        choice = Choice(recorded["source"], f"cluster {name} was made so")
        self.report(f"cluster {name}: is there already, from {choice.source}")
        if self.check:
            if action.verb == lifeplan.START:
                return Outcome(
                    True, f"Would start cluster {name} ({action.reason})", recorded, str(self.folder.facts)
                )
            mirror_changes = self._mirror_wanted(choice.source) != bool(recorded.get("mirror"))
            verb = "Would switch the mirror of" if mirror_changes else "Would leave as it is:"
            return Outcome(mirror_changes, f"{verb} cluster {name}", recorded, str(self.folder.facts))
        cluster = self._cluster(engine)
        changed = False
        if action.verb == lifeplan.START:
            cluster.start()
            changed = True
        if action.verb == lifeplan.START or not self.kubeconfig.exists():
            # The API server's port may have moved with the start.
            cluster.export_kubeconfig(self.kubeconfig)
            changed = True
        changed = self._write_hosts(choice.source) or changed
        made = recorded["made_as"]
        shape = Shape(
            name=name,
            kubernetes_version=recorded["kubernetes_version"],
            image=recorded["node_image"],
            workers=made["workers"],
            settings=settings.node_settings(self.host, recorded["kubernetes_version"]),
            image_tags={},
            kubeadm_patches=made["kubeadm_patches"],
            containerd_patches=made["containerd_patches"],
        )
        choice = Choice(recorded["source"], recorded["reason"])
        return self._finish(
            self._builder(engine), cluster, choice, shape, changed, f"Cluster {name} is ready"
        )

    # What every cluster of our own gets in the end

    def _mirror_wanted(self, source_name: str) -> bool:
        if self.options.mirror == "auto":
            return source_name == "packages"
        return self.options.mirror == "on"

    def _write_hosts(self, source_name: str) -> bool:
        """containerd's rules for the mirror, read by the nodes at each pull."""
        files: Mapping[str, str] = {}
        if self._mirror_wanted(source_name):
            images = [
                name
                for workload in mirror.workloads(Path(self.options.files_dir), self.options.images)
                for name in workload.names
            ]
            files = mirrorplan.hosts_files(images, falls_back=source_name == "published")
        changed = False
        self.folder.certs.mkdir(parents=True, exist_ok=True)
        for directory in self.folder.certs.iterdir():
            if f"{directory.name}/hosts.toml" not in files:
                shutil.rmtree(directory)
                changed = True
        for path, text in files.items():
            changed = write_atomically(self.folder.certs / path, text) or changed
        return changed

    def _finish(
        self,
        builder: nodeimage.Builder,
        cluster: Cluster,
        choice: Choice,
        shape: Shape,
        changed: bool,
        message: str,
    ) -> Outcome:
        mirrored: mirror.Mirror | None = None
        if self._mirror_wanted(choice.source):
            packages.install(("mmdebstrap",), self.host, self.options.install_packages, self.log, self.report)
            network = os.environ.get("KIND_EXPERIMENTAL_DOCKER_NETWORK", "kind")
            wanted = mirror.workloads(builder.files, self.options.images)
            with self.cache.in_use():
                mirrored, filled = mirror.ensure(builder, network, wanted)
            changed = changed or filled
        command = self._kubectl(builder, cluster, shape.kubernetes_version)
        cluster.await_ready(Kubectl(command, self.kubeconfig), self.options.wait_timeout)
        merged = self._merge(cluster)
        facts = {
            "name": cluster.name,
            "source": choice.source,
            "reason": choice.reason,
            "engine": builder.engine.name,
            "engine_environment": builder.engine.environment,
            "kubeconfig": str(self.kubeconfig),
            "context": cluster.context,
            "merged_into": merged,
            "kubernetes_version": shape.kubernetes_version,
            "node_image": shape.image,
            "workers": shape.workers,
            "kubectl": command,
            "images": list(mirrored.images) if mirrored else [],
            "mirror": mirrored.address if mirrored else None,
            "made_as": kindconfig.fingerprint(shape),
        }
        clusters.record(self.folder, facts)
        return Outcome(changed, message, facts, str(self.folder.facts))

    def _kubectl(self, builder: nodeimage.Builder, cluster: Cluster, version: str) -> str:
        """A kubectl that fits the server: that of PATH, the one that was built, or the node's own."""
        on_path = shutil.which("kubectl")
        if on_path and kubectl.fits(on_path, version):
            return on_path
        if version in versions.KUBERNETES:
            found = self.cache.find("kubernetes", recipe.kubernetes(version).digest)
            if found is not None:
                return str(found / "bin" / "kubectl")
        target = self.folder.root / "kubectl"
        if not target.exists():
            builder.engine.call("cp", f"{cluster.name}-control-plane:/usr/bin/kubectl", str(target))
            target.chmod(0o755)
        return str(target)

    def _merge(self, cluster: Cluster) -> str | None:
        """Enter the cluster into the user's own kubeconfig, if that is asked for."""
        if not self.options.merge_kubeconfig:
            earlier = clusters.recorded(self.folder) or {}
            merged = earlier.get("merged_into")
            return str(merged) if merged else None
        target = Path.home() / ".kube" / "config"
        cluster.export_kubeconfig(target)
        return str(target)


class _Gone(_Way):
    """state absent and purge."""

    def run(self) -> Outcome:
        with self.lock():
            removed = self._cluster()
        if self.options.state == "absent":
            name = self.options.name
            would = "Would remove" if self.check else "Removed"
            return Outcome(removed, f"{would} cluster {name}" if removed else f"There is no cluster {name}")
        purged = self._purge()
        if not (removed or purged):
            return Outcome(False, "There is nothing to purge")
        return Outcome(True, "Would purge the cache" if self.check else "Purged the cache")

    def _cluster(self) -> bool:
        recorded = clusters.recorded(self.folder)
        engine = self.engine() if self.engine_is_there() else None
        found = clusters.look(self.options.name, self.folder, engine)
        ours = found.making or clusters.is_ours(self.folder)
        if engine is None or not found.nodes or not ours:
            there = self.folder.root.exists()
            if there and not self.check:
                shutil.rmtree(self.folder.root)
            # Forgetting somebody else's cluster is no change to it.
            return there and ours
        if not self.check:
            self.report(f"cluster {self.options.name}: removing it")
            merged = (recorded or {}).get("merged_into")
            kubeconfig = (recorded or read_json(self.folder.making) or {}).get("kubeconfig", self.kubeconfig)
            cluster = Cluster(
                self.options.name, self.folder, Path(kubeconfig), engine, self.kind(), self.report
            )
            cluster.delete(Path(merged) if merged else None)
            cluster.forget()
            if not self._others():
                mirror.remove(engine)
        return True

    def _others(self) -> list[str]:
        """Other clusters that this role made."""
        return [
            path.parent.name
            for path in sorted((self.state / "clusters").glob("*/facts.json"))
            if path.parent != self.folder.root and clusters.is_ours(Folder(path.parent))
        ]

    def _purge(self) -> bool:
        others = self._others()
        if others:
            raise failed(
                "purge", f"cache {self.cache.root}", f"cluster {others[0]} still uses it; remove it first"
            )
        if self.check:
            return bool(self.cache.parts)
        purged = bool(self.cache.parts)
        if self.engine_is_there():
            engine = self.engine()
            purged = mirror.remove(engine) or purged
            purged = bool(engine.remove_images()) or purged
        self.report(f"cache {self.cache.root}: removing what was built and downloaded")
        self.cache.remove()
        return purged


__all__ = ["CommandFailed", "HostFacts", "KindClusterError", "Outcome", "run"]
