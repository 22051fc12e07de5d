"""The shop: one page of the goods in its database, as the page's template and the shop's settings would have it.

It serves its own Pod only; its proxy leads there who comes from elsewhere. At TERM it answers what was asked and ends.
Beside the page it tells whether it runs (/ready) and what it has done (/stats).
"""

from __future__ import annotations

import json
import logging
import os
import signal
import string
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import gmtime

import postgres

LOGGER = logging.getLogger("shop")
PORT = 8080
LOG = Path("/var/log/shop/shop.log")
SETTINGS = Path("/srv/settings/shop.json")
TEMPLATE = Path("/srv/site/current/page.html")
# A release asks for the columns that it knows: an old one works on a newer schema.
GOODS = {
    1: "SELECT name, price FROM goods ORDER BY name",
    2: "SELECT name, price, colour FROM goods ORDER BY name",
}
SCHEMA = "SELECT version FROM schema_migrations"


class Database:
    """One session that all requests share, opened anew where it was lost."""

    def __init__(self) -> None:
        self._address = postgres.address_in(os.environ, "DATABASE_URL")
        self._lock = threading.Lock()
        self._session: postgres.Connection | None = None

    def rows(self, sql: str) -> postgres.Rows:
        with self._lock:
            if self._session is not None:
                try:
                    return self._session.query(sql)
                except OSError:
                    self._session.close()
            self._session = postgres.Connection(self._address, application="shop")
            return self._session.query(sql)


class Shop:
    """What all requests share."""

    def __init__(self) -> None:
        self.release = int(os.environ["RELEASE"])
        self.title = json.loads(SETTINGS.read_text())["title"]
        self.database = Database()
        self.answers: Counter[int] = Counter()

    def schema(self) -> str:
        ((version,),) = self.database.rows(SCHEMA)
        return str(version)

    def page(self) -> str:
        rows = self.database.rows(GOODS[self.release])
        goods = "\n".join(f"<li>{' '.join(str(value) for value in row)}</li>" for row in rows)
        return string.Template(TEMPLATE.read_text()).substitute(title=self.title, goods=goods)

    def stats(self) -> str:
        return json.dumps({"release": self.release, "answers": self.answers})


class Request(BaseHTTPRequestHandler):
    """One request; the connection ends with it."""

    shop: Shop

    def do_GET(self) -> None:
        if self.path == "/ready":
            self._answer(200, "ready\n", "text/plain")
        elif self.path == "/stats":
            self._answer(200, self.shop.stats(), "application/json")
        elif self.path == "/":
            self._page()
        else:
            self._answer(404, "no such page\n", "text/plain")

    def _page(self) -> None:
        told = {"X-Release": str(self.shop.release), "X-Pod": os.environ["HOSTNAME"]}
        try:
            page, told["X-Schema"] = self.shop.page(), self.shop.schema()
            code, kind = 200, "text/html"
        except (OSError, KeyError, postgres.ServerError) as error:
            LOGGER.exception("no page")
            page, code, kind = f"{type(error).__name__}\n", 500, "text/plain"
        self.shop.answers[code] += 1
        self._answer(code, page, kind, told)
        LOGGER.info("answered %d release=%s schema=%s", code, told["X-Release"], told.get("X-Schema"))

    def _answer(self, code: int, text: str, kind: str, told: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(told or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """The log is the shop's own."""


class Server(ThreadingHTTPServer):
    """Closing waits for every request that is being answered."""

    daemon_threads = False
    request_queue_size = 128


def main() -> None:
    """Serve until TERM."""
    logging.Formatter.converter = gmtime
    logging.basicConfig(filename=LOG, level=logging.INFO, format="%(asctime)s %(message)s")
    server = Server(("127.0.0.1", PORT), type("Handler", (Request,), {"shop": Shop()}))
    signal.signal(signal.SIGTERM, lambda _signal, _frame: threading.Thread(target=server.shutdown).start())
    LOGGER.info("started release=%s", os.environ["RELEASE"])
    server.serve_forever()
    server.server_close()
    LOGGER.info("stopped release=%s", os.environ["RELEASE"])


if __name__ == "__main__":
    main()
