"""An app that reads its file when it starts and when it is told by a POST, and shows what it has read."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class App(BaseHTTPRequestHandler):
    loaded = Path(sys.argv[1]).read_text(encoding="utf-8")

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(App.loaded.encode())

    def do_POST(self) -> None:
        App.loaded = Path(sys.argv[1]).read_text(encoding="utf-8")
        self.do_GET()


HTTPServer(("", 8080), App).serve_forever()
