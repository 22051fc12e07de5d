"""pytest: the options of the suite, and what is refused of them at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.fixtures import add_cluster_options
from conformance.registry import TIERS
from conformance.selection import WHOLE, BadChoice, Shard, shard_of


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
        "--sharing",
        type=_runs,
        default=1,
        metavar="N",
        help="N runs are on the cluster at once, such as those of N shards, so take the N-th part of its room"
        " (default: 1)",
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
    return _number("--pods", text, 10_000)


def _runs(text: str) -> int:
    return _number("--sharing", text, 1000)


def _number(option: str, text: str, most: int) -> int:
    if not text.isdigit() or not 0 < int(text) <= most:
        raise pytest.UsageError(f"{option} is {text!r}; give a number from 1 to {most}")
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
