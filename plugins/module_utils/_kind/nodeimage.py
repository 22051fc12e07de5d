# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node image from packages: genuine kind on Debian packages and programs from Go modules."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import archive, packages, recipe, versions
from .archive import ImageSpec
from .cache import Cache
from .engine import REPOSITORY, Engine
from .errors import failed
from .golang import Go
from .process import CANCELLED, run
from .progress import Report, Step

CONTENTS_LABEL = "org.podpatterns.contents"


@dataclass(frozen=True)
class Builder:
    """Everything that building images takes."""

    cache: Cache
    engine: Engine
    go: Go
    ground: packages.Ground
    files: Path  #: the role's files/
    log: Path
    report: Report

    def texts(self, folder: str) -> Mapping[str, str]:
        """The files below files/folder: relative path -> text."""
        root = self.files / folder
        return {
            str(path.relative_to(root)): path.read_text(encoding="utf-8")
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    def ground_image(self) -> str:
        """The engine's image of the ground below all others."""
        reference = f"{REPOSITORY}/ground:{self.ground.digest}"

        def make() -> None:
            tar = packages.ground_tar(self.ground, self.cache, self.log, self.report)
            self.engine.call("import", "--change", "CMD /bin/bash", str(tar), reference)

        return self.image(reference, make)

    def image(self, reference: str, make: Callable[[], None]) -> str:
        """An image of the engine, made unless it is there."""
        if not self.engine.has_image(reference):
            with self.cache.alone(reference):
                if not self.engine.has_image(reference):
                    make()
        return reference


def reference(
    builder_files: Mapping[str, str], go_files: Mapping[str, str], version: str, ground: packages.Ground
) -> str:
    """The name of the node image that these files and versions make."""
    builds = [build.digest for build in (*recipe.node_builds(version, go_files), recipe.kind())]
    return f"{REPOSITORY}/node:{version}-{recipe.digest(builds, dict(builder_files), ground.digest)}"


def reference_of(builder: Builder, version: str) -> str:
    return reference(builder.texts("node"), builder.texts("go"), version, builder.ground)


def build(builder: Builder, version: str, meanwhile: Callable[[], None]) -> str:
    """The node image of a Kubernetes version, built unless the engine has it; its name.

    meanwhile is other work with packages, done beside the compiling.
    """
    name = reference_of(builder, version)
    if builder.engine.has_image(name):
        meanwhile()
        return name
    return builder.image(name, lambda: _build(builder, version, name, meanwhile))


def _build(builder: Builder, version: str, name: str, meanwhile: Callable[[], None]) -> None:
    go_files = builder.texts("go")
    kubernetes, addons, storage, containerd, cni = recipe.node_builds(version, go_files)

    def compile_cluster() -> dict[str, Path]:
        return {build.name: builder.go.build(build) for build in (kubernetes, addons, storage)}

    def compile_runtime() -> dict[str, Path]:
        return {build.name: builder.go.build(build) for build in (recipe.kind(), cni, containerd)}

    # While one downloads, the others compile or unpack: none of them keeps both cores busy by itself.
    with ThreadPoolExecutor(max_workers=3) as pool:
        futures = [pool.submit(compile_cluster), pool.submit(compile_runtime)]
        base = pool.submit(_base_image, builder)
        tools = pool.submit(_tools_tar, builder)
        _await_all([*futures, base, tools, pool.submit(meanwhile)])
        programs = {key: folder / "bin" for future in futures for key, folder in future.result().items()}
    _assemble(builder, version, name, base.result(), tools.result(), programs)


def _await_all(futures: Sequence[Future[Any]]) -> None:
    """When one of them fails, or this run is stopped, the others end as well."""
    try:
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()
    except BaseException:
        CANCELLED.set()
        raise


def _base_image(builder: Builder) -> str:
    """What lies below Kubernetes in a node."""
    containerfile = builder.texts("node")["Containerfile"]
    name = (
        f"{REPOSITORY}/node-base:{recipe.digest(builder.ground.digest, containerfile, recipe.kind().digest)}"
    )

    def make() -> None:
        ground = builder.ground_image()
        kind = builder.go.module_folder("sigs.k8s.io/kind", f"v{versions.KIND}")
        step = Step(builder.report, "node image: installing systemd and friends")
        with builder.cache.scratch("node-base") as context:
            (context / "Containerfile").write_text(containerfile, encoding="utf-8")
            files = kind / "images" / "base" / "files"
            shutil.copytree(files, context / "kind", copy_function=shutil.copyfile)
            run(["chmod", "-R", "u+w", str(context)])
            builder.engine.build(context, name, arguments={"BASE": ground}, on_idle=step.tick)
        step.done()

    return builder.image(name, make)


def _tools_tar(builder: Builder) -> Path:
    """The root file system with the network tools."""
    files = builder.texts("node")
    digest = recipe.digest(builder.ground.digest, files["tools.Containerfile"], files["gather.sh"])

    def make(made: Path) -> None:
        ground = builder.ground_image()
        step = Step(builder.report, "node image: gathering network tools")
        name = f"{REPOSITORY}/tools:{digest}"
        with builder.cache.scratch("tools") as context:
            for file in ("tools.Containerfile", "gather.sh"):
                (context / file).write_text(files[file], encoding="utf-8")
            builder.engine.build(
                context, name, file="tools.Containerfile", arguments={"BASE": ground}, on_idle=step.tick
            )
        container = builder.engine.call("create", name, "/bin/sh").strip().splitlines()[-1]
        builder.engine.call("export", "--output", str(made / "rootfs.tar"), container)
        builder.engine.call("rm", container)
        step.done()

    return builder.cache.obtain("tools", digest, make) / "rootfs.tar"


def _contents(programs: Mapping[str, Path]) -> dict[str, str]:
    """Versions of what the image holds, where kubeadm would expect others."""
    artifact = json.loads((programs["kubernetes"].parent / "artifact.json").read_text(encoding="utf-8"))
    return {
        "etcd": artifact["versions"][recipe.ETCD_MODULE].removeprefix("v"),
        "coredns": f"v{versions.COREDNS}",
    }


def podnet_reference() -> str:
    return f"{REPOSITORY}/podnet:1"


def image_specs(
    version: str,
    programs: Mapping[str, Path],
    tools: Path,
    contents: Mapping[str, str],
    pause: str,
    catatonit: Path,
) -> list[ImageSpec]:
    """The images that a node carries, by the names that kubeadm and kind's manifests use."""
    kubernetes = programs["kubernetes"]
    origin = f"Built from Go module k8s.io/kubernetes v{version}"
    specs = [
        ImageSpec(
            f"registry.k8s.io/{command}:v{version}",
            {f"/usr/local/bin/{command}": kubernetes / command},
            ground=tools if command == "kube-proxy" else None,
            origin=origin,
        )
        for command in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    ]
    specs += [
        ImageSpec(
            f"registry.k8s.io/etcd:{contents['etcd']}",
            {"/usr/local/bin/etcd": kubernetes / "etcd"},
            origin=f"Built from Go module {recipe.ETCD_MODULE} v{contents['etcd']}",
        ),
        ImageSpec(
            f"registry.k8s.io/coredns/coredns:{contents['coredns']}",
            {"/coredns": programs["addons"] / "coredns"},
            entrypoint=["/coredns"],
            origin=f"Built from Go module github.com/coredns/coredns {contents['coredns']}",
        ),
        ImageSpec(pause, {"/pause": catatonit}, entrypoint=["/pause", "-P"], origin="catatonit from Debian"),
        ImageSpec(
            podnet_reference(),
            {"/usr/local/bin/podnet": programs["addons"] / "podnet"},
            ground=tools,
            entrypoint=["/usr/local/bin/podnet"],
            origin="podpatterns' own Pod network for kind",
        ),
        ImageSpec(
            f"docker.io/rancher/local-path-provisioner:v{versions.LOCAL_PATH_PROVISIONER}",
            {"/usr/bin/local-path-provisioner": programs["storage"] / "local-path-provisioner"},
            ground=tools,
            origin=f"Built from Go module github.com/rancher/local-path-provisioner v{versions.LOCAL_PATH_PROVISIONER}",
        ),
    ]
    return specs


def sandbox_image(containerd_config: str) -> str:
    match = re.search(r'^\s*sandbox_image = "([^"]+)"', containerd_config, re.MULTILINE)
    if not match:
        raise failed("build", "the node image", "kind's containerd configuration names no sandbox_image")
    return match[1]


def _assemble(
    builder: Builder, version: str, name: str, base: str, tools: Path, programs: Mapping[str, Path]
) -> None:
    """Put programs and images into the base, in a container that is then committed."""
    step = Step(builder.report, f"node image {version}: putting it together")
    kind = builder.go.module_folder("sigs.k8s.io/kind", f"v{versions.KIND}")
    pause = sandbox_image((kind / "images/base/files/etc/containerd/config.toml").read_text(encoding="utf-8"))
    contents = _contents(programs)
    with builder.cache.scratch("assemble") as work:
        run(["tar", "-xf", str(tools), "-C", str(work), "--strip-components=2", "usr/bin/catatonit"])
        (work / "images").mkdir()
        for spec in image_specs(version, programs, tools, contents, pause, work / "catatonit"):
            file = spec.reference.replace("/", "_").replace(":", "_") + ".tar"
            step.detail = spec.reference.rsplit("/", 1)[-1]
            archive.write(spec, builder.ground.architecture, work / "images" / file, work)
            step.tick()
        for folder, files in (("usr/bin", ("kubelet", "kubeadm", "kubectl")),):
            (work / folder).mkdir(parents=True)
            for file in files:
                _link(programs["kubernetes"] / file, work / folder / file)
        (work / "usr/local/bin").mkdir(parents=True)
        for path in programs["containerd"].iterdir():
            _link(path, work / "usr/local/bin" / path.name)
        (work / "opt/cni/bin").mkdir(parents=True)
        for path in programs["cni"].iterdir():
            _link(path, work / "opt/cni/bin" / path.name)
        (work / "kind/manifests").mkdir(parents=True)
        (work / "kind/version").write_text(f"v{version}", encoding="utf-8")
        texts = builder.texts("node")
        for manifest in ("default-cni", "default-storage"):
            text = texts[f"{manifest}.template"].replace("@PODNET@", podnet_reference())
            text = text.replace("@LOCAL_PATH@", versions.LOCAL_PATH_PROVISIONER)
            (work / "kind/manifests" / f"{manifest}.yaml").write_text(text, encoding="utf-8")
        (work / "assemble.sh").write_text(texts["assemble.sh"], encoding="utf-8")
        step.detail = "importing images"
        _commit(builder, work, base, name, contents, step)
    step.done()


def _commit(
    builder: Builder, work: Path, base: str, name: str, contents: Mapping[str, str], step: Step
) -> None:
    engine = builder.engine
    container = f"podpatterns-assemble-{work.name}"
    try:
        engine.call(
            "run",
            "--detach",
            "--privileged",
            "--name",
            container,
            # containerd unpacks on a volume: an overlay on the container's own overlay is refused.
            "--volume",
            "/stage",
            "--volume",
            f"{work}:/build:ro",
            "--entrypoint",
            "/bin/sleep",
            base,
            "infinity",
            timeout=120,
        )
        engine.call("exec", container, "/bin/bash", "/build/assemble.sh", timeout=600, on_idle=step.tick)
        engine.call("stop", "--time", "1", container, timeout=60)
        step.detail = "saving it"
        changes = (
            'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
            "CMD []",
            "ENV container=docker",
            "STOPSIGNAL SIGRTMIN+3",
            *(f"LABEL {CONTENTS_LABEL}.{name}={tag}" for name, tag in contents.items()),
        )
        extra = [argument for change in changes for argument in ("--change", change)]
        engine.call("commit", *extra, container, name, timeout=600, on_idle=step.tick)
    finally:
        engine.asks("rm", "--force", "--volumes", container, timeout=120)


def _link(source: Path, target: Path) -> None:
    target.hardlink_to(source)


def contents(engine: Engine, image: str) -> Mapping[str, str]:
    """Tags of etcd and CoreDNS in a node image that was built here."""
    prefix = f"{CONTENTS_LABEL}."
    return {
        label.removeprefix(prefix): tag
        for label, tag in engine.image_labels(image).items()
        if label.startswith(prefix)
    }
