"""The pure modules plan; what reads, writes or runs is elsewhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils import _kind

ROOM = Path(_kind.__file__).parent
DOCUMENTED = (_kind.__doc__ or "").partition("Pure: ")[2].partition(".")[0]
PURE = [name.strip() for name in DOCUMENTED.split(",")]
NEEDS_NO_WORLD = {"__future__", "collections", "dataclasses", "hashlib", "json", "re", "typing"}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_only_pure_ones(name: str) -> None:
    imported = set()
    for node in ast.walk(ast.parse((ROOM / f"{name}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            imported |= {node.module} if node.module else {alias.name for alias in node.names}
    assert imported - NEEDS_NO_WORLD - {*PURE, "errors"} == set()
