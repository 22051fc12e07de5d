# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Envoy's static configuration: the app's own way out, and the way in to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# The kubelet asks here; the admin interface itself, which can stop Envoy, is for the Pod alone.
STATUS_CLUSTER = "admin"
RETRY_ON = "connect-failure,refused-stream,reset,gateway-error"
_EXTENSIONS = "envoy.extensions"


@dataclass(frozen=True)
class Upstream:
    """A service that the app reaches through a port of its own Pod. Durations are seconds; 0 is without a limit."""

    name: str
    port: int
    host: str
    target_port: int
    protocol: str = "http"
    retries: int = 2
    retry_on: str = RETRY_ON
    timeout: float = 15
    per_try_timeout: float = 0
    connect_timeout: float = 2
    tls: bool = False


@dataclass(frozen=True)
class Inbound:
    """A port of the Pod that leads to the app, which itself listens for its own Pod only."""

    port: int
    app_port: int
    protocol: str = "http"


@dataclass(frozen=True)
class Proxy:
    """The whole of it."""

    upstreams: Sequence[Upstream]
    inbound: Sequence[Inbound]
    admin_port: int
    status_port: int
    access_log: bool = False


def bootstrap(proxy: Proxy) -> dict[str, Any]:
    """Envoy's bootstrap configuration."""
    listeners = [_listener("status", "0.0.0.0", proxy.status_port, "UNSPECIFIED", [_status_filter()])]
    listeners += [
        _listener(one.name, "127.0.0.1", one.port, "OUTBOUND", [_out(one, proxy)]) for one in proxy.upstreams
    ]
    listeners += [
        _listener(f"inbound-{one.port}", "0.0.0.0", one.port, "INBOUND", [_in(one, proxy)])
        for one in proxy.inbound
    ]
    clusters = [_local_cluster(STATUS_CLUSTER, proxy.admin_port)]
    clusters += [_cluster(one) for one in proxy.upstreams]
    clusters += [_local_cluster(f"app-{one.port}", one.app_port) for one in proxy.inbound]
    return {
        "admin": {"address": _address("127.0.0.1", proxy.admin_port)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _typed(name: str, message: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{message}", **fields}}


def _listener(
    name: str, host: str, port: int, direction: str, filters: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        "address": _address(host, port),
        "traffic_direction": direction,
        "filter_chains": [{"filters": filters}],
    }


def _http(name: str, route: dict[str, Any], access_log: bool) -> dict[str, Any]:
    router = _typed("envoy.filters.http.router", f"{_EXTENSIONS}.filters.http.router.v3.Router")
    fields: dict[str, Any] = {
        "stat_prefix": name,
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
    if access_log:
        fields["access_log"] = [_stdout_log()]
    return _typed(
        "envoy.filters.network.http_connection_manager",
        f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        **fields,
    )


def _tcp(name: str, cluster: str, access_log: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {"stat_prefix": name, "cluster": cluster}
    if access_log:
        fields["access_log"] = [_stdout_log()]
    return _typed(
        "envoy.filters.network.tcp_proxy", f"{_EXTENSIONS}.filters.network.tcp_proxy.v3.TcpProxy", **fields
    )


def _stdout_log() -> dict[str, Any]:
    return _typed("envoy.access_loggers.stdout", f"{_EXTENSIONS}.access_loggers.stream.v3.StdoutAccessLog")


def _status_filter() -> dict[str, Any]:
    """Nothing of the admin interface but whether Envoy is ready."""
    return _http("status", {"match": {"path": "/ready"}, "route": {"cluster": STATUS_CLUSTER}}, False)


def _out(upstream: Upstream, proxy: Proxy) -> dict[str, Any]:
    if upstream.protocol == "tcp":
        return _tcp(upstream.name, upstream.name, proxy.access_log)
    route: dict[str, Any] = {
        "cluster": upstream.name,
        "timeout": f"{upstream.timeout:g}s",
        # The name that the app would have asked for, not the proxy's own address.
        "host_rewrite_literal": upstream.host,
    }
    if upstream.retries:
        policy: dict[str, Any] = {
            "retry_on": upstream.retry_on,
            "num_retries": upstream.retries,
            "retry_back_off": {"base_interval": "0.1s", "max_interval": "2s"},
        }
        if upstream.per_try_timeout:
            policy["per_try_timeout"] = f"{upstream.per_try_timeout:g}s"
        route["retry_policy"] = policy
    return _http(upstream.name, {"match": {"prefix": "/"}, "route": route}, proxy.access_log)


def _in(inbound: Inbound, proxy: Proxy) -> dict[str, Any]:
    name, cluster = f"inbound-{inbound.port}", f"app-{inbound.port}"
    if inbound.protocol == "tcp":
        return _tcp(name, cluster, proxy.access_log)
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    return _http(name, route, proxy.access_log)


def _cluster(upstream: Upstream) -> dict[str, Any]:
    cluster: dict[str, Any] = {
        "name": upstream.name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": f"{upstream.connect_timeout:g}s",
        "load_assignment": _endpoint(upstream.name, upstream.host, upstream.target_port),
    }
    if upstream.tls:
        authority = {"filename": "/etc/ssl/certs/ca-certificates.crt"}
        names = [{"san_type": "DNS", "matcher": {"exact": upstream.host}}]
        context = {"trusted_ca": authority, "match_typed_subject_alt_names": names}
        cluster["transport_socket"] = _typed(
            "envoy.transport_sockets.tls",
            f"{_EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
            sni=upstream.host,
            common_tls_context={"validation_context": context},
        )
    return cluster


def _local_cluster(name: str, port: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": _endpoint(name, "127.0.0.1", port),
    }


def _endpoint(name: str, host: str, port: int) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _address(host, port)}}]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}
