"""The table of behaviours for the documentation: python -m conformance.table docs/conformance.md renews it there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.pods import Scene
from conformance.registry import Behaviour, areas

BEGIN = "<!-- behaviours: made by python -m conformance.table -->"
END = "<!-- end of behaviours -->"


def table() -> str:
    """All areas with their behaviours in Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    found = list(areas())
    count = sum(len(area.behaviours) for area in found)
    yield f"{count} behaviours in {len(found)} areas."
    for area in found:
        yield f"\n### {area.name.capitalize()} (`-m {area.marker}`)\n"
        yield "| id | promise | source | since | needs | tier | wrong twin |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        yield from (_row(behaviour) for behaviour in area.behaviours)


def _row(one: Behaviour) -> str:
    twin = f"Pod `{one.twin.name}`" if isinstance(one.twin, Scene) else "doctored evidence"
    cells = (f"`{one.id}`", one.statement, one.source, one.since, ", ".join(one.needs), one.tier, twin)
    return f"| {' | '.join(cells)} |"


def renewed(text: str) -> str:
    """The text with the table between its two marks made anew."""
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text()))
