"""A namespace as Molecule's tests look at it: kubectl, watches with a deadline."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote

import pytest
import testinfra

from tests.awaiting import await_that

CANNOT_BE_PULLED = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
Items = Mapping[str, Mapping[str, Any]]


def labelled(labels: str) -> str:
    """Which Pods: those of these labels, such as `app=web`."""
    return f"labelSelector={quote(labels)}"


def called(name: str) -> str:
    """Which Pods: the one of this name."""
    return f"fieldSelector={quote(f'metadata.name={name}')}"


@dataclass(frozen=True)
class Namespace:
    """patience: seconds that a wait may take on a busy machine; no test that passes takes them."""

    name: str
    patience: int

    def kubectl(self, *words: str) -> str:
        """What kubectl says; the words are a shell's."""
        return str(testinfra.get_host("local://").check_output(" ".join([self._kubectl, *words])))

    @property
    def _kubectl(self) -> str:
        return f"kubectl --kubeconfig {shlex.quote(os.environ['KUBECONFIG'])} --namespace {self.name}"

    def listed(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind with these labels."""
        return list(json.loads(self.kubectl(f"get {kind} --selector '{selector}' --output json"))["items"])

    def sql(self, statement: str) -> list[str]:
        """The lines that the database of the example answers."""
        words = "psql --username shop --no-align --tuples-only --quiet --command"
        return self.kubectl(f'exec deploy/db -- {words} "{statement}"').splitlines()

    def until(self, holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
        """Ask again and again, for what nobody tells of: an HTTP answer, a row of a database."""
        await_that(holds, otherwise, self.patience, pause=0.3)

    def logged(self, target: str, words: str, since: str = "") -> None:
        """Follow a log until a line has these words; since: kubectl's option for where to begin."""
        with self._lines(f"logs --follow {since} {target}") as lines:
            assert any(words in line for line in lines), f"{target} never logged {words!r}"

    def pods(self, which: str, holds: Callable[[Items], bool], what: str) -> None:
        """Watch Pods, by name, until it holds of them. At first they come one by one."""
        query = f"watch=1&timeoutSeconds={self.patience}&{which}"
        found: dict[str, Mapping[str, Any]] = {}
        with self._lines(f"get --raw '/api/v1/namespaces/{self.name}/pods?{query}'") as lines:
            for event in map(json.loads, lines):
                found[event["object"]["metadata"]["name"]] = event["object"]
                if event["type"] == "DELETED":
                    del found[event["object"]["metadata"]["name"]]
                if holds(found):
                    return
        raise AssertionError(f"{what}: not so after {self.patience} s")

    def needs_its_image(self, which: str, image: str) -> None:
        """Watch until a container of the Pods has its image; skip where no registry in reach has that."""

        def decided(pods: Items) -> bool:
            states = [
                one["state"]
                for pod in pods.values()
                for kind in ("initContainerStatuses", "containerStatuses")
                for one in pod["status"].get(kind, ())
            ]
            if any(state.get("waiting", {}).get("reason") in CANNOT_BE_PULLED for state in states):
                pytest.skip(f"{image} cannot be pulled here")
            return any("waiting" not in state for state in states)

        self.pods(which, decided, f"a container of {which} has started")

    @contextmanager
    def _lines(self, words: str) -> Iterator[Iterator[str]]:
        """The lines of a command that goes on, until the deadline ends it."""
        child = subprocess.Popen(
            f"exec {self._kubectl} {words}", shell=True, text=True, stdout=subprocess.PIPE
        )
        deadline = threading.Timer(self.patience, child.kill)
        deadline.start()
        output: IO[str] | None = child.stdout
        assert output is not None
        try:
            yield iter(output)
        finally:
            deadline.cancel()
            child.kill()
            child.wait()
            output.close()
