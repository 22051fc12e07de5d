"""The program that migrates, against a real PostgreSQL; the tool here is psql, the real ones run in the cluster."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._programs import db_migrate
from ansible_collections.podpatterns.core.plugins.module_utils._programs.postgres import (
    Connection,
    address_in,
)
from ansible_collections.podpatterns.core.plugins.module_utils._programs.source import source_of
from tests.unit.programs.conftest import INSTALLED, PASSWORD, Server, free_port

CONFIG: dict[str, Any] = {
    "action": "migrate",
    "tool": "custom",
    "url_variable": "DATABASE_URL",
    "command": None,
    "directory": None,
    "entry_file": None,
    "version": None,
    "table": "schema_migrations",
    "ready_query": None,
    "lock": None,
    "deadline": 30,
    "job": "Job shop-migrate",
}


@dataclass
class Run:
    """One run of the program, as a container would run it."""

    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str] = field(init=False)

    def start(self, config: dict[str, Any]) -> Run:
        source = source_of(db_migrate).replace("/dev/termination-log", str(self.folder / "termination-log"))
        environment = {**os.environ, **self.environment, "PODPATTERNS_CONFIG": json.dumps(CONFIG | config)}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", source],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self

    def until(self, words: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if words in line:
                return
        raise AssertionError(f"it ended without saying {words!r}")

    def end(self) -> tuple[int, str, str]:
        output, _nothing = self.process.communicate(timeout=60)
        message = self.folder / "termination-log"
        return self.process.returncode, output, message.read_text() if message.exists() else ""


Start = Callable[..., Run]


@pytest.fixture
def empty(server: Server) -> Connection:
    """A session in a database whose schema is empty."""
    connection = session(server)
    connection.query("drop schema public cascade; create schema public")
    return connection


@pytest.fixture
def start(server: Server, empty: Connection, tmp_path: Path) -> Iterator[Start]:
    """Starts a run with the given configuration, against a schema that is empty."""
    empty.close()
    runs: list[Run] = []

    def run(environment: dict[str, str] | None = None, **config: Any) -> Run:
        folder = tmp_path / str(len(runs))
        folder.mkdir()
        runs.append(Run(folder, server.environment() if environment is None else environment).start(config))
        return runs[-1]

    yield run
    for one in runs:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)


def session(server: Server) -> Connection:
    return Connection(address_in(server.environment(), "DATABASE_URL"))


def psql(sql: str) -> list[str]:
    return [
        str(INSTALLED / "psql"),
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        f"--command={sql}",
    ]


ONCE: dict[str, Any] = {
    "command": psql(
        "create table if not exists applied (at timestamptz); insert into applied values (now())"
    ),
    "ready_query": "select count(*) > 0 from applied",
    "lock": {"name": "shop", "timeout": 20},
}


def applied(server: Server) -> str | None:
    return session(server).query("select count(*) from applied")[0][0]


def test_five_at_once_apply_a_migration_once(start: Start, server: Server) -> None:
    slowly = {
        **ONCE,
        "command": psql("create table applied (at int); select pg_sleep(1); insert into applied values (1)"),
    }
    runs = [start(**slowly) for _number in range(5)]
    ends = [run.end() for run in runs]
    assert [code for code, _output, _message in ends] == [0] * 5, ends
    assert applied(server) == "1"


def test_who_waits_for_the_lock_says_for_whom(start: Start, server: Server) -> None:
    holder = session(server)
    assert db_migrate.Lock("shop").try_take(holder)
    waiting = start(**ONCE)
    waiting.until("waits for the lock: podpatterns (server process")
    holder.close()
    assert waiting.end()[0] == 0


def test_who_waits_for_the_lock_holds_no_snapshot(start: Start, server: Server) -> None:
    holder = session(server)
    assert db_migrate.Lock("shop").try_take(holder)
    holder.query("create table goods (name text)")
    waiting = start(**ONCE)
    waiting.until("waits for the lock")
    holder.query("set statement_timeout = '10s'")
    holder.query(
        "create index concurrently on goods (name)"
    )  # waits for ever where a waiter holds a snapshot
    holder.close()
    assert waiting.end()[0] == 0


def test_a_lock_that_is_not_freed_in_time_is_told(start: Start, server: Server) -> None:
    holder = session(server)
    assert db_migrate.Lock("shop").try_take(holder)
    code, _output, message = start(**{**ONCE, "lock": {"name": "shop", "timeout": 1}}).end()
    holder.close()
    assert code == db_migrate.AGAIN
    assert message.startswith("the lock was not free after 1 s: podpatterns (server process")


def test_a_server_without_the_lock_s_function_is_given_up_in_time(start: Start, server: Server) -> None:
    admin = session(server)
    admin.query("alter function pg_catalog.pg_try_advisory_lock(bigint) rename to renamed")
    try:
        code, output, message = start(**{**ONCE, "lock": {"name": "shop", "timeout": 1}}).end()
    finally:
        admin.query("alter function pg_catalog.renamed(bigint) rename to pg_try_advisory_lock")
        admin.close()
    assert code == db_migrate.AGAIN
    assert message.startswith("the lock was not free after 1 s: the session broke while it waited: ")
    assert output.count("the session broke") < 20


def test_a_schema_that_is_there_already_is_left_alone(start: Start, server: Server) -> None:
    assert start(**ONCE).end()[0] == 0
    code, output, _message = start(**ONCE).end()
    assert (code, output) == (0, "the ready_query says true\n")
    assert applied(server) == "1"


def test_killed_in_the_middle_the_next_one_does_it_whole(start: Start, server: Server) -> None:
    """As when a container is killed: program and tool are gone, and only the server still works on."""
    first = start(**{**ONCE, "command": psql("create table applied (at int); select pg_sleep(600)")})
    watcher = session(server)
    working = "from pg_stat_activity where query like '%pg_sleep(600)' and pid <> pg_backend_pid()"
    while not watcher.query(f"select 1 {working}"):
        assert first.process.poll() is None
    second = start(**ONCE)
    second.until("waits for the lock")
    os.killpg(first.process.pid, signal.SIGKILL)
    assert second.end()[0] == 0
    assert applied(server) == "1"
    assert watcher.query(f"select 1 {working}") == [], "the server still works for the one that was killed"


def test_a_broken_migration_is_final_and_says_what_the_tool_said(start: Start) -> None:
    code, _output, message = start(command=psql("creat table x ()")).end()
    assert code == db_migrate.FINAL
    assert message.startswith('custom failed with exit code 1: ERROR:  syntax error at or near "creat"')


def test_a_tool_that_says_it_is_done_but_is_not_is_told(start: Start) -> None:
    code, _output, message = start(**{**ONCE, "command": ["true"]}).end()
    assert (code, message) == (db_migrate.FINAL, "custom ended well, but the ready_query says not true yet")


def test_a_tool_past_its_deadline_is_stopped(start: Start) -> None:
    code, _output, message = start(command=["sleep", "60"], deadline=1).end()
    assert (code, message) == (db_migrate.FINAL, "custom was not done after 1 s and was stopped")


def test_a_tool_that_is_not_there_is_told(start: Start) -> None:
    code, _output, message = start(command=["no-such-tool"]).end()
    assert (code, message) == (
        db_migrate.FINAL,
        "no-such-tool cannot be run in this image: No such file or directory",
    )


def test_the_tool_is_stopped_when_the_lock_is_lost(start: Start, server: Server) -> None:
    run = start(**{**ONCE, "command": ["sh", "-c", "echo begun; exec sleep 60"]})
    run.until("begun")
    watcher = session(server)
    (pid,) = re.findall(r"server process (\d+)", db_migrate.Lock("shop").holder(watcher))
    watcher.query(f"select pg_terminate_backend({pid})")
    code, _output, message = run.end()
    assert code == db_migrate.AGAIN
    assert message.startswith("the session that holds the lock broke")


def test_term_stops_the_tool_too(start: Start) -> None:
    run = start(command=["sh", "-c", "echo begun; exec sleep 60"])
    run.until("begun")
    run.process.terminate()
    code, output, _message = run.end()
    assert (code, output) == (128 + signal.SIGTERM, "stopped before the end\n")


def test_no_secret_reaches_the_log(start: Start) -> None:
    run = start(command=["sh", "-c", 'echo "$DATABASE_URL"; echo "password $PGPASSWORD"; exit 1'])
    _code, output, message = run.end()
    assert "***" in output
    assert PASSWORD not in output + message
    assert quote(PASSWORD, safe="") not in output + message


def test_a_refused_login_is_told_without_the_password(start: Start, server: Server) -> None:
    code, output, message = start(server.environment(password="wrong-one"), command=["true"]).end()
    assert code == db_migrate.AGAIN
    assert "refuses the login: password authentication failed for user" in message
    assert "wrong-one" not in output


def test_a_database_that_is_not_there_is_told_at_the_deadline(start: Start) -> None:
    address = {"PGHOST": "127.0.0.1", "PGPORT": str(free_port()), "PGDATABASE": "shop", "PGUSER": "shop"}
    code, output, message = start(address, command=["true"], deadline=1).end()
    assert code == db_migrate.AGAIN
    assert "waits for database" in output
    assert message.endswith("cannot be reached: Connection refused")


# --- waiting --------------------------------------------------------------------------------------


def test_an_app_waits_until_the_schema_is_there(start: Start) -> None:
    waiting = start(**{**ONCE, "action": "wait"})
    waiting.until("waits for the migration: the ready_query says not true yet")
    migrating = start(**ONCE).end()
    assert migrating[0] == 0, migrating
    code, output, _message = waiting.end()
    assert (code, output) == (0, "the ready_query says true\n")


def test_an_app_whose_schema_never_comes_names_the_job(start: Start) -> None:
    code, _output, message = start(**{**ONCE, "action": "wait", "deadline": 1}).end()
    assert code == db_migrate.AGAIN
    assert message == "the ready_query says not true yet; not migrated after 1 s, see Job shop-migrate"


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "wanted", "reached", "said"),
    [
        (None, "2", False, "the schema has no version yet, 2 is wanted"),
        ("(1, false)", "2", False, "the schema is at version 1, 2 is wanted"),
        ("(2, true)", "2", False, "the schema is at version 2 (dirty), 2 is wanted"),
        ("(2, false)", "2", True, "the schema is at version 2"),
        ("(3, false)", "2", True, "the schema is at version 3"),
        ("(3, true)", "2", True, "the schema is at version 3 (dirty)"),
    ],
)
def test_golang_migrates_version_is_read(
    empty: Connection, rows: str | None, wanted: str, reached: bool, said: str
) -> None:
    if rows:
        empty.query(
            f"create table schema_migrations (version bigint, dirty bool); insert into schema_migrations values {rows}"
        )
    config = CONFIG | {"tool": "golang-migrate", "version": wanted}
    assert db_migrate.schema_state(config, empty) == db_migrate.State(reached, said)


@pytest.mark.parametrize(
    ("rows", "wanted", "reached"),
    [
        ("('1', true)", "1", True),
        ("('1', true), ('1.10', true)", "1.9", True),
        ("('1', true), ('1.10', false)", "1.9", False),
        ("('2', true), (null, true)", "2.0", True),
        ("('002', true)", "3", False),
    ],
)
def test_flyways_version_is_read(empty: Connection, rows: str, wanted: str, reached: bool) -> None:
    empty.query(f"create table history (version text, success bool); insert into history values {rows}")
    state = db_migrate.schema_state(CONFIG | {"tool": "flyway", "version": wanted, "table": "history"}, empty)
    assert state is not None
    assert state.reached is reached, state.said


def test_liquibases_change_set_is_found(empty: Connection) -> None:
    config = CONFIG | {"tool": "liquibase", "version": "it's 2", "table": "databasechangelog"}
    assert db_migrate.schema_state(config, empty) == db_migrate.State(
        False, "change set it's 2 has not run yet"
    )
    empty.query("create table databasechangelog (id text); insert into databasechangelog values ('it''s 2')")
    assert db_migrate.schema_state(config, empty) == db_migrate.State(True, "change set it's 2 has run")


def test_the_password_is_no_part_of_golang_migrates_command(server: Server) -> None:
    config = CONFIG | {"tool": "golang-migrate", "directory": "/migrations"}
    words = db_migrate.tool_command(config, address_in(server.environment(), "DATABASE_URL"), tls=False)
    assert "secret" not in " ".join(words)
    assert words[-1] == "up"
    assert any("sslmode=disable" in word for word in words)


def test_only_what_a_tool_said_last_is_repeated() -> None:
    lines = [
        "INFO one",
        "sqlalchemy.exc.ProgrammingError: (Syntax) near creat",
        "[SQL: creat]",
        "(Background on this",
    ]
    assert db_migrate.summary(lines) == "sqlalchemy.exc.ProgrammingError: (Syntax) near creat [SQL: creat]"
    assert db_migrate.summary(["error: Dirty database version 2. Fix and force version."]).startswith(
        "error: Dirty"
    )
    assert db_migrate.summary([]) == "it said nothing"
