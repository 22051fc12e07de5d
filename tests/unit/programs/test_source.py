"""A program travels to its container as one text."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._programs import fetch, source

PROGRAMS = sorted(
    path.stem for path in Path(source.__file__).parent.glob("*.py") if "def main()" in path.read_text()
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_brings_all_that_it_needs(name: str) -> None:
    text = source.source_of(importlib.import_module(f"{source.__package__}.{name}"))
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in imports if node.level] == []


def test_what_two_neighbours_share_comes_once() -> None:
    defined = [
        node.name
        for node in ast.parse(source.source_of(fetch)).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    assert "Unavailable" in defined
    assert len(defined) == len(set(defined))
