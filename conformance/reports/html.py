"""A run as one self-contained page: every verdict with its evidence, and the drawings of its timelines beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.drawing import STYLE
from conformance.claims import Verdict
from conformance.record import NOT_APPLICABLE, VERDICTS, Entry, Run
from conformance.reports.summary import counts, figures

# The drawings of a behaviour's Pods, as SVG, by its id.
Drawings = Mapping[str, Sequence[str]]

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:66rem;padding:1rem}
h1{font-size:1.4rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
nav ul{columns:14rem;padding-left:1.2rem}
details{border-top:1px solid #8884;padding:.3rem 0}
summary{cursor:pointer;display:flex;flex-wrap:wrap;gap:.2rem .8rem;align-items:baseline}
summary code{font-weight:600;overflow-wrap:anywhere}
.verdict{border-radius:.3rem;padding:0 .5rem;border:1px solid currentColor;font-size:.85rem;white-space:nowrap}
.deviates{color:#c62f2f}.unjudged{color:#a15c00}.known{color:#8a4fd0}.absent{color:#5c6773}.conforms{color:#2b7a0b}
@media (prefers-color-scheme:dark){.deviates{color:#ff7b72}.unjudged{color:#e3a04f}.known{color:#b98cf0}
.absent{color:#9aa5b1}.conforms{color:#85c653}}
figure{margin:.5rem 0;overflow-x:auto}dt{font-weight:600}dd{margin:0 0 .3rem 1rem;overflow-wrap:anywhere}
pre{overflow-x:auto;font-size:.8rem;line-height:1.35}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8884}
""".strip()

_CLASSES = {
    Verdict.DEVIATES.value: "deviates",
    Verdict.UNJUDGED.value: "unjudged",
    Verdict.KNOWN.value: "known",
    NOT_APPLICABLE: "absent",
    Verdict.CONFORMS.value: "conforms",
}


def page(run: Run, drawings: Drawings) -> str:
    """The whole page. It loads nothing and runs nothing."""
    return "\n".join(_page(run, drawings)) + "\n"


def _page(run: Run, drawings: Drawings) -> Iterator[str]:
    title = "Conformance: init containers and sidecars"
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title>
<style>{_STYLE}
{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p>Kubernetes {escape(run.version)}, {escape(run.started)}: {escape(counts(run))}.</p>
<ul>"""
    yield from (f"<li>{escape(line[0].upper() + line[1:])}.</li>" for line in figures(run))
    yield "</ul>"
    areas = list(dict.fromkeys(entry.area for entry in run.entries))
    yield from _contents(run, areas)
    for area in areas:
        yield f'<h2 id="{_anchor(area)}">{escape(area.capitalize())}</h2>'
        of_area = [entry for entry in run.entries if entry.area == area]
        for entry in sorted(of_area, key=lambda one: VERDICTS.index(one.verdict)):
            yield from _entry(entry, drawings.get(entry.id, ()))
    yield "</body>\n</html>"


def _contents(run: Run, areas: Sequence[str]) -> Iterator[str]:
    """The areas with their counts, each leading to its part of the page."""
    headings = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("area", *VERDICTS))
    yield f'<nav class="scroll"><table><thead><tr>{headings}</tr></thead><tbody>'
    for area in areas:
        found = [entry.verdict for entry in run.entries if entry.area == area]
        cells = "".join(f"<td>{found.count(verdict) or ''}</td>" for verdict in VERDICTS)
        yield f'<tr><td><a href="#{_anchor(area)}">{escape(area)}</a></td>{cells}</tr>'
    yield "</tbody></table></nav>"


def _anchor(area: str) -> str:
    return "area-" + area.replace(" ", "-")


def _entry(entry: Entry, drawings: Sequence[str]) -> Iterator[str]:
    is_open = " open" if entry.verdict in (Verdict.DEVIATES.value, Verdict.UNJUDGED.value) else ""
    kind = _CLASSES[entry.verdict]
    yield (
        f'<details id="{escape(entry.id)}"{is_open}><summary><code>{escape(entry.id)}</code>'
        f'<span class="verdict {kind}">{escape(entry.verdict)}</span>'
        f"<span>{escape(entry.statement)}</span></summary><dl>"
    )
    yield from _term("source", f"{entry.source}; since {entry.since}; tier {entry.tier}")
    if entry.needs:
        yield from _term("needs", ", ".join(entry.needs))
    if entry.reason:
        yield from _term("why", entry.reason)
    for answer, evidence in entry.findings:
        yield from _term(answer, evidence)
    if entry.twin:
        slips = ", so the check proves nothing" if entry.twin_slips else ""
        yield from _term("wrong twin", f"{entry.twin}{slips}")
    yield "</dl>"
    yield from (f"<figure>{drawing}</figure>" for drawing in drawings)
    if stamps := list(_stamps(entry)):
        yield f"<details><summary>stamps</summary><pre>{escape(chr(10).join(stamps))}</pre></details>"
    yield "</details>"


def _term(name: str, text: str) -> Iterator[str]:
    yield f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"


def _stamps(entry: Entry) -> Iterator[str]:
    for timeline in entry.timelines:
        yield f"{timeline['namespace']}/{timeline['name']}"
        for stamp in timeline["stamps"]:
            yield f"{stamp['uptime']:>12.2f}  {stamp['container']}  {stamp['event']} {stamp['detail']}".rstrip()
