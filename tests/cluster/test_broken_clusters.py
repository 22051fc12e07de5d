"""The suite sees a broken cluster for what it is: the right promises are broken there, and no others.

Only the run's own namespaces are broken: whatever else goes on in the cluster meanwhile meets a sound one.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from .broken import FAULTS, Fault, breaking
from .lab import ROOT, Lab

# Where a Pod hangs that should not, nothing is to be waited for as long as on a sound cluster.
FACTOR = "0.25"
PODS = "8"
MINUTES = 20


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_a_cluster_breaks_deviates_and_nothing_else(lab: Lab, tmp_path: Path, fault: Fault) -> None:
    run_id = f"b{secrets.token_hex(3)}"
    with breaking(lab.api, run_id, fault, tmp_path):
        found = _judged(lab, run_id, fault, tmp_path / "report")
    assert found == {**dict.fromkeys(fault.red, "deviates"), **dict.fromkeys(fault.green, "conforms")}


def test_the_documentation_has_this_very_table() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text()
    for fault in FAULTS:
        red, green = (", ".join(f"`{name}`" for name in names) for names in (fault.red, fault.green))
        assert f"| {fault.words} | {red} | {green} |\n" in page


def _judged(lab: Lab, run_id: str, fault: Fault, directory: Path) -> dict[str, str]:
    """What the suite says of the behaviours that the fault is about, and of some that it is not."""
    chosen = [word for name in (*fault.red, *fault.green) for word in ("--behaviour", name)]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "conformance",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "test_promise",
    ]
    options = ["--run-id", run_id, "--timeout-factor", FACTOR, "--pods", PODS, "--report-dir", str(directory)]
    done = subprocess.run(
        [*command, *options, "--kubeconfig", str(lab.kubeconfig), *chosen],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "collections")])},
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )
    report = directory / "report.json"
    assert report.is_file(), done.stdout + done.stderr
    return {one["id"]: one["verdict"] for one in json.loads(report.read_text())["behaviours"]}
