# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One Pod's timeline as an SVG: a bar for each attempt of each container, with the error of its ends, and markers.

Self-contained: no script, no font, no reference to anything outside. Colours follow the reader's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .._pod.container import Role
from .events import Kind, Mark
from .facts import ContainerFacts
from .instant import Instant
from .timeline import Attempt, Timeline, back_off, moment_words
from .trouble import plain

WIDE, NARROW = 960, 360
_BAR, _ROW, _TOP, _BOTTOM = 16, 40, 40, 26
# The strip below a bar that its markers stand in.
_STRIP = 14
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
.pt g:focus{outline:2px solid var(--ink);outline-offset:2px}
.pt .made{stroke:var(--soft);stroke-width:2}.pt .said{stroke:var(--paper);stroke-width:2}
.pt .mark{stroke:var(--ink);stroke-width:1.5;fill:var(--paper)}
.pt .mark.worry{stroke:var(--bad);fill:none;stroke-width:2}.pt .run{stroke:var(--soft);stroke-dasharray:2 2}
""".strip()

# A page has a paper of its own.
_SHEET_STYLE = ".pt .sheet{fill:var(--paper)}"


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
        return _TOP + row * self.row + (self.row - _BAR) - _STRIP


def sheet(timelines: Sequence[Timeline], width: int = WIDE) -> str:
    """The drawings of all Pods one below the other, with their style: an SVG that is a file of its own."""
    canvases = [_canvas(timeline, width) for timeline in timelines]
    tops = [sum(canvas.height for canvas in canvases[:number]) for number in range(len(canvases) + 1)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {tops[-1]}" width="{width}"'
            f' height="{tops[-1]}">',
            f"<style>{STYLE}\n{_SHEET_STYLE}</style>",
            '<g class="pt"><rect class="sheet" width="100%" height="100%"/></g>',
            *(svg(timeline, width, top) for timeline, top in zip(timelines, tops[:-1], strict=True)),
            "</svg>\n",
        ]
    )


def svg(timeline: Timeline, width: int = WIDE, top: int = 0) -> str:
    """The drawing of one Pod as an SVG element, for a page or a sheet that has the style. top: where it begins."""
    pod = timeline.pod
    canvas = _canvas(timeline, width)
    name = escape(f"Pod {pod.namespace}/{pod.name}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pt" viewBox="0 0 {width} {canvas.height}" width="{width}"'
        f' height="{canvas.height}" y="{top}" role="group" aria-label="Timeline of {name}">',
        f'<text x="4" y="18" font-weight="600">{name}</text>',
        *_grid(canvas),
    ]
    for row, container in enumerate(pod.containers):
        parts += _row(canvas, row, container, timeline)
    parts += _marks(canvas, timeline)
    return "\n".join([*parts, "</svg>"])


def _canvas(timeline: Timeline, width: int) -> _Canvas:
    return _Canvas(width, span(timeline), len(timeline.pod.containers))


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
    moments += [(mark.until or mark.at).latest - zero for mark in shown_marks(timeline)]
    return max([*moments, 1.0]) * 1.05


def shown_marks(timeline: Timeline) -> tuple[Mark, ...]:
    """The markers that tell more than the bars do."""
    return tuple(mark for mark in timeline.marks if not mark.routine)


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
    before = None
    for attempt in attempts:
        yield from _attempt(canvas, y, container, attempt, timeline.zero, before)
        before = attempt


def _attempt(
    canvas: _Canvas, y: int, container: ContainerFacts, attempt: Attempt, zero: float, before: Attempt | None
) -> Iterator[str]:
    if attempt.started is None:
        return
    begin = canvas.x(attempt.started.earliest - zero)
    end = canvas.x(attempt.finished.latest - zero) if attempt.finished else canvas.x(canvas.seconds)
    failed = attempt.exit_code not in (None, 0)
    kinds = f"bar {container.role.value}{' bad' if failed else ''}"
    words = escape(describe(container.name, container.role, attempt, zero, before))
    yield f'<g tabindex="0" role="img" aria-label="{words}"><title>{words}</title>'
    length, fade = max(end - begin, 2), 1 if attempt.finished else 0.8
    yield (
        f'<rect class="{kinds}" x="{begin}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="3" opacity="{fade}"/>'
    )
    if attempt.created is not None:
        made = canvas.x(attempt.created.latest - zero)
        yield f'<path class="made" d="M{made} {y + _BAR}V{y + 4}H{begin}" fill="none"/>'
    if attempt.first_line is not None:
        said = canvas.x(attempt.first_line.earliest - zero)
        yield f'<line class="said" x1="{said}" y1="{y + 2}" x2="{said}" y2="{y + _BAR - 2}"/>'
    for moment in (attempt.started, attempt.finished):
        if moment is not None:
            yield _error_bar(canvas, y, moment, zero)
    yield "</g>"


_CIRCLE = "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"
_CROSS = "m-4-4l8 8m0-8l-8 8"
# What each kind of marker looks like, as a path around its place.
_SHAPES = {
    Kind.PULLING: _CIRCLE,
    Kind.PULLED: _CIRCLE,
    Kind.PROBE: "m-5 4h10l-5-9z",
    Kind.HOOK: "m0-5l5 5l-5 5l-5-5z",
    Kind.KILLING: _CROSS,
    Kind.SIGNAL: _CROSS,
    Kind.BACK_OFF: "m-3-4v8m6-8v8",
    Kind.FAILED: _CROSS,
}
_WORRYING = frozenset({Kind.PROBE, Kind.KILLING, Kind.BACK_OFF, Kind.FAILED, Kind.SIGNAL})


def _marks(canvas: _Canvas, timeline: Timeline) -> Iterator[str]:
    zero = timeline.zero
    rows = {container.name: row for row, container in enumerate(timeline.pod.containers)}
    for mark in shown_marks(timeline) if zero is not None else ():
        row = rows.get(mark.container or "")
        middle = _TOP - 12 if row is None else canvas.y(row) + _BAR + _STRIP // 2
        yield from _marker(canvas, middle, mark, zero or 0.0)


def _marker(canvas: _Canvas, middle: int, mark: Mark, zero: float) -> Iterator[str]:
    x = canvas.x(mark.at.earliest - zero)
    words = escape(describe_mark(mark, zero))
    yield f'<g tabindex="0" role="img" aria-label="{words}"><title>{words}</title>'
    if mark.until is not None:
        yield f'<path class="run" d="M{x} {middle}H{canvas.x(mark.until.latest - zero)}"/>'
    worry = " worry" if mark.kind in _WORRYING else ""
    yield f'<path class="mark{worry}" d="M{x} {middle}{_SHAPES.get(mark.kind, _CIRCLE)}"/></g>'


def _error_bar(canvas: _Canvas, y: int, moment: Instant, zero: float) -> str:
    first, last, middle = canvas.x(moment.earliest - zero), canvas.x(moment.latest - zero), y + _BAR / 2
    path = f"M{first} {middle - 3}v6M{first} {middle}H{last}M{last} {middle - 3}v6"
    return f'<path class="error" d="{path}" fill="none"/>'


def describe_mark(mark: Mark, zero: float) -> str:
    """One marker in a sentence."""
    attempt = "" if mark.attempt is None else f", attempt {mark.attempt + 1}"
    times = "" if mark.until is None else f", {mark.count} times, last after {moment_words(mark.until, zero)}"
    return (
        f"{mark.kind.value} of {mark.container or 'the Pod'}{attempt}, after {moment_words(mark.at, zero)}{times}:"
        f" {plain(mark.message)}"
    )


def describe(name: str, role: Role, attempt: Attempt, zero: float, before: Attempt | None = None) -> str:
    """One attempt in a sentence: what a pointer, a keyboard or a screen reader gets of its bar.

    before: the attempt before it, where it is known.
    """
    parts = [f"{role.value} container {name}, attempt {attempt.number + 1}"]
    rest = back_off(before, attempt) if before is not None else None
    if rest is not None:
        parts.append(f"{rest[0]:.1f} to {rest[1]:.1f} s after the one before")
    if attempt.created is not None:
        parts.append(f"created after {moment_words(attempt.created, zero)}")
    if attempt.started is not None:
        parts.append(f"started after {moment_words(attempt.started, zero)}")
    if attempt.first_line is not None:
        parts.append(f"first line after {moment_words(attempt.first_line, zero)}")
    if attempt.finished is None:
        parts.append("still running")
    else:
        parts.append(f"ended after {moment_words(attempt.finished, zero)} with exit code {attempt.exit_code}")
    if attempt.signal is not None:
        parts.append(f"by signal {attempt.signal}")
    if attempt.reason:
        parts.append(attempt.reason)
    return ", ".join(parts)


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"
