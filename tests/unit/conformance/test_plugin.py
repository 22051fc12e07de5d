"""How a run of the suite ends: its exit codes, its sentences and its report, in a pytest of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]

# An area of five behaviours on evidence that is made up: kept, broken, a tie, broken as a known bug has it, and of a
# cluster that lacks what it takes.
AREA_FILE = """
import pytest
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import lines_of
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from conformance.claims import Life, before, mark
from conformance.pods import app, pod, scene
from conformance.registry import Area, Behaviour, KnownBug, Sign
from conformance.verdicts import catch, hold

LOGS = {"kept": ["@ 1.00 a", "@ 2.00 b"], "broken": ["@ 2.00 a", "@ 1.00 b"], "tied": ["@ 1.00 a", "@ 1.00 b"],
        "known": ["@ 2.00 a", "@ 1.00 b"], "lacking": ["@ 2.00 a", "@ 1.00 b"]}
KNOWN = {"known": (KnownBug(123456, ">=1.35"),)}
SIGNS = {"lacking": Sign("Alphabet", lambda _life: "the Pod knows no letters")}

def life(name):
    facts = PodFacts(name, "conf", "1", "Succeeded", None, "Never")
    return Life((Timeline(facts, lines=lines_of("main", 0, LOGS[name])),))

AREA = Area("made up", tuple(
    Behaviour(f"made-{name}", "a comes before b.", source="this test", since="1.0",
              scene=scene(pod(name, app("main")), dry=True), shows=(before(mark("main", "a"), mark("main", "b")),),
              twin=lambda _life: life("broken"), known=KNOWN.get(name, ()), sign=SIGNS.get(name))
    for name in LOGS
))

@pytest.fixture(scope="module")
def lives():
    return {name: life(name) for name in LOGS}

def test_promise(area, behaviour, verdict):
    hold(area, behaviour, verdict)

def test_wrong_twin_is_caught(area, behaviour, twin_verdict):
    catch(area, behaviour, twin_verdict)
"""


@dataclass(frozen=True)
class Suite:
    """A suite of the made-up area beside a kubeconfig."""

    directory: Path
    kubeconfig: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "conformance.plugin", "-q", "test_made_up.py"]
        path = os.pathsep.join([str(ROOT), str(ROOT / "collections")])
        env = {**os.environ, "PYTHONPATH": path, "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(
            [*command, *arguments], cwd=self.directory, env=env, check=False, capture_output=True, text=True
        )


class _Server(BaseHTTPRequestHandler):
    """As much of an API server as it takes to be reached."""

    def do_GET(self) -> None:  # the name is the library's
        body = json.dumps({"major": "1", "minor": "36", "gitVersion": "v1.36.3"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def suite(tmp_path: Path, address: str) -> Suite:
    (tmp_path / "test_made_up.py").write_text(AREA_FILE)
    return Suite(tmp_path, kubeconfig(tmp_path / "kubeconfig", address))


def kubeconfig(path: Path, address: str) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": {"server": address}}],
        "users": [{"name": "one", "user": {}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "current-context": "one",
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("behaviour", "code"), [("made-kept", 0), ("made-known", 0), ("made-broken", 1), ("made-tied", 3)]
)
def test_the_exit_code_tells_the_verdict(suite: Suite, behaviour: str, code: int) -> None:
    done = suite.run("--behaviour", behaviour)
    assert done.returncode == code, done.stdout


def test_a_deviation_outweighs_what_could_not_be_judged(suite: Suite) -> None:
    assert suite.run().returncode == 1


def test_a_deviation_is_told_with_promise_source_evidence_and_timeline(suite: Suite) -> None:
    told = suite.run("--behaviour", "made-broken", "-k", "promise").stdout
    for part in (
        "made-broken (made up): deviates",
        "promise   a comes before b.",
        "source    this test; since 1.0",
        "evidence  NO         'a' of main comes before 'b' of main: at 2.00 s and at 1.00 s",
        "Pod conf/broken: Succeeded",
        "1.00  main  b\n          2.00  main  a",
    ):
        assert part in told
    assert "Traceback" not in told


def test_a_known_deviation_is_told_in_the_summary_with_bug_and_versions(suite: Suite) -> None:
    told = suite.run("--behaviour", "made-known", "-ra").stdout
    assert "deviates as known: kubernetes/kubernetes#123456, versions >=1.35" in told


def test_what_the_evidence_shows_the_cluster_to_lack_is_not_applicable_nor_is_its_twin(suite: Suite) -> None:
    done = suite.run("--behaviour", "made-lacking", "-rs")
    assert done.returncode == 0
    assert "2 skipped" in done.stdout
    assert "not applicable: Alphabet is needed, but the Pod knows no letters" in done.stdout


def test_the_junit_report_has_behaviour_area_source_and_verdict(suite: Suite) -> None:
    suite.run("--junitxml", "report.xml", "-o", "junit_family=xunit1", "-k", "promise")
    cases = ET.parse(suite.directory / "report.xml").iter("testcase")
    told = [{one.get("name"): one.get("value") for one in case.iter("property")} for case in cases]
    assert sorted(told, key=lambda one: one["behaviour"] or "") == [
        {"behaviour": f"made-{name}", "area": "made up", "source": "this test", "verdict": verdict}
        for name, verdict in (
            ("broken", "deviates"),
            ("kept", "conforms"),
            ("known", "deviates as known"),
            ("lacking", "not applicable"),
            ("tied", "could not judge"),
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--behaviour", "made-kep"],
            "--behaviour is 'made-kep', which is no behaviour of what was collected",
        ),
        (["--kubeconfig", "/no/such/file"], "kubeconfig names '/no/such/file', which does not exist"),
        (["--context", "two"], "context is 'two', but kubeconfig"),
        (["--sharing", "0"], "--sharing is '0'; give a number from 1 to 1000"),
        (["--timeout-factor", "slow"], "--timeout-factor is 'slow'; give a number above 0"),
        (["--timeout-factor", "-1"], "--timeout-factor is '-1'; give a number above 0"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_exit_code_4(
    suite: Suite, arguments: list[str], sentence: str
) -> None:
    done = suite.run(*arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (told,) = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
    assert sentence in told


def test_a_server_that_nobody_can_reach_leaves_no_verdict(suite: Suite) -> None:
    kubeconfig(suite.kubeconfig, "http://127.0.0.1:9")
    done = suite.run()
    assert done.returncode == 3
    assert "cannot reach the API server http://127.0.0.1:9: connection refused" in done.stdout


def test_listing_the_behaviours_asks_no_cluster(suite: Suite) -> None:
    kubeconfig(suite.kubeconfig, "http://127.0.0.1:9")
    done = suite.run("--collect-only")
    assert done.returncode == 0
    assert "test_promise[made-kept]" in done.stdout


@pytest.mark.parametrize(("expression", "code"), [("made_up", 0), ("not made_up", 5)])
def test_an_area_is_a_marker(suite: Suite, expression: str, code: int) -> None:
    assert suite.run("--collect-only", "--strict-markers", "-m", expression).returncode == code
