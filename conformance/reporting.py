"""A judgement in words: the promise, where it stands, what was found, and the timeline that proves it."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.text import stamp_table, table
from conformance.claims import Judgement
from conformance.registry import Area, Behaviour

WORDS = {Order.YES: "yes", Order.NO: "NO", Order.TIE: "no telling"}


def report(area: Area, behaviour: Behaviour, judgement: Judgement) -> str:
    """The whole report of one judgement, a terminal's width wide where names allow."""
    return "\n".join(_report(area, behaviour, judgement))


def _report(area: Area, behaviour: Behaviour, judgement: Judgement) -> Iterator[str]:
    need = f", needs {', '.join(behaviour.needs)}" if behaviour.needs else ""
    known = f": {judgement.known}" if judgement.known else ""
    yield f"{behaviour.id} ({area.name}): {judgement.verdict}{known}"
    yield f"promise   {behaviour.statement}"
    yield f"source    {behaviour.source}; since {behaviour.since}{need}"
    for finding in judgement.findings:
        yield f"evidence  {WORDS[finding.answer]:<10} {finding.evidence}"
    for lacking in filter(None, (judgement.life.shortfall, *judgement.life.gaps)):
        yield f"evidence  {WORDS[Order.TIE]:<10} {lacking}"
    for timeline in judgement.life.timelines:
        yield ""
        yield from table(timeline)
        yield from stamp_table(timeline)
