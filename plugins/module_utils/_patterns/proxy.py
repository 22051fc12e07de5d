# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern proxy: a local Envoy of the Pod's own, or what tells a mesh's injector to put its proxy there."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .apps import first_app
from .envoy import Inbound, Proxy, Upstream, bootstrap
from .fragment import BadPattern, ExpectedProxy, Fragment, Graft, Helper, Mode, Target
from .helper import Context, container
from .mesh_keys import LINKERD_NATIVE, VOCABULARIES, unread_keys
from .meshes import (
    API_GROUPS,
    ISTIO_NATIVE,
    LINKERD_ALPHA,
    NEWEST,
    PROXIES,
    TITLES,
    WRITERS,
    Wish,
    linkerd_native_key,
)
from .options import COMMON_OPTIONS, SIDECAR_OPTIONS, Spec
from .pattern import Pattern

PROTOCOLS = ["http", "tcp"]
ENVOY_ONLY = ("upstreams", "inbound", "admin_port", "status_port", "access_log", "log_level", "containers")
CONTAINER_ONLY = (
    "image",
    "image_pull_policy",
    "image_pull_secrets",
    "env",
    "mounts",
    "security_context",
    "position",
)
MESH_ONLY = (
    "version",
    "revision",
    "hold",
    "exclude_outbound_ports",
    "exclude_inbound_ports",
    "exclude_outbound_cidrs",
)
ADMIN_PORT, STATUS_PORT = 9901, 9902
ENVOY_DRAIN_SECONDS = 5
GO_BOOLEANS = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")

OPTIONS: Spec = {
    **COMMON_OPTIONS,
    **SIDECAR_OPTIONS,
    "provider": {"type": "str", "choices": ["envoy", "istio", "linkerd"], "required": True},
    "upstreams": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "host": {"type": "str", "required": True},
            "target_port": {"type": "int", "required": True},
            "protocol": {"type": "str", "choices": PROTOCOLS, "default": "http"},
            "retries": {"type": "int", "default": 2},
            "retry_on": {"type": "str"},
            "timeout": {"type": "float", "default": 15.0},
            "per_try_timeout": {"type": "float", "default": 0.0},
            "connect_timeout": {"type": "float", "default": 2.0},
            "tls": {"type": "bool", "default": False},
            "env": {"type": "str"},
        },
    },
    "inbound": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "port": {"type": "int", "required": True},
            "app_port": {"type": "int", "required": True},
            "protocol": {"type": "str", "choices": PROTOCOLS, "default": "http"},
        },
    },
    "containers": {"type": "list", "elements": "str", "default": []},
    "admin_port": {"type": "int"},
    "status_port": {"type": "int"},
    "access_log": {"type": "bool", "default": False},
    "log_level": {"type": "str", "choices": ["error", "warning", "info", "debug"]},
    "version": {"type": "str"},
    "revision": {"type": "str"},
    "hold": {"type": "bool", "default": True},
    "exclude_outbound_ports": {"type": "list", "elements": "str", "default": []},
    "exclude_inbound_ports": {"type": "list", "elements": "str", "default": []},
    "exclude_outbound_cidrs": {"type": "list", "elements": "str", "default": []},
    "drain_seconds": {"type": "int"},
    "job_shutdown": {"type": "str", "choices": ["auto", "app"], "default": "auto"},
    "verify_injection": {"type": "bool", "default": True},
}


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """A container for envoy, labels and annotations for a mesh; and what is to come of it."""
    provider = options["provider"]
    _refuse(ENVOY_ONLY if provider != "envoy" else MESH_ONLY, options, context)
    if provider != "envoy":
        _refuse(CONTAINER_ONLY, options, context)
    drain = options["drain_seconds"]
    if drain is not None and drain < 0:
        raise BadPattern(f"{context.where}.drain_seconds is {drain}; it must be 0 or more seconds")
    return _envoy(options, target, context) if provider == "envoy" else _mesh(options, target, context)


def _refuse(names: tuple[str, ...], options: Mapping[str, Any], context: Context) -> None:
    """Options that the chosen provider has no use for; silence would let a user believe in them."""
    provider = options["provider"]
    for name in names:
        if options[name] != OPTIONS[name].get("default"):
            other = "a mesh" if name in MESH_ONLY else "envoy"
            raise BadPattern(f"{context.where}.{name} is for {other}, but provider is {provider}; remove it")


# --- envoy ----------------------------------------------------------------------------------------


def _envoy(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    proxy = _proxy(options, target, context)
    mode = context.mode(options["mode"])
    drain = ENVOY_DRAIN_SECONDS if options["drain_seconds"] is None else options["drain_seconds"]
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
    return Fragment(helpers=[helper], grafts=_variables(options, context), expected_proxies=expected)


def _add_probes(made: dict[str, Any], proxy: Proxy) -> None:
    ready = {"httpGet": {"path": "/ready", "port": proxy.status_port}, "periodSeconds": 1}
    made["startupProbe"] = {**ready, "failureThreshold": 60}
    if proxy.inbound:
        made["readinessProbe"] = {**ready, "periodSeconds": 5}


def _hook(proxy: Proxy, mode: Mode, drain: int) -> list[str] | None:
    """New connections from outside are turned away at once; a classic proxy then stays for the app's last requests.

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


# --- meshes ---------------------------------------------------------------------------------------


def _mesh(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    provider, where = options["provider"], context.where
    title = TITLES[provider]
    groups = context.server.groups
    if groups is not None and API_GROUPS[provider] not in groups:
        raise BadPattern(
            f"{where}.provider is {provider}, but {title} is not installed: the server does not serve"
            f" {API_GROUPS[provider]}; install it first, or use provider envoy"
        )
    if target.pod_spec.get("hostNetwork"):
        raise BadPattern(
            f"{where}: {target.kind} {target.name} has hostNetwork, and no mesh injects a proxy into such a Pod"
        )
    version = _version(options, context)
    native = _native(options, version, context)
    _check_job(options, native, target, context)
    warnings = [
        *_check_metadata(provider, version, target, context),
        *_mesh_warnings(options, native, context),
    ]
    wish = Wish(
        version=version,
        native=native,
        hold=options["hold"],
        exclude_outbound_ports=_ports(options, "exclude_outbound_ports", context),
        exclude_inbound_ports=_ports(options, "exclude_inbound_ports", context),
        exclude_outbound_cidrs=_cidrs(options["exclude_outbound_cidrs"], context),
        revision=_revision(options, context),
        drain_seconds=options["drain_seconds"],
        app_shuts_down=options["job_shutdown"] == "app",
        resources=_mesh_resources(options["resources"] or {}, context),
    )
    written = WRITERS[provider](wish)
    expected = [ExpectedProxy(PROXIES[provider], native)] if options["verify_injection"] else []
    return Fragment(
        labels=written.labels, annotations=written.annotations, expected_proxies=expected, warnings=warnings
    )


def _version(options: Mapping[str, Any], context: Context) -> tuple[int, int]:
    given = options["version"]
    if given is None:
        return NEWEST[options["provider"]]
    match = re.fullmatch(r"v?(\d+)\.(\d+)(\.\d+)?", given)
    if not match:
        raise BadPattern(
            f"{context.where}.version is {given!r}; it must be the control plane's release, such as 1.27 or 2.20"
        )
    version = int(match[1]), int(match[2])
    newest = NEWEST[options["provider"]]
    if version[0] != newest[0]:
        raise BadPattern(
            f"{context.where}.version is {given!r}, but {TITLES[options['provider']]}'s releases are {newest[0]}.x"
        )
    return version


def _native(options: Mapping[str, Any], version: tuple[int, int], context: Context) -> bool | None:
    """What the injector is told; None where it has no switch, and injects a classic sidecar."""
    provider = options["provider"]
    first = ISTIO_NATIVE if provider == "istio" else LINKERD_ALPHA
    title, release = TITLES[provider], f"{version[0]}.{version[1]}"
    if version >= first:
        return context.mode(options["mode"]) is Mode.NATIVE
    if options["mode"] == "native":
        raise BadPattern(
            f"{context.where}.mode is native, but {title} {release} has no switch for it in a Pod; that came with"
            f" {first[0]}.{first[1]}"
        )
    return None


def _check_job(options: Mapping[str, Any], native: bool | None, target: Target, context: Context) -> None:
    if native or target.kind not in ("Job", "CronJob"):
        return
    if options["job_shutdown"] == "app":
        return
    call = (
        "POST http://127.0.0.1:15020/quitquitquit"
        if options["provider"] == "istio"
        else "POST http://127.0.0.1:4191/shutdown"
    )
    raise BadPattern(
        f"{context.where}.mode is {options['mode']}, which means a classic proxy here, and that would keep"
        f" {target.kind} {target.name} from ever completing; use mode native, or let the app {call} at its end and"
        " say so with job_shutdown: app"
    )


def _ports(options: Mapping[str, Any], name: str, context: Context) -> tuple[str, ...]:
    ranges = options["provider"] == "linkerd"
    for number, port in enumerate(options[name]):
        pattern = r"\d{1,5}(-\d{1,5})?" if ranges else r"\d{1,5}"
        numbers = [int(part) for part in re.findall(r"\d+", port)]
        good = (
            re.fullmatch(pattern, port)
            and all(0 < one < 65536 for one in numbers)
            and numbers == sorted(numbers)
        )
        if not good:
            right = "a port or a range such as 4000-4010" if ranges else "a port from 1 to 65535"
            raise BadPattern(f"{context.where}.{name}[{number}] is {port!r}; it must be {right}")
    return tuple(options[name])


def _cidrs(given: list[str], context: Context) -> tuple[str, ...]:
    for number, one in enumerate(given):
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise BadPattern(
                f"{context.where}.exclude_outbound_cidrs[{number}] is {one!r}; it must be a network such as 10.0.0.0/8"
            ) from error
    return tuple(given)


def _revision(options: Mapping[str, Any], context: Context) -> str:
    revision = options["revision"] or ""
    if revision and options["provider"] != "istio":
        raise BadPattern(f"{context.where}.revision is {revision!r}, which Linkerd does not have; remove it")
    if revision and not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", revision):
        raise BadPattern(
            f"{context.where}.revision is {revision!r}; it must be lower case letters, digits, dashes"
        )
    return revision


def _mesh_resources(resources: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    for part, values in resources.items():
        if part not in ("requests", "limits") or not isinstance(values, Mapping):
            raise BadPattern(
                f"{context.where}.resources.{part} is {values!r}; it has requests and limits, mappings"
            )
        for name in values:
            if name not in ("cpu", "memory"):
                raise BadPattern(
                    f"{context.where}.resources.{part}.{name} cannot be told to a mesh; it takes cpu and memory"
                )
    return resources


def _mesh_warnings(options: Mapping[str, Any], native: bool | None, context: Context) -> Iterator[str]:
    if native and not options["hold"]:
        yield (
            f"{context.where}.hold is false: that takes the startup probe off Linkerd's native sidecar, so the"
            " workload's init containers may start before the proxy is ready"
            if options["provider"] == "linkerd"
            else f"{context.where}.hold is false, which has no effect: a native sidecar starts before the app anyway"
        )
    if native and options["drain_seconds"] is not None:
        yield f"{context.where}.drain_seconds has no effect on a native sidecar, which ends after the app anyway"
    if native is not True:
        yield (
            f"{context.where}: with a classic proxy the workload's own init containers run before interception,"
            " past the mesh; a target that asks for the mesh's identity refuses them"
        )


def _check_metadata(
    provider: str, version: tuple[int, int], target: Target, context: Context
) -> Iterator[str]:
    """Refuse what the injector would pass over in silence; warn of what it may."""
    vocabulary, place = VOCABULARIES[provider], f"{target.kind} {target.name}"
    for finding in unread_keys(
        vocabulary, target.template_metadata, f"{context.where}: the Pod template of {place}"
    ):
        if finding.certain:
            raise BadPattern(finding.sentence)
        yield finding.sentence
    if target.kind != "Pod":
        for field in ("annotations", "labels"):
            for key in target.metadata.get(field) or {}:
                if vocabulary.is_its_own(key):
                    raise BadPattern(
                        f"{context.where}: {place} has {key} on its own metadata, where it has no effect; put it on"
                        " the Pod template"
                    )
    check = _VALUES[provider]
    for key, value in (target.template_metadata.get("annotations") or {}).items():
        right = check(key, str(value), version)
        if right:
            raise BadPattern(
                f"{context.where}: the Pod template of {place} has {key}: {value!r}, which {vocabulary.mesh}"
                f" passes over; {right}"
            )


def _istio_value(key: str, value: str, _version: tuple[int, int]) -> str | None:
    if key in ("sidecar.istio.io/nativeSidecar", "sidecar.istio.io/inject") and value not in (
        "true",
        "false",
    ):
        return "it must be true or false"
    return None


def _linkerd_value(key: str, value: str, version: tuple[int, int]) -> str | None:
    if key == "linkerd.io/inject" and value not in ("enabled", "ingress", "disabled"):
        return "it must be enabled, ingress or disabled"
    if key == "config.linkerd.io/proxy-await" and value not in ("enabled", "disabled"):
        return "it must be enabled or disabled"
    if key.endswith(f"/{LINKERD_NATIVE}"):
        if key != linkerd_native_key(version):
            return f"with {version[0]}.{version[1]} the switch is {linkerd_native_key(version)}, set by mode"
        if value not in GO_BOOLEANS:
            return "it must be true or false"
    return None


_VALUES: dict[str, Callable[[str, str, tuple[int, int]], str | None]] = {
    "istio": _istio_value,
    "linkerd": _linkerd_value,
}

PATTERN = Pattern("proxy", OPTIONS, build)
