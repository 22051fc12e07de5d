"""What a run found, as plain data: what every report is made of, and what workers hand to their controller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.shape import as_dict
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from conformance.claims import Judgement, Verdict
from conformance.registry import Area, Behaviour

# Beside the verdicts of claims: the cluster lacks what the behaviour needs.
NOT_APPLICABLE = "not applicable"
# The order in which reports tell them: what a reader must know comes first.
VERDICTS = (
    Verdict.DEVIATES.value,
    Verdict.UNJUDGED.value,
    Verdict.KNOWN.value,
    NOT_APPLICABLE,
    Verdict.CONFORMS.value,
)


@dataclass(frozen=True)
class Entry:
    """One behaviour in a run.

    verdict: one of VERDICTS. reason: why it is not applicable or could not be judged, or by which known bug it
    deviates. findings: pairs of answer (yes, no, tie) and evidence. twin: the verdict on the wrong twin, empty where
    there is none. timelines: of the scene's Pods, with stamps in seconds of the node's kernel clock.
    """

    id: str
    area: str
    statement: str
    source: str
    since: str
    tier: str
    needs: Sequence[str] = ()
    verdict: str = Verdict.UNJUDGED.value
    reason: str = ""
    twin: str = ""
    findings: Sequence[Sequence[str]] = ()
    timelines: Sequence[Mapping[str, Any]] = ()

    @property
    def twin_slips(self) -> bool:
        """Whether the check let its wrong twin pass, so that its verdict proves nothing."""
        return self.twin in (Verdict.CONFORMS.value, Verdict.KNOWN.value)


@dataclass(frozen=True)
class Figures:
    """What a run took. Seconds; bytes; pods is how many were made, most_pods how many there were at once.

    spent: seconds that all scenes together were in each of their phases, of which many go on at the same time.
    """

    seconds: float = 0.0
    scenes: int = 0
    pods: int = 0
    most_pods: int = 0
    requests: int = 0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    spent: Mapping[str, float] = field(default_factory=dict)
    slowest: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True)
class Noise:
    """How long after its process the first word of a container came, in seconds, over all that spoke in a run."""

    containers: int
    median: float
    p95: float
    worst: float


@dataclass(frozen=True)
class Run:
    """One run of the suite: on what, with which options, at what cost, and what it found.

    started: RFC 3339, UTC. version: the server's own name of it.
    """

    started: str
    version: str
    options: Mapping[str, Any]
    figures: Figures
    entries: tuple[Entry, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many behaviours have each verdict."""
        found = Counter(entry.verdict for entry in self.entries)
        return {verdict: found[verdict] for verdict in VERDICTS}


def noise_of(run: Run) -> Noise | None:
    """What it was in a run; none where no container spoke."""
    late = {
        (line["uid"], one["container"], one["attempt"]): one["uptime"] - float(one["detail"])
        for entry in run.entries
        for line in entry.timelines
        for one in line["stamps"]
        if one["event"] == "begin"
    }
    ranked = sorted(late.values())
    if not ranked:
        return None
    return Noise(len(ranked), *(round(ranked[int((len(ranked) - 1) * part)], 2) for part in (0.5, 0.95, 1)))


def entry_of(area: Area, behaviour: Behaviour) -> Entry:
    """The behaviour, of which nothing is known yet."""
    one = behaviour
    return Entry(one.id, area.name, one.statement, one.source, one.since, one.tier, tuple(one.all_needs))


def judged(entry: Entry, found: Judgement) -> Entry:
    """The entry with the judgement on its scene."""
    lacking = "; ".join(filter(None, (found.life.shortfall, *found.life.gaps)))
    return replace(
        entry,
        verdict=found.verdict.value,
        reason=found.known or ("" if found.verdict is Verdict.CONFORMS else lacking),
        findings=tuple((one.answer.value, one.evidence) for one in found.findings),
        timelines=tuple(_timeline(one) for one in found.life.timelines),
    )


def _timeline(timeline: Timeline) -> dict[str, Any]:
    stamps = [
        {
            "uptime": one.at.earliest,
            "container": one.container,
            "attempt": one.attempt,
            "event": one.event,
            "detail": one.detail,
        }
        for one in timeline.stamps
    ]
    return {**as_dict(timeline), "stamps": stamps}


def joined(found: Iterable[Figures]) -> Figures:
    """The figures of several workers that ran side by side, as those of one run."""
    parts = list(found)
    spent: Counter[str] = Counter()
    for one in parts:
        spent.update(dict(one.spent))
    return Figures(
        max((one.seconds for one in parts), default=0.0),
        sum(one.scenes for one in parts),
        sum(one.pods for one in parts),
        sum(one.most_pods for one in parts),
        sum(one.requests for one in parts),
        sum(one.cpu_seconds for one in parts),
        sum(one.memory_bytes for one in parts),
        dict(spent),
        sorted((list(row) for one in parts for row in one.slowest), key=lambda row: -row[1])[:SLOWEST],
    )


# How many of the scenes that took longest are told.
SLOWEST = 5


def as_data(run: Run) -> dict[str, Any]:
    """The run as report.schema.json describes it."""
    return {
        "schema": 1,
        "started": run.started,
        "version": run.version,
        "options": dict(run.options),
        "counts": run.counts,
        "figures": {**asdict(run.figures), **_derived(run)},
        "behaviours": [asdict(entry) for entry in run.entries],
    }


def _derived(run: Run) -> dict[str, Any]:
    """Figures that the rest of the report implies."""
    noise = noise_of(run)
    return {"behaviours_per_minute": per_minute(run), "noise": asdict(noise) if noise else None}


def from_data(data: Mapping[str, Any]) -> Run:
    """The run of a report. Raises ValueError where it is none."""
    if data.get("schema") != 1:
        raise ValueError(f"its schema is {data.get('schema')!r}, and not 1: it is no report of this suite")
    figures = {one.name: data["figures"][one.name] for one in fields(Figures) if one.name in data["figures"]}
    entries = tuple(Entry(**entry) for entry in data["behaviours"])
    return Run(data["started"], data["version"], data["options"], Figures(**figures), entries)


def per_minute(run: Run) -> float:
    """Behaviours that were judged or found not applicable, a minute."""
    return round(len(run.entries) / (run.figures.seconds / 60), 1) if run.figures.seconds else 0.0
