"""The shipper of our own, on real files, with a real server to take what it ships."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._programs.log_tail import (
    POSITIONS,
    Shipping,
    Undelivered,
)
from tests.awaiting import await_that

DEADLINE = 30


class Server:
    """Takes lines of JSON, unless it is told to refuse them."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refuses = False
        self.speaks_http = True
        self.asked = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked += 1
                server.headers.append(dict(self.headers))
                if not server.speaks_http:
                    self.wfile.write(b"+OK\r\n")
                    return
                if not server.refuses:
                    server.records += [json.loads(line) for line in body.splitlines()]
                self.send_response(503 if server.refuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_said: object) -> None:
                """Not a line for each request."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/lines"

    @property
    def messages(self) -> list[str]:
        return [record["message"] for record in self.records]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()


class Logs:
    """A directory of logs, and the shipper's configuration for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "logs"
        self.state = folder / "state"
        self.out = folder / "out.log"
        for path in (self.folder, self.state):
            path.mkdir()
        self.log = self.folder / "app.log"

    def write(self, *lines: str, end: str = "\n", name: str = "app.log") -> None:
        with (self.folder / name).open("a") as stream:
            stream.write("".join(f"{line}\n" for line in lines[:-1]) + lines[-1] + end)

    def config(self, **changes: Any) -> dict[str, Any]:
        output = {
            "type": "file",
            "path": str(self.out),
            "url": "",
            "login": "none",
            "ca": None,
            "verify": True,
        }
        return {
            "pattern": str(self.log),
            "exclude": ["*.gz"],
            "state": str(self.state),
            "parser": "text",
            "expression": "",
            "multiline": "",
            "multiline_seconds": 1,
            "fields": {},
            "pod_fields": {"pod": "POD_NAME"},
            "discover_seconds": 1,
            "drain_seconds": 0,
            "flush_seconds": 20,
            **changes,
            "output": {**output, **changes.get("output", {})},
        }

    def shipped(self) -> list[str]:
        return self.out.read_text().splitlines() if self.out.exists() else []


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


@contextmanager
def shipping(config: dict[str, Any], **environment: str) -> Iterator[Shipping]:
    """A shipper at work; at the end it is told to stop, and what it raised is raised here."""
    raised: list[Undelivered] = []
    made = Shipping(config, environment)

    def run() -> None:
        try:
            made.run()
        except Undelivered as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join(DEADLINE)
        assert not thread.is_alive(), "the shipper did not end"
    if raised:
        raise raised[0]


def ship_all(config: dict[str, Any], **environment: str) -> None:
    """Ship what is there and end."""
    with shipping(config, **environment):
        pass


def http(server: Server, **more: Any) -> dict[str, Any]:
    return {"type": "http", "url": server.url, **more}


def test_lines_come_whole_and_in_order(logs: Logs) -> None:
    lines = [f"line {number}" for number in range(5000)]
    with shipping(logs.config()):
        for start in range(0, 5000, 500):
            logs.write(*lines[start : start + 500])
        await_that(lambda: len(logs.shipped()) == 5000, lambda: f"{len(logs.shipped())} of 5000")
    assert logs.shipped() == lines


def test_what_is_written_just_before_the_end_is_shipped(logs: Logs) -> None:
    with shipping(logs.config()):
        logs.write("one")
        await_that(lambda: logs.shipped() == ["one"], lambda: str(logs.shipped()))
        logs.write("two", "three")
    assert logs.shipped() == ["one", "two", "three"]


def test_a_file_that_appears_just_before_the_end_is_shipped(logs: Logs) -> None:
    with shipping(logs.config()):
        await_that((logs.state / "ready").exists, lambda: "it never became ready")
        logs.write("one")
    assert logs.shipped() == ["one"]


def test_a_last_line_without_its_newline_is_shipped_at_the_end_and_not_before(logs: Logs) -> None:
    with shipping(logs.config()):
        logs.write("one", "tw", end="")
        await_that(lambda: bool(logs.shipped()), lambda: "nothing came")
        assert logs.shipped() == ["one"]
        logs.write("o", "three", end="")
    assert logs.shipped() == ["one", "two", "three"]


def test_it_goes_on_where_it_was(logs: Logs) -> None:
    logs.write("one", "two")
    ship_all(logs.config())
    logs.write("three")
    ship_all(logs.config())
    assert logs.shipped() == ["one", "two", "three"]


def test_what_its_output_never_took_is_shipped_by_the_next_one(logs: Logs, server: Server) -> None:
    """As after a kill: the position is behind what was read, not before it."""
    server.refuses = True
    logs.write("one", "two")
    with pytest.raises(Undelivered, match="503"):
        ship_all(logs.config(output=http(server), flush_seconds=0))
    server.refuses = False
    ship_all(logs.config(output=http(server)))
    assert server.messages == ["one", "two"]


def test_an_output_that_is_away_for_a_while_loses_nothing(logs: Logs, server: Server) -> None:
    server.refuses = True
    logs.write("one")
    with shipping(logs.config(output=http(server))):
        await_that(lambda: server.asked >= 2, lambda: f"asked {server.asked} times")
        logs.write("two")
        server.refuses = False
        await_that(lambda: len(server.records) == 2, lambda: str(server.records))
    assert server.messages == ["one", "two"]


def test_an_output_that_does_not_speak_http_is_asked_again(logs: Logs, server: Server) -> None:
    server.speaks_http = False
    logs.write("one")
    with shipping(logs.config(output=http(server))):
        await_that(lambda: server.asked >= 2, lambda: f"asked {server.asked} times")
        server.speaks_http = True
    assert server.messages == ["one"]


def test_an_output_that_comes_back_after_term_gets_the_last_lines(logs: Logs, server: Server) -> None:
    server.refuses = True
    logs.write("one")
    with shipping(logs.config(output=http(server))) as shipper:
        await_that(lambda: server.asked >= 1, lambda: "it was never asked")
        shipper.stop()
        asked = server.asked
        await_that(lambda: server.asked > asked, lambda: "it gave up at TERM")
        server.refuses = False
    assert server.messages == ["one"]


def test_a_renamed_file_is_the_same_file(logs: Logs) -> None:
    with shipping(logs.config(pattern=f"{logs.log}*")):
        for turn in range(5):
            logs.write(*(f"{turn}-{number}" for number in range(100)))
            logs.log.rename(logs.folder / f"app.log.{turn}")
    assert sorted(logs.shipped()) == sorted(f"{turn}-{number}" for turn in range(5) for number in range(100))


def test_a_file_that_is_renamed_out_of_sight_is_read_to_its_end(logs: Logs) -> None:
    with shipping(logs.config()):
        logs.write("one")
        await_that(lambda: logs.shipped() == ["one"], lambda: str(logs.shipped()))
        logs.write("two")
        logs.log.rename(logs.folder / "elsewhere")
        logs.write("three")
    assert sorted(logs.shipped()) == ["one", "three", "two"]


def test_a_file_that_is_emptied_is_read_from_its_beginning(logs: Logs) -> None:
    with shipping(logs.config()):
        logs.write("one", "two")
        await_that(lambda: len(logs.shipped()) == 2, lambda: str(logs.shipped()))
        logs.log.write_text("")
        logs.write("three")
        await_that(lambda: len(logs.shipped()) == 3, lambda: str(logs.shipped()))
    assert logs.shipped() == ["one", "two", "three"]


def test_a_new_file_with_an_old_one_s_inode_is_another_file(logs: Logs) -> None:
    logs.write("one", "two", "three")
    ship_all(logs.config())
    (position,) = json.loads((logs.state / POSITIONS).read_text()).values()
    logs.log.unlink()
    logs.write("four", "five")
    inode = str(logs.log.stat().st_ino)
    (logs.state / POSITIONS).write_text(json.dumps({inode: position}))
    ship_all(logs.config())
    assert logs.shipped() == ["one", "two", "three", "four", "five"]


def test_compressed_files_are_left_alone(logs: Logs) -> None:
    logs.write("one")
    logs.write("two", name="app.log.1.gz")
    ship_all(logs.config(pattern=f"{logs.log}*"))
    assert logs.shipped() == ["one"]


def test_a_record_of_several_lines_stays_one(logs: Logs, server: Server) -> None:
    logs.write("1 first", "  more", "2 second", "  of it")
    ship_all(logs.config(multiline=r"^\d", output=http(server)))
    assert server.messages == ["1 first\n  more", "2 second\n  of it"]


def test_json_is_parsed_and_what_is_none_is_shipped_as_it_is(logs: Logs, server: Server) -> None:
    logs.write('{"level": "info", "message": "well"}', "no json", "[1]")
    ship_all(logs.config(parser="json", output=http(server)))
    assert server.records[0] == {"level": "info", "message": "well"}
    assert server.messages[1:] == ["no json", "[1]"]


def test_an_expression_s_groups_become_fields(logs: Logs, server: Server) -> None:
    logs.write("WARN disk is full", "?")
    config = logs.config(parser="regex", expression=r"(?P<level>[A-Z]+) (?P<message>.*)", output=http(server))
    ship_all(config)
    assert server.records == [{"level": "WARN", "message": "disk is full"}, {"message": "?"}]


def test_fields_and_the_pod_s_name_are_added(logs: Logs, server: Server) -> None:
    logs.write("one")
    ship_all(logs.config(fields={"team": "shop"}, output=http(server)), POD_NAME="web-1")
    assert server.records == [{"message": "one", "pod": "web-1", "team": "shop"}]


@pytest.mark.parametrize(
    ("login", "header"), [("token", "Bearer t0ken"), ("basic", "Basic bWU6c2VjcmV0"), ("none", None)]
)
def test_it_logs_in_as_it_is_told(logs: Logs, server: Server, login: str, header: str | None) -> None:
    logs.write("one")
    secrets = {"LOG_TOKEN": "t0ken", "LOG_USERNAME": "me", "LOG_PASSWORD": "secret"}
    ship_all(logs.config(output=http(server, login=login)), **secrets)
    assert server.headers[0].get("Authorization") == header
