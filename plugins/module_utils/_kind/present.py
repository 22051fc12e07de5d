# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bringing a cluster up: used, kept, started, or made from one of the sources."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from . import cluster as clusters
from . import (
    existing,
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
from .cache import write_atomically
from .cluster import Cluster
from .engine import Engine
from .facts import ImageAnswer, SourceFacts
from .kindconfig import Shape
from .kubectl import Kubectl
from .lifeplan import Action
from .source import Choice
from .way import Outcome, Way

NODE_IMAGE = "docker.io/kindest/node"


@dataclass(frozen=True)
class _Made:
    """What a cluster was made as, in the words of the facts file."""

    kubernetes_version: str
    node_image: str
    workers: int
    made_as: Mapping[str, Any]


_MADE = tuple(field.name for field in fields(_Made))


class Present(Way):
    """state present"""

    def run(self) -> Outcome:
        there = existing.use(self)
        if there is not None:
            return there
        if self.check and not self.engine_is_there():
            lacking = ", ".join(packages.missing(packages.for_podman(self.host)))
            return Outcome(True, f"Would install {lacking} and create cluster {self.options.name}")
        if settings.choose_engine(self.options.engine, self.host).name == "podman" and not self.check:
            needed = packages.for_podman(self.host)
            packages.install(needed, self.host, self.options.install_packages, self.log, self.report)
            self.host = probe.host()
        with self.lock():
            return self._own()

    def _own(self) -> Outcome:
        mirror.workloads(Path(self.options.files_dir), self.options.images)  # a wrong name is told at once
        engine = self.engine()
        found = clusters.look(self.options.name, self.folder, engine)
        wanted = self._fingerprint()
        recorded = (found.recorded or {}) if clusters.is_ours(self.folder) else {}
        found = replace(found, recorded=recorded or None)
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
        cluster = self.cluster(engine, self.kubeconfig)
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
        made = _Made(version, image, self.options.workers, kindconfig.fingerprint(shape))
        return self._finish(builder, cluster, choice, made, changed=True)

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
        origin = recorded["source"]
        self.report(f"cluster {name}: is there already, from {origin}")
        if self.check:
            if action.verb == lifeplan.START:
                return Outcome(
                    True, f"Would start cluster {name} ({action.reason})", recorded, str(self.folder.facts)
                )
            mirror_changes = self._mirror_wanted(origin) != bool(recorded.get("mirror"))
            verb = "Would switch the mirror of" if mirror_changes else "Would leave as it is:"
            return Outcome(mirror_changes, f"{verb} cluster {name}", recorded, str(self.folder.facts))
        cluster = self.cluster(engine, self.kubeconfig)
        changed = False
        if action.verb == lifeplan.START:
            cluster.start()
            changed = True
        if action.verb == lifeplan.START or not self.kubeconfig.exists():
            # The API server's port may have moved with the start.
            cluster.export_kubeconfig(self.kubeconfig)
            changed = True
        changed = self._write_hosts(origin) or changed
        choice = Choice(recorded["source"], recorded["reason"])
        made = _Made(**{name: recorded[name] for name in _MADE})
        return self._finish(self._builder(engine), cluster, choice, made, changed)

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
        made: _Made,
        changed: bool,
    ) -> Outcome:
        mirrored: mirror.Mirror | None = None
        if self._mirror_wanted(choice.source):
            packages.install(("mmdebstrap",), self.host, self.options.install_packages, self.log, self.report)
            network = os.environ.get("KIND_EXPERIMENTAL_DOCKER_NETWORK", "kind")
            wanted = mirror.workloads(builder.files, self.options.images)
            with self.cache.in_use():
                mirrored, filled = mirror.ensure(builder, network, wanted)
            changed = changed or filled
        command = self._kubectl(builder, cluster, made.kubernetes_version)
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
            **asdict(made),
            "kubectl": command,
            "images": list(mirrored.images) if mirrored else [],
            "mirror": mirrored.address if mirrored else None,
        }
        clusters.record(self.folder, facts)
        return Outcome(changed, f"Cluster {cluster.name} is ready", facts, str(self.folder.facts))

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
