# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Timelines as one self-contained HTML page: drawings for the eye, a table of the same facts for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .drawing import NARROW, STYLE, WIDE, describe, describe_mark, shown_marks, svg
from .joining import missing
from .timeline import Timeline

_PAGE_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
h3{font-size:.95rem;margin:.8rem 0 .2rem}ul{margin:0;font-size:.9rem}
.narrow{display:none}figure{margin:0;overflow-x:auto}svg{max-width:100%;height:auto}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8884;vertical-align:top}
summary{cursor:pointer;margin:.5rem 0}
@media (max-width:40rem){.wide{display:none}.narrow{display:block}}
""".strip()

_HEADINGS = ("Role", "Container", "State", "Ready", "Restarts", "Exit code", "Attempts")


def page(timelines: Sequence[Timeline], title: str) -> str:
    """The whole page. It loads nothing and runs nothing."""
    sections = "\n".join(_section(timeline) for timeline in timelines) or "<p>No Pods.</p>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title>
<style>{_PAGE_STYLE}
{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>A bar is one run of a container's process. The whiskers at its ends are the error of the clock that tells; seconds
count from the moment when the kubelet took the Pod. A red outline is an exit code other than 0. The line before a bar
is the time from the container's making to its start, the gap in it its first line. Markers below the bars: circle, an
image is pulled; triangle, a probe failed; diamond, a hook; cross, a kill, a signal or a failure; two strokes, the
kubelet backs off. Those at the top are of the Pod.</p>
{sections}
</body>
</html>
"""


def _section(timeline: Timeline) -> str:
    pod = timeline.pod
    node = f" on {escape(pod.node)}" if pod.node else ""
    state = "ready" if pod.ready else pod.phase
    rows = "\n".join(_row(timeline, number) for number in range(len(pod.containers)))
    headings = "".join(f'<th scope="col">{heading}</th>' for heading in _HEADINGS)
    return f"""<section>
<h2>{escape(pod.namespace)}/{escape(pod.name)}{node}: {escape(state)}</h2>
<figure class="wide">{svg(timeline, WIDE)}</figure>
<figure class="narrow">{svg(timeline, NARROW)}</figure>
<details><summary>The same as a table</summary>
<div class="scroll"><table><thead><tr>{headings}</tr></thead><tbody>
{rows}
</tbody></table></div>
{_list("Markers", [describe_mark(mark, timeline.zero or 0.0) for mark in shown_marks(timeline)])}</details>
{_list("Not known", missing(timeline))}</section>"""


def _list(heading: str, sentences: Sequence[str]) -> str:
    """A heading and its sentences, nothing where there are none."""
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<h3>{escape(heading)}</h3>\n<ul>{items}</ul>\n"


def _row(timeline: Timeline, number: int) -> str:
    container = timeline.pod.containers[number]
    attempts = timeline.attempts.get(container.name, ())
    told = "<br>".join(
        escape(describe(container.name, container.role, attempt, timeline.zero or 0.0, before))
        for before, attempt in zip((None, *attempts), attempts, strict=False)
    )
    state = container.state + (f" ({container.reason})" if container.reason else "")
    cells = (
        container.role.value,
        container.name,
        state,
        "yes" if container.ready else "no",
        str(container.restarts),
        "" if container.exit_code is None else str(container.exit_code),
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + f"<td>{told}</td></tr>"
