"""The client of the shop's example: whatever goes wrong with a request is counted, by a real server on loopback."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILES = Path(__file__).resolve().parents[3] / "playbooks/files/shop"
PAGE = b"<html>goods</html>\n"


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"shop_{name}", FILES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


client, exporter = program("client"), program("exporter")


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that is gone afterwards."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def shop(code: int = 200, body: bytes = PAGE, length: int | None = None, close: bool = False) -> Any:
    """A shop that answers everything alike. length: what it promises, where that is not what it sends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(code)
            headers = {"X-Release": "2", "X-Schema": "3", "X-Pod": "a"}
            headers["Content-Length"] = str(len(body) if length is None else length)
            if close or length is not None:
                headers["Connection"] = "close"
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            """Quiet."""

    return Handler


def test_an_answer_is_told_with_its_release_its_schema_and_its_pod() -> None:
    with serving(shop()) as address:
        found = client.Caller(address, keeps=False).ask()
    assert (found.release, found.schema, found.pod, found.error) == ("2", "3", "a", None)


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (shop(503, b"no healthy upstream"), "status 503: no healthy upstream"),
        (shop(body=PAGE[:6]), "the page has no end"),
        (shop(length=1000), "IncompleteRead"),
    ],
)
def test_what_is_no_whole_page_has_failed(handler: type[BaseHTTPRequestHandler], error: str) -> None:
    with serving(handler) as address:
        found = client.Caller(address, keeps=False).ask()
    assert error in found.error
    assert found.release is None


@pytest.mark.parametrize("keeps", [True, False])
def test_a_server_that_is_gone_fails_the_request_that_finds_it_gone(keeps: bool) -> None:
    with serving(shop(close=True)) as address:
        caller = client.Caller(address, keeps=keeps)
        assert caller.ask().error is None
    assert "refused" in caller.ask().error


def test_a_connection_is_kept_for_as_long_as_the_server_lets_it() -> None:
    with serving(shop()) as address:
        caller = client.Caller(address, keeps=True)
        assert [caller.ask().kept for _number in range(3)] == [False, True, True]
    with serving(shop(close=True)) as address:
        caller = client.Caller(address, keeps=True)
        assert [caller.ask().kept for _number in range(3)] == [False, False, False]


def outcome(**fields: Any) -> Any:
    return client.Outcome(at=1.0, seconds=0.1, kept=False, **fields)


def test_it_is_enough_when_the_awaited_release_alone_has_answered_for_a_while() -> None:
    count = client.Count("2", in_a_row=2)
    for release, error in [("2", None), ("1", None), ("2", None), (None, "refused")]:
        count.add(outcome(release=release, error=error))
    assert not count.enough.is_set()
    count.add(outcome(release="2"))
    count.add(outcome(release="2"))
    assert count.enough.is_set()


def test_the_summary_counts_every_failure_and_shows_the_first() -> None:
    count = client.Count("2", in_a_row=9)
    count.add(outcome(release="1", schema="2", pod="a"))
    count.add(outcome(release="2", schema="3", pod="b"))
    for number in range(7):
        count.add(outcome(error=f"broken {number}"))
    found = count.summary()
    assert (found["requests"], found["failed"], found["pods"]) == (9, 7, 2)
    assert found["answers_by_release"] == {"1": 1, "2": 1}
    assert [one["error"] for one in found["first_failures"]] == [f"broken {number}" for number in range(5)]


def test_the_exporter_says_what_the_shop_says_and_whether_it_answers() -> None:
    with serving(shop(body=b'{"release": 2, "answers": {"200": 7, "500": 1}}')) as address:
        told = exporter.metrics(f"http://{address}/stats")
    assert 'shop_answers_total{code="200",release="2"} 7\n' in told
    assert told.startswith("shop_up 1\n")
    assert exporter.metrics(f"http://{address}/stats") == "shop_up 0\n"
