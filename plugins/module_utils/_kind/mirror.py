# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mirror registry: Debian's docker-registry on kind's network, filled with the workload images."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import mirrorplan, recipe, suite, versions
from .engine import REPOSITORY, Engine
from .errors import KindClusterError, failed
from .nodeimage import Builder
from .process import run
from .progress import Step
from .recipe import Workload

#: Seconds that the registry may take to answer after its container has started.
START_TIMEOUT = 30


#: Asks for every image that there is a recipe of, but for those that say they want to be named.
ALL = "all"


@dataclass(frozen=True)
class Mirror:
    address: str  #: host:port on loopback
    images: tuple[str, ...]


def workloads(files: Path, wanted: Sequence[str]) -> list[Workload]:
    """The images that have a Containerfile; wanted: names of their folders, or ALL."""
    root = files / "images"
    try:
        found = {
            path.parent.name: recipe.workload(path.parent.name, path.read_text(encoding="utf-8"))
            for path in sorted(root.glob("*/Containerfile"))
        }
    except ValueError as error:
        raise failed("read", f"images of {root}", str(error)) from error
    for name in wanted:
        if name not in (*found, ALL):
            raise KindClusterError(f"Invalid option images {name!r}: {ALL}, or some of {', '.join(found)}")
    return [
        described
        for name, described in found.items()
        if name in wanted or (ALL in wanted and not described.only_by_name)
    ]


def ensure(builder: Builder, network: str, wanted: Sequence[Workload]) -> tuple[Mirror, bool]:
    """A running mirror that holds the wanted images, and whether anything had to be done for that."""
    with builder.cache.alone("mirror"):
        address, started = _start(builder, network)
    pushed = [_provide(builder, address, workload) for workload in wanted]
    images = tuple(name for workload in wanted for name in workload.names)
    return Mirror(address, images), started or any(pushed)


def prepare(builder: Builder, wanted: Sequence[Workload]) -> None:
    """Build what ensure needs, before there is a network to start it on."""
    registry_image(builder)
    for workload in wanted:
        if not _stored(builder, workload):
            _build(builder, workload)


def registry_image(builder: Builder) -> str:
    """The image of the registry itself."""
    files = builder.texts("registry")
    name = f"{REPOSITORY}/registry:{recipe.digest(builder.ground.digest, dict(files))}"

    def make() -> None:
        ground = builder.ground_image()
        step = Step(builder.report, "mirror: building the registry's image")
        builder.engine.build(builder.files / "registry", name, arguments={"BASE": ground}, on_idle=step.tick)
        step.done()

    return builder.image(name, make)


def _start(builder: Builder, network: str) -> tuple[str, bool]:
    engine = builder.engine
    image = registry_image(builder)
    known, state = engine.asks(
        "inspect", "--format", "{{.State.Running}} {{.Config.Image}}", mirrorplan.CONTAINER
    )
    running = state.split()[:1] == ["true"]
    if known and (not state.strip().endswith(image) or (running and engine.lost(mirrorplan.CONTAINER))):
        engine.call("rm", "--force", mirrorplan.CONTAINER)
        known = running = False
    if not known:
        builder.cache.registry.mkdir(parents=True, exist_ok=True)
        engine.call(
            "run",
            "--detach",
            "--name",
            mirrorplan.CONTAINER,
            "--network",
            network,
            "--publish",
            f"127.0.0.1::{mirrorplan.PORT}",
            "--volume",
            f"{builder.cache.registry}:/var/lib/registry",
            "--label",
            "org.podpatterns.role=mirror",
            image,
        )
    elif not running:
        engine.call("start", mirrorplan.CONTAINER)
    address = engine.call("port", mirrorplan.CONTAINER, str(mirrorplan.PORT), quiet=True).split()[-1]
    _await_answer(builder, address)
    return address, not running


def _await_answer(builder: Builder, address: str) -> None:
    # Nobody tells when a server begins to answer, so it is asked. It is on loopback, where no proxy helps.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            with direct.open(f"http://{address}/v2/", timeout=2):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                logs = builder.engine.asks("logs", "--tail", "5", mirrorplan.CONTAINER)[1].strip()
                raise failed("start", f"mirror registry at {address}", f"{error}; {logs}") from error
            time.sleep(0.1)


def _digest(builder: Builder, workload: Workload) -> str:
    parts = [builder.ground.digest, dict(builder.texts(f"images/{workload.folder}"))]
    if workload.suite:
        parts.append(suite.texts(suite.checkout(builder.files, workload.folder)))
    if workload.kubectl:
        parts.append(versions.NEWEST_KUBERNETES)
    return recipe.digest(*parts)


def _marker(builder: Builder, workload: Workload) -> Path:
    """The registry's own record of an image tagged by its recipe: there once the image is wholly stored."""
    repository, _tag = mirrorplan.repository_and_tag(workload.names[0])
    tags = builder.cache.registry / "docker/registry/v2/repositories" / repository / "_manifests/tags"
    return tags / _digest(builder, workload) / "current/link"


def _stored(builder: Builder, workload: Workload) -> bool:
    return _marker(builder, workload).exists()


def _reference(builder: Builder, workload: Workload) -> str:
    return f"{REPOSITORY}/{workload.folder}:{_digest(builder, workload)}"


def _build(builder: Builder, workload: Workload) -> str:
    reference = _reference(builder, workload)

    def make() -> None:
        ground = builder.ground_image()
        step = Step(builder.report, f"image {workload.folder}: building ({workload.origin})")
        with builder.cache.scratch(workload.folder) as context:
            shutil.copytree(builder.files / "images" / workload.folder, context, dirs_exist_ok=True)
            for program in recipe.programs(workload):
                _install_go_programs(builder, program, context)
            for file in workload.go_files:
                _copy_module_file(builder, file, context)
            if workload.go_modules:
                sources = builder.texts(f"images/{workload.folder}/go")
                build = recipe.own_program(workload.folder, workload.go_modules, sources)
                _install_go_programs(builder, build, context)
            for wheel in workload.wheels:
                _download_wheel(builder, wheel, context)
            if workload.suite:
                checkout = suite.checkout(builder.files, workload.folder)
                suite.gather_wheels(checkout, workload.suite, context / "wheels", builder.engine.log)
            if workload.kubectl:
                shutil.copy(_kubectl(builder), context)
            builder.engine.build(context, reference, arguments={"BASE": ground}, on_idle=step.tick)
        step.done()

    return builder.image(reference, make)


def _install_go_programs(builder: Builder, build: recipe.GoBuild, context: Path) -> None:
    run(["cp", "--recursive", f"{builder.go.build(build) / 'bin'}/.", str(context)])


def _copy_module_file(builder: Builder, file: str, context: Path) -> None:
    module, _at, rest = file.partition("@")
    version, _slash, path = rest.partition("/")
    shutil.copyfile(builder.go.module_folder(module, version) / path, context / Path(path).name)


def _download_wheel(builder: Builder, wheel: str, context: Path) -> None:
    """By the host's own pip, which knows where this machine gets its packages from."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    run([*pip, "--dest", str(context / "wheels"), wheel], timeout=1200, log=builder.engine.log)


def _kubectl(builder: Builder) -> Path:
    """The one that was built with Kubernetes, else one alone."""
    built = builder.cache.find("kubernetes", recipe.kubernetes(versions.NEWEST_KUBERNETES).digest)
    return (built or builder.go.build(recipe.kubectl())) / "bin" / "kubectl"


def _provide(builder: Builder, address: str, workload: Workload) -> bool:
    """Push an image under all its names, unless it is there already."""
    if _stored(builder, workload):
        return False
    reference = _build(builder, workload)
    # That of what was built: a checkout may have changed meanwhile.
    digest = reference.rpartition(":")[2]
    repositories = dict.fromkeys(mirrorplan.repository_and_tag(name)[0] for name in workload.names)
    # The tag that says "whole" goes last.
    names = [*workload.names, *(f"{repository}:{digest}" for repository in reversed(repositories))]
    for name in names:
        _push(builder.engine, reference, f"{address}/{name}")
    return True


def _push(engine: Engine, reference: str, target: str) -> None:
    if engine.name == "podman":
        engine.call("push", "--quiet", "--tls-verify=false", reference, f"docker://{target}")
        return
    engine.call("tag", reference, target)
    engine.call("push", "--quiet", target)
    engine.call("rmi", target)


def remove(engine: Engine) -> bool:
    """Stop and delete the mirror's container; its images stay in the cache."""
    if not engine.asks("inspect", "--format", "x", mirrorplan.CONTAINER)[0]:
        return False
    engine.call("rm", "--force", "--volumes", mirrorplan.CONTAINER)
    return True
