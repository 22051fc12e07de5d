"""From the options to an API server, or one sentence on what is missing."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.podpatterns.core.plugins.module_utils._cluster import connect as room
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import connect
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import NotConnected

from .fake_api import FakeApi, serving


def kubeconfig(
    server: str = "http://127.0.0.1:1", user: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A kubeconfig with the contexts `here` and `there`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": user or {}}],
        "contexts": [
            {"name": name, "context": {"cluster": "one", "user": "me"}} for name in ("here", "there")
        ],
        "current-context": "here",
        **more,
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig()))
    return path


def refusal(**options: Any) -> str:
    with pytest.raises(NotConnected) as refused:
        connect(options)
    return str(refused.value)


def test_no_kubeconfig_at_all(home: Path) -> None:
    assert not (home / ".kube").exists()
    assert refusal() == (
        "no kubeconfig: set the kubeconfig option, K8S_AUTH_KUBECONFIG or KUBECONFIG to a file, or give host and"
        " api_key (there is no ~/.kube/config either)"
    )


def test_a_kubeconfig_that_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    assert refusal(kubeconfig=str(path)) == (
        f"kubeconfig names {str(path)!r}, which does not exist; give the path of a kubeconfig file"
    )


def test_a_variable_that_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    assert (
        refusal()
        == "KUBECONFIG names '/nowhere/config', which does not exist; give the path of a kubeconfig file"
    )


def test_a_context_that_does_not_exist(config: Path) -> None:
    assert refusal(kubeconfig=str(config), context="elsewhere") == (
        f"context is 'elsewhere', but kubeconfig {config} has no such context; it has: here, there"
    )


def test_a_context_that_a_kubeconfig_given_as_a_mapping_lacks() -> None:
    assert refusal(kubeconfig=kubeconfig(), context="elsewhere") == (
        "context is 'elsewhere', but kubeconfig (given as a mapping) has no such context; it has: here, there"
    )


def test_a_kubeconfig_without_a_current_context(config: Path) -> None:
    content = kubeconfig()
    del content["current-context"]
    config.write_text(yaml.safe_dump(content))
    assert refusal(kubeconfig=str(config)) == (
        f"kubeconfig {config} has no current-context; set the context option to one of: here, there"
    )
    assert connect({"kubeconfig": str(config), "context": "there"}).host == "http://127.0.0.1:1"


@pytest.mark.parametrize("content", ["", "text", "a: [", "contexts: [{}]"])
def test_a_kubeconfig_that_is_none(config: Path, content: str) -> None:
    config.write_text(content)
    assert refusal(kubeconfig=str(config)).startswith(f"kubeconfig {config} cannot be used: ")


def test_a_host_without_its_scheme() -> None:
    assert refusal(host="192.0.2.1:6443") == (
        "host is '192.0.2.1:6443'; give it with its scheme: https://192.0.2.1:6443"
    )


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_a_certificate_file_that_does_not_exist(option: str) -> None:
    assert refusal(host="https://192.0.2.1", **{option: "/nowhere/x.pem"}) == (
        f"{option} names '/nowhere/x.pem', which does not exist; give the path of a PEM file"
    )


def test_more_groups_than_the_client_can_send() -> None:
    assert refusal(host="https://192.0.2.1", impersonate_user="u", impersonate_groups=["a", "b"]) == (
        "impersonate_groups has 2 entries, but the kubernetes client can send only one; give one group"
    )


def test_a_missing_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MISSING_LIBRARY", "No module named 'kubernetes'")
    assert refusal() == (
        "the Python library kubernetes is not installed for this interpreter (No module named 'kubernetes');"
        " install it with: pip install kubernetes"
    )


def asked(server: FakeApi, **options: Any) -> dict[str, str]:
    """The headers of a request made with these options."""
    connect(options).request("get", "/api/v1/namespaces/shop")
    return dict(server.asked[-1].headers)


def test_the_environment_is_read_where_an_option_is_not_set(
    server: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", server.url)
    monkeypatch.setenv("K8S_AUTH_API_KEY", "from-environment")
    assert asked(server)["authorization"] == "Bearer from-environment"
    assert asked(server, api_key="from-option")["authorization"] == "Bearer from-option"


def test_kubeconfigs_are_joined_as_kubectl_joins_them(
    server: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(yaml.safe_dump(kubeconfig(contexts=[], **{"current-context": "here"})))
    second.write_text(yaml.safe_dump(kubeconfig(server.url)))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'missing'}:{second}")
    assert connect({}).host == "http://127.0.0.1:1"


@pytest.mark.parametrize("form", ["file", "mapping"])
def test_the_token_of_a_kubeconfig_is_used(server: FakeApi, tmp_path: Path, form: str) -> None:
    content = kubeconfig(server.url, {"token": "from-file"})
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(content))
    found = asked(server, kubeconfig=str(path) if form == "file" else content)
    assert found["authorization"] == "Bearer from-file"


def test_a_token_that_is_given_comes_before_the_kubeconfigs(server: FakeApi) -> None:
    content = kubeconfig(server.url, {"token": "from-file"})
    assert asked(server, kubeconfig=content, api_key="given")["authorization"] == "Bearer given"


def test_user_name_and_password_come_before_the_kubeconfigs_token(server: FakeApi) -> None:
    content = kubeconfig(server.url, {"token": "from-file"})
    assert asked(server, kubeconfig=content, username="u", password="p")["authorization"] == "Basic dTpw"


def test_who_is_impersonated(server: FakeApi) -> None:
    found = asked(server, host=server.url, impersonate_user="jo", impersonate_groups=["dev"])
    assert (found["impersonate-user"], found["impersonate-group"]) == ("jo", "dev")
    assert found["user-agent"] == "podpatterns.core"


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36500))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, *plain))
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[FakeApi]:
    def wrap(server: ThreadingHTTPServer) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)

    with serving(wrap) as fake:
        yield fake


def test_a_certificate_that_nobody_vouches_for(tls_server: FakeApi) -> None:
    with pytest.raises(NotConnected) as refused:
        tls_server.client().request("get", "/api/v1/namespaces/shop")
    assert str(refused.value) == (
        f"cannot reach the API server {tls_server.url}: its certificate is not trusted; check ca_cert or the"
        " kubeconfig's authority"
    )


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("how", ["ca_cert", "validate_certs"])
def test_a_certificate_is_trusted_by_its_authority_or_on_request(
    tls_server: FakeApi, certificate: Path, how: str
) -> None:
    options: dict[str, Any] = {"ca_cert": str(certificate)} if how == "ca_cert" else {"validate_certs": False}
    found = tls_server.client(**options).request("get", "/api/v1/namespaces/shop")
    assert found["metadata"]["name"] == "shop"


def test_a_token_that_is_given_comes_before_the_kubeconfigs_certificate(
    tls_server: FakeApi, certificate: Path
) -> None:
    """A server looks at a client's certificate first: sent along, it would win over the token."""
    user = {"client-certificate": str(certificate), "client-key": str(certificate)}
    content = kubeconfig(tls_server.url, user)
    content["clusters"][0]["cluster"]["certificate-authority"] = str(certificate)
    api_client = vars(connect({"kubeconfig": content, "api_key": "given"}))["_api_client"]
    assert (api_client.configuration.cert_file, api_client.configuration.key_file) == (None, None)
