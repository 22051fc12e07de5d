# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the K8S_AUTH_* options to an API server."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .api import Api
from .errors import NotConnected

try:
    import kubernetes
    import kubernetes.config
    from kubernetes.config.kube_config import KubeConfigMerger

    MISSING_LIBRARY: str | None = None
except ImportError as error:
    MISSING_LIBRARY = str(error)

# Names and environment variables are those of kubernetes.core, so that a play may use both.
AUTH_OPTIONS: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "raw", "env": "K8S_AUTH_KUBECONFIG"},
    "context": {"type": "str", "env": "K8S_AUTH_CONTEXT"},
    "host": {"type": "str", "env": "K8S_AUTH_HOST"},
    "api_key": {"type": "str", "env": "K8S_AUTH_API_KEY", "no_log": True},
    "username": {"type": "str", "env": "K8S_AUTH_USERNAME"},
    "password": {"type": "str", "env": "K8S_AUTH_PASSWORD", "no_log": True},
    "validate_certs": {"type": "bool", "env": "K8S_AUTH_VERIFY_SSL", "aliases": ["verify_ssl"]},
    "ca_cert": {"type": "path", "env": "K8S_AUTH_SSL_CA_CERT", "aliases": ["ssl_ca_cert"]},
    "client_cert": {"type": "path", "env": "K8S_AUTH_CERT_FILE", "aliases": ["cert_file"]},
    "client_key": {"type": "path", "env": "K8S_AUTH_KEY_FILE", "aliases": ["key_file"], "no_log": False},
    "proxy": {"type": "str", "env": "K8S_AUTH_PROXY"},
    "no_proxy": {"type": "str", "env": "K8S_AUTH_NO_PROXY"},
    "impersonate_user": {"type": "str", "env": "K8S_AUTH_IMPERSONATE_USER"},
    "impersonate_groups": {"type": "list", "elements": "str", "env": "K8S_AUTH_IMPERSONATE_GROUPS"},
}

# More parallel requests than this are never under way.
POOL_SIZE = 24


def auth_argument_spec() -> dict[str, dict[str, Any]]:
    """The options as Ansible's argument spec; the environment is read by connect(), so that it shows in no log."""
    return {
        name: {key: value for key, value in spec.items() if key != "env"}
        for name, spec in AUTH_OPTIONS.items()
    }


def connect(options: Mapping[str, Any]) -> Api:
    """An Api for the options, the K8S_AUTH_* environment, KUBECONFIG, ~/.kube/config or the Pod's own account.

    Raises NotConnected where none of them leads to a configuration. Nothing is asked of the server yet.
    """
    if MISSING_LIBRARY is not None:
        raise NotConnected(
            f"the Python library kubernetes is not installed for this interpreter ({MISSING_LIBRARY});"
            " install it with: pip install kubernetes"
        )
    given = {name: _value(options.get(name), spec["env"]) for name, spec in AUTH_OPTIONS.items()}
    configuration = kubernetes.client.Configuration()
    if given["host"] and not given["host"].startswith(("https://", "http://")):
        raise NotConnected(f"host is {given['host']!r}; give it with its scheme: https://{given['host']}")
    if given["host"] and not given["kubeconfig"] and not given["context"]:
        configuration.host = given["host"]
    else:
        _load(configuration, given["kubeconfig"], given["context"])
    _override(configuration, given)
    client = kubernetes.client.ApiClient(configuration)
    _set_headers(client, given)
    return Api(client)


def _value(option: Any, variable: str) -> Any:
    if option is not None:
        return option
    text = os.environ.get(variable)
    return text or None


def _load(configuration: Any, kubeconfig: Any, context: str | None) -> None:
    if isinstance(kubeconfig, Mapping):
        what = "kubeconfig (given as a mapping)"
        _check_context(what, kubeconfig, context)
        _guarded(
            what,
            kubernetes.config.load_kube_config_from_dict,
            config_dict=kubeconfig,
            context=context,
            client_configuration=configuration,
        )
        return
    if kubeconfig is None and context is None and _in_a_pod():
        _guarded(
            "the Pod's service account",
            kubernetes.config.load_incluster_config,
            client_configuration=configuration,
        )
        return
    path = _kubeconfig_path(kubeconfig)
    what = f"kubeconfig {path}"
    _check_context(what, _guarded(what, KubeConfigMerger, paths=path).config.value, context)
    _guarded(
        what,
        kubernetes.config.load_kube_config,
        config_file=path,
        context=context,
        client_configuration=configuration,
        persist_config=False,
    )


def _in_a_pod() -> bool:
    configured = os.environ.get("KUBECONFIG") or Path("~/.kube/config").expanduser().is_file()
    return not configured and bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def _kubeconfig_path(kubeconfig: Any) -> str:
    """The file or files (joined as KUBECONFIG joins them) to read, of which at least one must exist."""
    if kubeconfig is not None:
        path, origin = str(kubeconfig), "kubeconfig"
    elif os.environ.get("KUBECONFIG"):
        path, origin = os.environ["KUBECONFIG"], "KUBECONFIG"
    else:
        path, origin = "~/.kube/config", ""
    parts = [os.path.expanduser(part) for part in path.split(os.pathsep) if part]
    if not any(Path(part).is_file() for part in parts):
        if origin:
            raise NotConnected(
                f"{origin} names {path!r}, which does not exist; give the path of a kubeconfig file"
            )
        raise NotConnected(
            "no kubeconfig: set the kubeconfig option, K8S_AUTH_KUBECONFIG or KUBECONFIG to a file, or give host and"
            " api_key (there is no ~/.kube/config either)"
        )
    return os.pathsep.join(parts)


def _check_context(what: str, config: Mapping[str, Any], context: str | None) -> None:
    names = _guarded(what, _context_names, config=config)
    if context is not None and context not in names:
        raise NotConnected(
            f"context is {context!r}, but {what} has no such context; it has: {', '.join(names) or 'none'}"
        )
    if context is None and not config.get("current-context"):
        raise NotConnected(
            f"{what} has no current-context; set the context option to one of: {', '.join(names) or 'none'}"
        )


def _context_names(config: Mapping[str, Any]) -> list[str]:
    return [entry["name"] for entry in config.get("contexts") or ()]


def _guarded(what: str, function: Any, **arguments: Any) -> Any:
    """Call a loader of the kubernetes library; whatever it dislikes becomes one sentence."""
    try:
        return function(**arguments)
    except Exception as error:  # its loaders raise ConfigException, yaml, ssl, OS and type errors alike
        raise NotConnected(f"{what} cannot be used: {' '.join(str(error).split())[:300]}") from error


def _override(configuration: Any, given: Mapping[str, Any]) -> None:
    if given["host"]:
        configuration.host = given["host"]
    if given["api_key"] or given["username"]:
        # What is said here comes before what the kubeconfig says; a server looks at certificates first.
        configuration.cert_file = configuration.key_file = configuration.refresh_api_key_hook = None
        configuration.api_key = {"authorization": f"Bearer {given['api_key']}"} if given["api_key"] else {}
    for option, attribute in (
        ("ca_cert", "ssl_ca_cert"),
        ("client_cert", "cert_file"),
        ("client_key", "key_file"),
    ):
        if given[option]:
            path = os.path.expanduser(str(given[option]))
            if not Path(path).is_file():
                raise NotConnected(
                    f"{option} names {path!r}, which does not exist; give the path of a PEM file"
                )
            setattr(configuration, attribute, path)
    if given["validate_certs"] is not None:
        configuration.verify_ssl = str(given["validate_certs"]).lower() in ("true", "yes", "1", "on")
    for option in ("proxy", "no_proxy"):
        if given[option]:
            setattr(configuration, option, given[option])
    configuration.connection_pool_maxsize = POOL_SIZE
    # Our own requests are judged one by one; a silent second try would hide an outage for half a minute.
    configuration.retries = False


def _set_headers(client: Any, given: Mapping[str, Any]) -> None:
    client.user_agent = "podpatterns.core"
    if given["username"] and given["password"]:
        pair = f"{given['username']}:{given['password']}".encode()
        client.set_default_header("Authorization", f"Basic {base64.b64encode(pair).decode()}")
    if given["impersonate_user"]:
        client.set_default_header("Impersonate-User", given["impersonate_user"])
    groups = given["impersonate_groups"] or []
    groups = groups.split(",") if isinstance(groups, str) else groups
    if len(groups) > 1:
        raise NotConnected(
            f"impersonate_groups has {len(groups)} entries, but the kubernetes client can send only one; give one group"
        )
    for group in groups:
        client.set_default_header("Impersonate-Group", group)
