"""The suite as an image: an Indexed Job shares it out, Sonobuoy gets its archive, and rights that are missing are told.

The image is made by role kind_cluster, in the registry from which the cluster's nodes pull: in some minutes where the
checkout has changed, else in seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.logs import log_lines
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run

from .lab import PATIENCE, RESTRICTED, ROOT, Lab, Manifest, named

# One image serves them all, on one worker, which begins early: it may have to be made first.
pytestmark = pytest.mark.long
CONFORMANCE = ROOT / "conformance"
MINUTES = 15
# Pods, a look by kubectl, a question to the server, a role that Ansible plays.
CHOSEN = ("order-init-serial", "st-exec-into-sidecar", "net-hostport-conflict-validation", "roles-wait-for")


@pytest.fixture(scope="module", autouse=True)
def image(lab: Lab) -> None:
    """The image of the suite, where the cluster's nodes pull it."""
    name = lab.config["current-context"].removeprefix("kind-")
    facts = Path.home() / ".local" / "state" / "podpatterns" / "clusters" / name / "facts.json"
    if not facts.exists():
        pytest.skip(f"the suite's image is made by role kind_cluster, and {name} is none of its clusters")
    variables = {
        "kind_cluster_name": name,
        "kind_cluster_kubeconfig": str(lab.kubeconfig),
        "kind_cluster_workers": json.loads(facts.read_text())["workers"],
        "kind_cluster_images": ["conformance"],
    }
    done = _command(
        [str(Path(sys.executable).with_name("ansible-playbook")), "podpatterns.core.cluster"],
        ["--extra-vars", json.dumps(variables)],
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _command(command: Sequence[str], options: Sequence[str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env={
            **inherited,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "collections")]),
        },
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )


@pytest.fixture
def name(lab: Lab) -> str:
    """What takes the place of podpatterns-conformance, so that several tests do not meet."""
    return lab.name()


@pytest.fixture
def rights(lab: Lab, name: str) -> Iterator[list[Manifest]]:
    """The suite's own manifest of rights, in place."""
    documents = _documents("rbac.yaml", name)
    assert run(lab.api, Request(documents, timeout=PATIENCE)).message is None
    yield documents
    run(lab.api, Request(documents, present=False, timeout=PATIENCE))


def _documents(file: str, name: str) -> list[Manifest]:
    text = (CONFORMANCE / file).read_text().replace("podpatterns-conformance", name)
    return list(yaml.safe_load_all(text))


def _chosen(ids: Sequence[str]) -> list[str]:
    return [word for one in ids for word in ("--behaviour", one)]


def _gathered(lab: Lab, name: str, directory: Path, ids: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """What comes of the suite's Job with these behaviours, by the command that a user has for it."""
    (job,) = _documents("job.yaml", name)
    job["spec"]["template"]["spec"]["containers"][0]["args"] = _chosen(ids)
    run(lab.api, Request([job], goal="exists", timeout=PATIENCE))
    where = ["--kubeconfig", str(lab.kubeconfig), "--namespace", name, "--job", name]
    return _command([sys.executable, "-m", "conformance.gather"], [*where, "--report-dir", str(directory)])


@pytest.mark.usefixtures("rights")
def test_shards_of_a_job_judge_every_behaviour_once(lab: Lab, name: str, tmp_path: Path) -> None:
    done = _gathered(lab, name, tmp_path, CHOSEN)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    found = [(one["id"], one["verdict"], one["twin"]) for one in report["behaviours"]]
    assert sorted(found) == [(one, "conforms", "deviates") for one in sorted(CHOSEN)]
    assert report["options"]["shard"] == "2 of 2, joined"
    cases = [case.get("name") for case in ET.parse(tmp_path / "junit.xml").iter("testcase")]
    assert len(set(cases)) == len(cases) == 2 * len(CHOSEN)


def test_an_account_without_rights_is_told_which_one_is_missing(lab: Lab, name: str, tmp_path: Path) -> None:
    kinds = ("Namespace", "ServiceAccount")
    documents = [one for one in _documents("rbac.yaml", name) if one["kind"] in kinds]
    run(lab.api, Request(documents, timeout=PATIENCE))
    try:
        done = _gathered(lab, name, tmp_path, CHOSEN[:1])
    finally:
        run(lab.api, Request(documents, present=False, timeout=PATIENCE))
    assert done.returncode == 3, done.stdout + done.stderr
    # One of the two shards has nothing to judge, and says so in its own way.
    told = ": 1 could not judge; Failed to read Namespace conf-"
    assert told in done.stdout
    assert f"system:serviceaccount:{name}:{name} may not get namespaces" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


WAITS_AS_SONOBUOY_DOES = """
until [ -e /tmp/sonobuoy/results/done ]; do sleep 1; done
cd /tmp && tar -xzf "$(cat /tmp/sonobuoy/results/done)" && ls *.* && grep -o '<testcase ' junit.xml
"""


@pytest.mark.usefixtures("rights")
def test_sonobuoys_plugin_leaves_an_archive_and_says_so(lab: Lab, name: str) -> None:
    (definition,) = _documents("sonobuoy-plugin.yaml", name)
    plugin: dict[str, Any] = definition["spec"]
    plugin["args"] += _chosen(CHOSEN[:1])
    worker = {
        "name": "sonobuoy-worker",
        "image": "busybox",
        "command": ["sh", "-euc", WAITS_AS_SONOBUOY_DOES],
        "securityContext": RESTRICTED,
        "volumeMounts": plugin["volumeMounts"],
    }
    spec = {
        "serviceAccountName": name,
        "restartPolicy": "Never",
        "volumes": [{"name": "results", "emptyDir": {}}],
        "containers": [plugin, worker],
    }
    pod = {**named("Pod", "sonobuoy"), "spec": spec}
    outcome = run(lab.api, Request([pod], namespace=name, goal="completed", timeout=PATIENCE))
    assert outcome.message is None, outcome.message
    told = log_lines(lab.api, name, "sonobuoy", worker["name"])
    assert told.count("<testcase ") == 2
    assert {"junit.xml", "report.html", "report.json"} <= set(told)
