"""A run in some lines, for a terminal or a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.claims import Verdict
from conformance.record import NOT_APPLICABLE, VERDICTS, Entry, Figures, Run, noise_of, per_minute

MEBIBYTE = 1024 * 1024


def figures(run: Run) -> Iterator[str]:
    """What the run took, a sentence a line."""
    took = run.figures
    yield (
        f"{len(run.entries)} behaviours in {_duration(took.seconds)}, {per_minute(run):g} a minute:"
        f" {took.scenes} scenes with {took.pods} Pods, at most {took.most_pods} at once,"
        f" {took.requests} requests"
    )
    share = f", {took.cpu_seconds / took.seconds:.0%} of a core" if took.seconds else ""
    yield (
        f"the suite itself took {took.cpu_seconds:.0f} s of processor time{share},"
        f" and {took.memory_bytes / MEBIBYTE:.0f} MiB of memory"
    )
    if noise := noise_of(run):
        yield (
            f"noise: of {noise.containers} containers the first word came {noise.median:g} s after the process in the"
            f" median, {noise.p95:g} s in 95 of 100, {noise.worst:g} s at worst; what the noise of a scene explains"
            " is no deviation"
        )
    if spent := _spent(took):
        yield f"where the time of all scenes together went: {spent}"
    if took.slowest:
        told = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in took.slowest)
        yield f"what took longest: {told}"


def _spent(took: Figures) -> str:
    whole = sum(took.spent.values())
    shares = sorted(took.spent.items(), key=lambda item: -item[1])
    return ", ".join(f"{phase} {seconds / whole:.0%}" for phase, seconds in shares if seconds > whole / 200)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counts(run: Run) -> str:
    """How many behaviours have which verdict, in one line."""
    return ", ".join(f"{count} {verdict}" for verdict, count in reversed(run.counts.items()) if count)


def markdown(run: Run) -> str:
    """The page: verdicts by area, then all that is not as promised with its evidence."""
    return "\n".join(_page(run)) + "\n"


def _page(run: Run) -> Iterator[str]:
    yield "# Conformance: init containers and sidecars\n"
    yield f"Kubernetes {run.version}, {run.started}: {counts(run)}.\n"
    yield from (f"- {line[0].upper()}{line[1:]}." for line in figures(run))
    yield "\n| area | " + " | ".join(VERDICTS) + " |"
    yield "| --- |" + " ---: |" * len(VERDICTS)
    for area in dict.fromkeys(entry.area for entry in run.entries):
        of_area = [entry.verdict for entry in run.entries if entry.area == area]
        yield f"| {area} | " + " | ".join(str(of_area.count(verdict) or "") for verdict in VERDICTS) + " |"
    for verdict in VERDICTS[:-1]:
        found = [entry for entry in run.entries if entry.verdict == verdict]
        if found:
            yield f"\n## {verdict.capitalize()}\n"
            for entry in found:
                yield from _told(entry)
    slips = [entry for entry in run.entries if entry.twin_slips]
    if slips:
        yield "\n## Checks that let their wrong twin pass\n"
        yield from (f"- `{entry.id}`" for entry in slips)


def _told(entry: Entry) -> Iterator[str]:
    yield f"- `{entry.id}` ({entry.area}): {entry.statement}"
    if entry.reason:
        yield f"  - {entry.reason}"
    if entry.verdict not in (NOT_APPLICABLE, Verdict.CONFORMS.value):
        yield from (f"  - {answer}: {evidence}" for answer, evidence in entry.findings if answer != "yes")


def gist(run: Run) -> str:
    """The counts in one line, with why some could not be judged, each reason once."""
    unjudged = (entry for entry in run.entries if entry.verdict == Verdict.UNJUDGED.value)
    reasons = dict.fromkeys(entry.reason for entry in unjudged if entry.reason)
    if not run.entries:
        return "nothing was judged"
    return "; ".join([f"Kubernetes {run.version}: {counts(run)}", *reasons])
