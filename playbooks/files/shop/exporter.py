"""Tells Prometheus what the shop says of itself: asks it at each scrape, and says whether it answered."""

from __future__ import annotations

import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def metrics(url: str) -> str:
    """The shop's numbers in Prometheus' words."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return "shop_up 0\n"
    lines = [
        f'shop_answers_total{{code="{code}",release="{found["release"]}"}} {number}'
        for code, number in found["answers"].items()
    ]
    return "\n".join(["shop_up 1", "# TYPE shop_answers_total counter", *lines, ""])


class Scrape(BaseHTTPRequestHandler):
    """Answers every path with the numbers."""

    url: str

    def do_GET(self) -> None:
        body = metrics(self.url).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Not a line for each scrape."""


if __name__ == "__main__":
    handler = type("Handler", (Scrape,), {"url": sys.argv[1]})
    ThreadingHTTPServer(("", int(sys.argv[2])), handler).serve_forever()
