# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Speaks PostgreSQL's protocol as far as the programs need it: log in, and ask queries that return text.

Part of a program's source (see source.py). Standard library only. Nothing here shows a password.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import socket
import ssl
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
Rows = list[list[str | None]]


class ServerError(Exception):
    """The server answered, and said no. code: its SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def passes(self) -> bool:
        """Whether the server only needs time: it starts, stops, or has no connection left."""
        return self.code[:2] in ("57", "53", "08")


class BadAddress(Exception):
    """The address of the database cannot be made out; the text says what is missing, without its value."""


@dataclass(frozen=True)
class Address:
    """Where a database is and who logs in."""

    host: str
    port: int
    database: str
    user: str
    password: str
    sslmode: str = "prefer"
    root_certificate: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.database}"

    def url(self, scheme: str = "postgresql") -> str:
        """The URL with the password in it."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"{scheme}://{login}@{self.place}"

    @property
    def place(self) -> str:
        """What follows the login in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{quote(self.database, safe='')}"

    def variables(self) -> dict[str, str]:
        """The variables that libpq and its kin read."""
        found = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.database,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGSSLMODE": self.sslmode,
        }
        return found | ({"PGSSLROOTCERT": self.root_certificate} if self.root_certificate else {})


def address_in(environment: Mapping[str, str], url_variable: str) -> Address:
    """The address from a URL's variable where it is set, else from PGHOST and its kin. Raises BadAddress."""
    url = environment.get(url_variable, "").strip()
    found = from_url(url, url_variable) if url else {}
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "database": "PGDATABASE",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "sslmode": "PGSSLMODE",
        "root_certificate": "PGSSLROOTCERT",
    }
    for key, name in names.items():
        if not found.get(key) and environment.get(name):
            found[key] = environment[name]
    if not found.get("host"):
        raise BadAddress(f"neither {url_variable} nor PGHOST says where the database is")
    user = found.get("user") or "postgres"
    port, mode = found.get("port") or "5432", found.get("sslmode") or "prefer"
    if not port.isdigit():
        raise BadAddress("the database's port is not a number")
    if mode not in SSL_MODES:
        raise BadAddress(f"the database's sslmode is none of {', '.join(SSL_MODES)}")
    return Address(
        found["host"],
        int(port),
        found.get("database") or user,
        user,
        found.get("password") or "",
        mode,
        found.get("root_certificate") or None,
    )


def from_url(url: str, name: str) -> dict[str, str]:
    """The parts of postgresql://, postgresql+driver:// or jdbc:postgresql://. Raises BadAddress."""
    try:
        parts = urlsplit(url.removeprefix("jdbc:"))
        port = parts.port
    except ValueError:
        raise BadAddress(f"{name} is no URL that can be read") from None
    if parts.scheme.split("+")[0] not in ("postgres", "postgresql", "pgx5", "pgx"):
        raise BadAddress(f"{name} must begin with postgresql://")
    options = dict(parse_qsl(parts.query))
    return {
        "host": parts.hostname or options.get("host", ""),
        "port": str(port or options.get("port", "")),
        "database": unquote(parts.path.lstrip("/")) or options.get("dbname", ""),
        "user": unquote(parts.username or "") or options.get("user", ""),
        "password": unquote(parts.password or "") or options.get("password", ""),
        "sslmode": options.get("sslmode", ""),
        "root_certificate": options.get("sslrootcert", ""),
    }


class Connection:
    """A session of its own, outside of any transaction.

    timeout: seconds that any one answer may take. options: settings as on the server's command line.
    Raises ServerError where the server refuses, OSError where it cannot be reached or has gone.
    """

    def __init__(
        self, address: Address, timeout: float = 10.0, application: str = "podpatterns", options: str = ""
    ) -> None:
        self.tls = False
        self._socket = self._open(address, timeout)
        try:
            self._log_in(address, application, options)
        except BaseException:
            self._socket.close()
            raise

    def query(self, sql: str) -> Rows:
        """The rows of the last statement; every value as text, None for null."""
        self._send(b"Q", sql.encode() + b"\0")
        rows: Rows = []
        refused: ServerError | None = None
        while True:
            kind, body = self._receive()
            if kind == b"T":
                rows = []
            elif kind == b"D":
                rows.append(values_of(body))
            elif kind == b"E":
                refused = error_of(body)
            elif kind == b"Z":
                if refused is not None:
                    raise refused
                return rows

    def close(self) -> None:
        """Say goodbye, so that the server does not log a lost connection."""
        with contextlib.suppress(OSError):
            self._send(b"X", b"")
        self._socket.close()

    # --- opening ----------------------------------------------------------------------------------

    def _open(self, address: Address, timeout: float) -> socket.socket:
        opened = socket.create_connection((address.host, address.port), timeout)
        opened.settimeout(timeout)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if address.sslmode == "disable":
            return opened
        try:
            opened.sendall(SSL_REQUEST)
            answer = opened.recv(1)
            if answer == b"S":
                self.tls = True
                return tls_context(address).wrap_socket(opened, server_hostname=address.host)
            if answer != b"N":
                raise ConnectionError("it closed the connection")
            if address.sslmode != "prefer":
                raise ServerError("28000", f"the server has no TLS, but sslmode is {address.sslmode}")
        except BaseException:
            opened.close()
            raise
        return opened

    def _log_in(self, address: Address, application: str, options: str) -> None:
        parameters = {
            "user": address.user,
            "database": address.database,
            "application_name": application,
            "client_encoding": "UTF8",
            **({"options": options} if options else {}),
        }
        words = b"".join(f"{key}\0{value}\0".encode() for key, value in parameters.items()) + b"\0"
        self._socket.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        while True:
            kind, body = self._receive()
            if kind == b"R":
                self._authenticate(address, body)
            elif kind == b"E":
                raise error_of(body)
            elif kind == b"Z":
                return

    def _authenticate(self, address: Address, body: bytes) -> None:
        (method,) = struct.unpack("!i", body[:4])
        password = address.password.encode()
        if method == 0:
            return
        if method == 3:
            self._send(b"p", password + b"\0")
        elif method == 5:
            inner = hashlib.md5(password + address.user.encode()).hexdigest().encode()
            self._send(b"p", b"md5" + hashlib.md5(inner + body[4:8]).hexdigest().encode() + b"\0")
        elif method == 10:
            self._scram(address.password)
        else:
            raise ServerError("28000", f"the server asks for authentication method {method}, unknown here")

    def _scram(self, password: str) -> None:
        nonce = base64.b64encode(os.urandom(18)).decode()
        bare = f"n=,r={nonce}"
        first = f"n,,{bare}".encode()
        self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
        challenge = self._expect(11).decode()
        parts = dict(part.split("=", 1) for part in challenge.split(","))
        if not parts["r"].startswith(nonce):
            raise ServerError("28000", "the server did not answer this login")
        salted = hashlib.pbkdf2_hmac(
            "sha256",
            unicodedata.normalize("NFKC", password).encode(),
            base64.b64decode(parts["s"]),
            int(parts["i"]),
        )
        without_proof = f"c=biws,r={parts['r']}"
        message = f"{bare},{challenge},{without_proof}".encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        self._send(b"p", f"{without_proof},p={base64.b64encode(proof).decode()}".encode())
        final = self._expect(12).decode()
        expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        if final != f"v={base64.b64encode(expected).decode()}":
            raise ServerError("28000", "the server could not prove that it knows the password")

    def _expect(self, wanted: int) -> bytes:
        kind, body = self._receive()
        if kind == b"E":
            raise error_of(body)
        if kind != b"R" or struct.unpack("!i", body[:4])[0] != wanted:
            raise ConnectionError("it answered the login with something else")
        return body[4:]

    # --- messages ---------------------------------------------------------------------------------

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._exactly(5)
        (length,) = struct.unpack("!i", head[1:])
        return head[:1], self._exactly(length - 4)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise ConnectionError("it closed the connection")
            data += part
        return data


def tls_context(address: Address) -> ssl.SSLContext:
    """As libpq does: an encrypted line for require, a proven server for verify-ca and verify-full."""
    context = ssl.create_default_context(cafile=address.root_certificate)
    context.check_hostname = address.sslmode == "verify-full"
    if address.sslmode not in ("verify-ca", "verify-full"):
        context.verify_mode = ssl.CERT_NONE
    return context


def values_of(body: bytes) -> list[str | None]:
    """The values of a data row."""
    (count,) = struct.unpack("!h", body[:2])
    values: list[str | None] = []
    at = 2
    for _number in range(count):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return values


def error_of(body: bytes) -> ServerError:
    """The server's error message as an exception."""
    fields: dict[str, Any] = {}
    for part in body.rstrip(b"\0").split(b"\0"):
        fields[part[:1].decode()] = part[1:].decode(errors="replace")
    return ServerError(fields.get("C", "XX000"), fields.get("M", "no reason given"))


def literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
