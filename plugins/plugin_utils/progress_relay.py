# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shows on the terminal, while a module runs on this machine, the lines that the module reports."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.podpatterns.core.plugins.module_utils._progress import ENVIRONMENT_VARIABLE

_END = "\0"


class ProgressAction(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """Runs the module of its own name; on a local connection what it reports is shown as it comes."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Run the module and return its result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        # The module's arguments may hold Secrets; Ansible would write them to the system log.
        variables = {**(task_vars or {}), "ansible_no_target_syslog": True}
        if self._connection.transport != "local" or self._task.async_val:
            result.update(self._execute_module(task_vars=variables, wrap_async=self._task.async_val))
            return result
        with _shown(self._task.no_log) as pipe:
            self._task.environment = [*(self._task.environment or []), {ENVIRONMENT_VARIABLE: pipe}]
            result.update(self._execute_module(task_vars=variables))
        return result


@contextmanager
def _shown(secret: bool) -> Iterator[str]:
    """The path of a pipe whose lines are shown until the context ends; secret tells to drop them instead."""
    folder = tempfile.mkdtemp(prefix="podpatterns-progress-")
    pipe = os.path.join(folder, "pipe")
    os.mkfifo(pipe, 0o600)
    # Opened for both directions, so that the pipe outlives each writer and reading never ends by itself.
    descriptor = os.open(pipe, os.O_RDWR)
    thread = threading.Thread(target=_show, args=(descriptor, secret), daemon=True)
    thread.start()
    try:
        yield pipe
    finally:
        os.write(descriptor, f"{_END}\n".encode())
        thread.join()
        os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def _show(descriptor: int, secret: bool) -> None:
    display = Display()
    with open(descriptor, encoding="utf-8", errors="replace", closefd=False) as lines:
        for line in lines:
            if line.rstrip("\n") == _END:
                return
            if not secret:
                # Standard error: whoever parses the play's output is not disturbed.
                display.display(f"  ... {line.rstrip()}", stderr=True)
