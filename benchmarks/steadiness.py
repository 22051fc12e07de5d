"""Whole runs of the conformance suite in a row, some with every core under load: what they found, and what they took.

python benchmarks/steadiness.py --kubeconfig FILE --output FILE [--runs 20] [--loaded 5] [OPTION OF THE SUITE ...]
python benchmarks/steadiness.py --table FILE    puts the figures of a result into docs/conformance.md

The result is written after each run, and runs that are in it already count: what was interrupted goes on where it was.
On a cluster that keeps its promises, `deviates` is false, and so is a wrong twin that is taken for right.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "conformance.md"
BEGIN, END = (
    "<!-- steadiness: made by python benchmarks/steadiness.py --table -->",
    "<!-- end of steadiness -->",
)
# The rooms that a run goes through.
RUN = ("conformance", "plugins", "roles")
# What of a run's figures is kept; its reports have the rest.
KEPT = (
    "seconds",
    "behaviours_per_minute",
    "scenes",
    "pods",
    "requests",
    "cpu_seconds",
    "memory_bytes",
    "noise",
)


def suite(kubeconfig: Path, directory: Path, options: Sequence[str]) -> int:
    """One run, its reports in the directory; its exit code."""
    command = [sys.executable, "-m", "pytest", "conformance", "--quiet", "--kubeconfig", str(kubeconfig)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "collections")])
    with (
        (directory / "run.log").open("w") as log,
        subprocess.Popen(
            [*command, f"--report-dir={directory}", *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as running,
    ):
        try:
            return running.wait()
        except KeyboardInterrupt:
            running.terminate()
            raise


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that do nothing but keep a core busy."""
    idle = "while True: pass"
    running = [subprocess.Popen([sys.executable, "-c", idle]) for _number in range(processes)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def measured(kubeconfig: Path, load: int, directory: Path, options: Sequence[str]) -> dict[str, Any]:
    """A run beside so many busy processes, and what is kept of it."""
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with busy(load):
        code = suite(kubeconfig, directory, options)
    report = directory / "report.json"
    found = json.loads(report.read_text()) if report.exists() else {"behaviours": [], "figures": {}}
    return {
        "started": started,
        "busy_processes": load,
        "load_average": round(os.getloadavg()[1], 1),
        "exit_code": code,
        "version": found.get("version", ""),
        "counts": found.get("counts", {}),
        "false": [*_ids(found, "verdict", "deviates"), *_ids(found, "twin", "conforms")],
        "not_judged": [*_ids(found, "verdict", "could not judge"), *_ids(found, "twin", "could not judge")],
        **{name: found["figures"].get(name) for name in KEPT},
    }


def _ids(report: Mapping[str, Any], of: str, verdict: str) -> list[str]:
    return [one["id"] for one in report["behaviours"] if one[of] == verdict]


def code() -> str:
    """What tells the code whose runs these are from any other: nothing that is not run changes it."""
    trees = subprocess.run(
        ["git", "rev-parse", *(f"HEAD:{room}" for room in RUN)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *RUN], cwd=ROOT, check=False).returncode
    return hashlib.sha256(trees.encode()).hexdigest()[:12] + ("-changed" if changed else "")


def known(path: Path) -> dict[str, Any]:
    """What the result has already of this code."""
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if result.get("code", code()) != code():
        sys.exit(f"{path} has runs of {result['code']}, and this is {code()}; give another --output")
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    return {"code": code(), "machine": machine, "runs": [], **result}


def measure(kubeconfig: Path, output: Path, loads: Sequence[int], options: Sequence[str]) -> bool:
    """All runs that are missing yet; whether none has a false verdict."""
    result = known(output)
    for number, load in list(enumerate(loads, 1))[len(result["runs"]) :]:
        with tempfile.TemporaryDirectory() as folder:
            run = measured(kubeconfig, load, Path(folder), options)
            if run["exit_code"]:
                print((Path(folder) / "run.log").read_text(), file=sys.stderr)
        result["runs"].append(run)
        output.write_text(json.dumps(result, indent=2) + "\n")
        print(f"run {number} of {len(loads)}: {_line(run)}", flush=True)
    return not any(run["exit_code"] for run in result["runs"])


def _line(run: Mapping[str, Any]) -> str:
    load = f"beside {run['busy_processes']} busy processes" if run["busy_processes"] else "alone"
    found = (
        f"false: {', '.join(run['false']) or 'none'}; not judged: {', '.join(run['not_judged']) or 'none'}"
    )
    return f"exit code {run['exit_code']}, {run['seconds'] or 0:.0f} s {load}; {found}"


def table(result: Mapping[str, Any]) -> str:
    """The figures, for the page."""
    rows = []
    for title, loaded in (("nothing else at work", False), ("every core under load", True)):
        runs = [run for run in result["runs"] if bool(run["busy_processes"]) is loaded]
        if not runs:
            continue
        seconds = [run["seconds"] for run in runs]
        noise = [run["noise"] for run in runs]
        cells = (
            title,
            str(len(runs)),
            str(sum(len(run["false"]) for run in runs)),
            str(sum(len(run["not_judged"]) for run in runs)),
            f"{statistics.median(seconds):.0f} s, {min(seconds):.0f} to {max(seconds):.0f}",
            f"{statistics.median(run['behaviours_per_minute'] for run in runs):.1f}",
            f"{statistics.median(run['cpu_seconds'] for run in runs):.0f} s, "
            f"{max(run['memory_bytes'] for run in runs) >> 20} MiB",
            f"{statistics.median(one['median'] for one in noise):.1f} s, "
            f"{statistics.median(one['p95'] for one in noise):.1f} s, {max(one['worst'] for one in noise):.1f} s",
        )
        rows.append(f"| {' | '.join(cells)} |")
    head = (
        "| beside it | runs | false verdicts | not judged | a run took | behaviours a minute"
        " | processor time and memory of the suite | noise: median, 95 of 100, worst |"
    )
    first, last = result["runs"][0], result["runs"][-1]
    when = f"{first['started'][:16]} to {last['started'][:16]}".replace("T", " ")
    intro = (
        f"{len(result['runs'])} whole runs in a row, {when} UTC, code {result['code']}, Kubernetes"
        f" {first['version']}, {result['machine']['cores']} cores."
    )
    return "\n".join([intro, "", head, f"|{' --- |' * 8}", *rows])


def publish(path: Path) -> None:
    """Put the table of this result into the page."""
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(json.loads(path.read_text()))}\n\n{END}{after}")


def main() -> None:
    """Measure and keep; or publish what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument(
        "--loaded", type=int, default=5, help="so many of them, evenly spread, are under load"
    )
    parser.add_argument("--table", type=Path)
    chosen, options = parser.parse_known_args()
    if chosen.table:
        publish(chosen.table)
        return
    if not chosen.kubeconfig or not chosen.output:
        parser.error("give --kubeconfig and --output, or --table")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cores = os.cpu_count() or 1
    step = chosen.runs // chosen.loaded if chosen.loaded else chosen.runs + 1
    loads = [0 if number % step else cores for number in range(1, chosen.runs + 1)]
    sys.exit(0 if measure(chosen.kubeconfig, chosen.output, loads, options) else 1)


if __name__ == "__main__":
    main()
