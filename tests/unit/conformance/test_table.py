"""The documentation's table of behaviours."""

from __future__ import annotations

from pathlib import Path

from conformance.registry import areas
from conformance.table import BEGIN, END, renewed, table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "conformance.md"


def test_the_documentation_has_every_behaviour_as_the_suite_declares_it() -> None:
    text = PAGE.read_text()
    assert renewed(text, BEGIN, table(), END) == text, "run: python -m conformance.table docs/conformance.md"


def test_all_around_the_table_stays() -> None:
    told = renewed(f"before\n{BEGIN}\nan outdated row\n{END}\nafter\n", BEGIN, table(), END)
    assert told.startswith(f"before\n{BEGIN}\n")
    assert told.endswith(f"{END}\nafter\n")
    assert "an outdated row" not in told
    assert all(f"`{one.id}`" in told for area in areas() for one in area.behaviours)
