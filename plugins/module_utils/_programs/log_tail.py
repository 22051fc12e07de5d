# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs beside an app: follows its log files and hands every line on, the last ones included.

A position is written down only when what lies before it has been taken by the output. Files are told apart by
inode and first bytes, so that a renamed file is the same one and a file that takes over an inode is another.
Standard library only; no import from the collection.
"""

from __future__ import annotations

import base64
import fnmatch
import glob
import hashlib
import http.client
import json
import os
import re
import signal
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, Any

TERMINATION_LOG = "/dev/termination-log"
READY = "ready"
POSITIONS = "positions.json"
HEAD_BYTES = 256
CHUNK_BYTES = 262144
BATCH_RECORDS = 1000
LONGEST_PAUSE = 2.0


class Undelivered(Exception):
    """The output did not take a batch in time."""


@dataclass
class File:
    """One log file that is followed. taken: bytes that the output has; read: bytes that have been looked at."""

    stream: IO[bytes]
    path: str
    inode: int
    head: str
    head_size: int
    taken: int = 0
    read: int = 0
    rest: bytes = b""
    record: list[str] = field(default_factory=list)
    record_end: int = 0
    touched: float = 0.0


@dataclass(frozen=True)
class Record:
    """One record, and where in its file it ends."""

    text: str
    file: File
    end: int


def head_of(stream: IO[bytes], size: int) -> str:
    """A digest of a file's first bytes."""
    return hashlib.sha256(os.pread(stream.fileno(), size, 0)).hexdigest()


class Follower:
    """The files of a pattern, and what is new in them."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._start = re.compile(config["multiline"]) if config["multiline"] else None
        self._files: dict[int, File] = {}
        self._known: dict[str, dict[str, Any]] = self._load()

    def _positions_path(self) -> str:
        return os.path.join(self._config["state"], POSITIONS)

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            with open(self._positions_path(), encoding="utf-8") as stream:
                known: dict[str, dict[str, Any]] = json.load(stream)
                return known
        except (OSError, ValueError):
            return {}

    def save(self) -> None:
        """Write down how far the output has come, at once or not at all."""
        positions = {
            str(one.inode): {"taken": one.taken, "head": one.head, "head_size": one.head_size}
            for one in self._files.values()
        }
        path = self._positions_path()
        with open(f"{path}.new", "w", encoding="utf-8") as stream:
            json.dump(positions, stream)
        os.replace(f"{path}.new", path)

    def discover(self) -> None:
        """Open what is new; what is gone and read to its end is let go."""
        present = set()
        for path in sorted(glob.glob(self._config["pattern"])):
            name = os.path.basename(path)
            if any(fnmatch.fnmatch(name, pattern) for pattern in self._config["exclude"]):
                continue
            try:
                inode = os.stat(path).st_ino
                present.add(inode)
                if inode in self._files:
                    self._files[inode].path = path
                else:
                    self._files[inode] = self._open(path, inode)
            except FileNotFoundError:
                continue
            except OSError as error:
                complain(
                    f"{path} cannot be read: {error.strerror}; run as the app's user or let it be readable"
                )
        for inode in [one for one in self._files if one not in present]:
            followed = self._files[inode]
            if followed.taken >= os.fstat(followed.stream.fileno()).st_size:
                followed.stream.close()
                del self._files[inode]

    def _open(self, path: str, inode: int) -> File:
        # Stays open for as long as it is followed.
        stream = open(path, "rb", buffering=0)  # noqa: SIM115
        known = self._known.get(str(inode))
        if known and head_of(stream, known["head_size"]) == known["head"]:
            taken = min(known["taken"], os.fstat(stream.fileno()).st_size)
            return File(stream, path, inode, known["head"], known["head_size"], taken, taken)
        return File(stream, path, inode, head_of(stream, 0), 0)

    def records(self, final: bool) -> Iterator[Record]:
        """What is new and whole; at the end also what is not whole: a last line without its newline."""
        for followed in list(self._files.values()):
            yield from self._of_file(followed, final)

    def _of_file(self, followed: File, final: bool) -> Iterator[Record]:
        self._check_truncation(followed)
        while True:
            chunk = os.pread(followed.stream.fileno(), CHUNK_BYTES, followed.read)
            if not chunk:
                break
            followed.read += len(chunk)
            followed.touched = time.monotonic()
            start = followed.read - len(chunk) - len(followed.rest)
            *lines, followed.rest = (followed.rest + chunk).split(b"\n")
            for line in lines:
                start += len(line) + 1
                yield from self._line(followed, line, start)
        if final and followed.rest:
            line, followed.rest = followed.rest, b""
            yield from self._line(followed, line, followed.read)
        waited = time.monotonic() - followed.touched >= self._config["multiline_seconds"]
        if followed.record and (final or waited):
            yield self._whole(followed)
        if followed.head_size < HEAD_BYTES and followed.read > followed.head_size:
            followed.head_size = min(HEAD_BYTES, followed.read)
            followed.head = head_of(followed.stream, followed.head_size)

    def _check_truncation(self, followed: File) -> None:
        """A file that is shorter than what was read of it has been emptied and begun anew."""
        if os.fstat(followed.stream.fileno()).st_size < followed.read:
            followed.taken = followed.read = followed.head_size = 0
            followed.head = head_of(followed.stream, 0)
            followed.rest = b""

    def _line(self, followed: File, line: bytes, end: int) -> Iterator[Record]:
        text = line.decode("utf-8", "replace").removesuffix("\r")
        if self._start is None:
            yield Record(text, followed, end)
            return
        if followed.record and self._start.search(text):
            yield self._whole(followed)
        followed.record.append(text)
        followed.record_end = end

    def _whole(self, followed: File) -> Record:
        text, followed.record = "\n".join(followed.record), []
        return Record(text, followed, followed.record_end)

    def close(self) -> None:
        """Close every file."""
        for followed in self._files.values():
            followed.stream.close()


class Output:
    """Where records go: the container's log, a file, or a server that takes lines of JSON."""

    def __init__(self, config: dict[str, Any], environment: dict[str, str]) -> None:
        self._config = config
        self._environment = environment
        self._output = config["output"]
        self._expression = re.compile(config["expression"]) if config["parser"] == "regex" else None
        self._constant = {
            **{key: environment[name] for key, name in config["pod_fields"].items() if name in environment},
            **config["fields"],
        }
        self._said = ""

    def text(self, record: Record) -> str:
        """A record as one line: as it was where nothing was asked for, as JSON otherwise."""
        plain = (
            self._output["type"] != "http" and self._config["parser"] == "text" and not self._config["fields"]
        )
        return record.text if plain else json.dumps({**self._parsed(record.text), **self._constant})

    def _parsed(self, text: str) -> dict[str, Any]:
        if self._config["parser"] == "json":
            try:
                found = json.loads(text)
            except ValueError:
                found = None
            return found if isinstance(found, dict) else {"message": text}
        match = self._expression.search(text) if self._expression else None
        return match.groupdict() if match else {"message": text}

    def deliver(
        self, batch: list[Record], deadline: Callable[[], float | None], stop: threading.Event
    ) -> None:
        """Hand a batch over; tried again until it is taken, or Undelivered when the deadline has passed."""
        body = "".join(f"{self.text(record)}\n" for record in batch).encode()
        pause = 0.1
        while True:
            problem = self._attempt(body)
            if problem is None:
                return
            if problem != self._said:
                complain(f"{len(batch)} records could not be handed over, trying again: {problem}")
                self._said = problem
            limit = deadline()
            left = None if limit is None else limit - time.monotonic()
            if left is not None and left <= 0:
                raise Undelivered(problem)
            if limit is None:
                stop.wait(pause)
            else:
                time.sleep(min(pause, left or 0))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _attempt(self, body: bytes) -> str | None:
        """None where the output took the body, else why not."""
        try:
            if self._output["type"] == "stdout":
                sys.stdout.buffer.write(body)
                sys.stdout.buffer.flush()
            elif self._output["type"] == "file":
                with open(self._output["path"], "ab") as stream:
                    stream.write(body)
            else:
                self._post(body)
        except urllib.error.HTTPError as error:
            return f"{self._output['url']} answered {error.code} {error.reason}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            return f"{self._output['url'] or self._output['path']}: {getattr(error, 'reason', None) or error}"
        return None

    def _post(self, body: bytes) -> None:
        headers = {"Content-Type": "application/x-ndjson"}
        if self._output["login"] == "token":
            headers["Authorization"] = f"Bearer {self._environment['LOG_TOKEN']}"
        elif self._output["login"] == "basic":
            pair = f"{self._environment['LOG_USERNAME']}:{self._environment['LOG_PASSWORD']}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        context = ssl.create_default_context(cafile=self._output["ca"])
        if not self._output["verify"]:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        request = urllib.request.Request(self._output["url"], body, headers)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=5) as answer:
            answer.read()


class Shipping:
    """The loop: discover, read, hand over, write the positions down; until TERM and a last look."""

    def __init__(self, config: dict[str, Any], environment: dict[str, str]) -> None:
        self._config = config
        self._follower = Follower(config)
        self._output = Output(config, environment)
        self._stop = threading.Event()
        self._stopped_at: float | None = None

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Begin the end: what is written from now on is read for drain_seconds."""
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
        self._stop.set()

    def run(self) -> None:
        """Ship until told to stop. Raises Undelivered where the last records were not taken in time."""
        ready = os.path.join(self._config["state"], READY)
        try:
            self._follower.discover()
            with open(ready, "w", encoding="utf-8"):
                pass
            while not self._drained():
                self._pass(final=False)
                # TERM wakes it; while draining it looks as often as before.
                self._pause()
            self._pass(final=True)
        finally:
            self._follower.close()

    def _pause(self) -> None:
        pause = min(0.2, float(self._config["discover_seconds"]))
        if self._stopped_at is None:
            self._stop.wait(pause)
        elif not self._drained():
            time.sleep(pause)

    def _drained(self) -> bool:
        if self._stopped_at is None:
            return False
        return time.monotonic() - self._stopped_at >= float(self._config["drain_seconds"])

    def _deadline(self) -> float | None:
        if self._stopped_at is None:
            return None
        return self._stopped_at + float(self._config["drain_seconds"]) + float(self._config["flush_seconds"])

    def _pass(self, final: bool) -> None:
        self._follower.discover()
        batch: list[Record] = []
        for record in self._follower.records(final):
            batch.append(record)
            if len(batch) >= BATCH_RECORDS:
                self._hand_over(batch)
                batch = []
        if batch:
            self._hand_over(batch)

    def _hand_over(self, batch: list[Record]) -> None:
        self._output.deliver(batch, self._deadline, self._stop)
        for record in batch:
            record.file.taken = record.end
        self._follower.save()


def complain(sentence: str) -> None:
    """To stderr: stdout may be where the records go."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def main() -> int:
    """Ship; the termination message says what was lost, if anything was."""
    config = json.loads(os.environ["PODPATTERNS_CONFIG"])
    ready = os.path.join(config["state"], READY)
    if os.path.exists(ready):
        os.remove(ready)
    shipping = Shipping(config, dict(os.environ))
    signal.signal(signal.SIGTERM, shipping.stop)
    signal.signal(signal.SIGINT, shipping.stop)
    try:
        shipping.run()
    except Undelivered as error:
        sentence = f"the last records were not delivered within {config['flush_seconds']} s: {error}"
        complain(sentence)
        with open(TERMINATION_LOG, "w", encoding="utf-8") as stream:
            stream.write(sentence)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
