# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local Envoy of pattern proxy, from its options to a container."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .apps import first_app, pre_stop_seconds
from .envoy import Inbound, Proxy, Upstream, bootstrap
from .fragment import BadPattern, ExpectedProxy, Fragment, Graft, Helper, Mode, Target
from .helper import Context, container

ADMIN_PORT, STATUS_PORT = 9901, 9902
DRAIN_SECONDS = 5
PROBE_SECONDS = 10


def envoy(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    proxy = _proxy(options, target, context)
    mode = context.mode(options["mode"])
    drain = DRAIN_SECONDS if options["drain_seconds"] is None else options["drain_seconds"]
    made = container(
        context,
        options,
        "envoy",
        command=["envoy"],
        args=[
            # Kubernetes makes one dollar of two.
            *("--config-yaml", json.dumps(bootstrap(proxy), sort_keys=True).replace("$", "$$")),
            *("--log-level", options["log_level"] or "warning"),
            *("--concurrency", "1", "--disable-hot-restart"),
            *("--drain-time-s", str(max(drain, 1)), "--drain-strategy", "immediate"),
        ],
    )
    if proxy.inbound:
        made["ports"] = [
            {"name": f"in-{one.port}", "containerPort": one.port, "protocol": "TCP"} for one in proxy.inbound
        ]
    if options["probes"]:
        _add_probes(made, proxy)
    hook = _hook(proxy, mode, drain)
    if hook:
        made["lifecycle"] = {"preStop": {"exec": {"command": hook}}}
    helper = Helper(
        made,
        mode,
        options["position"],
        ends_by_itself=options["job_shutdown"] == "app",
        shutdown_seconds=drain if mode is Mode.CLASSIC else 1,
    )
    expected = [ExpectedProxy(context.name, mode is Mode.NATIVE)] if options["verify_injection"] else []
    # A classic proxy gets TERM together with the app, which needs it at its end: there is no time to hold the app.
    holds = proxy.inbound and mode is Mode.NATIVE
    held, warnings = _held(options, target, context, drain) if holds else ([], [])
    return Fragment(
        helpers=[helper],
        grafts=[*_variables(options, context), *held],
        expected_proxies=expected,
        warnings=warnings,
    )


def _add_probes(made: dict[str, Any], proxy: Proxy) -> None:
    # On a busy node an answer takes its time, and a Pod whose proxy is only slow is still to get its requests.
    ready = {
        "httpGet": {"path": "/ready", "port": proxy.status_port},
        "periodSeconds": 1,
        "timeoutSeconds": PROBE_SECONDS,
    }
    made["startupProbe"] = {**ready, "failureThreshold": 60}
    if proxy.inbound:
        made["readinessProbe"] = {**ready, "periodSeconds": 5}


def _hook(proxy: Proxy, mode: Mode, drain: int) -> list[str] | None:
    """Callers are asked to go elsewhere, and nobody is let in after the drain; a classic proxy stays as long.

    A native one needs no stay: it gets TERM when the app has ended.
    """
    steps = []
    if proxy.inbound:
        # Its image has no HTTP client, and the kubelet's own cannot POST.
        steps.append(
            f"exec 3<>/dev/tcp/127.0.0.1/{proxy.admin_port} &&"
            r" printf 'POST /drain_listeners?graceful&inboundonly HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n'"
            " >&3 && cat <&3 >/dev/null"
        )
    if mode is Mode.CLASSIC and drain:
        steps.append(f"sleep {drain}")
    return ["bash", "-c", "; ".join(steps)] if steps else None


def _held(
    options: Mapping[str, Any], target: Target, context: Context, drain: int
) -> tuple[list[Graft], list[str]]:
    """The app goes on serving until the cluster has heard that the Pod is leaving: it gets TERM after the drain."""
    if not drain:
        return [], []
    wanted = options["containers"]
    apps = [one for one in target.pod_spec["containers"] if not wanted or one["name"] in wanted]
    own = {one["name"]: pre_stop_seconds(one) for one in apps}
    warnings = [
        f"{context.where}: container {name} has a preStop hook of its own, which must take {drain} s (drain_seconds) or"
        " more; else the Pod's last requests fail"
        for name, known in own.items()
        if known is not None and known < drain
    ]
    free = tuple(name for name, known in own.items() if known is None)
    if free and not context.server.sleep_hooks:
        warnings.append(
            f"{context.where}: the server is older than 1.30 and cannot keep TERM from {', '.join(free)} for"
            f" {drain} s (drain_seconds); give it a preStop hook that does, else the Pod's last requests fail"
        )
        free = ()
    return ([Graft(pre_stop=drain, containers=free)] if free else []), warnings


def _variables(options: Mapping[str, Any], context: Context) -> list[Graft]:
    """Where the app finds its upstreams, told by variables of its environment."""
    variables = []
    for number, one in enumerate(options["upstreams"]):
        if not one["env"]:
            continue
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", one["env"]):
            raise BadPattern(
                f"{context.where}.upstreams[{number}].env is {one['env']!r}; it must be a variable's name"
            )
        address = f"127.0.0.1:{one['port']}"
        variables.append(
            {"name": one["env"], "value": f"http://{address}" if one["protocol"] == "http" else address}
        )
    return [Graft(env=variables, containers=tuple(options["containers"]))] if variables else []


def _proxy(options: Mapping[str, Any], target: Target, context: Context) -> Proxy:
    where = context.where
    if not options["upstreams"] and not options["inbound"]:
        raise BadPattern(f"{where} leads nowhere; give upstreams, inbound or both")
    first_app(target, options["containers"], f"{where}.containers")
    proxy = Proxy(
        upstreams=[
            _upstream(one, f"{where}.upstreams[{number}]") for number, one in enumerate(options["upstreams"])
        ],
        inbound=[
            Inbound(one["port"], one["app_port"], one["protocol"] or "http") for one in options["inbound"]
        ],
        admin_port=ADMIN_PORT if options["admin_port"] is None else options["admin_port"],
        status_port=STATUS_PORT if options["status_port"] is None else options["status_port"],
        access_log=options["access_log"],
    )
    _check_ports(proxy, target, where)
    return proxy


def _upstream(given: Mapping[str, Any], where: str) -> Upstream:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", given["name"]):
        raise BadPattern(
            f"{where}.name is {given['name']!r}; it must be lower case letters, digits and dashes"
        )
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?", given["host"]):
        raise BadPattern(
            f"{where}.host is {given['host']!r}; it must be a name such as api.shop.svc, without port"
        )
    if not 0 < given["target_port"] < 65536:
        raise BadPattern(f"{where}.target_port is {given['target_port']}; it must be a port from 1 to 65535")
    for name in ("retries", "timeout", "per_try_timeout"):
        if given[name] < 0:
            raise BadPattern(f"{where}.{name} is {given[name]:g}; it must be 0 or more")
    if given["connect_timeout"] <= 0:
        raise BadPattern(f"{where}.connect_timeout is {given['connect_timeout']:g}; it must be more than 0")
    if given["protocol"] == "tcp" and given["retry_on"]:
        raise BadPattern(f"{where}.retry_on is given, but protocol is tcp, whose bytes cannot be sent again")
    if given["retry_on"] is not None and not re.fullmatch(r"[a-z0-9-]+(,[a-z0-9-]+)*", given["retry_on"]):
        raise BadPattern(
            f"{where}.retry_on is {given['retry_on']!r}; it must be conditions such as 5xx,reset"
        )
    rest = {key: value for key, value in given.items() if key not in ("env", "retry_on")}
    return Upstream(**rest, **({"retry_on": given["retry_on"]} if given["retry_on"] else {}))


def _check_ports(proxy: Proxy, target: Target, where: str) -> None:
    """No two may listen on one port: all containers of a Pod share one network."""
    taken: dict[int, str] = {}
    for app in target.pod_spec["containers"]:
        for port in app.get("ports") or ():
            if isinstance(port.get("containerPort"), int):
                taken[port["containerPort"]] = f"container {app['name']}"
    claims = [(one.port, f"upstreams.{one.name}.port") for one in proxy.upstreams]
    claims += [(one.port, f"inbound[{number}].port") for number, one in enumerate(proxy.inbound)]
    claims += [(proxy.admin_port, "admin_port"), (proxy.status_port, "status_port")]
    for port, option in claims:
        if not 0 < port < 65536:
            raise BadPattern(f"{where}.{option} is {port}; it must be a port from 1 to 65535")
        if port in taken:
            raise BadPattern(
                f"{where}.{option} is {port}, which {taken[port]} has already; take another port"
            )
        taken[port] = option
    names = [one.name for one in proxy.upstreams]
    for name in names:
        if names.count(name) > 1:
            raise BadPattern(f"{where}.upstreams has two with the name {name!r}; each needs its own")
