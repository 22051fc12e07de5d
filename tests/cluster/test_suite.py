"""The conformance suite where something is in its way, and with no more rights than it asks for."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import MERGE, Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import Refusal
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import NAMESPACES, PODS
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.watch import wait_until
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run
from conformance.finalizer import FINALIZER
from conformance.lab import Lab as Laboratory
from conformance.lab import Settings
from conformance.pods import Scene, app, init, pod, scene
from conformance.premises import LABEL, namespace
from conformance.schedule import Turn

from .lab import CONFIG_MAPS, PATIENCE, ROOT, Lab, named

AREA = "an area"
MINUTES = 15
# One of each kind of right: Pods, logs, objects, looks inside, what is done to Pods, and what the server is asked.
OF_EVERY_KIND = (
    "order-init-serial",
    "vol-configmap-secret-in-init",
    "vol-pvc-shared",
    "net-sidecar-serves-service",
    "net-hostport-conflict-validation",
    "seed-native-sidecar-first",
    "job-native-sidecar-completes",
    "res-quota-counts-sidecars",
    "term-eviction-api-prestop",
    "eph-with-sidecars",
    "st-exec-into-sidecar",
)

Pair = tuple[Laboratory, str]


def _serial(name: str) -> Scene:
    return scene(pod(name, init("first"), app("main")))


@pytest.fixture
def laboratory(lab: Lab) -> Iterator[Pair]:
    """A laboratory whose run is known by its id before it makes anything."""
    run_id = f"t{secrets.token_hex(3)}"
    found = Laboratory(lab.api, Settings(), run_id, lambda _line: None)
    yield found, run_id
    found.close()


def _play(laboratory: Laboratory, *scenes: Scene) -> list[str]:
    """What the scenes fell short of, one after the other."""
    turns = [Turn(AREA, one) for one in scenes]
    laboratory.expect(turns)
    laboratory.open()
    return [laboratory.perform(turn).shortfall for turn in turns]


# --- rights -------------------------------------------------------------------------------------


def _account(lab: Lab, tmp_path: Path, documents: list[dict[str, Any]], name: str) -> Path:
    """A kubeconfig of a service account that may do what the documents say."""
    outcome = run(lab.api, Request(documents, timeout=PATIENCE))
    assert outcome.message is None
    asked = lab.api.request(
        "post",
        f"/api/v1/namespaces/{name}/serviceaccounts/{name}/token",
        body={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    )
    path = tmp_path / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(lab.user(asked["status"]["token"])))
    return path


def _renamed(name: str) -> list[dict[str, Any]]:
    """The suite's own manifest of rights, under a name that nobody else uses."""
    text = (ROOT / "conformance" / "rbac.yaml").read_text().replace("podpatterns-conformance", name)
    return list(yaml.safe_load_all(text))


def _started(kubeconfig: Path, directory: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "conformance", "-q", "-p", "no:cacheprovider", "--pods", "8"]
    return subprocess.Popen(
        [*command, "--kubeconfig", str(kubeconfig), "--report-dir", str(directory), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "collections")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _suite(kubeconfig: Path, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    with _started(kubeconfig, directory, *options) as running:
        out, err = running.communicate(timeout=MINUTES * 60)
    return subprocess.CompletedProcess(running.args, running.returncode, out, err)


def _chosen(*ids: str) -> list[str]:
    return [word for name in ids for word in ("--behaviour", name)]


@pytest.mark.long
def test_the_suites_manifest_gives_it_all_the_rights_that_it_needs(lab: Lab, tmp_path: Path) -> None:
    name = lab.name()
    documents = _renamed(name)
    kubeconfig = _account(lab, tmp_path, documents, name)
    try:
        done = _suite(kubeconfig, tmp_path / "report", "-k", "test_promise", *_chosen(*OF_EVERY_KIND))
    finally:
        run(lab.api, Request(documents, present=False, timeout=PATIENCE))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "report" / "report.json").read_text())["behaviours"]
    assert {one["id"]: one["verdict"] for one in found} == dict.fromkeys(OF_EVERY_KIND, "conforms")


def test_who_has_no_rights_is_told_which_one_is_missing(lab: Lab, tmp_path: Path) -> None:
    name = lab.name()
    documents = [one for one in _renamed(name) if one["kind"] in ("Namespace", "ServiceAccount")]
    kubeconfig = _account(lab, tmp_path, documents, name)
    try:
        done = _suite(kubeconfig, tmp_path / "report", *_chosen("order-init-serial", "vol-emptydir-memory"))
    finally:
        run(lab.api, Request(documents, present=False, timeout=PATIENCE))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "namespaces" in done.stdout
    assert "Traceback" not in done.stdout


# --- what is in its way -------------------------------------------------------------------------


def test_a_full_quota_is_told_in_the_servers_words(lab: Lab, laboratory: Pair) -> None:
    found, run_id = laboratory
    there = f"conf-{run_id}-an-area"
    quota = {**named("ResourceQuota", "full"), "spec": {"hard": {"pods": "0"}}}
    run(lab.api, Request([namespace(there, run_id), quota], namespace=there, timeout=PATIENCE))
    (shortfall,) = _play(found, _serial("crowded"))
    assert f"Failed to apply Pod {there}/crowded" in shortfall
    assert "exceeded quota: full" in shortfall


def test_a_namespace_that_somebody_takes_away_in_the_middle_is_told(lab: Lab, laboratory: Pair) -> None:
    found, run_id = laboratory
    there = f"conf-{run_id}-an-area"
    held = {**named("ConfigMap", "held"), "data": {}}
    held["metadata"]["finalizers"] = ["podpatterns.example/held"]
    turns = [Turn(AREA, _serial("early")), Turn(AREA, _serial("late"))]
    found.expect(turns)
    found.open()
    assert found.perform(turns[0]).shortfall == ""
    run(lab.api, Request([held], namespace=there, timeout=PATIENCE))
    lab.api.request("delete", NAMESPACES.path(name=there))
    try:
        shortfall = found.perform(turns[1]).shortfall
    finally:
        body = {"metadata": {"finalizers": None}}
        path = CONFIG_MAPS.path(there, "held")
        lab.api.request("patch", path, body=body, content_type=MERGE)
    assert f"Failed to apply Pod {there}/late" in shortfall
    assert "is being terminated" in shortfall


def test_an_image_that_nobody_gets_is_told_once_and_not_waited_for_again(lab: Lab) -> None:
    run_id = f"t{secrets.token_hex(3)}"
    settings = Settings(image="registry.invalid/no/such:image", timeout_factor=0.2)
    found = Laboratory(lab.api, settings, run_id, lambda _line: None)
    try:
        first, second = _play(found, _serial("imageless"), _serial("spared"))
    finally:
        found.close()
    assert "imageless" in first
    assert second == (
        f"image {settings.image!r} cannot be pulled ({second.partition('(')[2].partition(')')[0]}); give one that the"
        " nodes can pull with --image"
    )


class _Line:
    """A line to the API server that can be cut: it refuses so many calls, and then works again."""

    def __init__(self, host: str, port: int) -> None:
        self._there = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self.refuse = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, calls: int) -> None:
        """Drop all calls, and refuse so many more."""
        self.refuse = calls
        for one in self._open:
            one.close()
        self._open.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut(0)

    def _accept(self) -> None:
        while True:
            try:
                caller, _address = self._listener.accept()
            except OSError:
                return
            if self.refuse > 0:
                self.refuse -= 1
                caller.close()
                continue
            called = socket.create_connection(self._there)
            self._open += [caller, called]
            for one, other in ((caller, called), (called, caller)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    finally:
        for end in (one, other):
            end.close()


def _by(line: _Line, lab: Lab) -> Api:
    """The same cluster by way of this line."""
    config = json.loads(json.dumps(lab.config))
    for one in config["clusters"]:
        host = one["cluster"]["server"].partition("://")[2].rpartition(":")[0]
        one["cluster"].update({"server": f"https://127.0.0.1:{line.port}", "tls-server-name": host})
    return connect({"kubeconfig": config})


def test_a_server_that_goes_away_in_the_middle_and_returns_is_waited_for(lab: Lab) -> None:
    server = lab.config["clusters"][0]["cluster"]["server"].partition("://")[2]
    host, _colon, port = server.rpartition(":")
    line = _Line(host, int(port))
    found = Laboratory(_by(line, lab), Settings(), f"t{secrets.token_hex(3)}", lambda _line: None)
    turn = Turn(AREA, scene(pod("patient", init("first", "linger nobody"), app("main"))))
    found.expect([turn])
    found.open()
    try:
        with ThreadPoolExecutor(1) as pool:
            life = pool.submit(found.perform, turn)
            line.cut(5)
            assert life.result(PATIENCE).shortfall == ""
    finally:
        found.close()
        line.close()


# --- several runs -------------------------------------------------------------------------------


def test_two_runs_at_once_do_not_meet(lab: Lab) -> None:
    labs = [
        Laboratory(lab.api, Settings(), f"t{secrets.token_hex(3)}", lambda _line: None) for _number in "12"
    ]
    try:
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(lambda one: _play(one, _serial("same-name")), labs)) == [[""], [""]]
    finally:
        for one in labs:
            one.close()


def test_a_sweep_takes_away_what_a_killed_run_left_finalizers_and_all(lab: Lab, tmp_path: Path) -> None:
    run_id = f"t{secrets.token_hex(3)}"
    there = f"conf-{run_id}-an-area"
    left = {**named("Pod", "left"), "spec": {"containers": [{"name": "main", "image": "busybox"}]}}
    left["metadata"]["finalizers"] = [FINALIZER]
    run(
        lab.api,
        Request([namespace(there, run_id, False), left], namespace=there, goal="exists", timeout=PATIENCE),
    )
    lab.api.request("delete", PODS.path(there, "left"))
    done = _suite(lab.kubeconfig, tmp_path / "report", "--sweep", "--run-id", run_id)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"namespace {there} of run {run_id} is gone" in done.stdout
    with pytest.raises(Refusal, match="not found"):
        lab.api.request("get", NAMESPACES.path(name=there))


def _processes_of(directory: Path) -> list[str]:
    """The commands under way that were told of this directory: those of a run, and what it has started."""
    told = str(directory).encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if told in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def test_a_run_that_is_told_to_end_leaves_neither_namespaces_nor_plays(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = f"t{secrets.token_hex(3)}"
    there = f"conf-{run_id}-roles-role-wait-for"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with _started(
        lab.kubeconfig, tmp_path / "report", "--run-id", run_id, *_chosen("roles-wait-for")
    ) as running:
        deadline = time.monotonic() + PATIENCE
        assert wait_until(lab.api, PODS, there, "asker", lambda pod: pod is not None, deadline, lambda: None)
        assert any("ansible-playbook" in one for one in _processes_of(tmp_path))
        running.terminate()
        out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == pytest.ExitCode.INTERRUPTED, out + err
    assert not _processes_of(tmp_path)
    query = {"labelSelector": f"{LABEL}={run_id}"}
    assert not lab.api.request("get", NAMESPACES.path(), query=query).get("items")
