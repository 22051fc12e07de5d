"""The suite's modules are those of docs/architecture.md, and import in the direction that it says."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SUITE = ROOT / "conformance"
# Of no row: what only begins, and what only declares.
ENTRANCES = {"__init__", "__main__", "conftest"}


def rows() -> list[set[str]]:
    """The modules of each row of the table, from the top down."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.partition("## The suite")[2].partition("\n## ")[0]
    lines = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [{name.rstrip("/") for name in re.findall(r"`([^`]+)`", line)} for line in lines]


def modules() -> dict[str, list[Path]]:
    """The files of each module; those of a folder are one."""
    found: dict[str, list[Path]] = {}
    for path in sorted(SUITE.rglob("*.py")):
        name = path.relative_to(SUITE).parts[0].removesuffix(".py")
        if name not in ENTRANCES and not name.startswith("test_"):
            found.setdefault(name, []).append(path)
    return found


def imported(path: Path) -> set[str]:
    """The modules of the suite that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            first, *rest = node.module.split(".")
            if first == "conformance":
                found |= {rest[0]} if rest else {alias.name for alias in node.names}
    return found - ENTRANCES


def test_every_module_is_in_one_row_and_every_row_is_of_modules() -> None:
    named = [name for row in rows() for name in row]
    assert sorted(named) == sorted(modules()), "mend the table of docs/architecture.md, section The suite"


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_imports_from_its_own_row_and_those_above(name: str) -> None:
    row = next(number for number, names in enumerate(rows()) if name in names)
    open_to_it = set().union(*rows()[: row + 1])
    against = set().union(*map(imported, modules()[name])) - open_to_it
    assert not against, f"{name} imports {', '.join(sorted(against))}, of a row below its own"


def test_no_modules_import_each_other_in_a_ring() -> None:
    graph = {name: set().union(*map(imported, paths)) - {name} for name, paths in modules().items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, with the ring


def test_no_file_of_an_area_is_imported_by_another() -> None:
    """An area's file is read alone: what two of them need has a module of its own."""
    against = [
        f"{path.name} imports {name}"
        for path in SUITE.rglob("*.py")
        for name in imported(path)
        if name.startswith("test_")
    ]
    assert not against, "\n".join(against)
