"""The rooms of plugins/module_utils: who may import whom, and what the pure ones keep out of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOUSE = "ansible_collections.podpatterns.core.plugins"

# From the entrances down: a room may import from the layers below its own, and from itself.
LAYERS = (
    {"modules", "action", "filter", "doc_fragments", "conformance"},
    {"plugin_utils"},
    {"_result", "_report", "_workload_options"},
    {"_run"},
    {"_cluster", "_lifecycle", "_patterns"},
    {"_pod", "_programs"},
)
# Beside the layers: the rooms that each of these may be imported by; they import none but _progress.
BESIDE = {
    "_kind": {"modules", "action"},
    "_progress": {"modules", "action", "plugin_utils", "_run", "_kind"},
}
PURE = ("_pod", "_patterns", "_lifecycle")
IMPURE_LIBRARIES = {
    *("ansible", "kubernetes", "requests", "urllib", "urllib3", "http"),
    *("os", "io", "sys", "pathlib", "shutil", "tempfile", "glob", "fcntl", "signal", "getpass", "platform"),
    *("subprocess", "socket", "ssl", "select", "asyncio", "threading", "multiprocessing", "concurrent"),
    *("time", "random", "secrets", "logging"),
}
# What of them only handles text.
PURE_PARTS = ("urllib.parse.", "pathlib.PurePosixPath")
IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "breakpoint", "__import__"}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
ARGUMENT_VALIDATOR = "ansible.module_utils.common.arg_spec"


@dataclass(frozen=True)
class Import:
    """One imported name, where it is imported, and its full dotted name."""

    path: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.name}"


def source_files() -> list[Path]:
    """Every Python file of the house, relative to the root."""
    found = [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "conformance").rglob("*.py")]
    return sorted(path.relative_to(ROOT) for path in found)


def room_of(path: Path) -> str:
    """plugins/module_utils/_pod/x.py is in _pod, plugins/modules/x.py in modules, conformance/x.py in conformance."""
    parts = path.with_suffix("").parts
    if parts[0] == "conformance":
        return parts[0]
    return parts[2] if parts[1] == "module_utils" else parts[1]


def imports_of(path: Path) -> list[Import]:
    """Every import of the file of this name."""
    return list(imports_in(path, (ROOT / path).read_text()))


def imports_in(path: Path, source: str) -> Iterator[Import]:
    """Every import of the source, also inside functions, relative ones made absolute by the file's path."""
    package = [*HOUSE.split("."), *path.parts[1:-1]] if path.parts[0] == "plugins" else list(path.parts[:-1])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(path, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [*base, *(node.module or "").split(".")] if node.module else base
            yield from (Import(path, node.lineno, ".".join([*names, alias.name])) for alias in node.names)


def imported_room(name: str) -> str | None:
    """The room that an imported name lives in; none for a name from outside the house."""
    if name.split(".")[0] == "conformance":
        return "conformance"
    if not name.startswith(f"{HOUSE}."):
        return None
    parts = name.removeprefix(f"{HOUSE}.").split(".")
    return parts[1] if parts[0] == "module_utils" and len(parts) > 1 else parts[0]


def may_import(room: str) -> set[str]:
    """The rooms below, those beside that are open to this one, and the room itself."""
    level = next((number for number, layer in enumerate(LAYERS) if room in layer), len(LAYERS))
    return {room}.union(*LAYERS[level + 1 :], {name for name, users in BESIDE.items() if room in users})


@pytest.mark.parametrize("path", source_files(), ids=str)
def test_imports_go_one_way(path: Path) -> None:
    room = room_of(path)
    assert room in set().union(*LAYERS, BESIDE), f"{path} is in {room}, a room that LAYERS does not know"
    against = [
        f"{found}: {room} may not import {target}"
        for found in imports_of(path)
        if (target := imported_room(found.name)) is not None and target not in may_import(room)
    ]
    assert not against, "\n".join(against)


@pytest.mark.parametrize("path", [path for path in source_files() if room_of(path) in PURE], ids=str)
def test_pure_rooms_import_nothing_that_does_io(path: Path) -> None:
    allowed = (*PURE_PARTS, ARGUMENT_VALIDATOR) if room_of(path) == "_patterns" else PURE_PARTS
    against = [
        str(found)
        for found in imports_of(path)
        if found.name.split(".")[0] in IMPURE_LIBRARIES and not found.name.startswith(allowed)
    ]
    assert not against, "\n".join(against)


@pytest.mark.parametrize("path", [path for path in source_files() if room_of(path) in PURE], ids=str)
def test_pure_rooms_call_nothing_that_does_io_or_asks_the_clock(path: Path) -> None:
    against = [
        f"{path}:{node.lineno} calls {ast.unparse(node.func)}"
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Call) and is_impure(node.func)
    ]
    assert not against, "\n".join(against)


def is_impure(function: ast.expr) -> bool:
    """Whether a called expression is one of the builtins that do I/O, or reads the clock."""
    if isinstance(function, ast.Name):
        return function.id in IMPURE_CALLS
    if isinstance(function, ast.Attribute):
        owner = ast.unparse(function.value).split(".")[-1]
        return (owner, function.attr) in CLOCKS
    return False


def test_rooms_beside_the_layers_see_none_of_them() -> None:
    assert may_import("_kind") == {"_kind", "_progress"}
    assert may_import("_progress") == {"_progress"}
    assert "_cluster" not in may_import("_lifecycle")


def test_only_the_cluster_room_imports_the_kubernetes_client() -> None:
    against = [
        str(found)
        for path in source_files()
        if room_of(path) != "_cluster"
        for found in imports_of(path)
        if found.name.split(".")[0] == "kubernetes"
    ]
    assert not against, "\n".join(against)


def test_the_import_check_sees_relative_and_hidden_imports() -> None:
    """The check itself, on a file that breaks the rules in each way there is."""
    here = Path("plugins/module_utils/_pod/sample.py")
    sample = "def f():\n    from .._cluster import watch\n    import os.path\nfrom .container import Role\n"
    names = {found.name for found in imports_in(here, sample)}
    assert names == {
        f"{HOUSE}.module_utils._cluster.watch",
        "os.path",
        f"{HOUSE}.module_utils._pod.container.Role",
    }
