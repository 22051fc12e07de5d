"""The program behind fetch_config and config_sync: real servers, a real repository, real files and signals."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import json
import os
import resource
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from subprocess import PIPE
from typing import Any

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.podpatterns.core.plugins.module_utils._programs import fetch as program
from ansible_collections.podpatterns.core.plugins.module_utils._programs.fetch_sources import Git
from ansible_collections.podpatterns.core.plugins.module_utils._programs.fetch_volume import Volume
from ansible_collections.podpatterns.core.plugins.module_utils._programs.outcomes import Refused, Unavailable
from ansible_collections.podpatterns.core.plugins.module_utils._programs.source import source_of
from tests.awaiting import await_that

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "hunter2-very-secret"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    made = tmp_path / "volume"
    made.mkdir()
    return made


@pytest.fixture
def config(tmp_path: Path, volume: Path) -> Callable[..., dict[str, Any]]:
    """A configuration around a source."""
    work = tmp_path / "work"
    work.mkdir()

    def make(source: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "source": source,
            "volume": str(volume),
            "work": str(work),
            "file_mode": 0o444,
            "timeout": 20,
            "deadline": 1,
            "period": 1,
            "max_failures": -1,
            "watch": False,
            **more,
        }

    return make


def update(config: dict[str, Any]) -> bool:
    """One look at the source; whether something new was published."""
    return program.update(config, program.source_of(config), Volume(config))


def refused(config: dict[str, Any]) -> str:
    with pytest.raises(Refused) as raised:
        update(config)
    return str(raised.value)


def unavailable(config: dict[str, Any]) -> str:
    with pytest.raises(Unavailable) as raised:
        update(config)
    return str(raised.value)


# --- http ---------------------------------------------------------------------------------------

Answer = tuple[int, bytes, dict[str, str]]


def server_for(answer: Callable[[str, dict[str, str]], Answer]) -> HTTPServer:
    """A server that answers GET and POST as told."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body, headers = answer(self.path, dict(self.headers))
            self.send_response(code)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_words: Any) -> None: ...

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@contextmanager
def serving(answer: Callable[[str, dict[str, str]], Answer]) -> Iterator[str]:
    """Such a server while it runs; its URL."""
    with running(server_for(answer)) as url:
        yield url


@contextmanager
def running(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def http(*files: dict[str, Any], max_size: int = 1000) -> dict[str, Any]:
    return {"type": "http", "files": list(files), "max_size": max_size}


def test_files_appear_at_the_root_of_the_volume(config: Any, volume: Path) -> None:
    with serving(lambda path, _headers: (200, path.encode(), {})) as url:
        files = [{"url": f"{url}/a", "path": "a"}, {"url": f"{url}/b", "path": "conf.d/b.conf"}]
        assert update(config(http(*files)))
    assert (volume / "a").read_text() == "/a"
    assert (volume / "conf.d/b.conf").read_text() == "/b"


def test_what_is_there_already_is_not_published_again(config: Any) -> None:
    with serving(lambda _path, _headers: (200, b"same", {})) as url:
        wanted = config(http({"url": url, "path": "a"}))
        assert [update(wanted), update(wanted)] == [True, False]


def test_a_file_with_another_checksum_is_refused_and_nothing_is_left_behind(
    config: Any, volume: Path
) -> None:
    digest = hashlib.sha256(b"right").hexdigest()
    with serving(lambda _path, _headers: (200, b"wrong", {})) as url:
        said = refused(config(http({"url": f"{url}/f?key={TOKEN}", "path": "f", "sha256": digest})))
    assert said == f"{url}/f has sha256 {hashlib.sha256(b'wrong').hexdigest()}, it must have {digest}"
    assert list(volume.iterdir()) == []


def test_one_bad_file_keeps_all_of_them_back(config: Any, volume: Path) -> None:
    with serving(lambda path, _headers: (200, path.encode(), {})) as url:
        good = {"url": f"{url}/good", "path": "good"}
        refused(config(http(good, {"url": f"{url}/bad", "path": "bad", "sha256": "0" * 64})))
    assert not (volume / "good").exists()


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_what_asking_again_cannot_change_is_final(config: Any, code: int) -> None:
    with serving(lambda _path, _headers: (code, b"", {})) as url:
        assert refused(config(http({"url": url, "path": "f"}))).startswith(f"{url} answers {code}")


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503])
def test_what_asking_again_may_change_is_not(config: Any, code: int) -> None:
    with serving(lambda _path, _headers: (code, b"", {})) as url:
        assert unavailable(config(http({"url": url, "path": "f"}))).startswith(f"{url} answers {code}")


def test_a_server_that_is_not_there_may_come(config: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert "refused" in unavailable(config(http({"url": url, "path": "f"})))


def test_a_file_that_ends_early_is_not_taken_for_whole(config: Any) -> None:
    with serving(lambda _path, _headers: (200, b"half", {"Content-Length": "8"})) as url:
        assert unavailable(config(http({"url": url, "path": "f"}))) == f"{url} ended after 4 of 8 bytes"


def test_a_file_may_not_be_larger_than_allowed(config: Any) -> None:
    with serving(lambda _path, _headers: (200, b"x" * 11, {})) as url:
        said = refused(config(http({"url": url, "path": "f"}, max_size=10)))
    assert said == f"{url} has more than 10 bytes, the most that is allowed"


def test_a_token_goes_to_the_server_and_to_no_other(config: Any, tmp_path: Path, volume: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    seen: list[dict[str, str]] = []

    def other(_path: str, headers: dict[str, str]) -> Answer:
        seen.append(headers)
        return 200, b"content", {}

    def first(_path: str, headers: dict[str, str]) -> Answer:
        seen.append(headers)
        return 302, b"", {"Location": elsewhere}

    with serving(other) as elsewhere, serving(first) as url:
        update(config(http({"url": url, "path": "f", "token_file": str(tmp_path / "token")})))
    assert [headers.get("Authorization") for headers in seen] == [f"Bearer {TOKEN}", None]
    assert (volume / "f").read_text() == "content"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 in one file, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextmanager
def over_tls(server: HTTPServer, certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    with running(server) as url:
        yield url.replace("http:", "https:")


def test_a_server_is_believed_by_an_authority_of_ones_own_only(
    config: Any, volume: Path, certificate: Path
) -> None:
    with over_tls(server_for(lambda _path, _headers: (200, b"content", {})), certificate) as url:
        wanted = http({"url": url, "path": "f"})
        assert refused(config(wanted)) == f"{url}: self-signed certificate"
        update(config({**wanted, "ca_file": str(certificate)}))
    assert (volume / "f").read_text() == "content"


def test_a_redirect_from_https_to_http_is_not_followed(config: Any, certificate: Path) -> None:
    elsewhere = {"Location": "http://files.example.org/f?key=secret"}
    with over_tls(server_for(lambda _path, _headers: (302, b"", elsewhere)), certificate) as url:
        said = refused(config({**http({"url": f"{url}/f", "path": "f"}), "ca_file": str(certificate)}))
    assert said == f"{url}/f redirects from https to http://files.example.org/f"


# --- a mounted ConfigMap or Secret -------------------------------------------------------------


def mounted(directory: Path, **keys: str) -> None:
    """A volume as the kubelet makes one: a state of its own for each version, and a link to swap."""
    state = directory / f"..{len(list(directory.iterdir()))}"
    state.mkdir()
    for key, text in keys.items():
        (state / key).write_text(text)
    link = directory / "..new"
    link.symlink_to(state.name)
    link.replace(directory / "..data")


def copy(directory: Path, *keys: str) -> dict[str, Any]:
    return {"type": "copy", "origin": "ConfigMap app", "directory": str(directory), "keys": list(keys)}


def test_keys_are_copied_and_a_change_is_seen(config: Any, tmp_path: Path, volume: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    mounted(source, a="1", b="2")
    wanted = config(copy(source))
    update(wanted)
    assert {path.name: path.read_text() for path in volume.iterdir() if path.is_file()} == {
        "a": "1",
        "b": "2",
    }
    mounted(source, a="3")
    assert update(wanted)
    assert (volume / "a").read_text() == "3"
    assert not os.path.lexists(volume / "b")


def test_only_the_wanted_keys_are_copied(config: Any, tmp_path: Path, volume: Path) -> None:
    mounted(tmp_path, wanted="1", other="2")
    update(config(copy(tmp_path, "wanted")))
    assert (volume / "wanted").exists()
    assert not (volume / "other").exists()


def test_a_missing_key_is_told_with_those_that_there_are(config: Any, tmp_path: Path) -> None:
    mounted(tmp_path, b="", a="")
    said = refused(config(copy(tmp_path, "a", "c")))
    assert said == "ConfigMap app lacks key c; it has a, b"


# --- git ----------------------------------------------------------------------------------------


class Origin:
    """A repository and a working copy of it."""

    def __init__(self, directory: Path) -> None:
        self.bare, self.work = directory / "origin.git", directory / "clone"
        run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        run("git", "init", "--quiet", "--initial-branch=main", str(self.work))
        self.git("remote", "add", "origin", str(self.bare))

    def git(self, *words: str) -> str:
        person = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        return run("git", "-C", str(self.work), *person, *words)

    def commit(self, **files: str | None) -> str:
        """Write files (None removes one), commit, push main; the commit's id."""
        for name, text in files.items():
            path = self.work / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True) if text is None else path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD").strip()


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path)
    made.commit(index_html="one", config__app_ini="[a]")
    return made


def git_server_for(root: Path) -> HTTPServer:
    """The server that the examples use as well."""
    spec = importlib.util.spec_from_file_location("git_server", ROOT / "playbooks/files/git/server.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server: HTTPServer = module.server(str(root), 0, "127.0.0.1")
    server.RequestHandlerClass.log_message = lambda *_: None  # type: ignore[attr-defined]
    return server


@pytest.fixture
def git_server(tmp_path: Path, origin: Origin) -> Iterator[str]:
    """The URL of the repository on a running server."""
    with running(git_server_for(tmp_path)) as url:
        yield f"{url}/{origin.bare.name}"


def git(url: str, kind: str = "branch", ref: str | None = "main", **more: Any) -> dict[str, Any]:
    return {"type": "git", "url": url, "kind": kind, "ref": ref, **more}


def test_a_commit_appears_behind_the_link(config: Any, volume: Path, origin: Origin, git_server: str) -> None:
    wanted = config(git(git_server), link="current")
    source, place = program.source_of(wanted), Volume(wanted)
    program.update(wanted, source, place)
    assert (volume / "current/index.html").read_text() == "one"
    commit = origin.commit(index_html="two")
    assert program.update(wanted, source, place)
    assert (volume / "current/index.html").read_text() == "two"
    assert os.readlink(volume / "current").endswith(commit)


@pytest.mark.parametrize("kind", ["head", "branch", "tag", "commit"])
def test_a_repository_is_read_at_a_name(
    config: Any, volume: Path, origin: Origin, git_server: str, kind: str
) -> None:
    old = origin.git("rev-parse", "HEAD").strip()
    origin.git("tag", "--annotate", "--message", "first", "v1")
    origin.git("push", "--quiet", "origin", "v1")
    origin.commit(index_html="two")
    ref = {"head": None, "branch": "main", "tag": "v1", "commit": old}[kind]
    update(config(git(git_server, kind, ref)))
    expected = "one" if kind in ("tag", "commit") else "two"
    assert (volume / "index.html").read_text() == expected


def test_a_commit_is_found_where_the_server_gives_out_only_what_has_a_name(
    config: Any, volume: Path, origin: Origin, git_server: str
) -> None:
    """The older protocol refuses a commit that no branch or tag stands at."""
    old = origin.git("rev-parse", "HEAD").strip()
    origin.commit(index_html="two")
    wanted = config(git(git_server, "commit", old))
    source = program.source_of(wanted)
    assert isinstance(source, Git)
    source.environment["GIT_CONFIG_COUNT"] = str(int(source.environment["GIT_CONFIG_COUNT"]) + 1)
    number = int(source.environment["GIT_CONFIG_COUNT"]) - 1
    source.environment |= {
        f"GIT_CONFIG_KEY_{number}": "protocol.version",
        f"GIT_CONFIG_VALUE_{number}": "0",
    }
    program.update(wanted, source, Volume(wanted))
    assert (volume / "index.html").read_text() == "one"


def test_a_repository_of_plain_files_on_a_web_server_is_read(
    config: Any, volume: Path, origin: Origin
) -> None:
    run("git", "-C", str(origin.bare), "update-server-info")

    def answer(path: str, _headers: dict[str, str]) -> Answer:
        file = origin.bare / path.partition("?")[0].lstrip("/")
        return (200, file.read_bytes(), {}) if file.is_file() else (404, b"", {})

    with serving(answer) as url:
        update(config(git(url)))
    assert (volume / "index.html").read_text() == "one"


def test_a_subdirectory_is_all_that_appears(config: Any, volume: Path, git_server: str) -> None:
    update(config(git(git_server, subdirectory="config")))
    assert (volume / "app.ini").read_text() == "[a]"
    assert not (volume / "index.html").exists()


def test_what_a_repository_lacks_is_told(config: Any, origin: Origin, git_server: str) -> None:
    commit = origin.git("rev-parse", "HEAD").strip()
    assert refused(config(git(git_server, ref="nope"))).endswith("couldn't find remote ref refs/heads/nope")
    assert refused(config(git(git_server, subdirectory="nope"))) == (
        f"commit {commit[:12]} has no directory 'nope'"
    )
    assert refused(config(git(git_server, "commit", "0" * 40))) == (
        f"{git_server} has no commit {'0' * 40} in its branches and tags"
    )
    assert "not found" in refused(config(git(f"{git_server}x")))


def test_a_private_repository_is_read_with_a_token(
    config: Any,
    volume: Path,
    tmp_path: Path,
    git_server: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GIT_SERVER_TOKEN", TOKEN)
    token = tmp_path / "token"
    token.write_text("wrong")
    wanted = config(git(git_server, username="git", token_file=str(token)))
    assert "Authentication failed" in refused(wanted)
    assert "could not read Username" in refused(config(git(git_server)))
    token.write_text(TOKEN)
    update(wanted)
    assert (volume / "index.html").read_text() == "one"
    assert TOKEN not in "".join(capfd.readouterr())


def test_a_repository_is_read_over_tls_by_an_authority_of_ones_own(
    config: Any, volume: Path, tmp_path: Path, origin: Origin, certificate: Path
) -> None:
    with over_tls(git_server_for(tmp_path), certificate) as url:
        source = git(f"{url}/{origin.bare.name}")
        assert "certificate" in refused(config(source))
        update(config({**source, "ca_file": str(certificate)}))
    assert (volume / "index.html").read_text() == "one"


def test_a_server_that_never_answers_is_given_up(config: Any) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.git"
        assert unavailable(config(git(url), timeout=0.5)) == f"{url} did not answer within 0.5 s"


@pytest.mark.skipif(
    not shutil.which("ssh"), reason="git has no ssh to speak by: openssh-client is not installed"
)
def test_a_repository_is_read_by_ssh_from_a_known_host(
    config: Any, volume: Path, tmp_path: Path, origin: Origin
) -> None:
    with ssh_server(tmp_path) as port:
        key, known = str(tmp_path / "key"), tmp_path / "known_hosts"
        url = f"ssh://git@127.0.0.1:{port}{origin.bare}"
        wanted = config(git(url, ssh_key=key, known_hosts=str(known)))
        known.write_text("")
        assert "Host key verification failed" in refused(wanted)
        public = (tmp_path / "host.pub").read_text()
        known.write_text(f"[127.0.0.1]:{port} {public}")
        update(wanted)
    assert (volume / "index.html").read_text() == "one"


@contextmanager
def ssh_server(directory: Path) -> Iterator[int]:
    """A server on loopback that runs what the holder of the key asks for; an sshd does so in the Molecule scenario."""
    for name in ("host", "key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(directory / name)
        key.write_public_key(directory / f"{name}.pub")
        (directory / name).chmod(0o600)

    async def answer(process: Any) -> None:
        child = subprocess.Popen(process.command, shell=True, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
        process.exit(await asyncio.to_thread(child.wait))
        await process.wait_closed()

    async def listen() -> Any:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[directory / "host"],
            authorized_client_keys=str(directory / "key.pub"),
            process_factory=answer,
            encoding=None,
        )

    async def finish(server: Any) -> None:
        server.close()
        await server.wait_closed()
        if rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(rest, timeout=30)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(finish(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


# --- publishing ---------------------------------------------------------------------------------


def test_a_reader_sees_the_old_files_or_the_new_ones(config: Any, tmp_path: Path, volume: Path) -> None:
    """Two files always of one version, read as often as possible while a hundred versions are published."""
    source = tmp_path / "source"
    source.mkdir()
    mounted(source, a="0", b="0")
    wanted = config(copy(source))
    update(wanted)
    torn: list[tuple[str, str]] = []
    reads = 0
    done = threading.Event()

    def read() -> None:
        nonlocal reads
        while not done.is_set():
            state = os.open(volume / "..data", os.O_RDONLY | os.O_DIRECTORY)
            # Whoever falls two versions behind finds them gone, and looks again.
            with contextlib.suppress(FileNotFoundError):
                pair = [text_of(name, state) for name in ("a", "b")]
                reads += 1
                if pair[0] != pair[1]:
                    torn.append((pair[0], pair[1]))
            os.close(state)

    def text_of(name: str, directory: int) -> str:
        with open(os.open(name, os.O_RDONLY, dir_fd=directory)) as stream:
            return stream.read()

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 101):
        mounted(source, a=str(number), b=str(number))
        update(wanted)
    done.set()
    reader.join()
    assert not torn
    assert reads


def test_the_version_before_stays_for_who_reads_it_and_older_ones_go(
    config: Any, tmp_path: Path, volume: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(4):
        mounted(source, a=str(number))
        update(config(copy(source)))
    texts = {(version / "a").read_text() for version in (volume / "..versions").iterdir()}
    assert texts == {"2", "3"}


@pytest.mark.parametrize(
    ("mode", "file", "script", "directory"),
    [(0o444, 0o444, 0o555, 0o755), (0o400, 0o400, 0o500, 0o700), (0o640, 0o640, 0o750, 0o750)],
)
def test_files_get_the_mode_and_programs_stay_programs(
    config: Any, volume: Path, origin: Origin, mode: int, file: int, script: int, directory: int
) -> None:
    runnable = origin.work / "config/run"
    runnable.write_text("#!/bin/sh\n")
    runnable.chmod(0o755)
    origin.commit()
    update(config(git(str(origin.bare)), file_mode=mode))
    modes = [(volume / path).stat().st_mode & 0o777 for path in ("index.html", "config/run", "config")]
    assert modes == [file, script, directory]


def test_a_version_that_lacks_a_required_file_is_not_published(
    config: Any, volume: Path, origin: Origin
) -> None:
    wanted = config(git(str(origin.bare)), required_files=["index.html"])
    update(wanted)
    bad = origin.commit(index_html=None)
    assert refused(wanted) == f"version {bad[:12]} lacks index.html"
    assert (volume / "index.html").read_text() == "one"
    origin.commit(index_html="good again")
    update(wanted)
    assert (volume / "index.html").read_text() == "good again"


def test_a_version_that_fails_the_check_is_not_published(config: Any, volume: Path, origin: Origin) -> None:
    wanted = config(git(str(origin.bare)), check=["grep", "-q", "one", "index.html"])
    update(wanted)
    bad = origin.commit(index_html="two")
    assert refused(wanted) == f"version {bad[:12]} does not pass the check (exit code 1): it said nothing"
    assert (volume / "index.html").read_text() == "one"


# --- telling the app ----------------------------------------------------------------------------


def watching(config: dict[str, Any], told: str | None = None) -> program.Watch:
    """A watch whose app knows of a version, of the current one unless another is given."""
    place = Volume(config)
    Path(config["work"], program.TOLD).write_text(str(place.current() if told is None else told))
    return program.Watch(config, program.source_of(config), place)


def test_the_app_is_told_of_each_version_and_again_until_it_listens(config: Any, origin: Origin) -> None:
    asked: list[str] = []
    code = 503

    def app(path: str, _headers: dict[str, str]) -> Answer:
        asked.append(path)
        return code, b"", {}

    with serving(app) as url:
        wanted = config(git(str(origin.bare)), reload={"url": f"{url}/reload"})
        update(wanted)
        watch = watching(wanted)
        watch.round()
        assert asked == []  # nothing new since the app could start
        origin.commit(index_html="two")
        watch.round()
        code = 200
        watch.round()
        watch.round()
    assert asked == ["/reload", "/reload"]


def test_the_app_is_told_of_what_is_there_while_the_server_is_away(config: Any, origin: Origin) -> None:
    asked: list[str] = []

    def app(path: str, _headers: dict[str, str]) -> Answer:
        asked.append(path)
        return 200, b"", {}

    with serving(app) as url:
        wanted = config(git(str(origin.bare)), reload={"url": f"{url}/reload"})
        update(wanted)
        shutil.rmtree(origin.bare)
        watching(wanted, told="an older version").round()
    assert asked == ["/reload"]


def test_a_named_process_gets_the_signal_and_its_children_do_not(
    config: Any, tmp_path: Path, origin: Origin
) -> None:
    """A shell that notes each HUP, under a name of its own, with a child of the same name."""
    name = f"pp{os.getpid()}"
    shell = tmp_path / name
    shutil.copy(str(shutil.which("dash") or shutil.which("sh")), shell)
    log = tmp_path / "log"
    child = f"trap 'echo child >> {log}' HUP; echo ready >> {log}; while :; do sleep 0.05; done"
    script = f"trap 'echo master >> {log}' HUP; {shell} -c \"{child}\" & while :; do sleep 0.05; done"
    with subprocess.Popen([str(shell), "-c", script], start_new_session=True) as process:
        try:
            await_text(log, "ready")
            wanted = config(git(str(origin.bare)), reload={"signal": "HUP", "process": name})
            update(wanted)
            watching(wanted, told="none").round()
            await_text(log, "master")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert "child" not in log.read_text()


def test_an_app_that_does_not_speak_http_is_told_again(config: Any, origin: Origin, capsys: Any) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), SaysOk) as app:
        threading.Thread(target=app.serve_forever, args=(0.01,), daemon=True).start()
        wanted = config(git(str(origin.bare)), reload={"url": f"http://127.0.0.1:{app.server_address[1]}/"})
        update(wanted)
        watching(wanted, told="none").round()
        app.shutdown()
    assert "POST http://127.0.0.1" in capsys.readouterr().out


class SaysOk(socketserver.StreamRequestHandler):
    """As Redis would."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"+OK\r\n")


def test_a_version_that_its_volume_has_no_room_for_leaves_the_last_one(
    config: Any, volume: Path, capsys: Any
) -> None:
    """A limit on the size of files stands for a full volume."""
    body = b"small"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving(lambda _path, _headers: (200, body, {})) as url:
        wanted = config(http({"url": f"{url}/a", "path": "a"}, max_size=100_000))
        update(wanted)
        body = b"x" * 50_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        try:
            watching(wanted).round()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (volume / "a").read_text() == "small"
    assert "File too large; what was published stays" in capsys.readouterr().out


def await_text(path: Path, text: str) -> None:
    await_that(lambda: path.exists() and text in path.read_text(), lambda: f"{path.name} never said {text!r}")


def test_a_process_that_is_not_there_is_told(config: Any, origin: Origin, capsys: Any) -> None:
    wanted = config(git(str(origin.bare)), reload={"signal": "HUP", "process": "no-such-app"})
    update(wanted)
    watching(wanted, told="none").round()
    assert "there is no process named no-such-app to signal" in capsys.readouterr().out


def test_while_the_server_is_away_what_was_published_stays(
    config: Any, volume: Path, origin: Origin, capsys: Any
) -> None:
    wanted = config(git(str(origin.bare)))
    update(wanted)
    watch = watching(wanted)
    away = origin.bare.rename(origin.bare.with_name("away.git"))
    for _round in range(3):
        watch.round()
    assert (volume / "index.html").read_text() == "one"
    away.rename(origin.bare)
    origin.commit(index_html="two")
    watch.round()
    assert (volume / "index.html").read_text() == "two"
    said = capsys.readouterr().out.splitlines()
    assert len([line for line in said if line.endswith("what was published stays")]) == 1
    assert said[-1] == "well again after 3 failed rounds"


def test_too_many_failures_in_a_row_end_the_program(config: Any, origin: Origin) -> None:
    wanted = config(git(str(origin.bare)), max_failures=1)
    update(wanted)
    watch = watching(wanted)
    shutil.rmtree(origin.bare)
    watch.round()
    with pytest.raises(Refused, match="2 rounds in a row have failed"):
        watch.round()


# --- the whole program --------------------------------------------------------------------------


def start(config: dict[str, Any], log: Path) -> subprocess.Popen[str]:
    """The program as a container runs it, its termination message in a file of the test's."""
    source = source_of(program).replace('"/dev/termination-log"', repr(str(log)))
    command = [sys.executable, "-I", "-c", source]
    environment = {**os.environ, "PODPATTERNS_CONFIG": json.dumps(config)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_once_it_publishes_and_ends_well(config: Any, tmp_path: Path, volume: Path, origin: Origin) -> None:
    log = tmp_path / "log"
    with start(config(git(str(origin.bare))), log) as process:
        output, _nothing = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert output.startswith("published version ")
    assert (volume / "index.html").exists()
    assert not log.exists()


def test_what_went_wrong_is_the_termination_message(config: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        serving(lambda _path, _headers: (404, b"", {})) as url,
        start(config(http({"url": url, "path": "f"})), log) as process,
    ):
        process.communicate(timeout=60)
    assert process.returncode == 1
    assert log.read_text() == f"{url} answers 404 Not Found"


def test_a_source_that_does_not_come_is_given_up_at_the_deadline(config: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        serving(lambda _path, _headers: (503, b"", {})) as url,
        start(config(http({"url": url, "path": "f"})), log) as process,
    ):
        process.communicate(timeout=60)
    assert log.read_text() == f"{url} answers 503 Service Unavailable; gave up after 1 s"


def test_a_watch_says_when_the_app_may_start_and_ends_well_on_term(
    config: Any, tmp_path: Path, volume: Path, origin: Origin
) -> None:
    wanted = config(git(str(origin.bare)), watch=True, link="current")
    with start(wanted, tmp_path / "log") as process:
        assert process.stdout
        process.stdout.readline()
        commit = origin.commit(index_html="two")
        assert process.stdout.readline().startswith(f"published version {commit[:12]}")
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert Path(wanted["work"], "synced").exists()
    assert (volume / "current/index.html").read_text() == "two"


def test_a_watch_that_starts_anew_lets_the_app_be_while_the_source_is_away(
    config: Any, tmp_path: Path, volume: Path, origin: Origin
) -> None:
    wanted = config(git(str(origin.bare)), watch=True)
    update(wanted)
    away = origin.bare.rename(origin.bare.with_name("away.git"))
    with start(wanted, tmp_path / "log") as process:
        assert process.stdout
        assert process.stdout.readline().endswith("what was published stays\n")
        assert Path(wanted["work"], "synced").exists()
        away.rename(origin.bare)
        commit = origin.commit(index_html="two")
        assert any(line.startswith(f"published version {commit[:12]}") for line in process.stdout)
        process.terminate()
    assert (volume / "index.html").read_text() == "two"


def test_once_it_fetches_anew_whatever_is_there(config: Any, tmp_path: Path, origin: Origin) -> None:
    wanted = config(git(str(origin.bare)))
    update(wanted)
    shutil.rmtree(origin.bare)
    with start(wanted, tmp_path / "log") as process:
        process.communicate(timeout=60)
    assert process.returncode == 1
