"""pytest: a run of the suite, from the cluster that the options lead to until all that it made is gone."""

from __future__ import annotations

import resource
import secrets
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotConnected,
)
from conformance.collecting import area_of, behaviour_of, keys_of, scenes_of
from conformance.lab import Lab, Settings
from conformance.premises import sweep
from conformance.record import SLOWEST, Figures
from conformance.recording import CARRIED, Recorder, check_directory
from conformance.registry import Behaviour
from conformance.room import NoNodes, room_for
from conformance.schedule import Room, Schedule, Turn, in_order, once_each
from conformance.terminal import Terminal
from conformance.workers import is_worker, worker_count, worker_id

EXIT_UNJUDGED = 3
# How often a run tells that it is alive.
PROGRESS_SECONDS = 10.0
# What scenes took in the run before, in pytest's cache.
LASTED = "conformance/lasted"


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
    """Make ready what the run is to leave behind, and for its being ended."""
    _heed_term(config)
    directory: Path | None = config.getoption("report_dir")
    if config.option.collectonly or is_worker(config):
        directory = None
    check_directory(directory)
    if directory is not None and not config.option.xmlpath:
        config.option.xmlpath = str(directory / "junit.xml")
    names = ("image", "timeout_factor", "tier", "behaviour", "pods")
    options = {name: config.getoption(name) for name in names}
    options["shard"] = str(config.getoption("shard"))
    recorder = config.stash[RECORDER] = Recorder(directory, options)
    if is_worker(config):
        config.pluginmanager.register(Worker(), "conformance-worker")
    else:
        config.pluginmanager.register(recorder, "conformance-recorder")


def _heed_term(config: pytest.Config) -> None:
    """Let a TERM end the run as Ctrl-C does: else all stays behind, and process 1 of a container would not heed it."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)

    def restore() -> None:
        signal.signal(signal.SIGTERM, before)

    config.add_cleanup(restore)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Reach the cluster, start all scenes, and run each test as soon as its evidence is there."""
    config = session.config
    chosen = [item for item in session.items if behaviour_of(item) is not None]
    if config.option.collectonly or not (chosen or config.option.sweep):
        return None
    if config.option.sweep:
        _sweep(config)
        return True
    if is_worker(config):
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
        chosen = [item for item in session.items if behaviour_of(item) is not None]
        if session.config.option.collectonly or not chosen:
            return (yield)
        with _running(session.config, chosen):
            return (yield)


def _sweep(config: pytest.Config) -> None:
    settings = _settings(config)
    api, _version = _api(settings)
    try:
        problems = sweep(api, settings.timeout, Terminal(config).line, config.getoption("run_id") or "")
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
    lab = Lab(api, settings, f"{run_id}{worker_id(config)}", Terminal(config).line)
    wanted = [
        Turn(area_of(item).name, one, behaviour.disruptive)
        for item in items
        if (behaviour := behaviour_of(item)) is not None and not lacking(config, lab, behaviour)
        for one in scenes_of(item)
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
    if (cache := getattr(config, "cache", None)) is not None and not is_worker(config):
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
    if is_worker(config):
        config.workeroutput[CARRIED] = output  # type: ignore[attr-defined]  # xdist's
    config.stash[RECORDER].hear({CARRIED: output})


def _as_evidence_comes(session: pytest.Session, found: Session) -> None:
    """Run the tests, those first whose scenes are over."""
    waiting = list(session.items)
    told = time.monotonic()
    while waiting:
        ready = [item for item in waiting if found.schedule.is_over(keys_of(item))]
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


def lacking(config: pytest.Config, lab: Lab, behaviour: Behaviour) -> str:
    """What keeps the behaviour from being judged here; empty where nothing does."""
    if behaviour.disruptive and worker_count(config) > 1:
        return "it would disturb what runs beside it; judge it in a run without -n and --sharing"
    return lab.unmet(behaviour.needs)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Tell a run in which something could not be judged from one in which something deviates."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or exitstatus != pytest.ExitCode.TESTS_FAILED:
        return
    if reporter.stats.get("error") and not reporter.stats.get("failed"):
        session.exitstatus = EXIT_UNJUDGED


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
