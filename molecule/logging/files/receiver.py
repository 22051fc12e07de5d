"""Takes logs by HTTP in whatever form and counts whose numbered lines came, how often; says so when asked."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LINE = re.compile(rb"source=([a-z-]+) line=(\d+)")


class Counts:
    """Lines received by their source, and what each source says that it wrote."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.received: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.written: dict[str, int] = {}

    def take(self, body: bytes) -> None:
        with self.changed:
            for source, number in LINE.findall(body):
                self.received[source.decode()][int(number)] += 1
            self.changed.notify_all()

    def of(self, source: str) -> dict[str, int | None]:
        lines = self.received[source]
        return {
            "written": self.written.get(source),
            "received": len(lines),
            "duplicates": sum(lines.values()) - len(lines),
        }


COUNTS = Counts()


class Handler(BaseHTTPRequestHandler):
    """POST /written?source=S&lines=N, any other POST is logs; GET /counts?source=S&at_least=N&seconds=T.

    It answers to _bulk and to GET / as Elasticsearch does.
    """

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        parts = urlsplit(self.path)
        if parts.path == "/written":
            query = parse_qs(parts.query)
            with COUNTS.changed:
                COUNTS.written[query["source"][0]] = int(query["lines"][0])
                COUNTS.changed.notify_all()
        else:
            COUNTS.take(body)
        if parts.path.endswith("/_bulk"):
            taken = [{"create": {"status": 201}} for _line in range(body.count(b"\n") // 2)]
            self._answer(json.dumps({"errors": False, "items": taken}).encode(), "application/json")
        else:
            self._answer(b"", self.headers.get("Content-Type", "text/plain"))

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "source" not in query:
            about = {"name": "receiver", "cluster_name": "receiver", "version": {"number": "9.5.0"}}
            self._answer(json.dumps(about).encode(), "application/json")
            return
        source = query["source"][0]
        least = int(query.get("at_least", ["0"])[0])
        with COUNTS.changed:
            COUNTS.changed.wait_for(
                lambda: len(COUNTS.received[source]) >= least, float(query.get("seconds", ["0"])[0])
            )
            answer = COUNTS.of(source)
        self._answer(json.dumps(answer).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self._answer(b"", "application/json")

    def log_message(self, *_said: object) -> None:
        """Not a line for each request."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
