"""What the shards of a Job found, as one run: python -m conformance.gather --report-dir DIR.

It waits for the Job of conformance/job.yaml to end, reads the logs of its Pods, and leaves the reports as a run of the
whole suite would have.

Exit codes: 0 every promise is kept, or broken as a known bug has it, 1 some deviate, 3 some could not be judged, or a
shard has left no report, 4 there is no way to a cluster or no place for the reports.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotConnected,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.logs import log_lines
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import JOBS, PODS
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.watch import wait_until
from conformance.claims import Verdict
from conformance.record import Run
from conformance.recording import check_directory, write_reports
from conformance.reports.summary import gist
from conformance.shards import BadParcel, Parcel, parcels_in, whole

NAME = "podpatterns-conformance"
CONTAINER = "suite"
DEVIATES, UNJUDGED, USAGE = 1, 3, 4
# The labels that a Job puts on its Pods.
JOB_LABEL, INDEX_LABEL = "batch.kubernetes.io/job-name", "batch.kubernetes.io/job-completion-index"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    given = _parser().parse_args(arguments)
    try:
        check_directory(given.report_dir)
        api = connect({"kubeconfig": given.kubeconfig, "context": given.context})
    except (NotConnected, pytest.UsageError) as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    try:
        _await_end(api, given.namespace, given.job, given.timeout)
        pods = _pods(api, given.namespace, given.job)
        parcels = parcels_in(line for pod in pods for line in _log(api, pod))
        found = whole(parcels) if parcels else None
    except (ClusterError, BadParcel) as error:
        sys.stderr.write(f"Failed to gather Job {given.namespace}/{given.job}: {error}\n")
        return UNJUDGED
    silent = list(_silent(pods, parcels))
    for sentence in silent:
        sys.stderr.write(f"{sentence}\n")
    if found is None:
        return UNJUDGED
    paths = write_reports(given.report_dir, found.run, found.drawings)
    junit = given.report_dir / "junit.xml"
    junit.write_text(found.junit, encoding="utf-8")
    sys.stdout.write(f"{gist(found.run)}\nreports: {', '.join(map(str, [*paths, junit]))}\n")
    return _code(found.run) or (UNJUDGED if silent else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.gather", description=__doc__)
    parser.add_argument(
        "--report-dir", type=Path, required=True, metavar="DIR", help="leave the reports there"
    )
    parser.add_argument("--kubeconfig", help="kubeconfig file (default: KUBECONFIG, then ~/.kube/config)")
    parser.add_argument("--context", help="context of the kubeconfig (default: its current one)")
    parser.add_argument("--namespace", default=NAME, help=f"namespace of the Job (default: {NAME})")
    parser.add_argument("--job", default=NAME, help=f"name of the Job (default: {NAME})")
    parser.add_argument(
        "--timeout",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="how long to wait for it (default: 3600)",
    )
    return parser


def _await_end(api: Api, namespace: str, name: str, seconds: float) -> None:
    """Raises ClusterError where the Job is not there, or has not ended in time."""
    api.request("get", JOBS.path(namespace, name))  # one that is not there is told at once
    told = [""]

    def alive() -> None:
        line = "; ".join(f"shard {_index(pod) + 1}: {_at(pod)}" for pod in _pods(api, namespace, name))
        if line != told[0]:
            told[0] = line
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    if not wait_until(api, JOBS, namespace, name, _has_ended, time.monotonic() + seconds, alive):
        raise ClusterError(
            f"it has not ended in {seconds:g} s ({told[0] or 'it has no Pods'}); see --timeout"
        )


def _has_ended(job: Mapping[str, Any] | None) -> bool:
    if job is None:
        return True
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


def _pods(api: Api, namespace: str, job: str) -> list[Mapping[str, Any]]:
    listed = api.request("get", PODS.path(namespace), query={"labelSelector": f"{JOB_LABEL}={job}"})
    return sorted(listed.get("items") or (), key=_index)


def _index(pod: Mapping[str, Any]) -> int:
    return int((pod["metadata"].get("labels") or {}).get(INDEX_LABEL, 0))


def _at(pod: Mapping[str, Any]) -> str:
    """Where its container is, in the words of the status."""
    state = _state(pod)
    if "running" in state:
        return "at work"
    if "terminated" in state:
        return "has ended"
    return str((state.get("waiting") or {}).get("reason") or "has not started")


def _log(api: Api, pod: Mapping[str, Any]) -> list[str]:
    """A container that never started has none."""
    try:
        return log_lines(api, pod["metadata"]["namespace"], pod["metadata"]["name"], CONTAINER)
    except ClusterError:
        if _ended(pod):
            raise
        return []


def _state(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((one.get("state") or {} for one in statuses if one["name"] == CONTAINER), {})


def _ended(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    return _state(pod).get("terminated") or {}


def _silent(pods: Sequence[Mapping[str, Any]], parcels: Sequence[Parcel]) -> Iterator[str]:
    """A sentence for each Pod that has left no report."""
    told = {one.shard.number for one in parcels}
    for pod in pods:
        number = _index(pod) + 1
        if number not in told:
            said = (_ended(pod).get("message") or "").strip().splitlines()
            why = (
                said[-1] if said else (pod.get("status") or {}).get("message") or "its container has not run"
            )
            yield f"shard {number} has left no report: {why}"
    if not pods:
        yield "the Job has no Pods"


def _code(run: Run) -> int:
    verdicts = {entry.verdict for entry in run.entries}
    if Verdict.DEVIATES.value in verdicts or any(entry.twin_slips for entry in run.entries):
        return DEVIATES
    return UNJUDGED if Verdict.UNJUDGED.value in verdicts or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
