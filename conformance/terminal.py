"""Signs of life on the terminal while Pods start."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest

from conformance.workers import is_worker


class Terminal:
    """Where a run tells how far it is; a worker has no terminal, and tells nobody."""

    def __init__(self, config: pytest.Config) -> None:
        self._capture = config.pluginmanager.get_plugin("capturemanager")
        self._writer = None if is_worker(config) else config.get_terminal_writer()
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """One line on the terminal, whatever pytest captures at the moment."""
        if self._writer is None:
            return
        with self._lock, self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            if self._writer.width_of_current_line:
                self._writer.line()
            self._writer.line(text)
