# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The source of a program as text: it runs in a container, where this collection is not."""

from __future__ import annotations

import ast
import importlib
import inspect
from functools import cache
from types import ModuleType


@cache
def source_of(module: ModuleType) -> str:
    """The program's source without the comment lines at its top.

    What it imports from its neighbours (`from .postgres import ...`), and they from theirs, stands in the import's
    place, once.
    """
    text = _with_neighbours(module, set())
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(lines[first:]) + "\n"


def _with_neighbours(module: ModuleType, there: set[str]) -> str:
    text = inspect.getsource(module)
    lines: list[str] = []
    done = 0
    for node in ast.parse(text).body:
        if not isinstance(node, ast.ImportFrom) or node.level != 1:
            continue
        lines += text.splitlines()[done : node.lineno - 1]
        done = node.end_lineno or node.lineno
        if str(node.module) not in there:
            there.add(str(node.module))
            neighbour = importlib.import_module(f"{module.__package__}.{node.module}")
            lines += _body(_with_neighbours(neighbour, there)).splitlines()
    return "\n".join([*lines, *text.splitlines()[done:]]) + "\n"


def _body(text: str) -> str:
    """What a neighbour says after its own docstring and its import from the future."""
    start = next(
        node.end_lineno or 0
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    )
    return "\n".join(text.splitlines()[start:]).strip("\n") + "\n"
