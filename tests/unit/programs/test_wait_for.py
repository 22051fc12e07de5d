"""The program behind wait_for: real sockets, real servers with real certificates, real files."""

from __future__ import annotations

import ast
import contextlib
import datetime as dt
import importlib
import ipaddress
import json
import pkgutil
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils import _programs
from ansible_collections.podpatterns.core.plugins.module_utils._programs import wait_for as program
from ansible_collections.podpatterns.core.plugins.module_utils._programs.postgres import (
    SSL_REQUEST,
    Address,
    Connection,
    ServerError,
)
from ansible_collections.podpatterns.core.plugins.module_utils._programs.source import source_of
from ansible_collections.podpatterns.core.plugins.module_utils._programs.wait_for import Verdict
from tests.unit.programs.conftest import PASSWORD, Server, free_port

TIMEOUT = 10.0


def look(kind: str, **target: Any) -> tuple[Verdict, str]:
    found = program.look_at({"kind": kind, **target}, TIMEOUT)
    return found.verdict, found.said


# --- tcp, dns, file -----------------------------------------------------------------------------


def test_tcp_is_there_when_somebody_listens() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        assert look("tcp", host="127.0.0.1", port=port) == (Verdict.THERE, "it accepts connections")
    assert look("tcp", host="127.0.0.1", port=port) == (Verdict.ABSENT, "connection refused")


def test_a_host_that_has_no_name_is_told() -> None:
    verdict, said = look("tcp", host="no-such-host.invalid", port=1)
    assert said.startswith("its name does not resolve: ")
    assert verdict in (Verdict.ABSENT, Verdict.UNCLEAR)  # the latter where no DNS server can be reached


def test_a_name_that_cannot_be_is_unclear() -> None:
    assert look("dns", name="a..b") == (Verdict.UNCLEAR, "its name is none that DNS can have")


def test_a_resolver_that_does_not_answer_says_nothing_of_the_name() -> None:
    error = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert program.from_error(error, 1).verdict is Verdict.UNCLEAR
    assert program.from_error(socket.gaierror(socket.EAI_NONAME, "unknown"), 1).verdict is Verdict.ABSENT


def test_dns_tells_the_addresses() -> None:
    verdict, said = look("dns", name="localhost")
    assert verdict is Verdict.THERE
    assert said.startswith("it resolves to ")
    assert {"127.0.0.1", "::1"} & set(said.removeprefix("it resolves to ").split(", "))


def test_a_file_is_there_when_it_is_large_enough(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    target = {"path": str(path), "min_size": 3}
    assert look("file", **target) == (Verdict.ABSENT, "no such file")
    path.write_text("ab")
    assert look("file", **target) == (Verdict.ABSENT, "it has 2 bytes, not yet 3")
    path.write_text("abc")
    assert look("file", **target) == (Verdict.THERE, "it has 3 bytes")
    assert look("file", path=str(path / "below"), min_size=0) == (Verdict.ABSENT, "no such file")


# --- http ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Authority:
    """A certificate for 127.0.0.1, which is its own authority, and its key."""

    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("authority")
    found = Authority(folder / "tls.crt", folder / "tls.key")
    found.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return found


Answers = dict[str, tuple[int, str]]


@contextmanager
def web(
    answers: Answers, authority: Authority | None = None, token: str | None = None
) -> Iterator[tuple[int, list[dict[str, str]]]]:
    """A web server on loopback: its port, and the headers of each request that it got."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({"path": self.path, **dict(self.headers)})
            status, body = answers.get(self.path, (404, '{"message": "not found"}'))
            if token is not None and self.headers.get("Authorization") != f"Bearer {token}":
                status, body = 401, '{"message": "Unauthorized"}'
            self.send_response(status)
            if status == 301:
                self.send_header("Location", "/")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body.encode())

        do_HEAD = do_GET

        def log_message(self, *_words: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.certificate, authority.key)
            serving.socket = context.wrap_socket(serving.socket, server_side=True)
        serving.handle_error = lambda *_words: None  # type: ignore[method-assign]
        threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield serving.server_address[1], seen
        finally:
            serving.shutdown()


def http_target(port: int, path: str = "/", scheme: str = "http", **more: Any) -> dict[str, Any]:
    url = f"{scheme}://127.0.0.1:{port}{path}"
    return {"url": url, "method": "GET", "codes": [[200, 299]], "headers": {}, "verify": True, **more}


@pytest.mark.parametrize(
    ("path", "more", "verdict", "said"),
    [
        ("/", {}, Verdict.THERE, "it answers 200"),
        ("/", {"method": "HEAD"}, Verdict.THERE, "it answers 200"),
        ("/", {"body": "all .*well"}, Verdict.THERE, "it answers 200"),
        ("/", {"body": "^ready$"}, Verdict.ABSENT, "it answers 200, but its body does not match ^ready$"),
        ("/", {"codes": [[204, 204]]}, Verdict.ABSENT, "it answers 200 OK"),
        ("/busy", {}, Verdict.ABSENT, "it answers 503 Service Unavailable"),
        ("/busy", {"codes": [[200, 299], [503, 503]]}, Verdict.THERE, "it answers 503"),
        ("/missing?a=b", {}, Verdict.ABSENT, "it answers 404 Not Found"),
        ("/moved", {}, Verdict.ABSENT, "it answers 301 Moved Permanently"),
    ],
)
def test_http_judges_the_answer(path: str, more: dict[str, Any], verdict: Verdict, said: str) -> None:
    with web({"/": (200, "all is well"), "/busy": (503, ""), "/moved": (301, "")}) as (port, seen):
        assert look("http", **http_target(port, path, **more)) == (verdict, said)
        assert [one["path"] for one in seen] == [path]


def test_http_sends_the_headers_that_are_given() -> None:
    with web({"/": (200, "")}) as (port, seen):
        look("http", **http_target(port, headers={"Host": "shop.example"}))
        assert seen[0]["Host"] == "shop.example"


def test_https_is_there_for_who_trusts_its_authority(authority: Authority) -> None:
    with web({"/": (200, "")}, authority) as (port, _seen):
        trusting = http_target(port, scheme="https", ca_file=str(authority.certificate))
        assert look("http", **trusting) == (Verdict.THERE, "it answers 200")
        assert look("http", **http_target(port, scheme="https", verify=False))[0] is Verdict.THERE


def test_a_certificate_that_is_not_trusted_leaves_it_unclear(authority: Authority) -> None:
    with web({"/": (200, "")}, authority) as (port, _seen):
        verdict, said = look("http", **http_target(port, scheme="https"))
    assert verdict is Verdict.UNCLEAR
    assert said.startswith("its certificate is not trusted: self")


@contextmanager
def speaking(words: bytes) -> Iterator[int]:
    """A server that says the same to everybody and closes."""

    def serve() -> None:
        while True:
            try:
                accepted, _address = listening.accept()
            except OSError:
                return
            with accepted:
                accepted.sendall(words)

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0\1\2\3" * 9])
def test_who_speaks_another_protocol_is_not_there(words: bytes) -> None:
    with speaking(words) as port:
        assert look("http", **http_target(port))[0] is Verdict.ABSENT
        assert look("postgresql", **login(port))[0] is Verdict.ABSENT


# --- postgresql ---------------------------------------------------------------------------------


def login(port: int, user: str = "shop", password: Path | None = None, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "database": "shop",
        "user": user,
        "sslmode": "prefer",
        "password_file": str(password) if password else None,
        **more,
    }


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


@pytest.mark.parametrize("user", ["shop", "old", "plain"], ids=["scram", "md5", "password"])
def test_a_login_is_there_by_each_method(server: Server, password: Path, user: str) -> None:
    assert look("postgresql", **login(server.port, user, password)) == (
        Verdict.THERE,
        f"{user} can log in, without TLS",
    )


def test_a_login_that_is_refused_is_told_without_the_password(server: Server, password: Path) -> None:
    password.write_text("not-the-password")
    verdict, said = look("postgresql", **login(server.port, password=password))
    assert (verdict, said) == (Verdict.ABSENT, 'password authentication failed for user "shop"')


def test_a_database_that_is_not_there_yet_is_told(server: Server, password: Path) -> None:
    target = login(server.port, password=password, database="later")
    assert look("postgresql", **target) == (Verdict.ABSENT, 'database "later" does not exist')


def test_a_server_that_is_not_there_is_told(password: Path) -> None:
    target = login(free_port(), password=password)
    assert look("postgresql", **target) == (Verdict.ABSENT, "connection refused")


@pytest.fixture
def with_tls(server: Server, authority: Authority) -> Iterator[Server]:
    """The same server behind one that speaks TLS for it, as a pooler does: the packaged PostgreSQL is built without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)

    class Front(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            near: socket.socket = self.request
            if near.recv(len(SSL_REQUEST), socket.MSG_PEEK) == SSL_REQUEST:
                near.recv(len(SSL_REQUEST))
                near.sendall(b"S")
                try:
                    near = context.wrap_socket(near, server_side=True)
                except ssl.SSLError:
                    return  # the client does not trust us
            with near, socket.create_connection(("127.0.0.1", server.port)) as far:
                answers = threading.Thread(target=pass_on, args=(far, near), daemon=True)
                answers.start()
                pass_on(near, far)
                answers.join(10)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Front) as front:
        front.daemon_threads = True
        threading.Thread(target=front.serve_forever, args=(0.01,), daemon=True).start()
        yield Server(front.server_address[1], server.data)
        front.shutdown()


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Everything, until one of the two ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("sslmode", ["prefer", "require", "verify-ca", "verify-full"])
def test_a_login_uses_tls_where_the_server_has_it(
    with_tls: Server, password: Path, authority: Authority, sslmode: str
) -> None:
    target = login(with_tls.port, password=password, sslmode=sslmode, ca_file=str(authority.certificate))
    assert look("postgresql", **target) == (Verdict.THERE, "shop can log in, with TLS")


def test_a_login_without_tls_is_possible_where_it_is_wanted(with_tls: Server, password: Path) -> None:
    target = login(with_tls.port, password=password, sslmode="disable")
    assert look("postgresql", **target) == (Verdict.THERE, "shop can log in, without TLS")


def test_a_server_that_is_not_trusted_gets_no_password(with_tls: Server, password: Path) -> None:
    verdict, said = look("postgresql", **login(with_tls.port, password=password, sslmode="verify-full"))
    assert verdict is Verdict.UNCLEAR
    assert said.startswith("its certificate is not trusted: self")


def test_a_server_without_tls_is_not_there_where_tls_is_required(server: Server, password: Path) -> None:
    with pytest.raises(ServerError):
        Connection(Address("127.0.0.1", server.port, "shop", "shop", PASSWORD, sslmode="require"))
    target = login(server.port, password=password, sslmode="require")
    assert look("postgresql", **target)[0] is Verdict.ABSENT


# --- what the API server knows ------------------------------------------------------------------


def a_slice(
    *endpoints: dict[str, Any], ports: tuple[tuple[str, int], ...] = (("web", 80),)
) -> dict[str, Any]:
    return {"endpoints": list(endpoints), "ports": [{"name": name, "port": port} for name, port in ports]}


def endpoint(uid: str, ready: bool | None = True) -> dict[str, Any]:
    conditions = {} if ready is None else {"ready": ready}
    return {"addresses": [f"address of {uid}"], "conditions": conditions, "targetRef": {"uid": uid}}


@pytest.mark.parametrize(
    ("slices", "more", "verdict", "said"),
    [
        ([], {}, Verdict.ABSENT, "no such Service, or nothing behind it yet"),
        ([a_slice()], {}, Verdict.ABSENT, "0 of 1 endpoints ready"),
        ([{"endpoints": None, "ports": None}], {}, Verdict.ABSENT, "0 of 1 endpoints ready"),
        ([a_slice(endpoint("a", ready=False))], {}, Verdict.ABSENT, "0 of 1 endpoints ready"),
        ([a_slice(endpoint("a"))], {}, Verdict.THERE, "1 of 1 endpoints ready"),
        ([a_slice(endpoint("a", ready=None))], {}, Verdict.THERE, "1 of 1 endpoints ready"),
        (
            [a_slice(endpoint("a")), a_slice(endpoint("a"))],
            {"min_ready": 2},
            Verdict.ABSENT,
            "1 of 2 endpoints ready",
        ),
        (
            [a_slice(endpoint("a")), a_slice(endpoint("b"))],
            {"min_ready": 2},
            Verdict.THERE,
            "2 of 2 endpoints ready",
        ),
        ([a_slice({"addresses": ["1.2.3.4"]})], {}, Verdict.THERE, "1 of 1 endpoints ready"),
        ([a_slice(endpoint("a"))], {"port": "web"}, Verdict.THERE, "1 of 1 endpoints ready"),
        ([a_slice(endpoint("a"))], {"port": "80"}, Verdict.THERE, "1 of 1 endpoints ready"),
        ([a_slice(endpoint("a"))], {"port": "admin"}, Verdict.ABSENT, "0 of 1 endpoints ready"),
    ],
)
def test_a_service_is_there_when_enough_endpoints_are_ready(
    slices: list[dict[str, Any]], more: dict[str, Any], verdict: Verdict, said: str
) -> None:
    found = program.judge_slices({"min_ready": 1, **more}, {"items": slices})
    assert (found.verdict, found.said) == (verdict, said)


def condition(kind: str, status: str = "True") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": "BackoffLimitExceeded",
        "message": "it failed too often",
    }


@pytest.mark.parametrize(
    ("status", "verdict", "said"),
    [
        ({}, Verdict.ABSENT, "it runs: 0 active, 0 succeeded, 0 failed"),
        ({"active": 1, "failed": 2}, Verdict.ABSENT, "it runs: 1 active, 0 succeeded, 2 failed"),
        ({"conditions": [condition("Complete")]}, Verdict.THERE, "it is complete"),
        (
            {"conditions": [condition("Complete", "False")], "active": 1},
            Verdict.ABSENT,
            "it runs: 1 active, 0 succ",
        ),
        ({"conditions": [condition("Suspended")]}, Verdict.ABSENT, "it is suspended"),
        (
            {"conditions": [condition("Failed")]},
            Verdict.NEVER,
            "it failed (BackoffLimitExceeded): it failed too often",
        ),
        ({"conditions": [condition("FailureTarget")]}, Verdict.NEVER, "it failed (BackoffLimitExceeded): "),
    ],
)
def test_a_job_tells_how_it_ended(status: dict[str, Any], verdict: Verdict, said: str) -> None:
    found = program.judge_job({"status": status})
    assert found.verdict is verdict
    assert found.said.startswith(said)


JOB = "/apis/batch/v1/namespaces/shop/jobs/migrate"


@pytest.fixture
def account(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """A mounted account for the API server on a port; returns the file of the token."""

    def mount(port: int) -> Path:
        monkeypatch.setattr(program, "ACCOUNT", str(tmp_path))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
        shutil.copy(authority.certificate, tmp_path / "ca.crt")
        (tmp_path / "token").write_text("first")
        return tmp_path / "token"

    return mount


def test_the_api_is_asked_with_the_mounted_token_and_authority(
    account: Callable[[int], Path], authority: Authority
) -> None:
    target = {"namespace": "shop", "name": "migrate"}
    complete = json.dumps({"status": {"conditions": [condition("Complete")]}})
    with web({JOB: (200, complete)}, authority, token="second") as (port, _seen):
        token = account(port)
        assert look("job", **target) == (Verdict.UNCLEAR, "the API server says: Unauthorized")
        token.write_text("second\n")  # tokens are renewed in place
        assert look("job", **target) == (Verdict.THERE, "it is complete")
        assert look("job", namespace="shop", name="other") == (Verdict.ABSENT, "no such Job")


def test_an_api_that_refuses_or_is_away_says_nothing_of_the_target(
    account: Callable[[int], Path], authority: Authority
) -> None:
    target = {"namespace": "shop", "name": "migrate"}
    with web({JOB: (403, '{"message": "jobs is forbidden"}')}, authority) as (port, _seen):
        account(port)
        assert look("job", **target) == (Verdict.UNCLEAR, "the API server says: jobs is forbidden")
    assert look("job", **target) == (
        Verdict.UNCLEAR,
        "the API server cannot be asked: connection refused",
    )


def test_the_slices_of_one_service_are_asked_for(
    account: Callable[[int], Path], authority: Authority
) -> None:
    path = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io/service-name%3Dweb"
    answer = json.dumps({"items": [a_slice(endpoint("a"))]})
    with web({path: (200, answer)}, authority) as (port, _seen):
        account(port)
        found = look("service", namespace="shop", name="web", port=None, min_ready=1)
    assert found == (Verdict.THERE, "1 of 1 endpoints ready")


# --- the whole program --------------------------------------------------------------------------

CONFIG: dict[str, Any] = {
    "match": "all",
    "interval": 0.01,
    "backoff": 1.5,
    "max_interval": 0.05,
    "attempt_timeout": 5.0,
    "deadline": 60.0,
    "on_timeout": "fail",
    "marker": None,
}


def of_file(path: Path, timeout: float | None = None, invert: bool = False) -> dict[str, Any]:
    return {
        "kind": "file",
        "path": str(path),
        "min_size": 0,
        "name_shown": f"file {path.name}",
        "timeout": timeout,
        "invert": invert,
    }


@contextmanager
def running(*targets: dict[str, Any], **config: Any) -> Iterator[subprocess.Popen[str]]:
    """The program as a container runs it, from the text that travels in the Pod."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", source_of(program)],
        env={"PODPATTERNS_CONFIG": json.dumps({**CONFIG, **config, "targets": targets})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    said, _nothing = process.communicate(timeout=60)
    return process.returncode, said.splitlines()


def a_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_ends_when_what_was_missing_comes(tmp_path: Path) -> None:
    late = tmp_path / "late"
    with running(of_file(late)) as process:
        assert "file late: waiting: no such file" in a_line(process)
        late.write_text("here")
        code, lines = ended(process)
    assert code == 0
    assert "file late: is as wanted: it has 4 bytes" in lines[0]
    assert lines[-1].startswith("all is there after ")


def test_it_says_which_one_did_not_come_and_why(tmp_path: Path) -> None:
    (tmp_path / "early").touch()
    with running(of_file(tmp_path / "early"), of_file(tmp_path / "never"), deadline=0.2) as process:
        code, lines = ended(process)
    assert code == 1
    assert lines[-1].startswith("file never is not there after ")
    assert lines[-1].endswith(" tries: no such file")
    assert "early" not in lines[-1]


def test_a_target_has_a_timeout_of_its_own(tmp_path: Path) -> None:
    with running(of_file(tmp_path / "a", timeout=0.1), of_file(tmp_path / "b")) as process:
        code, lines = ended(process)
    assert code == 1
    # The one that was given up stands first; the other was still waited for.
    assert lines[-1].startswith("file a is not there after ")
    assert "; file b is not there after " in lines[-1]


def test_any_one_is_enough(tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    with running(of_file(tmp_path / "a"), of_file(tmp_path / "b"), match="any") as process:
        assert ended(process)[0] == 0


def test_any_goes_on_while_one_may_still_come(tmp_path: Path) -> None:
    with running(of_file(tmp_path / "a", timeout=0.05), of_file(tmp_path / "b"), match="any") as process:
        for _target in "ab":
            assert "waiting" in a_line(process)
        (tmp_path / "b").touch()
        assert ended(process)[0] == 0


def test_any_fails_when_none_came(tmp_path: Path) -> None:
    targets = [of_file(tmp_path / name, timeout=0.1) for name in "ab"]
    with running(*targets, match="any") as process:
        code, lines = ended(process)
    assert code == 1
    assert lines[-1].startswith("none of 2 targets came: file ")


def test_inverted_it_ends_when_the_target_goes(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.touch()
    with running(of_file(old, invert=True)) as process:
        assert "file old: waiting: it has 0 bytes" in a_line(process)
        old.unlink()
        assert ended(process)[0] == 0


def test_inverted_it_says_that_the_target_stayed(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    with running(of_file(tmp_path / "old", invert=True), deadline=0.1) as process:
        code, lines = ended(process)
    assert code == 1
    assert lines[-1].startswith("file old is still there after ")


def test_what_nobody_can_tell_is_not_gone() -> None:
    unknowable = {"kind": "dns", "name": "a..b", "name_shown": "dns a..b", "timeout": None, "invert": True}
    with running(unknowable, deadline=0.1) as process:
        assert ended(process)[0] == 1


def test_it_may_let_the_app_start_without_and_leave_a_marker(tmp_path: Path) -> None:
    marker = tmp_path / "timed-out"
    with running(
        of_file(tmp_path / "never"), deadline=0.1, on_timeout="continue", marker=str(marker)
    ) as process:
        code, lines = ended(process)
    assert code == 0
    assert marker.read_text().startswith("file never is not there after ")
    assert lines[-1] == f"the app starts without; {marker} says so"


def test_there_is_no_marker_when_all_came(tmp_path: Path) -> None:
    (tmp_path / "early").touch()
    marker = tmp_path / "timed-out"
    with running(of_file(tmp_path / "early"), on_timeout="continue", marker=str(marker)) as process:
        assert ended(process)[0] == 0
    assert not marker.exists()


def test_a_job_that_failed_ends_the_wait_at_once(
    account: Callable[[int], Path], authority: Authority, tmp_path: Path
) -> None:
    lost = json.dumps({"status": {"conditions": [condition("Failed")]}})
    job = {"kind": "job", "namespace": "shop", "name": "migrate", "name_shown": "Job shop/migrate"}
    targets = [of_file(tmp_path / "never"), {**job, "timeout": None, "invert": False}]
    with web({JOB: (200, lost)}, authority) as (port, _seen):
        account(port)
        wait = program.Wait({**CONFIG, "targets": targets})
        assert wait.run() is False
        told = program.summary(wait.config, wait.lost())
    assert told.startswith(
        "Job shop/migrate cannot come any more: it failed (BackoffLimitExceeded): it failed too"
    )


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """The first process of a container has no default for TERM: without a handler it would outlive the grace."""
    with running(of_file(tmp_path / "never")) as process:
        assert a_line(process)
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 128 + signal.SIGTERM


def test_every_target_is_looked_at_once_however_short_the_deadline(tmp_path: Path) -> None:
    wait = program.Wait({**CONFIG, "deadline": 0.0, "targets": [of_file(tmp_path / name) for name in "ab"]})
    assert wait.run() is False
    assert [one.said for one in wait.lost()] == ["no such file", "no such file"]


def test_looks_come_less_and_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    path = tmp_path / "late"

    def pause(seconds: float) -> None:
        if seconds < 1.0:  # a thread of an earlier test, which has not come to its end yet
            return
        pauses.append(seconds)
        if len(pauses) == 5:
            path.touch()

    monkeypatch.setattr(program.time, "sleep", pause)
    wait = program.Wait(
        {**CONFIG, "interval": 1.0, "backoff": 2.0, "max_interval": 5.0, "targets": [of_file(path)]}
    )
    assert wait.run() is True
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]


# --- the text that travels ----------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(one.name for one in pkgutil.iter_modules(_programs.__path__)))
def test_no_name_of_a_program_hides_one_of_a_part_that_it_brings(name: str) -> None:
    tree = ast.parse(source_of(importlib.import_module(f"{_programs.__name__}.{name}")))
    names = [
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))
    ]
    assert sorted(set(names)) == sorted(names)
