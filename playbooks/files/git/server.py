"""A git server for examples and tests: every repository below a directory, read by http, with a token if one is set.

It hands requests to `git http-backend`, git's own server program. Any user's name goes with the token, which the
environment variable GIT_SERVER_TOKEN names.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Repositories(BaseHTTPRequestHandler):
    """Answers one request. root: the directory of the repositories."""

    root = "."
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        """Tell what there is, or that the server is well."""
        if self.path == "/":
            self.send_response(204)
            self.end_headers()
        else:
            self._answer(b"")

    def do_POST(self) -> None:
        """Hand out what is asked for."""
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body: bytes) -> None:
        if not self._may():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _mark, query = self.path.partition("?")
        variables = {
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": urlsplit(path).path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(body)),
        }
        command = ["git", "-c", "safe.directory=*", "http-backend"]
        done = subprocess.run(
            command, env={**os.environ, **variables}, input=body, stdout=subprocess.PIPE, check=False
        )
        headers, _blank, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in headers.decode().split("\r\n") if ": " in line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in (fields | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _may(self) -> bool:
        token = os.environ.get("GIT_SERVER_TOKEN")
        if not token:
            return True
        _basic, _space, given = (self.headers.get("Authorization") or "").partition(" ")
        return base64.b64decode(given).decode().partition(":")[2] == token


def server(root: str, port: int, host: str = "") -> ThreadingHTTPServer:
    """A server that is bound and not running yet; port 0 takes any that is free."""
    return ThreadingHTTPServer((host, port), type("Handler", (Repositories,), {"root": root}))


if __name__ == "__main__":
    server(sys.argv[1], int(sys.argv[2])).serve_forever()
