# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One Pod's timeline as an SVG: a bar for each attempt of each container, with the error of its ends.

Self-contained: no script, no font, no reference to anything outside. Colours follow the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from .._pod.container import Role
from .facts import ContainerFacts
from .instant import Instant
from .timeline import Attempt, Timeline

WIDE, NARROW = 960, 360
_BAR, _ROW, _TOP, _BOTTOM = 16, 30, 34, 26
_LABEL_ROOM = 240
# Below this width labels stand above their bars.
_STACKED_BELOW = 600

STYLE = """
.pt{font:13px system-ui,sans-serif;--ink:#1c2127;--soft:#5c6773;--line:#d5dbe1;--init:#2f6fdb;--sidecar:#0b8a7a;
--app:#4a8a1d;--ephemeral:#8a4fd0;--bad:#c62f2f;--paper:#fff}
@media (prefers-color-scheme:dark){.pt{--ink:#e6e9ed;--soft:#9aa5b1;--line:#3a434d;--init:#6ea0ff;--sidecar:#38c2ae;
--app:#85c653;--ephemeral:#b98cf0;--bad:#ff7b72;--paper:#14181d}}
.pt text{fill:var(--ink)}.pt .soft{fill:var(--soft)}.pt .grid{stroke:var(--line)}
.pt .init{fill:var(--init)}.pt .sidecar{fill:var(--sidecar)}.pt .app{fill:var(--app)}
.pt .ephemeral{fill:var(--ephemeral)}
.pt .bad{stroke:var(--bad);stroke-width:3}.pt .error{stroke:var(--ink);stroke-width:1.5}
.pt .bar:focus{outline:2px solid var(--ink);outline-offset:2px}
""".strip()


@dataclass(frozen=True)
class _Canvas:
    """Where seconds and rows lie on the sheet."""

    width: int
    seconds: float
    rows: int

    @property
    def stacked(self) -> bool:
        return self.width < _STACKED_BELOW

    @property
    def left(self) -> int:
        return 14 if self.stacked else _LABEL_ROOM

    @property
    def row(self) -> int:
        return _ROW + (16 if self.stacked else 0)

    @property
    def height(self) -> int:
        return _TOP + self.rows * self.row + _BOTTOM

    def x(self, seconds: float) -> float:
        """The place of a moment, seconds after the Pod's start."""
        room = self.width - self.left - 12
        return round(self.left + min(max(seconds / self.seconds, 0.0), 1.0) * room, 1)

    def y(self, row: int) -> int:
        """The top of a row's bar."""
        return _TOP + row * self.row + (self.row - _BAR) - 4


def svg(timeline: Timeline, width: int = WIDE, *, standalone: bool = True) -> str:
    """The drawing as one SVG element. standalone: with its own style, to be kept as a file."""
    pod = timeline.pod
    canvas = _Canvas(width, span(timeline), len(pod.containers))
    name = escape(f"Pod {pod.namespace}/{pod.name}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pt" viewBox="0 0 {width} {canvas.height}" width="{width}"'
        f' height="{canvas.height}" role="group" aria-label="Timeline of {name}">',
        f"<style>{STYLE}</style>" if standalone else "",
        f'<text x="4" y="18" font-weight="600">{name}</text>',
        *_grid(canvas),
    ]
    for row, container in enumerate(pod.containers):
        parts += _row(canvas, row, container, timeline)
    return "\n".join([*(part for part in parts if part), "</svg>"])


def span(timeline: Timeline) -> float:
    """Seconds from the Pod's start to the last thing that is known of it, at least one."""
    zero = timeline.zero
    if zero is None:
        return 1.0
    moments = [
        moment.latest - zero
        for attempts in timeline.attempts.values()
        for attempt in attempts
        for moment in (attempt.started, attempt.finished)
        if moment is not None
    ]
    return max([*moments, 1.0]) * 1.05


def _grid(canvas: _Canvas) -> Iterator[str]:
    step = _step(canvas.seconds, 5 if canvas.stacked else 10)
    bottom = canvas.height - _BOTTOM
    mark = 0.0
    while mark <= canvas.seconds:
        x = canvas.x(mark)
        yield f'<line class="grid" x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{bottom}"/>'
        yield f'<text class="soft" x="{x}" y="{bottom + 16}" font-size="11" text-anchor="middle">{mark:g} s</text>'
        mark = round(mark + step, 3)


def _step(seconds: float, most: int) -> float:
    """A round distance between marks, so that there are at most so many."""
    size = 0.1
    while True:
        for factor in (1, 2, 5):
            if seconds / (size * factor) <= most:
                return size * factor
        size *= 10


def _row(canvas: _Canvas, row: int, container: ContainerFacts, timeline: Timeline) -> Iterator[str]:
    y = canvas.y(row)
    label_y = y - 4 if canvas.stacked else y + _BAR - 3
    yield (
        f'<text x="4" y="{label_y}">{escape(_short(container.name))}'
        f' <tspan class="soft" font-size="11">{container.role.value}</tspan></text>'
    )
    attempts = timeline.attempts.get(container.name, ())
    if not attempts or timeline.zero is None:
        yield f'<text class="soft" x="{canvas.left + 4}" y="{y + _BAR - 3}" font-size="11">never started</text>'
        return
    for attempt in attempts:
        yield from _attempt(canvas, y, container, attempt, timeline.zero)


def _attempt(
    canvas: _Canvas, y: int, container: ContainerFacts, attempt: Attempt, zero: float
) -> Iterator[str]:
    if attempt.started is None:
        return
    begin = canvas.x(attempt.started.earliest - zero)
    end = canvas.x(attempt.finished.latest - zero) if attempt.finished else canvas.x(canvas.seconds)
    failed = attempt.exit_code not in (None, 0)
    kinds = f"bar {container.role.value}{' bad' if failed else ''}"
    words = escape(describe(container.name, container.role, attempt, zero))
    yield f'<g tabindex="0" role="img" aria-label="{words}"><title>{words}</title>'
    length, fade = max(end - begin, 2), 1 if attempt.finished else 0.8
    yield (
        f'<rect class="{kinds}" x="{begin}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="3" opacity="{fade}"/>'
    )
    for moment in (attempt.started, attempt.finished):
        if moment is not None:
            yield _error_bar(canvas, y, moment, zero)
    yield "</g>"


def _error_bar(canvas: _Canvas, y: int, moment: Instant, zero: float) -> str:
    first, last, middle = canvas.x(moment.earliest - zero), canvas.x(moment.latest - zero), y + _BAR / 2
    path = f"M{first} {middle - 3}v6M{first} {middle}H{last}M{last} {middle - 3}v6"
    return f'<path class="error" d="{path}" fill="none"/>'


def describe(name: str, role: Role, attempt: Attempt, zero: float) -> str:
    """One attempt in a sentence: what a pointer, a keyboard or a screen reader gets of its bar."""
    parts = [f"{role.value} container {name}, attempt {attempt.number + 1}"]
    if attempt.started is not None:
        parts.append(f"started after {_moment(attempt.started, zero)}")
    if attempt.finished is None:
        parts.append("still running")
    else:
        parts.append(f"ended after {_moment(attempt.finished, zero)} with exit code {attempt.exit_code}")
    if attempt.reason:
        parts.append(attempt.reason)
    return ", ".join(parts)


def _moment(moment: Instant, zero: float) -> str:
    first, last = moment.earliest - zero, moment.latest - zero
    if moment.error < 0.01:
        return f"{first:.3f} s ({moment.source.value})"
    return f"{first:.1f} to {last:.1f} s ({moment.source.value})"


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"
