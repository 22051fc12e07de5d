# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Docker or podman, called by their commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .facts import ImageAnswer
from .process import attempt, run
from .source import short_reason

#: All images that this role builds are named below this.
REPOSITORY = "localhost/podpatterns"
KIND_CLUSTER_LABEL = "io.x-k8s.kind.cluster"


class Engine:
    def __init__(self, name: str, containers_conf: Path | None, log: Path) -> None:
        self.name = name
        self._containers_conf = containers_conf
        self.log = log

    @property
    def environment(self) -> dict[str, str]:
        """What this engine's own calls and kind's calls of it need."""
        environment = {"KIND_EXPERIMENTAL_PROVIDER": self.name}
        if self._containers_conf:
            environment["CONTAINERS_CONF"] = str(self._containers_conf)
        return environment

    def call(
        self,
        *arguments: str,
        timeout: float = 600,
        on_idle: Callable[[], None] | None = None,
        quiet: bool = False,
    ) -> str:
        return run(
            [self.name, *arguments],
            environment=self.environment,
            timeout=timeout,
            log=None if quiet else self.log,
            on_idle=on_idle,
        )

    def asks(self, *arguments: str, timeout: float = 60) -> tuple[bool, str]:
        return attempt([self.name, *arguments], environment=self.environment, timeout=timeout)

    def has_image(self, reference: str) -> bool:
        return self.asks("image", "inspect", "--format", "x", reference)[0]

    def image_labels(self, reference: str) -> Mapping[str, str]:
        labels: Mapping[str, str] = json.loads(
            self.call("image", "inspect", "--format", "{{json .Config.Labels}}", reference, quiet=True)
        )
        return labels or {}

    def published(self, reference: str) -> ImageAnswer:
        """Ask for an image without fetching it."""
        if self.has_image(reference):
            return ImageAnswer(reference, present=True)
        succeeded, output = self.asks("manifest", "inspect", reference, timeout=30)
        return ImageAnswer(reference, reachable=succeeded, reason="" if succeeded else short_reason(output))

    def build(
        self,
        context: Path,
        reference: str,
        *,
        file: str = "Containerfile",
        arguments: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        on_idle: Callable[[], None] | None = None,
    ) -> None:
        """Build a Containerfile. The host's network serves the package manager inside."""
        extra: list[str] = []
        for name, value in (arguments or {}).items():
            extra += ["--build-arg", f"{name}={value}"]
        for name, value in (labels or {}).items():
            extra += ["--label", f"{name}={value}"]
        self.call(
            "build",
            "--quiet",
            "--network=host",
            # The digest in the name is cache enough; layers between would pile up without a name.
            *(["--layers=false"] if self.name == "podman" else []),
            *extra,
            "--file",
            str(context / file),
            "--tag",
            reference,
            str(context),
            timeout=1800,
            on_idle=on_idle,
        )

    def containers(self, cluster: str) -> Mapping[str, bool]:
        """The nodes of a kind cluster: name -> is it running."""
        output = self.call(
            "ps",
            "--all",
            "--filter",
            f"label={KIND_CLUSTER_LABEL}={cluster}",
            "--format",
            "{{.Names}} {{.State}}",
            quiet=True,
        )
        rows = (line.split() for line in output.splitlines() if line.strip())
        return {row[0]: row[1].lower() in ("running", "up") for row in rows}

    def lost(self, container: str) -> bool:
        """Is a container that the engine believes to run without processes? podman is not told when all are killed."""
        if self.asks("exec", container, "true")[0]:
            return False
        known, pid = self.asks("inspect", "--format", "{{.State.Pid}}", container)
        return known and not Path("/proc", pid.strip()).exists()

    def remove_images(self) -> Sequence[str]:
        """Delete every image that this role built, except those in use; the names of the deleted ones."""
        found = self._own_images()
        for reference in found:
            self.asks("rmi", reference, timeout=300)
        return [reference for reference in found if reference not in self._own_images()]

    def _own_images(self) -> list[str]:
        output = self.call("images", "--format", "{{.Repository}}:{{.Tag}}", quiet=True)
        return [line for line in output.split() if line.startswith(f"{REPOSITORY}/")]
