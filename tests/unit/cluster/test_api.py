"""What becomes of a request when the server, or the way to it, fails: one sentence each."""

from __future__ import annotations

import socket
import time
import traceback

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster import api as api_room
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotAllowed,
    NotConnected,
    Refusal,
)

from .fake_api import Act, FakeApi, drops, forbidden, hangs, refuses, says, stops_in_the_middle

PODS = "/api/v1/namespaces/shop/pods"

CREDENTIALS = (
    "the API server does not accept the credentials (HTTP 401): the token or certificate is wrong or has expired;"
    " check api_key, client_cert, or the user of the kubeconfig's context"
)


def failure(server: FakeApi) -> ClusterError:
    with pytest.raises(ClusterError) as failed:
        server.client().request("get", PODS)
    return failed.value


def test_a_refusal_is_told_without_reading_source_code(
    server: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Python 3.11 two threads that do so at once end in a SystemError (python/cpython#106905)."""
    server.fault("GET", "pods", refuses(404, "NotFound", "it is gone"))
    read: list[str] = []
    monkeypatch.setattr(traceback, "format_tb", lambda *_: read.append("a traceback") or [])
    assert str(failure(server)) == "it is gone"
    assert not read


@pytest.mark.parametrize(
    ("act", "kind", "sentence"),
    [
        pytest.param(refuses(401, "Unauthorized", "Unauthorized"), NotAllowed, CREDENTIALS, id="401"),
        pytest.param(
            forbidden("list", "pods"),
            NotAllowed,
            "system:serviceaccount:shop:deployer may not list pods in namespace shop;"
            " grant it by a Role and a RoleBinding, or use other credentials",
            id="403 in a namespace",
        ),
        pytest.param(
            forbidden("create", "deployments", None, "apps"),
            NotAllowed,
            "system:serviceaccount:shop:deployer may not create deployments.apps at cluster scope;"
            " grant it by a Role and a RoleBinding, or use other credentials",
            id="403 at cluster scope",
        ),
        pytest.param(
            refuses(403, "Forbidden", 'forbidden: User "eve" cannot get path "/api/v1"'),
            NotAllowed,
            "eve may not get /api/v1; use other credentials",
            id="403 of a path",
        ),
        pytest.param(
            refuses(403, "Forbidden", 'forbidden: User "system:anonymous" cannot get path "/api/v1"'),
            NotAllowed,
            "the API server got no credentials and lets nobody in without; set api_key, client_cert and client_key,"
            " or the user of the kubeconfig's context",
            id="403 without credentials",
        ),
        pytest.param(
            refuses(403, "Forbidden", 'pods "web" is forbidden: exceeded quota: small'),
            Refusal,
            'pods "web" is forbidden: exceeded quota: small',
            id="403 that is no missing right",
        ),
        pytest.param(
            says(502, "<html>Bad Gateway</html>"), Refusal, "<html>Bad Gateway</html>", id="a proxy's 502"
        ),
        pytest.param(says(503, ""), Refusal, "Service Unavailable", id="an empty 503"),
        pytest.param(
            says(400, "Client sent an HTTP request to an HTTPS server.\n"),
            NotConnected,
            "the API server speaks TLS at this address; give host with https:// instead of http://",
            id="no TLS where it is wanted",
        ),
    ],
)
def test_a_refusal_is_one_sentence(
    server: FakeApi, act: Act, kind: type[ClusterError], sentence: str
) -> None:
    server.fault("GET", "pods", act)
    error = failure(server)
    assert type(error) is kind
    assert str(error) == sentence


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (says(200, "<html>Welcome to the hotel</html>"), "<html>Welcome to the hotel</html>"),
        (says(200, "[1, 2]"), "[1, 2]"),
        (says(200, ""), ""),
    ],
)
def test_what_is_no_kubernetes_answer_says_to_check_the_address(server: FakeApi, act: Act, said: str) -> None:
    server.fault("GET", "pods", act)
    assert str(failure(server)) == (
        f"{server.url} does not answer as a Kubernetes API server does, but with {said!r}; check the address"
    )


@pytest.mark.parametrize("act", [drops, stops_in_the_middle])
def test_a_connection_that_breaks_is_an_error_of_the_way(server: FakeApi, act: Act) -> None:
    server.fault("GET", "pods", act)
    error = failure(server)
    assert isinstance(error, NotConnected)
    assert str(error).startswith(f"cannot reach the API server {server.url}: ")


def test_nobody_listens(server: FakeApi) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert str(failure(server)) == (
            f"cannot reach the API server {server.url}: connection refused; is the cluster up, and is"
            " this its address?"
        )


def test_a_host_that_has_no_address(server: FakeApi) -> None:
    server.url = "http://nowhere.invalid:6443"
    assert str(failure(server)).startswith("cannot reach the API server http://nowhere.invalid:6443: ")


def test_tls_where_there_is_none(server: FakeApi) -> None:
    server.url = server.url.replace("http://", "https://")
    assert str(failure(server)) == (
        f"cannot reach the API server {server.url}: it does not speak TLS there; check the address"
    )


def test_a_server_that_never_answers_is_left_at_the_deadline(server: FakeApi) -> None:
    server.fault("GET", "pods", hangs)
    with pytest.raises(NotConnected) as failed:
        server.client().until(time.monotonic() + 0.3).request("get", PODS)
    assert str(failed.value) == f"cannot reach the API server {server.url}: it does not answer in time"


def test_a_busy_server_is_asked_again_when_it_says_so(server: FakeApi) -> None:
    server.fault("GET", "pods", says(429, "slow down", {"Retry-After": "0"}), times=2)
    assert server.client().request("get", PODS)["items"] == []
    assert len(server.calls("GET", "pods")) == 3


def test_a_busy_server_is_not_asked_for_ever(server: FakeApi) -> None:
    server.fault("GET", "pods", says(429, "slow down", {"Retry-After": "0"}))
    assert str(failure(server)) == "slow down"
    assert len(server.calls("GET", "pods")) == api_room.TRIES


def test_a_busy_server_is_not_waited_for_beyond_the_deadline(server: FakeApi) -> None:
    server.fault("GET", "pods", says(429, "slow down", {"Retry-After": "60"}))
    with pytest.raises(Refusal, match="slow down"):
        server.client().until(time.monotonic() + 5).request("get", PODS)


def test_a_patient_caller_asks_again_until_the_server_is_back(server: FakeApi) -> None:
    server.fault("GET", PODS, drops, times=2)
    assert server.client().patient(30.0).request("get", PODS)["items"] == []
    assert len(server.calls("GET", PODS)) == 3


def test_patience_has_an_end(server: FakeApi) -> None:
    server.fault("GET", PODS, drops)
    with pytest.raises(NotConnected):
        server.client().patient(0.5).request("get", PODS)


def test_every_request_is_counted_whatever_became_of_it(server: FakeApi) -> None:
    server.fault("GET", "pods", drops, times=1)
    api = server.client()
    with pytest.raises(NotConnected):
        api.request("get", PODS)
    api.until(time.monotonic() + 5).request("get", PODS)
    assert api.calls == 2


def test_a_token_goes_into_the_header_and_into_no_message(server: FakeApi) -> None:
    server.fault("GET", "pods", refuses(401, "Unauthorized", "Unauthorized"))
    assert "secret-token" not in str(failure(server))
    assert server.asked[0].headers["authorization"] == "Bearer secret-token"


def test_a_log_that_is_no_utf8_is_read_all_the_same(server: FakeApi) -> None:
    server.logs["web"] = "grüße\n"
    assert server.client().text(f"{PODS}/web/log") == "grüße\n"
