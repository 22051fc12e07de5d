"""The conformance suite as a package: installed into an empty venv it gives its fixtures to any suite of tests."""

from __future__ import annotations

import os
import re
import subprocess
import venv
from pathlib import Path

import pytest

from .lab import ROOT, Lab

MINUTES = 15

# A suite of somebody else's, who has a Pod to test.
SUITE = """
MANIFEST = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "shop"},
    "spec": {
        "restartPolicy": "Never",
        "initContainers": [{"name": "ready", "image": "busybox", "command": ["true"]}],
        "containers": [{"name": "till", "image": "busybox", "command": ["true"]}],
    },
}


def test_the_shop_closes_in_good_order(run_pod, pod_timeline, pod_namespace):
    timeline = run_pod(MANIFEST)
    assert [one.exit_code for one in timeline.pod.containers] == [0, 0]
    assert pod_timeline(pod_namespace, "shop").pod.uid == timeline.pod.uid


def test_a_shop_that_fails(run_pod):
    failing = {"name": "till", "image": "busybox", "command": ["false"]}
    run_pod({**MANIFEST, "spec": {**MANIFEST["spec"], "containers": [failing]}})
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the package and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True)
    found = folder / "bin" / "python"
    subprocess.run(
        [str(found), "-m", "pip", "install", "--quiet", str(ROOT)], check=True, timeout=MINUTES * 60
    )
    return found


def _run(python: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    return subprocess.run(
        [str(python), "-m", *arguments],
        cwd=directory,
        env=env,
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )


def test_other_suites_run_pods_and_are_told_what_became_of_them(
    python: Path, tmp_path: Path, lab: Lab
) -> None:
    (tmp_path / "test_shop.py").write_text(SUITE)
    done = _run(python, tmp_path, "pytest", "-q", f"--kubeconfig={lab.kubeconfig}")
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert re.search(r"Failed to wait for Pod test-\w+/shop to be completed: .*exit code 1", done.stdout)
    assert re.search(r"app +till .* terminated \(Error\)", done.stdout)


def test_the_suite_is_a_command(python: Path, tmp_path: Path, lab: Lab) -> None:
    chosen = ("--behaviour", "seed-init-before-nginx", "--behaviour", "net-hostport-conflict-validation")
    done = _run(python, tmp_path, "conformance", "--kubeconfig", str(lab.kubeconfig), *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 conforms" in done.stdout


def test_roles_are_not_applicable_where_ansible_is_not_installed(
    python: Path, tmp_path: Path, lab: Lab
) -> None:
    chosen = ("--behaviour", "roles-wait-for", "-rs")
    done = _run(python, tmp_path, "conformance", "--kubeconfig", str(lab.kubeconfig), *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ansible is needed, but ansible-playbook is not installed beside this Python" in done.stdout


def test_the_version_is_the_collections(python: Path, tmp_path: Path) -> None:
    done = _run(python, tmp_path, "pip", "show", "podpatterns-conformance")
    version = re.search(r"^version: (.+)$", (ROOT / "galaxy.yml").read_text(), re.MULTILINE)
    assert version is not None
    assert f"Version: {version[1]}\n" in done.stdout
