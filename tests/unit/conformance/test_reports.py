"""What a run leaves: the same findings for a program, a monitoring system and two kinds of reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from prometheus_client.openmetrics import parser

from conformance.claims import Life, before, end, judge, mark
from conformance.pods import app, pod, scene
from conformance.record import Entry, Figures, Run, as_data, entry_of, from_data, joined, judged, noise_of
from conformance.recording import Recorder
from conformance.registry import Area, Behaviour
from conformance.reports import html, metrics, summary

BEHAVIOUR = Behaviour(
    "shop-opens",
    "The shop <opens> before it sells.",
    "a test",
    "1.0",
    scene(pod("shop", app("main"))),
    (before(mark("main", "open"), end("main")),),
    lambda life: life,
)
AREA = Area("shops", (BEHAVIOUR,))
ABSENT = Entry(
    "shop-flies", "shops", "It flies.", "a test", "1.9", "node", ("Wings",), "not applicable", "no wings"
)
FIGURES = Figures(
    90.0, 4, 5, 3, 100, 9.0, 64 * 1024 * 1024, {"Pods": 30.0, "applying": 10.0}, [["shops/shop", 12.0]]
)

MakeLife = Callable[..., Life]


@pytest.fixture
def run(life: MakeLife) -> Run:
    kept = judged(entry_of(AREA, BEHAVIOUR), judge(BEHAVIOUR.shows, life(main="@ 1.00 open; @ 2.00 end")))
    broken = judged(
        replace(entry_of(AREA, BEHAVIOUR), id="shop-sells"),
        judge(BEHAVIOUR.shows, life(main="@ 3.00 open; @ 2.00 end")),
    )
    kept, broken = replace(kept, twin="deviates"), replace(broken, twin="conforms")
    return Run("2026-01-02T03:04:05Z", "v1.36.3", {"image": "busybox"}, FIGURES, (kept, broken, ABSENT))


def test_the_counts_are_those_of_the_verdicts(run: Run) -> None:
    assert run.counts == {
        "deviates": 1,
        "could not judge": 0,
        "deviates as known": 0,
        "not applicable": 1,
        "conforms": 1,
    }


def test_a_run_comes_back_from_its_report_as_it_was(run: Run) -> None:
    data = json.loads(json.dumps(as_data(run)))
    assert json.loads(json.dumps(as_data(from_data(data)))) == data
    assert data["figures"]["behaviours_per_minute"] == 2.0


def test_the_noise_is_how_late_first_words_came(run: Run, life: MakeLife) -> None:
    spoke = judge((), life(main="@ 1.50 begin 1.00", other="@ 4.00 begin 1.00"))
    noisy = replace(run, entries=(judged(run.entries[0], spoke), judged(run.entries[1], spoke)))
    found = noise_of(noisy)
    assert found is not None
    assert (found.containers, found.worst) == (2, 3.0)
    assert "of 2 containers the first word came" in summary.markdown(noisy)


def test_a_run_in_which_nobody_spoke_has_no_noise(run: Run) -> None:
    assert noise_of(run) is None
    assert as_data(run)["figures"]["noise"] is None


def test_the_report_keeps_to_its_schema(run: Run) -> None:
    schema = Path(html.__file__).parent / "report.schema.json"
    jsonschema.validate(json.loads(json.dumps(as_data(run))), json.loads(schema.read_text()))


def test_the_metrics_have_each_behaviour_under_its_verdict(run: Run) -> None:
    samples = {
        (sample.name, sample.labels.get("id", ""), sample.labels.get("verdict", "")): sample.value
        for family in parser.text_string_to_metric_families(metrics.metrics(run))
        for sample in family.samples
    }
    assert samples["podpatterns_conformance_behaviour", "shop-sells", "deviates"] == 1
    assert samples["podpatterns_conformance_behaviours", "", "conforms"] == 1
    assert samples["podpatterns_conformance_twins_slipped", "", ""] == 1
    assert samples["podpatterns_conformance_behaviours_per_minute", "", ""] == 2


def test_the_summary_tells_what_a_reader_must_know_with_its_evidence(run: Run) -> None:
    told = summary.markdown(run)
    assert "Kubernetes v1.36.3, 2026-01-02T03:04:05Z: 1 conforms, 1 not applicable, 1 deviates." in told
    assert "- `shop-sells` (shops): The shop <opens> before it sells." in told
    assert "  - no: 'open' of main comes before end of main: at 3.00 s and at 2.00 s" in told
    assert "  - no wings" in told
    assert "## Checks that let their wrong twin pass\n\n- `shop-sells`" in told


def test_the_figures_say_where_the_time_went(run: Run) -> None:
    told = list(summary.figures(run))
    assert told[0].startswith(
        "3 behaviours in 1 min 30 s, 2 a minute: 4 scenes with 5 Pods, at most 3 at once"
    )
    assert told[1] == "the suite itself took 9 s of processor time, 10% of a core, and 64 MiB of memory"
    assert told[2] == "where the time of all scenes together went: Pods 75%, applying 25%"
    assert told[3] == "what took longest: shops/shop 12 s"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found[name]) for name in ("href", "src") if name in found]
        if tag not in ("meta", "path", "line", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_leads_only_to_itself_and_has_every_verdict_with_its_drawing(run: Run) -> None:
    told = html.page(run, {"shop-sells": ["<svg></svg>"]})
    page = _Page()
    page.feed(told)
    assert page.open == []
    assert {"shop-opens", "shop-sells", "shop-flies"} <= set(page.ids)
    assert all(link.removeprefix("#") in page.ids for link in page.links)
    assert "The shop &lt;opens&gt; before it sells." in told
    assert "<figure><svg></svg></figure>" in told
    assert '<details id="shop-sells" open>' in told


def test_the_promise_and_its_twin_are_one_entry_whichever_comes_first(run: Run) -> None:
    kept = run.entries[0]
    twin = replace(entry_of(AREA, BEHAVIOUR), twin="deviates")
    for order in ((replace(kept, twin=""), twin), (twin, replace(kept, twin=""))):
        recorder = Recorder(None, {})
        for entry in order:
            recorder.take(entry)
        assert recorder.run.entries == (kept,)


def test_the_figures_of_workers_are_those_of_one_run() -> None:
    both = joined([FIGURES, replace(FIGURES, seconds=60.0, slowest=[["shops/stall", 20.0]])])
    assert (both.seconds, both.scenes, both.most_pods, both.spent["Pods"]) == (90.0, 8, 6, 60.0)
    assert both.slowest == [["shops/stall", 20.0], ["shops/shop", 12.0]]
