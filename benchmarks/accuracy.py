"""How exact timelines are, measured against the runtime's own record on a kind cluster.

python benchmarks/accuracy.py --kubeconfig FILE [--pods 200] [--round 20] [--output FILE]
python benchmarks/accuracy.py --table FILE    puts the figures of a result into docs/accuracy.md

Pods with init containers, sidecars and apps that crash, end and stay run in rounds. Each round's timelines, as
`workload_info` gives them, are held against what containerd keeps on the node: how far each source is off, and whether
any order that was answered with yes or no was the other way round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api  # noqa: E402
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect  # noqa: E402
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import (  # noqa: E402
    Instant,
    Order,
    order,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.joining import with_events  # noqa: E402
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import (  # noqa: E402
    Attempt,
    Timeline,
    attempts_in,
)
from ansible_collections.podpatterns.core.plugins.module_utils._run import (  # noqa: E402
    Outcome,
    Request,
    look,
    run,
    with_first_lines,
)
from conformance.nodes import recorded  # noqa: E402
from conformance.pods import NOBODY, SPEAKER  # noqa: E402

NAMESPACE = "accuracy"
MOMENTS = ("created", "started", "finished")
STAY = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"
Key = tuple[str, int, str]


def container(name: str, script: str, **fields: Any) -> dict[str, Any]:
    """A container that writes a line and does this."""
    return {
        "name": name,
        "image": "busybox",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", f"echo {name}; {script}"],
        "securityContext": SPEAKER,
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
        **fields,
    }


def pod(number: int) -> dict[str, Any]:
    """One of four shapes; how long containers take spreads over the second, as stamps are cut to seconds."""
    part = f"sleep 0.{number * 37 % 100:02}"
    shape = number % 4
    crash = "[ -e /shared/again ] || { : > /shared/again; exit 3; }"
    inits = [container("first", part), container("second", part)]
    helper = container("helper", STAY, restartPolicy="Always")
    apps = {
        0: [container("app", f"{part}; exit 0"), container("agent", part)],
        1: [container("app", f"{part}; {crash}; {part}; exit 0")],
        2: [
            container("app", f"{crash}; sleep 1{part[7:]}; exit 0"),
            container("agent", f"sleep 1.{number % 10}"),
        ],
        3: [container("app", f"{part}; exit 4")],
    }[shape]
    lists = {0: inits, 1: [helper, inits[0]], 2: [inits[0], helper, inits[1]], 3: inits[:1]}[shape]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"accuracy-{number}", "labels": {"round": "this"}},
        "spec": {
            "restartPolicy": "OnFailure" if shape in (1, 2) else "Never",
            "initContainers": lists,
            "containers": apps,
            "securityContext": NOBODY,
            "volumes": [{"name": "shared", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 2,
        },
    }


# --- what is counted ----------------------------------------------------------------------------


@dataclass
class Tally:
    """All that was measured so far. Seconds, by moment and source."""

    pods: int = 0
    attempts: int = 0
    widths: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    outside: Counter[str] = field(default_factory=Counter)
    late: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    before_recorded: int = 0
    first_lines: int = 0
    verdicts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def take(self, found: Timeline, true: Timeline, watched: Timeline | None, skew: float) -> None:
        """Hold one Pod's timeline against its record."""
        self.pods += 1
        moments, record = dict(moments_of(found.attempts)), dict(moments_of(true.attempts))
        self.attempts += sum(len(attempts) for attempts in true.attempts.values())
        for key, moment in moments.items():
            truth = record.get(key)
            if truth is not None and truth.source.value == "runtime":
                self._compare(f"{key[2]}, {moment.source.value}", moment, truth)
        self._first_lines(found, record)
        if watched is not None:
            self._lateness(watched, record, skew)
        alone = dict(moments_of(status_alone(found).attempts))
        same = {key: moment for key, moment in moments.items() if key in alone}
        for name, known in (
            ("status alone", alone),
            ("status and events, the same moments", same),
            ("status and events, all moments", moments),
        ):
            self._orders(name, known, record)

    def _compare(self, what: str, moment: Instant, truth: Instant) -> None:
        self.outside[what] += order(moment, truth) is not Order.TIE
        # Of a container that is gone the journal tells a start by a span only, which is no measure for a point.
        if truth.error == 0.0:
            self.widths[what].append(moment.error)
            self.errors[what].append(abs((moment.earliest + moment.latest) / 2 - truth.latest))

    def _first_lines(self, found: Timeline, record: Mapping[Key, Instant]) -> None:
        for name, attempts in found.attempts.items():
            for attempt in attempts:
                started = record.get((name, attempt.number, "started"))
                if attempt.first_line is not None and started is not None and started.error == 0.0:
                    self.first_lines += 1
                    self.before_recorded += attempt.first_line.earliest < started.latest
                    self.errors["start told by the first line, log"].append(
                        abs(attempt.first_line.earliest - started.latest)
                    )

    def _lateness(self, watched: Timeline, record: Mapping[Key, Instant], skew: float) -> None:
        """How long after the record a state with the moment in it was here."""
        told: set[Key] = set()
        for seen in watched.versions:
            for one in seen.pod.containers:
                for key, _moment in moments_of({one.name: tuple(attempts_in(one))}):
                    if key not in told and key in record:
                        self.late[f"{key[2]}, watch"].append(seen.at + skew - record[key].latest)
                    told.add(key)

    def _orders(self, name: str, known: Mapping[Key, Instant], record: Mapping[Key, Instant]) -> None:
        opposite = {Order.YES: Order.NO, Order.NO: Order.YES}
        for one, two in combinations(sorted(known.keys() & record.keys()), 2):
            answer, truth = order(known[one], known[two]), order(record[one], record[two])
            self.verdicts[name][answer.value] += 1
            self.verdicts[name]["wrong"] += truth is not Order.TIE and opposite.get(answer) is truth


def moments_of(attempts: Mapping[str, Sequence[Attempt]]) -> Iterator[tuple[Key, Instant]]:
    """Every moment on the node's clock that is known, by container, attempt and name."""
    for name, found in attempts.items():
        for attempt in found:
            for moment in MOMENTS:
                known = getattr(attempt, moment)
                if known is not None:
                    yield (name, attempt.number, moment), known


def status_alone(timeline: Timeline) -> Timeline:
    """The timeline as it would be had there been no events."""
    attempts = {one.name: tuple(attempts_in(one)) for one in timeline.pod.containers}
    return with_events(replace(timeline, attempts=attempts), ())


# --- the run ------------------------------------------------------------------------------------


def timelines_of(outcome: Outcome) -> dict[str, Timeline]:
    return {line.pod.uid: line for one in outcome.results for line in one.timelines}


def play(api: Api, numbers: Iterable[int], tally: Tally) -> None:
    """One round: run, look, read the record, and take the Pods away."""
    manifests = [pod(number) for number in numbers]
    request = Request(
        manifests,
        namespace=NAMESPACE,
        create_namespace=True,
        timeout=600.0,
        grace=600.0,
        to_the_end=True,
        log_lines=0,
    )
    skew = time.time() - time.monotonic()
    watched = timelines_of(run(api, request))
    seen = timelines_of(with_first_lines(api, look(api, "Pod", NAMESPACE, None, ["round=this"])))
    true = {line.pod.uid: line for line in recorded(seen.values())}
    for uid, found in seen.items():
        tally.take(found, true[uid], watched.get(uid), skew)
    run(api, replace(request, present=False))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum, in milliseconds."""
    ranked = sorted(values)
    last = ranked[min(int(len(ranked) * 0.95), len(ranked) - 1)]
    named = {"median": statistics.median(ranked), "p95": last, "max": ranked[-1]}
    return {"n": len(ranked), **{name: round(value * 1000, 1) for name, value in named.items()}}


def result(api: Api, tally: Tally) -> dict[str, Any]:
    """Everything that was measured, as it is kept."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "kubernetes": api.request("get", "/version")["gitVersion"],
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
        },
        "pods": tally.pods,
        "attempts": tally.attempts,
        "unit": "milliseconds",
        "error": {name: spread(values) for name, values in sorted(tally.errors.items())},
        "error_bar": {name: spread(values) for name, values in sorted(tally.widths.items())},
        "outside_its_error_bar": dict(sorted(tally.outside.items())),
        "late": {name: spread(values) for name, values in sorted(tally.late.items())},
        "first_lines": {"all": tally.first_lines, "before_the_start_was_recorded": tally.before_recorded},
        "orders": {name: dict(found) for name, found in tally.verdicts.items()},
    }


PAGE = ROOT / "docs" / "accuracy.md"
BEGIN, END = "<!-- figures: made by python benchmarks/accuracy.py --table -->", "<!-- end of figures -->"


def page(found: Mapping[str, Any]) -> Iterator[str]:
    """What the documentation says of a result."""
    yield (
        f"{found['pods']} Pods with {found['attempts']} attempts of containers on a kind cluster, Kubernetes"
        f" {found['kubernetes']}, {found['machine']['cores']} cores, {found['date']}, held against containerd's own"
        " record. Milliseconds."
    )
    yield ""
    yield "| instant, source that decided | n | error median | p95 | max | error bar median | outside its error bar |"
    yield "|---|---|---|---|---|---|---|"
    for name, error in found["error"].items():
        bar = found["error_bar"].get(name)
        cells = (name, error["n"], error["median"], error["p95"], error["max"])
        rest = (bar["median"], found["outside_its_error_bar"][name]) if bar else ("-", "-")
        yield f"| {' | '.join(map(str, (*cells, *rest)))} |"
    yield ""
    yield "The error is that of the middle of the span. A state reaches who watches so long after what it tells of:"
    yield ""
    yield "| state | n | median | p95 | max |"
    yield "|---|---|---|---|---|"
    for name, late in found["late"].items():
        yield f"| {' | '.join(map(str, (name, *late.values())))} |"
    lines = found["first_lines"]
    yield ""
    yield (
        f"Of {lines['all']} first lines {lines['before_the_start_was_recorded']} were taken before the runtime had"
        " noted the start of their process."
    )
    yield ""
    yield "| order of any two instants of a Pod | yes | no | tie | wrong |"
    yield "|---|---|---|---|---|"
    for name, answers in found["orders"].items():
        cells = [str(answers.get(answer, 0)) for answer in ("yes", "no", "tie", "wrong")]
        yield f"| {name} | {' | '.join(cells)} |"


def publish(result_file: Path) -> None:
    """Put the figures of a result into the documentation."""
    before, _begin, rest = PAGE.read_text().partition(BEGIN)
    _old, _end, after = rest.partition(END)
    figures = "\n".join(page(json.loads(result_file.read_text())))
    PAGE.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}")


def main() -> None:
    """Measure, print, and keep where asked; or publish what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kubeconfig")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--pods", type=int, default=200)
    parser.add_argument("--round", type=int, default=20)
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args()
    if chosen.table:
        publish(chosen.table)
        return
    api = connect({"kubeconfig": chosen.kubeconfig})
    tally = Tally()
    for first in range(0, chosen.pods, chosen.round):
        play(api, range(first, min(first + chosen.round, chosen.pods)), tally)
        print(f"{tally.pods} of {chosen.pods} Pods, {tally.attempts} attempts", file=sys.stderr, flush=True)
    text = json.dumps(result(api, tally), indent=2)
    print(text)
    if chosen.output:
        chosen.output.write_text(text + "\n")
    wrong = sum(found["wrong"] for found in tally.verdicts.values()) + sum(tally.outside.values())
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
