"""Answers 503 to each caller twice before it answers 200, and says at /asked how often it was asked by whom."""

from __future__ import annotations

import json
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAILURES = 2
asked: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    """The path names the caller."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Count, and fail at first."""
        if self.path == "/asked":
            self._answer(200, json.dumps(asked))
            return
        asked[self.path] += 1
        self._answer(200 if asked[self.path] > FAILURES else 503, f"host {self.headers['Host']}")

    def _answer(self, code: int, text: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_said: object) -> None:
        """Not a line for each request."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
