"""The namespaces of a run: how they are named and marked, a sign of life for others, and taking them away.

A run that was killed leaves its namespaces behind; one that is alive says so, so that nobody sweeps it away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import MERGE, Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotAllowed,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import NAMESPACES
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import unix_seconds
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run
from conformance.finalizer import release

# On all that a run makes; its value is the run's own.
LABEL = "podpatterns.core/conformance"
ENFORCE = "pod-security.kubernetes.io/enforce"
# When the run last said that it is alive, in seconds since 1970 by the clock of whoever runs it.
ALIVE = "podpatterns.core/alive"
SIGN_SECONDS = 30.0
# After so long without a sign a run is taken for dead; clocks may differ by less.
DEAD_SECONDS = 180.0
# How long to leave a server alone that could not delete something just now.
PAUSE_SECONDS = 2.0
# How long a server may refuse us before we believe it.
FORBIDDEN_SECONDS = 15.0
SWEEPERS = 8

Report = Callable[[str], None]


def base(run_id: str) -> str:
    """The namespace that says that the run is alive."""
    return f"conf-{run_id}"


def namespace(name: str, run_id: str, restricted: bool = True) -> dict[str, Any]:
    """A namespace of a run, which enforces a Pod Security Standard."""
    labels = {LABEL: run_id, ENFORCE: "restricted" if restricted else "privileged"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


class Pulse:
    """Says every half minute that a run is alive, from when its first namespace is made."""

    def __init__(self, api: Api, run_id: str) -> None:
        self._api = api
        self._path = NAMESPACES.path(name=base(run_id))
        self._over = threading.Event()

    def start(self) -> None:
        """Say it now, and go on in the background. Raises ClusterError where it cannot be said."""
        self._say()
        threading.Thread(target=self._go_on, daemon=True, name="pulse").start()

    def stop(self) -> None:
        """Say no more."""
        self._over.set()

    def _go_on(self) -> None:
        while not self._over.wait(SIGN_SECONDS):
            with suppress(ClusterError):  # a server that is away for a while hears the next one
                self._say()

    def _say(self) -> None:
        body = {"metadata": {"annotations": {ALIVE: f"{time.time():.0f}"}}}
        self._api.request("patch", self._path, body=body, content_type=MERGE)


def remove(api: Api, name: str, run_id: str, seconds: float) -> str:
    """Delete a namespace with all that is in it and wait until it is gone; why it is not, in a sentence.

    A server that is away for a while must not be left with what we made; one that has just been started refuses
    everybody for a moment, but not for long.
    """
    began = time.monotonic()
    while True:
        left = began + seconds - time.monotonic()
        request = Request([namespace(name, run_id)], present=False, timeout=max(left, 1.0))
        try:
            release(api, name)
            run(api, request)
        except ClusterError as error:
            if isinstance(error, NotAllowed):
                left -= max(seconds - FORBIDDEN_SECONDS, 0.0)
            if left < PAUSE_SECONDS:
                return f"namespace {name} stays behind: {error}"
            threading.Event().wait(PAUSE_SECONDS)  # for the server's sake
        else:
            return ""


def sweep(api: Api, seconds: float, report: Report, only: str = "") -> list[str]:
    """Remove what runs that were killed have left; says what stays behind. Raises ClusterError.

    seconds: how long to wait for each namespace. only: the run of this id alone, be it alive or not.
    """
    query = {"labelSelector": f"{LABEL}={only}" if only else LABEL}
    listed = api.request("get", NAMESPACES.path(), query=query).get("items") or []
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for item in listed:
        runs.setdefault(item["metadata"]["labels"][LABEL], []).append(item)
    dead: list[tuple[str, str]] = []
    for run_id, namespaces in sorted(runs.items()):
        silent = _silence(namespaces, time.time())
        if silent < DEAD_SECONDS and not only:
            report(f"run {run_id} is alive, it said so {silent:.0f} s ago: left alone")
        else:
            dead += [(str(item["metadata"]["name"]), run_id) for item in namespaces]
    with ThreadPoolExecutor(SWEEPERS) as sweepers:
        problems = list(sweepers.map(lambda one: remove(api, one[0], one[1], seconds), dead))
    for (name, run_id), problem in zip(dead, problems, strict=True):
        report(problem or f"namespace {name} of run {run_id} is gone")
    if not listed:
        report("nothing of any run is left" if not only else f"nothing of run {only} is left")
    return [problem for problem in problems if problem]


def _silence(namespaces: Iterable[Mapping[str, Any]], now: float) -> float:
    """Seconds since the run last said that it is alive, or made a namespace."""
    signs = [0.0]
    for item in namespaces:
        sign = str((item["metadata"].get("annotations") or {}).get(ALIVE, ""))
        made = unix_seconds(item["metadata"].get("creationTimestamp"))
        signs += [float(sign) if sign.isdigit() else 0.0, made or 0.0]
    return now - max(signs)
