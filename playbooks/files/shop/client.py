"""Asks the shop for its page from several threads, and counts what came of every single request.

It stops when only the awaited release has answered for a while, and says what it counted as its termination message.
Every outcome is a line of its output, with the instant at which the request began. Nothing is asked twice: one refused
or broken connection, one answer but 200, one page cut short, and it fails.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

TERMINATION_LOG = Path("/dev/termination-log")
WARM = Path("/tmp/warm")
WARM_AFTER = 50
TIMEOUT = 30.0


@dataclass(frozen=True)
class Outcome:
    """What came of a request. at: seconds of the epoch when it began. error: None where the whole page came."""

    at: float
    seconds: float
    kept: bool
    release: str | None = None
    schema: str | None = None
    pod: str | None = None
    error: str | None = None


class Caller:
    """A caller that keeps its connection for as long as the server lets it, or makes one for each request."""

    def __init__(self, host: str, keeps: bool) -> None:
        self._host = host
        self._keeps = keeps
        self._connection: http.client.HTTPConnection | None = None

    def ask(self) -> Outcome:
        """One request and what came of it."""
        at, began = time.time(), time.monotonic()
        kept = self._connection is not None
        told: Mapping[str, str | None] = {}
        error = None
        try:
            told = self._page()
        except (OSError, http.client.HTTPException) as failure:
            error = f"{type(failure).__name__}: {failure}"
            self._close()
        return Outcome(round(at, 3), round(time.monotonic() - began, 3), kept, **told, error=error)

    def _page(self) -> dict[str, str | None]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT)
        self._connection.request("GET", "/")
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.will_close or not self._keeps:
            self._close()
        if answer.status != 200:
            raise http.client.HTTPException(
                f"status {answer.status}: {body[:80].decode(errors='replace').strip()}"
            )
        if not body.endswith(b"</html>\n"):
            raise http.client.HTTPException("the page has no end")
        return {name.lower(): answer.headers[f"X-{name}"] for name in ("Release", "Schema", "Pod")}

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Count:
    """All outcomes so far. awaited: the release that must have given as many answers in a row before it is enough."""

    def __init__(self, awaited: str, in_a_row: int) -> None:
        self.enough = threading.Event()
        self._awaited = awaited
        self._in_a_row = in_a_row
        self._streak = 0
        self._outcomes: list[Outcome] = []
        self._lock = threading.Lock()

    def add(self, outcome: Outcome) -> None:
        """Count an outcome and print it."""
        with self._lock:
            self._outcomes.append(outcome)
            sys.stdout.write(f"{json.dumps(asdict(outcome))}\n")
            self._streak = self._streak + 1 if outcome.release == self._awaited else 0
            if self._streak >= self._in_a_row:
                self.enough.set()
            if len(self._outcomes) == WARM_AFTER:
                WARM.touch()

    def summary(self) -> dict[str, object]:
        """The numbers, and the first failures."""
        failed = [one for one in self._outcomes if one.error]
        return {
            "requests": len(self._outcomes),
            "failed": len(failed),
            "answers_by_release": dict(Counter(one.release for one in self._outcomes if not one.error)),
            "answers_by_schema": dict(Counter(one.schema for one in self._outcomes if not one.error)),
            "pods": len({one.pod for one in self._outcomes if one.pod}),
            "on_kept_connections": sum(one.kept for one in self._outcomes),
            "slowest_seconds": max(one.seconds for one in self._outcomes),
            "first_failures": [asdict(one) for one in failed[:5]],
        }


def call(caller: Caller, count: Count, pause: float) -> None:
    """Ask at a caller's pace until it is enough."""
    while not count.enough.wait(pause):
        count.add(caller.ask())


def main() -> int:
    """Ask, then tell; 1 where a request failed."""
    host, awaited = os.environ["SHOP"], os.environ["AWAITED_RELEASE"]
    count = Count(awaited, int(os.environ["ANSWERS_IN_A_ROW"]))
    callers = [Caller(host, keeps=number % 2 == 0) for number in range(int(os.environ["CALLERS"]))]
    pause = float(os.environ["PAUSE_SECONDS"])
    threads = [threading.Thread(target=call, args=(caller, count, pause)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = count.summary()
    TERMINATION_LOG.write_text(json.dumps(found))
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
