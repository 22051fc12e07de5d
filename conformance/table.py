"""The table of behaviours for the documentation: python -m conformance.table docs/conformance.md renews it there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.catalogue import CATALOGUE, IDS
from conformance.pods import Scene
from conformance.registry import Behaviour, areas
from conformance.unproven import UNPROVEN

BEGIN = "<!-- behaviours: made by python -m conformance.table -->"
END = "<!-- end of behaviours -->"


def table() -> str:
    """All areas with their behaviours in Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    found = list(areas())
    ids = {behaviour.id for area in found for behaviour in area.behaviours}
    yield f"{len(ids)} behaviours in {len(found)} areas."
    yield (
        f"Of the {len(IDS)} that the project knows of, {len(ids & IDS)} are asserted; the {len(UNPROVEN)} of which that"
        " is not so stand at the end, each with the reason."
    )
    for area in found:
        yield f"\n### {area.name.capitalize()} (`-m {area.marker}`)\n"
        yield "| id | promise | source | since | needs | tier | wrong twin |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        yield from (_row(behaviour) for behaviour in area.behaviours)
    yield "\n### Not asserted\n"
    yield "| id | why not |"
    yield "| --- | --- |"
    reasons = {one.id: one.reason for one in UNPROVEN}
    yield from (
        f"| `{name}` | {reasons[name]} |" for names in CATALOGUE.values() for name in names if name in reasons
    )


def _row(one: Behaviour) -> str:
    twin = f"Pod `{one.twin.name}`" if isinstance(one.twin, Scene) else "doctored evidence"
    known = "".join(f" Known to deviate: {bug}." for bug in one.known)
    tier = f"{one.tier}, alone" if one.disruptive else one.tier
    cells = (
        f"`{one.id}`",
        f"{one.statement}{known}",
        one.source,
        one.since,
        ", ".join(one.all_needs),
        tier,
        twin,
    )
    return f"| {' | '.join(cells)} |"


def renewed(text: str, begin: str, made: str, end: str) -> str:
    """The text with what is between the two marks made anew."""
    before, _begin, rest = text.partition(begin)
    _old, _end, after = rest.partition(end)
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text(), BEGIN, table(), END))
