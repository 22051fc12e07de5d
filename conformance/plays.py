"""Plays of the project's own roles, declared, and run by ansible-playbook as a user runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils import _run

Manifest = Mapping[str, Any]
# Sees to it that a play ends no later than what it is played for: given how to end it, the block of its life.
Ending = Callable[[Callable[[], None]], AbstractContextManager[object]]

# Where the collection is that this suite is of.
COLLECTIONS = Path(_run.__file__).parents[5]
# And the manifests that it comes with.
FILES = COLLECTIONS / "ansible_collections" / "podpatterns" / "core" / "playbooks" / "files"
# How long ansible-playbook is given to end its workers, which it alone knows.
END_SECONDS = 10.0
_ERROR = re.compile(r"^(?:\[ERROR\]|fatal): ?(.*)", re.MULTILINE)


@dataclass(frozen=True)
class Task:
    """One task of a play: a role of the collection on a definition; options are its variables, less its prefix."""

    role: str
    definition: tuple[Manifest, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


def task(role: str, *definition: Manifest, **options: Any) -> Task:
    """A task."""
    return Task(role, definition, options)


@dataclass(frozen=True)
class Played:
    """What came of a play: all that it printed, and its first error, empty where there was none."""

    output: str
    error: str


def play(
    tasks: Sequence[Task], namespace: str, timeout: float, clothe: Callable[[Manifest], dict[str, Any]]
) -> list[dict[str, Any]]:
    """The play as Ansible reads it. clothe gives our containers their image; timeout, in seconds, is that of a role."""
    return [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                {
                    "ansible.builtin.include_role": {"name": f"podpatterns.core.{one.role}"},
                    "vars": {
                        f"{one.role}_{option}": value
                        for option, value in {
                            "namespace": namespace,
                            "definition": [clothe(manifest) for manifest in one.definition],
                            "timeout": timeout,
                            **one.options,
                        }.items()
                    },
                }
                for one in tasks
            ],
        }
    ]


def run_play(
    plays: Sequence[Mapping[str, Any]],
    kubeconfig: str | None,
    context: str | None,
    timeout: float,
    ending: Ending,
) -> Played:
    """Run it on the cluster that the kubeconfig and the context lead to; timeout, in seconds, is that of the whole."""
    given = {"K8S_AUTH_KUBECONFIG": kubeconfig, "K8S_AUTH_CONTEXT": context}
    environment = {
        **os.environ,
        **{name: value for name, value in given.items() if value},
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "/dev/stdin"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
        ) as running,
        ending(running.terminate),
    ):
        try:
            # JSON is YAML; what a play is made of has no templates of its own.
            out, err = running.communicate(json.dumps(plays), timeout)
        except subprocess.TimeoutExpired:
            _end(running)
            return Played("", f"ansible-playbook did not end in {timeout:g} s")
    found = _ERROR.search(out + err)
    told = found[1] if found else f"ansible-playbook ended with exit code {running.returncode}"
    return Played(out + err, told if running.returncode else "")


def _end(running: subprocess.Popen[str]) -> None:
    running.terminate()
    try:
        running.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()


def unplayable() -> str:
    """Why no play can be run on this machine; empty where one can."""
    if Path(sys.executable).with_name("ansible-playbook").exists():
        return ""
    return "ansible-playbook is not installed beside this Python; install it with: pip install ansible-core"
