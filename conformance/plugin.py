"""pytest: the suite's options, its fixtures, what a run reports and how it ends.

Exit codes: 0 every promise is kept, or broken as a known bug of that version has it, 1 some deviate, 3 some could not
be judged and none deviates, 4 the call itself is wrong (an option, a kubeconfig, an unknown id).
"""

from __future__ import annotations

import difflib
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotConnected,
)
from conformance.claims import Judgement, Life, Verdict, judge
from conformance.evidence import blindness
from conformance.lab import Lab, Settings
from conformance.pods import Scene
from conformance.registry import Area, Behaviour, as_known
from conformance.reporting import report

EXIT_UNJUDGED = 3
NOT_APPLICABLE = "not applicable"

Lives = dict[str, Life]
RecordProperty = Callable[[str, object], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite."""
    group = parser.getgroup("conformance", "what Kubernetes promises on init containers and sidecars")
    group.addoption("--kubeconfig", help="kubeconfig file (default: KUBECONFIG, then ~/.kube/config)")
    group.addoption("--context", help="context of the kubeconfig (default: its current one)")
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
    """Keep the behaviours that were asked for."""
    wanted = set(config.getoption("behaviour"))
    if not wanted:
        return
    known = {behaviour.id for item in items if (behaviour := _behaviour(item)) is not None}
    for name in sorted(wanted - known):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise pytest.UsageError(f"--behaviour is {name!r}, which is no behaviour of what was collected{hint}")
    kept = [item for item in items if (found := _behaviour(item)) is not None and found.id in wanted]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _behaviour(item: pytest.Item) -> Behaviour | None:
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("behaviour") if callspec else None
    return found if isinstance(found, Behaviour) else None


# --- the cluster --------------------------------------------------------------------------------

API = pytest.StashKey[Api]()
VERSION = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Reach the cluster before the first test: without one there is no run, and one sentence says why."""
    config = session.config
    if not config.option.collectonly and any(_behaviour(item) for item in session.items):
        config.stash[API], config.stash[VERSION] = _api(_settings(config))


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
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The laboratory of this run, on the cluster that the options lead to."""
    config = request.config
    terminal = _Terminal(config)
    made = Lab(config.stash[API], _settings(config), secrets.token_hex(3), terminal.line)
    yield made
    made.close()


class _Terminal:
    """Signs of life on the terminal, in place of silence while Pods start."""

    def __init__(self, config: pytest.Config) -> None:
        self._capture = config.pluginmanager.get_plugin("capturemanager")
        self._writer = config.get_terminal_writer()
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """One line on the terminal, whatever pytest captures at the moment."""
        with self._lock, self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            if self._writer.width_of_current_line:
                self._writer.line()
            self._writer.line(text)


@pytest.fixture(scope="module")
def lives(request: pytest.FixtureRequest, lab: Lab, area: Area) -> Iterator[Lives]:
    """The evidence of every scene that the chosen behaviours of this file need."""
    chosen = {found.id for item in request.session.items if (found := _behaviour(item)) is not None}
    ids = {one.id for one in area.behaviours if one.id in chosen and not lab.unmet(one.needs)}
    try:
        yield lab.lives(area.name, area.scenes(ids))
    finally:
        lab.leave()


# --- verdicts -----------------------------------------------------------------------------------


@pytest.fixture
def subject(lab: Lab, area: Area, behaviour: Behaviour, record_property: RecordProperty) -> Behaviour:
    """The behaviour, told to the report; a skip where this cluster or this machine cannot show it."""
    for name, text in (("behaviour", behaviour.id), ("area", area.name), ("source", behaviour.source)):
        record_property(name, text)
    lacking = lab.unmet(behaviour.needs)
    if not lacking and any(one.looks_inside for one in behaviour.scenes) and (why := blindness()):
        lacking = f"nobody can look inside a container here: {why}"
    if lacking:
        record_property("verdict", NOT_APPLICABLE)
        pytest.skip(f"{NOT_APPLICABLE}: {lacking}")
    return behaviour


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
    version = request.config.stash[VERSION]
    found = as_known(judge(subject.shows, lives[subject.scene.name]), subject.known, version)
    record_property("verdict", found.verdict.value)
    return _judged(area, subject, found)


@pytest.fixture
def twin_verdict(area: Area, subject: Behaviour, lives: Lives, record_property: RecordProperty) -> Judgement:
    """The judgement, by the same claims, on the behaviour's wrong twin."""
    twin = subject.twin
    life = lives[twin.name] if isinstance(twin, Scene) else twin(lives[subject.scene.name])
    found = judge(subject.shows, life)
    record_property("verdict on the wrong twin", found.verdict.value)
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


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Tell a run in which something could not be judged from one in which something deviates."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or exitstatus != pytest.ExitCode.TESTS_FAILED:
        return
    if reporter.stats.get("error") and not reporter.stats.get("failed"):
        session.exitstatus = EXIT_UNJUDGED
