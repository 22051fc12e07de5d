# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings a PostgreSQL database to the schema that an app needs, or waits until somebody else has done so.

Runs the migration tool as a child while a session of its own holds an advisory lock. The lock is taken by
trying, never by a blocking call: a call that blocks holds a snapshot, and CREATE INDEX CONCURRENTLY of the one
who migrates would wait for it for ever. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from .postgres import Address, BadAddress, Connection, Rows, ServerError, address_in, literal

TERMINATION_LOG = "/dev/termination-log"
# Where golang-migrate is put, whose own image has no Python.
GOLANG_MIGRATE = "/podpatterns/tool/migrate"
# Exit codes: what trying again may mend, and what it will not.
AGAIN, FINAL = 1, 3
# Seconds between two looks: at a lock or a version (growing), and at the lock that is held.
PAUSE, LONGEST_PAUSE, BEAT = 0.25, 5.0, 2.0
# Seconds that a tool gets to end after TERM.
STOP_SECONDS = 10.0
# A server that looks whether its client is still there ends at once what a killed tool has left running, and
# frees at last what a lost node held.
WATCHFUL = (
    "-c client_connection_check_interval=1000",
    ("-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"),
)
MISSING_TABLE = ("42P01", "3F000")


class Finding(Exception):
    """What went wrong, as the termination message will say it. final: trying again will not mend it."""

    def __init__(self, sentence: str, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final


class Stopped(BaseException):
    """The kubelet asked for the end."""


@dataclass(frozen=True)
class State:
    """How the schema stands to the version that is wanted."""

    reached: bool
    said: str


def say(line: str) -> None:
    """One line of the container's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def pauses() -> Iterator[float]:
    """Seconds to the next look, longer each time."""
    pause = PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, LONGEST_PAUSE)


def why(error: OSError | ServerError) -> str:
    """The reason without Python's numbers."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def session(address: Address) -> Connection:
    """A session that bears this Pod's name, and that the server gives up soon after the Pod is lost."""
    opened = Connection(address, application=os.environ.get("HOSTNAME", "podpatterns"))
    with contextlib.suppress(ServerError):
        opened.query(
            "set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3"
        )
    return opened


def connected(address: Address, deadline: float) -> Connection:
    """A session, as soon as the server takes one. Raises Finding where it refuses, or at the deadline."""
    said = None
    for pause in pauses():
        try:
            return session(address)
        except ServerError as error:
            if not error.passes:
                raise Finding(f"database {address} refuses the login: {error}") from error
            reason = why(error)
        except OSError as error:
            reason = why(error)
        if reason != said:
            say(f"waits for database {address}: {reason}")
            said = reason
        if time.monotonic() >= deadline:
            raise Finding(f"database {address} cannot be reached: {reason}")
        time.sleep(pause)
    raise AssertionError("unreachable")


# --- the schema's version -------------------------------------------------------------------------


def schema_state(config: dict[str, Any], connection: Connection) -> State | None:
    """How the schema stands; None where nothing tells. A schema ahead of what is wanted has reached it."""
    judges: dict[str, Callable[[dict[str, Any], Connection], State | None]] = {
        "golang-migrate": golang_state,
        "flyway": flyway_state,
        "liquibase": liquibase_state,
        "alembic": alembic_state,
        "django": django_state,
        "custom": custom_state,
    }
    return judges[config["tool"]](config, connection)


def rows_of(connection: Connection, sql: str) -> Rows:
    """The rows, none where the table is not there yet."""
    try:
        return connection.query(sql)
    except ServerError as error:
        if error.code in MISSING_TABLE:
            return []
        raise


def golang_state(config: dict[str, Any], connection: Connection) -> State:
    """golang-migrate keeps one row: the version, and whether it is half applied."""
    wanted = int(config["version"] or newest_file(config["directory"]))
    rows = rows_of(connection, f"select version, dirty from {config['table']}")
    if not rows:
        return State(False, f"the schema has no version yet, {wanted} is wanted")
    current, dirty = int(rows[0][0] or 0), rows[0][1] == "t"
    reached = current > wanted or (current == wanted and not dirty)
    said = f"the schema is at version {current}{' (dirty)' if dirty else ''}"
    return State(reached, said if reached else f"{said}, {wanted} is wanted")


def newest_file(directory: str) -> int:
    """The highest version among golang-migrate's files. Raises Finding where there is none."""
    try:
        names = os.listdir(directory)
    except OSError as error:
        raise Finding(f"migrations in {directory}: {error.strerror}", final=True) from error
    found = [int(match[1]) for name in names if (match := re.fullmatch(r"(\d+)_.*\.up\..*", name))]
    if not found:
        raise Finding(f"{directory} holds no migration named like 1_name.up.sql", final=True)
    return max(found)


def flyway_state(config: dict[str, Any], connection: Connection) -> State:
    """Flyway keeps a history of versions; the highest that succeeded counts."""
    rows = rows_of(connection, f"select version from {config['table']} where success and version is not null")
    versions = [row[0] for row in rows if row[0]]
    newest = max(versions, key=numbers, default=None)
    if newest is None:
        return State(False, f"the schema has no version yet, {config['version']} is wanted")
    reached = numbers(newest) >= numbers(config["version"])
    said = f"the schema is at version {newest}"
    return State(reached, said if reached else f"{said}, {config['version']} is wanted")


def numbers(version: str) -> tuple[int, ...]:
    """1.2.0 as numbers without zeros at the end."""
    found = [int(part) for part in re.findall(r"\d+", version)]
    while found and not found[-1]:
        found.pop()
    return tuple(found)


def liquibase_state(config: dict[str, Any], connection: Connection) -> State:
    """Liquibase keeps the change sets that it has run."""
    rows = rows_of(connection, f"select 1 from {config['table']} where id = {literal(config['version'])}")
    state = "has run" if rows else "has not run yet"
    return State(bool(rows), f"change set {config['version']} {state}")


def alembic_state(config: dict[str, Any], connection: Connection) -> State | None:
    """Alembic keeps its newest revisions only: one that these scripts do not know was made after them."""
    try:
        from alembic.config import Config
        from alembic.script import ScriptDirectory
    except ImportError:
        return None
    scripts = ScriptDirectory.from_config(Config(config["entry_file"]))
    known = {script.revision for script in scripts.walk_revisions()}
    wanted = {config["version"]} if config["version"] else set(scripts.get_heads())
    rows = rows_of(connection, f"select version_num from {config['table']}")
    current = {row[0] for row in rows if row[0]}
    names = ", ".join(sorted(wanted))
    if not current:
        return State(False, f"the schema has no revision yet, {names} is wanted")
    at = f"the schema is at revision {', '.join(sorted(current))}"
    if current - known:
        return State(True, f"{at}, newer than {names}")
    behind = {script.revision for script in scripts.iterate_revisions(tuple(current), "base")}
    reached = wanted <= behind | current
    return State(reached, at if reached else f"{at}, {names} is wanted")


def django_state(config: dict[str, Any], _connection: Connection) -> State:
    """Django itself tells whether one of this project's migrations is missing."""
    done = subprocess.run(
        [sys.executable, config["entry_file"], "migrate", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return State(True, "every migration of this project has been applied")
    return State(False, f"migrate --check says: {summary((done.stdout + done.stderr).splitlines())}")


def custom_state(config: dict[str, Any], connection: Connection) -> State | None:
    """The user's own query says true once the schema is there."""
    if not config["ready_query"]:
        return None
    rows = rows_of(connection, config["ready_query"])
    reached = bool(rows) and rows[0][:1] == ["t"]
    return State(reached, f"the ready_query says {'true' if reached else 'not true yet'}")


# --- the lock -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lock:
    """A PostgreSQL advisory lock of a session; the server frees it when the session ends, however it ends."""

    name: str

    @property
    def key(self) -> int:
        """The lock's number, the same for all who give it the same name."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big", signed=True)

    @property
    def _holders(self) -> str:
        key = self.key % 2**64
        return (
            "select a.pid, a.application_name from pg_locks l join pg_stat_activity a using (pid)"
            " where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and a.datname = current_database()"
            f" and l.classid = {key >> 32} and l.objid = {key % 2**32}"
        )

    def try_take(self, connection: Connection) -> bool:
        """Take it if it is free."""
        return connection.query(f"select pg_try_advisory_lock({self.key})") == [["t"]]

    def is_held(self, connection: Connection) -> bool:
        """Whether this very session holds it; one that goes through a transaction pooler does not."""
        return bool(connection.query(f"{self._holders} and l.pid = pg_backend_pid()"))

    def holder(self, connection: Connection) -> str:
        """Who holds it, for people."""
        rows = connection.query(self._holders)
        return (
            f"{rows[0][1]} (server process {rows[0][0]}) migrates"
            if rows
            else "the one before has just ended"
        )


def locked(config: dict[str, Any], address: Address, connection: Connection, deadline: float) -> Connection:
    """The session that holds the lock: the given one, or a new one where that broke while it waited."""
    lock = Lock(config["lock"]["name"])
    until = min(deadline, time.monotonic() + config["lock"]["timeout"])
    said = None
    for pause in pauses():
        try:
            if lock.try_take(connection):
                if not lock.is_held(connection):
                    raise Finding(
                        "the lock is not kept by the session that took it, as with a pooler in transaction mode;"
                        " give the address of the database itself",
                        final=True,
                    )
                return connection
            reason = lock.holder(connection)
        except (OSError, ServerError) as error:
            reason = f"the session broke while it waited: {why(error)}"
            connection = connected(address, until)
        if reason != said:
            say(f"waits for the lock: {reason}")
            said = reason
        if time.monotonic() >= until:
            raise Finding(f"the lock was not free after {config['lock']['timeout']} s: {reason}")
        time.sleep(pause)
    raise AssertionError("unreachable")


# --- the tool -------------------------------------------------------------------------------------


def tool_command(config: dict[str, Any], address: Address, tls: bool) -> list[str]:
    """What to run. Passwords go by the environment, never by the command line."""
    if config["command"]:
        return list(config["command"])
    tool, version = config["tool"], config["version"]
    if tool == "alembic":
        return [sys.executable, "-m", "alembic", "-c", config["entry_file"], "upgrade", version or "heads"]
    if tool == "django":
        return [sys.executable, config["entry_file"], "migrate", "--noinput"]
    options = url_options(config) | {
        "sslmode": golang_sslmode(address, tls),
        "x-migrations-table": config["table"],
    }
    if "." in config["table"]:
        schema, _dot, table = config["table"].partition(".")
        options |= {"x-migrations-table": f'"{schema}"."{table}"', "x-migrations-table-quoted": "1"}
    database = f"postgres://{address.place}?{urlencode(options)}"
    # Held by our lock already where there is one; this is for those who migrate by hand meanwhile.
    words = [GOLANG_MIGRATE, "-path", config["directory"], "-database", database, "-lock-timeout", "60"]
    return [*words, *(["goto", version] if version else ["up"])]


def url_options(config: dict[str, Any]) -> dict[str, str]:
    """What the URL says besides who, where and how."""
    query = urlsplit(os.environ.get(config["url_variable"], "")).query
    known = ("user", "password", "host", "port", "dbname", "sslmode", "sslrootcert")
    return {key: value for key, value in parse_qsl(query) if key not in known}


def golang_sslmode(address: Address, tls: bool) -> str:
    """Its driver does not know `prefer`: say what the server and we agreed on."""
    if address.sslmode != "prefer":
        return address.sslmode
    return "require" if tls else "disable"


def tool_environment(config: dict[str, Any], address: Address) -> dict[str, str]:
    """The container's environment, with the database's address in both of the usual ways."""
    given = {name: value for name, value in os.environ.items() if name != "PODPATTERNS_CONFIG"}
    found = {config["url_variable"]: address.url(), **address.variables()}
    if options := accepted_options(address):
        found["PGOPTIONS"] = options
    return found | given


def accepted_options(address: Address) -> str:
    """Those of the watchful options that this server takes: some are newer than it, and poolers take none."""
    accepted = []
    for option in WATCHFUL:
        try:
            Connection(address, options=option).close()
            accepted.append(option)
        except (OSError, ServerError):
            continue
    return " ".join(accepted)


def run_tool(
    config: dict[str, Any],
    command: list[str],
    environment: dict[str, str],
    hide: Callable[[str], str],
    beat: Callable[[], None],
    deadline: float,
) -> tuple[int, list[str]]:
    """Run the tool to its end, its output passed on; its exit code and last lines.

    beat is called every few seconds and may raise; the tool is stopped then, and at the deadline.
    """
    try:
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise Finding(f"{command[0]} cannot be run in this image: {error.strerror}", final=True) from error
    tail: deque[str] = deque(maxlen=40)
    reader = threading.Thread(target=pass_on, args=(child.stdout, tail, hide), daemon=True)
    reader.start()
    try:
        while True:
            try:
                code = child.wait(max(0.0, min(BEAT, deadline - time.monotonic())))
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    raise Finding(
                        f"{config['tool']} was not done after {config['deadline']} s and was stopped",
                        final=True,
                    ) from None
                beat()
    except BaseException:
        stop(child)
        raise
    reader.join(STOP_SECONDS)
    return code, list(tail)


def pass_on(stream: IO[str], tail: deque[str], hide: Callable[[str], str]) -> None:
    """Every line to the log, without secrets."""
    for line in stream:
        shown = hide(line.rstrip("\n"))
        tail.append(shown)
        say(shown)


def stop(child: subprocess.Popen[str]) -> None:
    """TERM, then KILL."""
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def hider(secrets: Iterable[str]) -> Callable[[str], str]:
    """Takes secrets out of a text."""
    hidden = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "***")
        return text

    return hide


def summary(lines: list[str]) -> str:
    """What a tool said last: from its last error on, without the noise around it."""
    said = [line.strip() for line in lines if line.strip() and not line.startswith("(Background on this")]
    starts = [
        number
        for number, line in enumerate(said)
        if re.match(r"[\w.]*(error|exception)\b", line, re.IGNORECASE)
    ]
    return " ".join(said[starts[-1] :] if starts else said[-3:]) or "it said nothing"


# --- the two actions ------------------------------------------------------------------------------


def migrate(config: dict[str, Any], address: Address) -> None:
    """Run the tool under the lock, unless the schema is there already."""
    deadline = time.monotonic() + config["deadline"]
    connection = connected(address, deadline)
    state = schema_state(config, connection)
    if state is None or not state.reached:
        if config["lock"]:
            connection = locked(config, address, connection, deadline)
            state = schema_state(config, connection)  # whoever held the lock may have done it
        if state is None or not state.reached:
            state = migrated(config, address, connection, deadline)
    say(state.said if state is not None else f"{config['tool']} is done")
    connection.close()


def migrated(
    config: dict[str, Any], address: Address, connection: Connection, deadline: float
) -> State | None:
    """The state after the tool has run. Raises Finding where it failed."""
    tool = config["tool"]
    hide = hider([address.password, address.url(), os.environ.get(config["url_variable"], "")])
    lock = Lock(config["lock"]["name"]) if config["lock"] else None

    def beat() -> None:
        try:
            kept = lock is None or lock.is_held(connection)
        except (OSError, ServerError) as error:
            raise Finding(
                f"the session that holds the lock broke ({why(error)}); {tool} was stopped"
            ) from error
        if not kept:
            raise Finding(f"the lock was lost; {tool} was stopped before another one could start")

    command = tool_command(config, address, connection.tls)
    code, lines = run_tool(config, command, tool_environment(config, address), hide, beat, deadline)
    if code:
        beat()  # a server that went away is the cause, and trying again may mend it
        ended = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
        raise Finding(f"{tool} {ended}{dirt(config, connection)}: {summary(lines)}", final=code > 0)
    state = schema_state(config, connection)
    if state is not None and not state.reached:
        raise Finding(f"{tool} ended well, but {state.said}", final=True)
    return state


def dirt(config: dict[str, Any], connection: Connection) -> str:
    """What golang-migrate leaves to people."""
    if config["tool"] != "golang-migrate":
        return ""
    try:
        rows = rows_of(connection, f"select version from {config['table']} where dirty")
    except (OSError, ServerError):
        return ""
    if not rows:
        return ""
    return (
        f" and left version {rows[0][0]} dirty (see what of it is there, mend that by hand, then tell golang-migrate"
        " with 'migrate force VERSION')"
    )


def wait(config: dict[str, Any], address: Address) -> None:
    """Come back when the schema has reached the version. Raises Finding at the deadline."""
    deadline = time.monotonic() + config["deadline"]
    connection, said = None, None
    for pause in pauses():
        try:
            connection = connection or session(address)
            state = schema_state(config, connection)
            if state is None:
                raise Finding(f"python3 of this image cannot import {config['tool']}", final=True)
            if state.reached:
                say(state.said)
                connection.close()
                return
            reason = state.said
        except ServerError as error:
            if error.code.startswith("28"):
                raise Finding(f"database {address} refuses the login: {error}") from error
            reason, connection = f"database {address}: {why(error)}", None
        except OSError as error:
            reason, connection = f"database {address}: {why(error)}", None
        if reason != said:
            say(f"waits for the migration: {reason}")
            said = reason
        if time.monotonic() >= deadline:
            raise Finding(f"{reason}; not migrated after {config['deadline']} s, see {config['job']}")
        time.sleep(pause)


def stopped(_signal: int, _frame: Any) -> None:
    """As the first process of a container we get no default for TERM."""
    raise Stopped


def main() -> int:
    """Do what the configuration says; what went wrong is the termination message."""
    signal.signal(signal.SIGTERM, stopped)
    config = json.loads(os.environ["PODPATTERNS_CONFIG"])
    try:
        if config["directory"] and config["tool"] in ("alembic", "django", "custom"):
            os.chdir(config["directory"])
        # As the tool itself finds the project's modules, though this program runs isolated.
        sys.path[:0] = [os.getcwd(), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        address = address_in(os.environ, config["url_variable"])
        {"migrate": migrate, "wait": wait}[config["action"]](config, address)
    except Stopped:
        say("stopped before the end")
        return 128 + signal.SIGTERM
    except (Finding, BadAddress, OSError, ServerError) as error:
        say(str(error))
        Path(TERMINATION_LOG).write_text(str(error)[:4000], encoding="utf-8")
        return FINAL if isinstance(error, BadAddress) or getattr(error, "final", False) else AGAIN
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
