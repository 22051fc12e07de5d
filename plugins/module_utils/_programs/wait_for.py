# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs in an init container: waits until what the app depends on is there, and says what is not, and why.

Standard library only; the only import from the collection becomes a part of the text that travels in the Pod.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote, urlsplit

from .postgres import Address, Connection, ServerError

TERMINATION_LOG = "/dev/termination-log"
TERMINATION_BYTES = 4096  # Kubernetes keeps no more
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
BODY_LIMIT = 1 << 20


class Verdict(Enum):
    """What one look at a target says. UNCLEAR: whether it is there cannot be told; NEVER: it cannot come any more."""

    THERE = "there"
    ABSENT = "absent"
    UNCLEAR = "unclear"
    NEVER = "never"


@dataclass(frozen=True)
class Look:
    """One look at a target. said: what was seen, in few words."""

    verdict: Verdict
    said: str


def there(said: str) -> Look:
    """It is there."""
    return Look(Verdict.THERE, said)


def absent(said: str) -> Look:
    """It is not there, for sure."""
    return Look(Verdict.ABSENT, said)


def unclear(said: str) -> Look:
    """Nobody can tell."""
    return Look(Verdict.UNCLEAR, said)


def from_error(error: Exception, timeout: float) -> Look:
    """What a failed attempt says of a target that is to be reached over the network."""
    if isinstance(error, socket.gaierror):
        known_missing = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
        return (absent if known_missing else unclear)(f"its name does not resolve: {error.strerror}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return unclear(f"its certificate is not trusted: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return absent(f"no answer within {timeout:g} s")
    if isinstance(error, UnicodeError):
        return unclear("its name is none that DNS can have")
    if isinstance(error, http.client.HTTPException):
        return absent(f"no HTTP answer: {type(error).__name__}")
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return absent(said[:1].lower() + said[1:] if said else type(error).__name__)


# --- the kinds of targets -----------------------------------------------------------------------


def look_at_tcp(target: dict[str, Any], timeout: float) -> Look:
    """Whether somebody accepts connections."""
    socket.create_connection((target["host"], target["port"]), timeout).close()
    return there("it accepts connections")


def look_at_dns(target: dict[str, Any], _timeout: float) -> Look:
    """Whether a name resolves; the resolver has a time limit of its own."""
    found = socket.getaddrinfo(target["name"], None, type=socket.SOCK_STREAM)
    return there(f"it resolves to {', '.join(sorted({str(one[4][0]) for one in found}))}")


def look_at_file(target: dict[str, Any], _timeout: float) -> Look:
    """Whether a file is there, and is large enough."""
    try:
        size = os.stat(target["path"]).st_size
    except (FileNotFoundError, NotADirectoryError):
        return absent("no such file")
    except OSError as error:
        return unclear(f"it cannot be looked at: {error.strerror}")
    if size < target.get("min_size", 0):
        return absent(f"it has {size} bytes, not yet {target['min_size']}")
    return there(f"it has {size} bytes")


def look_at_http(target: dict[str, Any], timeout: float) -> Look:
    """Whether an HTTP server gives the wanted answer. Redirections are answers, and not followed."""
    url = urlsplit(target["url"])
    host = url.hostname or ""
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(host, url.port, timeout=timeout, context=trust_of(target))
    else:
        connection = http.client.HTTPConnection(host, url.port, timeout=timeout)
    try:
        path = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
        connection.request(target["method"], path, headers={"User-Agent": "podpatterns", **target["headers"]})
        answer = connection.getresponse()
        body = answer.read(BODY_LIMIT) if target.get("body") else b""
    finally:
        connection.close()
    if not any(low <= answer.status <= high for low, high in target["codes"]):
        return absent(f"it answers {answer.status} {answer.reason}".rstrip())
    pattern = target.get("body")
    if pattern and not re.search(pattern, body.decode(errors="replace")):
        return absent(f"it answers {answer.status}, but its body does not match {pattern}")
    return there(f"it answers {answer.status}")


def trust_of(target: dict[str, Any]) -> ssl.SSLContext:
    """Trusts the authority that is given, else those of the image; nothing is checked where verify is false."""
    context = ssl.create_default_context(cafile=target.get("ca_file"))
    if not target.get("verify", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def look_at_postgresql(target: dict[str, Any], timeout: float) -> Look:
    """Whether a user can log in to a database. The password is read anew each time: a Secret may change."""
    password = ""
    if target.get("password_file"):
        with open(target["password_file"], encoding="utf-8") as stream:
            password = stream.read().rstrip("\r\n")
    address = Address(
        target["host"],
        target["port"],
        target["database"],
        target["user"],
        password,
        target["sslmode"],
        target.get("ca_file"),
    )
    try:
        connection = Connection(address, timeout)
    except ServerError as error:
        return absent(str(error))
    secured = "with TLS" if connection.tls else "without TLS"
    connection.close()
    return there(f"{target['user']} can log in, {secured}")


# --- targets that the API server knows ----------------------------------------------------------


class Refused(Exception):
    """The API server answered with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def api_get(path: str, timeout: float) -> dict[str, Any]:
    """An object, or a list of objects, with the mounted account's rights; its token is read anew each time."""
    with open(f"{ACCOUNT}/token", encoding="utf-8") as stream:
        token = stream.read().strip()
    connection = http.client.HTTPSConnection(
        os.environ["KUBERNETES_SERVICE_HOST"],
        int(os.environ["KUBERNETES_SERVICE_PORT"]),
        timeout=timeout,
        context=ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt"),
    )
    try:
        connection.request(
            "GET", path, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"}
        )
        answer = connection.getresponse()
        body = json.loads(answer.read() or b"{}")
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(answer.status, str(body.get("message") or answer.reason))
    found: dict[str, Any] = body
    return found


def ask_api(path: str, timeout: float, judge: Callable[[dict[str, Any]], Look], missing: str) -> Look:
    """A look by way of the API server; its own troubles say nothing of the target."""
    try:
        return judge(api_get(path, timeout))
    except Refused as error:
        return absent(missing) if error.status == 404 else unclear(f"the API server says: {error}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return unclear(f"the API server cannot be asked: {from_error(error, timeout).said}")


def look_at_service(target: dict[str, Any], timeout: float) -> Look:
    """Whether a Service has ready endpoints, by its EndpointSlices."""
    selector = quote(f"kubernetes.io/service-name={target['name']}")
    path = (
        f"/apis/discovery.k8s.io/v1/namespaces/{target['namespace']}/endpointslices?labelSelector={selector}"
    )
    return ask_api(
        path, timeout, lambda found: judge_slices(target, found), "the API server has no EndpointSlices"
    )


def judge_slices(target: dict[str, Any], found: dict[str, Any]) -> Look:
    """Endpoints count once, whatever number of slices and address families they are in."""
    slices = found.get("items") or []
    port = target.get("port")
    ready: set[str] = set()
    for one in slices:
        ports = one.get("ports") or []
        if port is not None and not any(
            port in (entry.get("name"), str(entry.get("port"))) for entry in ports
        ):
            continue
        ready.update(
            str((endpoint.get("targetRef") or {}).get("uid") or endpoint["addresses"][0])
            for endpoint in one.get("endpoints") or []
            if (endpoint.get("conditions") or {}).get("ready") is not False and endpoint.get("addresses")
        )
    wanted = target["min_ready"]
    said = (
        f"{len(ready)} of {wanted} endpoints ready" if slices else "no such Service, or nothing behind it yet"
    )
    return there(said) if len(ready) >= wanted else absent(said)


def look_at_job(target: dict[str, Any], timeout: float) -> Look:
    """Whether a Job is complete; one that has failed never will be."""
    path = f"/apis/batch/v1/namespaces/{target['namespace']}/jobs/{target['name']}"
    return ask_api(path, timeout, judge_job, "no such Job")


def judge_job(job: dict[str, Any]) -> Look:
    """A Job's own conditions say how it ended."""
    status = job.get("status") or {}
    holding = {one["type"]: one for one in status.get("conditions") or [] if one.get("status") == "True"}
    lost = holding.get("Failed") or holding.get("FailureTarget")
    if lost is not None:
        return Look(Verdict.NEVER, f"it failed ({lost.get('reason')}): {lost.get('message')}")
    if "Complete" in holding:
        return there("it is complete")
    if "Suspended" in holding:
        return absent("it is suspended")
    return absent(
        f"it runs: {status.get('active', 0)} active, {status.get('succeeded', 0)} succeeded,"
        f" {status.get('failed', 0)} failed"
    )


LOOKS: dict[str, Callable[[dict[str, Any], float], Look]] = {
    "tcp": look_at_tcp,
    "http": look_at_http,
    "dns": look_at_dns,
    "service": look_at_service,
    "job": look_at_job,
    "postgresql": look_at_postgresql,
    "file": look_at_file,
}


def look_at(target: dict[str, Any], timeout: float) -> Look:
    """One attempt. What goes wrong on the way is what it says."""
    try:
        return LOOKS[target["kind"]](target, timeout)
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        return from_error(error, timeout)
    except (ValueError, LookupError, struct.error):
        return absent("it speaks another protocol")


# --- waiting ------------------------------------------------------------------------------------


@dataclass
class Progress:
    """How the wait for one target stands. over: None while it goes on, else whether it has come."""

    target: dict[str, Any]
    said: str = "not looked at yet"
    tries: int = 0
    over: bool | None = None
    never: bool = False
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """How messages call it."""
        return str(self.target["name_shown"])

    def sentence(self) -> str:
        """What there is to say of one that has not come."""
        if self.never:
            return f"{self.name} cannot come any more: {self.said}"
        what = "is still there" if self.target["invert"] else "is not there"
        tries = "1 try" if self.tries == 1 else f"{self.tries} tries"
        return f"{self.name} {what} after {self.seconds:.0f} s and {tries}: {self.said}"


@dataclass
class Wait:
    """All targets at once, a thread each, so that a slow one does not keep the others from being looked at."""

    config: dict[str, Any]
    started: float = field(default_factory=time.monotonic)
    changed: threading.Condition = field(default_factory=threading.Condition)
    progresses: list[Progress] = field(init=False)

    def __post_init__(self) -> None:
        self.progresses = [Progress(target) for target in self.config["targets"]]

    def run(self) -> bool:
        """Whether enough has come before the deadline, before a target's own timeout, and before all is lost.

        On a machine so busy that the deadline passes first, every target is still looked at once.
        """
        for progress in self.progresses:
            threading.Thread(target=self._follow, args=(progress,), daemon=True).start()
        deadline = self.started + self.config["deadline"]
        with self.changed:
            while True:
                verdict, now = self._verdict(), time.monotonic()
                if verdict is None and now >= deadline:
                    verdict = False
                if verdict is None:
                    self.changed.wait(deadline - now)
                elif verdict or self._all_seen() or now >= deadline + self.config["attempt_timeout"]:
                    return verdict
                else:
                    self.changed.wait(deadline + self.config["attempt_timeout"] - now)

    def _all_seen(self) -> bool:
        """Whether there is something to say of each target, or of one that settles all."""
        return all(one.tries for one in self.progresses) or any(one.never for one in self.progresses)

    def _verdict(self) -> bool | None:
        """Yes or no as soon as it is clear, whatever is still under way."""
        enough, lost = (any, all) if self.config["match"] == "any" else (all, any)
        if enough(one.over is True for one in self.progresses):
            return True
        if lost(one.over is False for one in self.progresses):
            return False
        return None

    def _elapsed(self) -> float:
        return time.monotonic() - self.started

    def _follow(self, progress: Progress) -> None:
        target = progress.target
        end = self.started + min(target["timeout"] or self.config["deadline"], self.config["deadline"])
        pause = self.config["interval"]
        wanted = Verdict.ABSENT if target["invert"] else Verdict.THERE
        while progress.over is None:
            look = look_at(target, self.config["attempt_timeout"])
            left = end - time.monotonic()
            with self.changed:
                self._note(progress, look, wanted, left)
            if progress.over is None:
                time.sleep(min(pause, max(left, 0.0)))
                pause = min(pause * self.config["backoff"], self.config["max_interval"])

    def _note(self, progress: Progress, look: Look, wanted: Verdict, left: float) -> None:
        progress.tries += 1
        progress.seconds = self._elapsed()
        if look.said != progress.said or look.verdict is wanted:
            word = "is as wanted" if look.verdict is wanted else "waiting"
            say(f"{progress.seconds:.1f} s: {progress.name}: {word}: {look.said}")
        progress.said = look.said
        progress.never = look.verdict is Verdict.NEVER
        if look.verdict is wanted:
            progress.over = True
        elif progress.never or left <= 0:
            progress.over = False
        if progress.over is not None or progress.tries == 1:
            self.changed.notify_all()

    def lost(self) -> list[Progress]:
        """What ended the wait: what cannot come any more, else what was given up, then what was still waited for."""
        missing = [one for one in self.progresses if one.over is not True]
        for one in missing:
            if one.over is None:
                one.seconds = self._elapsed()
        return [one for one in missing if one.never] or sorted(missing, key=lambda one: one.over is None)


def say(line: str) -> None:
    """A line in the container's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def summary(config: dict[str, Any], lost: Iterable[Progress]) -> str:
    """One sentence on all that has not come."""
    told = "; ".join(one.sentence() for one in lost)
    several = config["match"] == "any" and len(config["targets"]) > 1
    return f"none of {len(config['targets'])} targets came: {told}" if several else told


def stop(number: int, _frame: object) -> None:
    """The first process of a container gets TERM only where it asks for it."""
    os._exit(128 + number)


def main() -> int:
    """0 when enough has come, or when the app is to start without; 1 else, with the reason as termination message."""
    signal.signal(signal.SIGTERM, stop)
    config = json.loads(os.environ["PODPATTERNS_CONFIG"])
    wait = Wait(config)
    if wait.run():
        say(f"all is there after {time.monotonic() - wait.started:.1f} s")
        return 0
    lost = wait.lost()
    told = summary(config, lost)
    say(told)
    if config["on_timeout"] == "continue" and not any(one.never for one in lost):
        with open(config["marker"], "w", encoding="utf-8") as stream:
            stream.write(f"{told}\n")
        say(f"the app starts without; {config['marker']} says so")
        return 0
    with suppress(OSError), open(TERMINATION_LOG, "r+b") as log:  # there in every container, nowhere else
        log.write(told.encode()[:TERMINATION_BYTES])
    return 1


if __name__ == "__main__":
    # At once: a thread may still be waiting for an answer.
    code = main()
    sys.stdout.flush()
    os._exit(code)
