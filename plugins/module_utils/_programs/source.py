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

    What it imports from its neighbours (`from .postgres import ...`) stands in the import's place.
    """
    text = _with_neighbours(module)
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(lines[first:]) + "\n"


def _with_neighbours(module: ModuleType) -> str:
    text = inspect.getsource(module)
    lines = text.splitlines()
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            neighbour = importlib.import_module(f"{module.__package__}.{node.module}")
            lines[node.lineno - 1 : node.end_lineno] = _body(neighbour).splitlines()
    return "\n".join(lines) + "\n"


def _body(module: ModuleType) -> str:
    """What a neighbour says after its own docstring and its import from the future."""
    text = inspect.getsource(module)
    start = next(
        node.end_lineno or 0
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    )
    return "\n".join(text.splitlines()[start:]).strip("\n") + "\n"
