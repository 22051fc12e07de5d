"""Shards of a run: their reports go through logs, and come out as one run."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from conformance.record import Entry, Figures, Run, as_data
from conformance.selection import Shard
from conformance.shards import LINE_LENGTH, BadParcel, Parcel, lines_of, parcels_in, whole

JUNIT = '<testsuites><testsuite name="pytest"><testcase name="{}"/></testsuite></testsuites>'


def entry(name: str, verdict: str = "conforms") -> Entry:
    return Entry(name, "an area", "It runs.", "a test", "1.0", "api", verdict=verdict, reason="", findings=())


def parcel(number: int, of: int, *entries: Entry, version: str = "v1.36.3") -> Parcel:
    figures = Figures(seconds=10.0 * number, pods=number)
    run = Run(f"2026-01-0{number}T00:00:00Z", version, {"shard": f"{number}/{of}"}, figures, entries)
    name = entries[0].id if entries else "nothing"
    return Parcel(Shard(number, of), run, {name: ("<svg/>",)}, JUNIT.format(name))


LAST, FIRST = parcel(1, 2, entry("an-own-one")), parcel(2, 2, entry("order-init-serial", "deviates"))


def test_a_report_comes_out_of_a_log_as_it_went_in() -> None:
    (found,) = parcels_in(["a line before", *lines_of(LAST), "2 passed"])
    assert (found.shard, found.drawings, found.junit) == (LAST.shard, {"an-own-one": ["<svg/>"]}, LAST.junit)
    assert json.dumps(as_data(found.run)) == json.dumps(as_data(LAST.run))


def test_no_line_is_so_long_that_a_runtime_cuts_it() -> None:
    noise = random.Random(1).randbytes(20_000).hex()
    lines = list(lines_of(replace(LAST, junit=noise)))
    assert len(lines) > 2
    assert max(map(len, lines)) < LINE_LENGTH + 100


def test_logs_of_several_shards_may_come_mixed() -> None:
    lines = [
        f"[pod/suite-0/suite] {line}"
        for one in (FIRST, LAST)
        for line in lines_of(replace(one, junit=random.Random(2).randbytes(9_000).hex()))
    ]
    random.Random(3).shuffle(lines)
    assert [str(one.shard) for one in parcels_in(lines)] == ["1/2", "2/2"]


def test_a_log_that_lacks_a_line_is_told_with_its_shard() -> None:
    lines = list(lines_of(replace(LAST, junit=random.Random(4).randbytes(9_000).hex())))
    with pytest.raises(
        BadParcel, match=rf"of the report of shard 1/2 the log has {len(lines) - 1} of {len(lines)} lines"
    ):
        parcels_in(lines[:-1])


def test_a_line_that_is_no_report_is_told_with_its_shard() -> None:
    with pytest.raises(BadParcel, match="the report of shard 1/1 cannot be read"):
        parcels_in(["report of shard 1/1, line 1/1: nonsense"])


def test_the_whole_has_the_behaviours_of_all_shards_in_the_catalogues_order() -> None:
    found = whole([LAST, FIRST]).run
    assert [one.id for one in found.entries] == ["order-init-serial", "an-own-one"]
    assert found.counts["deviates"] == 1
    assert (found.started, found.version) == ("2026-01-01T00:00:00Z", "v1.36.3")
    assert (found.figures.seconds, found.figures.pods) == (20.0, 3)


def test_the_whole_has_the_drawings_and_the_test_cases_of_all_shards() -> None:
    found = whole([LAST, FIRST])
    assert set(found.drawings) == {"order-init-serial", "an-own-one"}
    names = [case.get("name") for case in ET.fromstring(found.junit).iter("testcase")]
    assert names == ["an-own-one", "order-init-serial"]


def test_a_shard_that_ended_before_its_tests_has_no_test_cases() -> None:
    assert len(list(ET.fromstring(whole([LAST, replace(FIRST, junit="")]).junit).iter("testcase"))) == 1


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (parcel(2, 3), "shards 1/2, 2/3 are not of one run"),
        (parcel(2, 2, version="v1.35.4"), r"the shards ran on v1\.35\.4 and v1\.36\.3: compare them"),
    ],
)
def test_shards_of_several_runs_are_not_joined(other: Parcel, sentence: str) -> None:
    with pytest.raises(BadParcel, match=sentence):
        whole([LAST, other])
