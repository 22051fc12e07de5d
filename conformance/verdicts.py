"""pytest: the judgement on each behaviour, as fixtures, and what a test makes of it: hold() and catch()."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from typing import NoReturn

import pytest

from conformance.claims import Judgement, Life, Verdict, judge
from conformance.evidence import blindness
from conformance.lab import Lab
from conformance.pods import Scene
from conformance.record import NOT_APPLICABLE, Entry, entry_of
from conformance.recording import carry, note, note_failure
from conformance.registry import Area, Behaviour, as_known
from conformance.reporting import report
from conformance.running import SESSION, lacking
from conformance.schedule import Schedule

Lives = Mapping[str, Life]
RecordProperty = Callable[[str, object], None]


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """The laboratory of this run, on the cluster that the options lead to."""
    return request.config.stash[SESSION].lab


@pytest.fixture(scope="module")
def area(request: pytest.FixtureRequest) -> Area:
    """The area of the test's file."""
    found: Area = request.module.AREA
    return found


class _Lives(Mapping[str, Life]):
    """The evidence of an area's scenes by their names; who asks for one waits until it is there."""

    def __init__(self, area: Area, schedule: Schedule) -> None:
        self._area = area
        self._schedule = schedule

    def __getitem__(self, name: str) -> Life:
        return self._schedule.life((self._area.name, name))

    def __iter__(self) -> Iterator[str]:
        return (turn.scene.name for turn in self._schedule.order if turn.area == self._area.name)

    def __len__(self) -> int:
        return sum(1 for _name in self)


@pytest.fixture(scope="module")
def lives(request: pytest.FixtureRequest, area: Area) -> Lives:
    """The evidence of every scene that the chosen behaviours of this file need."""
    return _Lives(area, request.config.stash[SESSION].schedule)


@pytest.fixture
def subject(
    request: pytest.FixtureRequest,
    lab: Lab,
    area: Area,
    behaviour: Behaviour,
    record_property: RecordProperty,
) -> Behaviour:
    """The behaviour, told to the report; a skip where this cluster or this machine cannot show it."""
    for name, text in (("behaviour", behaviour.id), ("area", area.name), ("source", behaviour.source)):
        record_property(name, text)
    entry = entry_of(area, behaviour)
    why_not = lacking(request.config, lab, behaviour)
    if not why_not and any(one.looks_inside for one in behaviour.scenes) and (blind := blindness()):
        why_not = f"nobody can look inside a container here: {blind}"
    if why_not:
        _skip(request.node, entry, why_not, record_property)
    note(request.node, entry)
    return behaviour


def _skip(item: pytest.Item, entry: Entry, why: str, record_property: RecordProperty) -> NoReturn:
    record_property("verdict", NOT_APPLICABLE)
    note(item, replace(entry, verdict=NOT_APPLICABLE, reason=why))
    pytest.skip(f"{NOT_APPLICABLE}: {why}")


@pytest.fixture
def verdict(
    request: pytest.FixtureRequest,
    area: Area,
    subject: Behaviour,
    lives: Lives,
    record_property: RecordProperty,
) -> Judgement:
    """The judgement on the behaviour's own scene; an error of this fixture means that there is none."""
    life = lives[subject.scene.name]
    if missing := subject.missing(life):
        _skip(request.node, entry_of(area, subject), missing, record_property)
    found = as_known(judge(subject.shows, life), subject.known, request.config.stash[SESSION].version)
    record_property("verdict", found.verdict.value)
    note(request.node, entry_of(area, subject), found)
    return _judged(area, subject, found)


@pytest.fixture
def twin_verdict(
    request: pytest.FixtureRequest,
    area: Area,
    subject: Behaviour,
    lives: Lives,
    record_property: RecordProperty,
) -> Judgement:
    """The judgement, by the same claims, on the behaviour's wrong twin."""
    twin = subject.twin
    seen = lives[twin.name if isinstance(twin, Scene) else subject.scene.name]
    if missing := subject.missing(seen):
        _skip(request.node, entry_of(area, subject), missing, record_property)
    found = judge(subject.shows, seen if isinstance(twin, Scene) else twin(seen))
    record_property("verdict on the wrong twin", found.verdict.value)
    note(request.node, replace(entry_of(area, subject), twin=found.verdict.value))
    return _judged(area, subject, found)


def _judged(area: Area, behaviour: Behaviour, found: Judgement) -> Judgement:
    if found.verdict is Verdict.UNJUDGED:
        pytest.fail(report(area, behaviour, found), pytrace=False)
    return found


def hold(area: Area, behaviour: Behaviour, judgement: Judgement) -> None:
    """Pass where the cluster keeps the promise; fail with all the evidence where it does not.

    A deviation that is known of this version is an expected failure to pytest, which tells it in its summary.
    """
    if judgement.verdict is Verdict.KNOWN:
        pytest.xfail(f"{judgement.verdict}: {judgement.known}")
    if judgement.verdict is not Verdict.CONFORMS:
        pytest.fail(report(area, behaviour, judgement), pytrace=False)


def catch(area: Area, behaviour: Behaviour, judgement: Judgement) -> None:
    """Pass where the check sees the wrong twin for what it is."""
    if judgement.verdict is not Verdict.DEVIATES:
        said = "The check lets its wrong twin pass, so it proves nothing.\n"
        pytest.fail(said + report(area, behaviour, judgement), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send what the test noted along with its last report."""
    found = yield
    if call.excinfo is not None and "verdict" in getattr(item, "fixturenames", ()):
        note_failure(item, call.excinfo.exconly())
    carry(item, found)
    return found
