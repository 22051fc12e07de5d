"""Waits for what nobody tells of: the words of a file, the end of a process, an HTTP answer. All else is watched."""

from __future__ import annotations

import time
from collections.abc import Callable


def await_that(
    holds: Callable[[], bool], otherwise: Callable[[], str], seconds: float = 30, pause: float = 0.01
) -> None:
    """Ask again and again until it holds; fails with what is so otherwise. No test that passes takes the seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(pause)
