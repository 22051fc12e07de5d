"""pytest: the suite's options, its fixtures, what a run reports and how it ends.

Exit codes: 0 every promise is kept, or broken as a known bug of that version has it, 1 some deviate, 3 some could not
be judged and none deviates, 4 the call itself is wrong (an option, a kubeconfig, an unknown id).
"""

from __future__ import annotations

import re
import resource
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotConnected,
)
from conformance.claims import Judgement, Life, Verdict, judge
from conformance.evidence import blindness
from conformance.fixtures import add_cluster_options
from conformance.lab import Lab, Settings
from conformance.pods import Scene
from conformance.premises import sweep
from conformance.record import NOT_APPLICABLE, SLOWEST, Figures, entry_of
from conformance.recording import CARRIED, Recorder, carry, check_directory, note, note_failure
from conformance.registry import TIERS, Area, Behaviour, as_known
from conformance.reporting import report
from conformance.room import NoNodes, room_for
from conformance.schedule import Key, Room, Schedule, Turn, in_order, once_each
from conformance.selection import WHOLE, BadChoice, Shard, check_ids, check_tiers, shard_of, share
from conformance.workers import worker_count, worker_shard

EXIT_UNJUDGED = 3
# How often a run tells that it is alive.
PROGRESS_SECONDS = 10.0
# What scenes took in the run before, in pytest's cache.
LASTED = "conformance/lasted"

Lives = Mapping[str, Life]
RecordProperty = Callable[[str, object], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite."""
    group = parser.getgroup("conformance", "what Kubernetes promises on init containers and sidecars")
    add_cluster_options(group)
    group.addoption("--image", default="busybox", help="image with a busybox (default: busybox)")
    group.addoption(
        "--timeout-factor",
        type=_factor,
        default=1.0,
        metavar="N",
        help="stretch every deadline and window, for a slow cluster (default: 1)",
    )
    group.addoption(
        "--behaviour",
        action="append",
        default=[],
        metavar="ID",
        help="judge this behaviour alone; may repeat",
    )
    group.addoption(
        "--tier",
        action="append",
        default=[],
        metavar="TIER",
        help=f"judge this tier alone, one of {', '.join(TIERS)}; may repeat (default: all)",
    )
    group.addoption(
        "--shard", type=_shard, default=WHOLE, metavar="I/N", help="judge the I-th of N equal shares alone"
    )
    group.addoption(
        "--run-id",
        type=_run_id,
        metavar="ID",
        help="name of the run in namespaces and labels (default: six random digits)",
    )
    group.addoption(
        "--sweep",
        action="store_true",
        help="remove what runs that were killed have left on the cluster, with --run-id of that run alone, and"
        " judge nothing",
    )
    group.addoption(
        "--pods",
        type=_count,
        metavar="N",
        help="how many Pods may be there at once (default: by the nodes' cores and what they allocate)",
    )
    group.addoption(
        "--report-dir",
        type=Path,
        metavar="DIR",
        help="leave report.json, report.html, report.md, metrics.txt and junit.xml there",
    )


def _shard(text: str) -> Shard:
    try:
        return shard_of(text)
    except BadChoice as error:
        raise pytest.UsageError(str(error)) from error


def _run_id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]{1,12}", text):
        raise pytest.UsageError(f"--run-id is {text!r}; give up to 12 small letters and digits")
    return text


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 10_000:
        raise pytest.UsageError(f"--pods is {text!r}; give a number from 1 to 10000")
    return int(text)


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 100:
        raise pytest.UsageError(
            f"--timeout-factor is {text!r}; give a number above 0 and up to 100, such as 2"
        )
    return factor


# --- which behaviours ---------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a behaviour is made for each one of its file's area."""
    area = getattr(metafunc.module, "AREA", None)
    if "behaviour" in metafunc.fixturenames and isinstance(area, Area):
        metafunc.config.addinivalue_line("markers", f"{area.marker}: behaviours of the area {area.name}")
        mark = getattr(pytest.mark, area.marker)
        cases = [pytest.param(one, id=one.id, marks=[mark]) for one in area.behaviours]
        metafunc.parametrize("behaviour", cases)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the behaviours that were asked for, of these the tiers, of these the share."""
    wanted, tiers = set(config.getoption("behaviour")), config.getoption("tier")
    shard = worker_shard(config, config.getoption("shard"))
    if not wanted and not tiers and shard == WHOLE:
        return
    found = {one.id: (_area(item), one) for item in items if (one := _behaviour(item)) is not None}
    try:
        check_ids(wanted, found.keys())
        check_tiers(tiers)
    except BadChoice as error:
        raise pytest.UsageError(str(error)) from error
    chosen = [
        (area, one)
        for area, one in found.values()
        if (not wanted or one.id in wanted) and (not tiers or one.tier in tiers)
    ]
    ids = share(chosen, shard)
    kept = [item for item in items if (one := _behaviour(item)) is not None and one.id in ids]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _area(item: pytest.Item) -> Area:
    area: Area = item.module.AREA  # type: ignore[attr-defined]  # only tests of a module ask for behaviours
    return area


def _behaviour(item: pytest.Item) -> Behaviour | None:
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("behaviour") if callspec else None
    return found if isinstance(found, Behaviour) else None


# --- the run ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Session:
    """A run under way: on which server, with whom, and what is on when."""

    api: Api
    version: str
    lab: Lab
    schedule: Schedule
    began: float


SESSION = pytest.StashKey[Session]()
RECORDER = pytest.StashKey[Recorder]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make ready what the run is to leave behind."""
    directory: Path | None = config.getoption("report_dir")
    if config.option.collectonly or _is_worker(config):
        directory = None
    check_directory(directory)
    if directory is not None and not config.option.xmlpath:
        config.option.xmlpath = str(directory / "junit.xml")
    names = ("image", "timeout_factor", "tier", "behaviour", "pods")
    options = {name: config.getoption(name) for name in names}
    options["shard"] = str(config.getoption("shard"))
    recorder = config.stash[RECORDER] = Recorder(directory, options)
    if _is_worker(config):
        config.pluginmanager.register(Worker(), "conformance-worker")
    else:
        config.pluginmanager.register(recorder, "conformance-recorder")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Reach the cluster, start all scenes, and run each test as soon as its evidence is there."""
    config = session.config
    chosen = [item for item in session.items if _behaviour(item) is not None]
    if config.option.collectonly or not (chosen or config.option.sweep):
        return None
    if config.option.sweep:
        _sweep(config)
        return True
    if _is_worker(config):
        return None  # pytest-xdist has a loop of its own, which Worker holds
    if session.testsfailed and not config.option.continue_on_collection_errors:
        return None  # pytest says why
    with _running(config, chosen) as found:
        _as_evidence_comes(session, found)
    return True


class Worker:
    """The lab of a worker, around the loop of pytest-xdist."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Start all scenes; each test waits for its own."""
        chosen = [item for item in session.items if _behaviour(item) is not None]
        if session.config.option.collectonly or not chosen:
            return (yield)
        with _running(session.config, chosen):
            return (yield)


def _sweep(config: pytest.Config) -> None:
    settings = _settings(config)
    api, _version = _api(settings)
    try:
        problems = sweep(api, settings.timeout, _Terminal(config).line, config.getoption("run_id") or "")
    except ClusterError as error:
        pytest.exit(str(error), returncode=EXIT_UNJUDGED)
    if problems:
        pytest.exit("not all could be removed", returncode=EXIT_UNJUDGED)


@contextmanager
def _running(config: pytest.Config, items: list[pytest.Item]) -> Iterator[Session]:
    """A lab at work. Whatever happens in it, what was made is removed at the end."""
    settings = _settings(config)
    api, version = _api(settings)
    run_id = config.getoption("run_id") or secrets.token_hex(3)
    lab = Lab(api, settings, f"{run_id}{_worker_id(config)}", _Terminal(config).line)
    wanted = [
        Turn(_area(item).name, one, behaviour.disruptive)
        for item in items
        if (behaviour := _behaviour(item)) is not None and not _lacking(config, lab, behaviour)
        for one in _scenes(item)
    ]
    lasted = {tuple(row[:2]): row[2] for row in _cached(config)}
    order = in_order(once_each(wanted), lasted)
    lab.expect(order)
    room = max((config.getoption("pods") or _room(lab)) // worker_count(config), 1)
    schedule = Schedule(order, lab.perform, Room(room))
    found = config.stash[SESSION] = Session(api, version, lab, schedule, time.monotonic())
    try:
        lab.open()
        schedule.start()
        yield found
    finally:
        schedule.stop()
        took = time.monotonic() - found.began
        lab.close()
        _tell(config, found, took)


def _room(lab: Lab) -> int:
    """How many Pods at once; where none can run, the lab is told, and what needs none goes on."""
    try:
        return room_for(lab.api)
    except NoNodes as error:
        lab.closed = str(error)
        return 1


def _cached(config: pytest.Config) -> list[Any]:
    cache = getattr(config, "cache", None)
    return list(cache.get(LASTED, [])) if cache is not None else []


def _tell(config: pytest.Config, found: Session, took: float) -> None:
    """Leave the figures to the recorder, and what scenes took to the run after this one."""
    schedule, lab = found.schedule, found.lab
    lasted = sorted(schedule.lasted.items(), key=lambda item: -item[1])
    if (cache := getattr(config, "cache", None)) is not None and not _is_worker(config):
        known = {tuple(row[:2]): row[2] for row in _cached(config)} | schedule.lasted
        cache.set(LASTED, [[*key, round(seconds, 1)] for key, seconds in known.items()])
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = Figures(
        seconds=took,
        scenes=len(schedule.lasted),
        pods=sum(turn.pods for turn in schedule.order if turn.key in schedule.lasted),
        most_pods=schedule.room.most,
        requests=found.api.calls,
        cpu_seconds=sum(one.ru_utime + one.ru_stime for one in used),
        memory_bytes=used[0].ru_maxrss * 1024,
        spent={"waiting for room": schedule.waited, **lab.spent},
        slowest=[[f"{area}/{name}", seconds] for (area, name), seconds in lasted[:SLOWEST]],
    )
    output = {"figures": asdict(figures), "version": found.version}
    if _is_worker(config):
        config.workeroutput[CARRIED] = output  # type: ignore[attr-defined]  # xdist's
    config.stash[RECORDER].hear({CARRIED: output})


def _as_evidence_comes(session: pytest.Session, found: Session) -> None:
    """Run the tests, those first whose scenes are over."""
    waiting = list(session.items)
    told = time.monotonic()
    while waiting:
        ready = [item for item in waiting if found.schedule.is_over(_keys(item))]
        if not ready:
            found.schedule.await_news(PROGRESS_SECONDS)
            if time.monotonic() - told >= PROGRESS_SECONDS:
                found.lab.report(found.schedule.progress())
                told = time.monotonic()
        for item in ready:
            waiting.remove(item)
            _run_test(session, item, bool(waiting))


def _run_test(session: pytest.Session, item: pytest.Item, more: bool) -> None:
    # Which test comes next is not known: what a module holds goes, what the session holds stays.
    following: Any = session if more else None
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


def _keys(item: pytest.Item) -> list[Key]:
    return [(_area(item).name, one.name) for one in _scenes(item)]


def _scenes(item: pytest.Item) -> list[Scene]:
    """What must run for this very test: the behaviour's scene for its promise, the twin's for its twin."""
    behaviour, asks = _behaviour(item), set(getattr(item, "fixturenames", ()))
    if behaviour is None:
        return []
    twin = behaviour.twin if isinstance(behaviour.twin, Scene) else behaviour.scene
    found = {"verdict": behaviour.scene, "twin_verdict": twin}
    return [one for fixture, one in found.items() if fixture in asks]


def _worker_id(config: pytest.Config) -> str:
    """What tells a worker's namespaces from those of its colleagues."""
    return str(getattr(config, "workerinput", {}).get("workerid", ""))


# --- the cluster --------------------------------------------------------------------------------


def _settings(config: pytest.Config) -> Settings:
    names = ("image", "timeout_factor", "kubeconfig", "context")
    return Settings(*(config.getoption(name) for name in names))


def _api(settings: Settings) -> tuple[Api, str]:
    try:
        api = connect({"kubeconfig": settings.kubeconfig, "context": settings.context})
    except NotConnected as error:
        raise pytest.UsageError(str(error)) from error
    try:
        told = api.request("get", "/version")
    except ClusterError as error:
        pytest.exit(str(error), returncode=EXIT_UNJUDGED)
    return api, str(told.get("gitVersion", ""))


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """The laboratory of this run, on the cluster that the options lead to."""
    return request.config.stash[SESSION].lab


class _Terminal:
    """Signs of life on the terminal, in place of silence while Pods start."""

    def __init__(self, config: pytest.Config) -> None:
        self._capture = config.pluginmanager.get_plugin("capturemanager")
        self._writer = None if _is_worker(config) else config.get_terminal_writer()
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """One line on the terminal, whatever pytest captures at the moment."""
        if self._writer is None:
            return  # a worker has none
        with self._lock, self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            if self._writer.width_of_current_line:
                self._writer.line()
            self._writer.line(text)


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


# --- verdicts -----------------------------------------------------------------------------------


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
    lacking = _lacking(request.config, lab, behaviour)
    if not lacking and any(one.looks_inside for one in behaviour.scenes) and (why := blindness()):
        lacking = f"nobody can look inside a container here: {why}"
    if lacking:
        record_property("verdict", NOT_APPLICABLE)
        note(request.node, replace(entry, verdict=NOT_APPLICABLE, reason=lacking))
        pytest.skip(f"{NOT_APPLICABLE}: {lacking}")
    note(request.node, entry)
    return behaviour


def _lacking(config: pytest.Config, lab: Lab, behaviour: Behaviour) -> str:
    """What keeps the behaviour from being judged here; empty where nothing does."""
    if behaviour.disruptive and worker_count(config) > 1:
        return "it would disturb the other workers; judge it in a run without -n"
    return lab.unmet(behaviour.needs)


@pytest.fixture(scope="module")
def area(request: pytest.FixtureRequest) -> Area:
    """The area of the test's file."""
    found: Area = request.module.AREA
    return found


@pytest.fixture
def verdict(
    request: pytest.FixtureRequest,
    area: Area,
    subject: Behaviour,
    lives: Lives,
    record_property: RecordProperty,
) -> Judgement:
    """The judgement on the behaviour's own scene; an error of this fixture means that there is none."""
    version = request.config.stash[SESSION].version
    found = as_known(judge(subject.shows, lives[subject.scene.name]), subject.known, version)
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
    life = lives[twin.name] if isinstance(twin, Scene) else twin(lives[subject.scene.name])
    found = judge(subject.shows, life)
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


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Tell a run in which something could not be judged from one in which something deviates."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or exitstatus != pytest.ExitCode.TESTS_FAILED:
        return
    if reporter.stats.get("error") and not reporter.stats.get("failed"):
        session.exitstatus = EXIT_UNJUDGED
