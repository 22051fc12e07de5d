"""Every pattern has a table of wrong options, and the docs claim no more rows than there are in all."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._patterns.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parents[3]
TABLES = ROOT / "tests" / "unit" / "patterns"


def module(name: str) -> ModuleType:
    """A file of tests beside the others of its folder, whose names it imports from there."""
    spec = importlib.util.spec_from_file_location(f"tests.unit.patterns.{name}", TABLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def rows(tests: ModuleType) -> Iterator[int]:
    """Rows of the tables that hold wrong options against the one sentence each must get."""
    for name, function in vars(tests).items():
        if name.startswith("test_") and "wrong" in name:
            for mark in getattr(function, "pytestmark", ()):
                if mark.name == "parametrize":
                    yield len(mark.args[1])


@pytest.fixture(scope="module")
def counted() -> dict[str, int]:
    return {pattern: sum(rows(module(f"test_{pattern}"))) for pattern in sorted(CATALOGUE)}


@pytest.mark.parametrize("pattern", sorted(CATALOGUE))
def test_a_pattern_has_a_table_of_wrong_options(counted: dict[str, int], pattern: str) -> None:
    assert counted[pattern] >= 10


def test_the_docs_claim_no_more_than_there_are(counted: dict[str, int]) -> None:
    said = re.search(r"(\d+) wrong options", (ROOT / "docs" / "patterns.md").read_text(encoding="utf-8"))
    assert said is not None, f"docs/patterns.md says no number; there are {sum(counted.values())}: {counted}"
    assert int(said[1]) <= sum(counted.values()), counted
