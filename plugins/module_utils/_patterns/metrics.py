# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern metrics: an exporter beside the app, and what Prometheus needs to find it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .apps import first_app
from .fragment import BadPattern, Fragment, Graft, Helper, Target
from .helper import Context, container
from .options import COMMON_OPTIONS, SIDECAR_OPTIONS, Spec
from .pattern import Pattern

OPTIONS: Spec = {
    **COMMON_OPTIONS,
    **SIDECAR_OPTIONS,
    "exporter": {"type": "str", "choices": ["nginx", "custom"], "default": "nginx"},
    "scrape_uri": {"type": "str"},
    "stub_status": {"type": "bool", "default": False},
    "container": {"type": "str"},
    "command": {"type": "list", "elements": "str", "default": []},
    "args": {"type": "list", "elements": "str", "default": []},
    "port": {"type": "int"},
    "port_name": {"type": "str", "default": "metrics"},
    "path": {"type": "str", "default": "/metrics"},
    "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "service": {"type": "bool", "default": True},
    "discovery": {
        "type": "str",
        "choices": ["auto", "annotations", "pod_monitor", "service_monitor", "none"],
        "default": "auto",
    },
    "interval": {"type": "str"},
    "scrape_timeout": {"type": "str"},
    "monitor_labels": {"type": "dict", "default": {}},
}

NGINX_PORT = 9113
NGINX_SCRAPE_URI = "http://127.0.0.1:8080/stub_status"
# By it the Service and the monitors find the Pods, whatever labels these have of their own.
LABEL = "podpatterns.core/metrics"
MONITORS = {"pod_monitor": "PodMonitor", "service_monitor": "ServiceMonitor"}
DURATION = re.compile(r"(\d+(ms|s|m|h))+")
PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def build(options: Mapping[str, Any], target: Target, context: Context) -> Fragment:
    """The exporter as a sidecar with a named port, a Service for it, and marks or objects for Prometheus."""
    where = context.where
    _check(options, target, where)
    port = _port(options)
    discovery = _discovery(options, context)
    helper = Helper(_exporter(options, context, port), context.mode(options["mode"]), options["position"])
    volumes, grafts, annotations = _stub_status(options, target, context)
    if discovery == "annotations":
        annotations |= _annotations(options, port)
    return Fragment(
        helpers=[helper],
        volumes=volumes,
        grafts=grafts,
        labels={LABEL: _label(target)},
        annotations=annotations,
        objects=[*_service(options, target, context, port), *_monitor(options, target, context, discovery)],
    )


def _port(options: Mapping[str, Any]) -> int:
    given: int | None = options["port"]
    return NGINX_PORT if given is None else given


# --- checks ---------------------------------------------------------------------------------------


def _check(options: Mapping[str, Any], target: Target, where: str) -> None:
    _check_exporter(options, where)
    _check_port(options, target, where)
    if not options["path"].startswith("/"):
        raise BadPattern(f"{where}.path is {options['path']!r}; it must begin with /")
    for name in ("interval", "scrape_timeout"):
        if options[name] and not DURATION.fullmatch(options[name]):
            raise BadPattern(f"{where}.{name} is {options[name]!r}; it must be a duration such as 30s")
    if options["discovery"] == "service_monitor" and not options["service"]:
        raise BadPattern(
            f"{where}.service is false, but a ServiceMonitor finds Pods by their Service; use pod_monitor"
        )
    if options["discovery"] in ("annotations", "none"):
        for name in ("interval", "scrape_timeout", "monitor_labels"):
            if options[name]:
                raise BadPattern(
                    f"{where}.{name} is given, but discovery is {options['discovery']}, which has no place for it;"
                    " use pod_monitor or service_monitor"
                )


def _check_exporter(options: Mapping[str, Any], where: str) -> None:
    if options["exporter"] == "custom":
        for name in ("image", "port"):
            if options[name] is None:
                raise BadPattern(f"{where}.{name} is missing; exporter custom has no default for it")
        for name in ("scrape_uri", "stub_status"):
            if options[name]:
                raise BadPattern(f"{where}.{name} is for exporter nginx; give a custom one its args or env")
        return
    if options["command"]:
        raise BadPattern(f"{where}.command is for exporter custom; the one for nginx is known")
    uri = urlsplit(options["scrape_uri"] or NGINX_SCRAPE_URI)
    if uri.scheme not in ("http", "https", "unix") or not (uri.netloc or uri.scheme == "unix"):
        raise BadPattern(
            f"{where}.scrape_uri is {options['scrape_uri']!r}; it must be a URI such as {NGINX_SCRAPE_URI}"
        )
    if uri.username or uri.password:
        raise BadPattern(f"{where}.scrape_uri holds a login; nginx' status needs none on 127.0.0.1")
    if options["stub_status"] and (uri.scheme != "http" or uri.hostname not in ("127.0.0.1", "localhost")):
        raise BadPattern(
            f"{where}.stub_status is true, but scrape_uri is {options['scrape_uri']!r}; it must be http on 127.0.0.1,"
            " where nobody else can read it"
        )


def _check_port(options: Mapping[str, Any], target: Target, where: str) -> None:
    port, name = _port(options), options["port_name"]
    if not 0 < port < 65536:
        raise BadPattern(f"{where}.port is {port}; it must be from 1 to 65535")
    if len(name) > 15 or not PORT_NAME.fullmatch(name):
        raise BadPattern(
            f"{where}.port_name is {name!r}; it must be at most 15 lower-case letters, digits and single hyphens,"
            " one letter among them"
        )
    for one in [*target.pod_spec["containers"], *(target.pod_spec.get("initContainers") or ())]:
        for taken in one.get("ports") or ():
            if taken.get("containerPort") == port:
                raise BadPattern(f"{where}.port is {port}, which container {one['name']} has already")
            if taken.get("name") == name:
                raise BadPattern(
                    f"{where}.port_name is {name!r}, which container {one['name']} has already; give another one"
                )


def _discovery(options: Mapping[str, Any], context: Context) -> str:
    wanted: str = options["discovery"]
    if wanted == "auto":
        return "pod_monitor" if "PodMonitor" in context.server.kinds else "annotations"
    kind = MONITORS.get(wanted)
    if kind and kind not in context.server.kinds:
        raise BadPattern(
            f"{context.where}.discovery is {wanted}, but the cluster has no kind {kind}; install the Prometheus"
            " operator, or use annotations"
        )
    return wanted


# --- the exporter ---------------------------------------------------------------------------------


def _exporter(options: Mapping[str, Any], context: Context, port: int) -> dict[str, Any]:
    nginx = options["exporter"] == "nginx"
    made = container(
        context,
        options,
        "nginx-exporter",
        command=["/usr/bin/nginx-prometheus-exporter"] if nginx else options["command"],
        args=options["args"],
        env=_nginx(options, port) if nginx else (),
    )
    made["ports"] = [{"name": options["port_name"], "containerPort": port, "protocol": "TCP"}]
    if options["probes"]:
        # No startup probe: an exporter may listen only when its app does, which a native sidecar starts before.
        # No readiness probe: an app is not out of order because nobody can count it.
        made["livenessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 20, "failureThreshold": 3}
    return made


def _nginx(options: Mapping[str, Any], port: int) -> list[dict[str, str]]:
    """By variables, which have been the same since the exporter's first releases; its flags have not."""
    settings = {
        "SCRAPE_URI": options["scrape_uri"] or NGINX_SCRAPE_URI,
        "LISTEN_ADDRESS": f":{port}",
        "TELEMETRY_PATH": options["path"],
        # Releases before 1.0 give up where nginx is not there yet; later ones know neither variable.
        "NGINX_RETRIES": "1000000",
        "NGINX_RETRY_INTERVAL": "1s",
    }
    return [{"name": key, "value": value} for key, value in settings.items()]


def _stub_status(
    options: Mapping[str, Any], target: Target, context: Context
) -> tuple[list[dict[str, Any]], list[Graft], dict[str, str]]:
    """A further server for nginx, on loopback alone: a volume, its mount, and the annotation that it shows."""
    if not options["stub_status"]:
        return [], [], {}
    app = first_app(
        target, [options["container"]] if options["container"] else [], f"{context.where}.container"
    )
    uri = urlsplit(options["scrape_uri"] or NGINX_SCRAPE_URI)
    text = (
        f"server {{\n    listen 127.0.0.1:{uri.port or 80};\n    access_log off;\n"
        f"    location = {uri.path or '/'} {{\n        stub_status;\n    }}\n}}\n"
    )
    key, file = f"podpatterns.core/{context.name}", f"{context.name}.conf"
    items = [{"path": file, "fieldRef": {"fieldPath": f"metadata.annotations['{key}']"}}]
    mount = {
        "name": context.name,
        "mountPath": f"/etc/nginx/conf.d/{file}",
        "subPath": file,
        "readOnly": True,
    }
    volume = {"name": context.name, "downwardAPI": {"items": items}}
    return [volume], [Graft(mounts=[mount], containers=(app["name"],))], {key: text}


# --- what Prometheus needs ------------------------------------------------------------------------


def _label(target: Target) -> str:
    return target.name[:63].rstrip("-.")


def _object_name(target: Target, context: Context) -> str:
    return f"{target.name.replace('.', '-')}-{context.name}"[:63].rstrip("-")


def _annotations(options: Mapping[str, Any], port: int) -> dict[str, str]:
    found = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(port),
        "prometheus.io/path": options["path"],
    }
    return found | ({"prometheus.io/scheme": "https"} if options["scheme"] == "https" else {})


def _service(options: Mapping[str, Any], target: Target, context: Context, port: int) -> list[dict[str, Any]]:
    """Headless: each Pod is scraped by itself, and also while it is not ready."""
    if not options["service"]:
        return []
    label = {LABEL: _label(target)}
    ports = [{"name": options["port_name"], "port": port, "targetPort": port, "protocol": "TCP"}]
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _object_name(target, context), "labels": label},
            "spec": {
                "clusterIP": "None",
                "publishNotReadyAddresses": True,
                "selector": label,
                "ports": ports,
            },
        }
    ]


def _monitor(
    options: Mapping[str, Any], target: Target, context: Context, discovery: str
) -> list[dict[str, Any]]:
    if discovery not in MONITORS:
        return []
    endpoint = {"port": options["port_name"], "path": options["path"], "scheme": options["scheme"]}
    if options["interval"]:
        endpoint["interval"] = options["interval"]
    if options["scrape_timeout"]:
        endpoint["scrapeTimeout"] = options["scrape_timeout"]
    endpoints = "podMetricsEndpoints" if discovery == "pod_monitor" else "endpoints"
    labels = {**options["monitor_labels"], LABEL: _label(target)}
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": MONITORS[discovery],
            "metadata": {"name": _object_name(target, context), "labels": labels},
            "spec": {"selector": {"matchLabels": {LABEL: _label(target)}}, endpoints: [endpoint]},
        }
    ]


PATTERN = Pattern("metrics", OPTIONS, build)
