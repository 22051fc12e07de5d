"""Serves on loopback only; told to end, it asks its upstream a few times more, as an app does that winds up."""

from __future__ import annotations

import os
import signal
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM = os.environ["SERVER_URL"]
stopped = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Answers every path with the same word."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"app")

    def log_message(self, *_said: object) -> None:
        """Not a line for each request."""


signal.signal(signal.SIGTERM, lambda _signal, _frame: stopped.set())
server = ThreadingHTTPServer(("127.0.0.1", 8080), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
stopped.wait()
pause = threading.Event()
for number in range(6):
    pause.wait(0.5)
    with urllib.request.urlopen(f"{UPSTREAM}/{os.environ['HOSTNAME']}-last-{number}", timeout=5) as answer:
        answer.read()
server.shutdown()
sys.exit(0)
