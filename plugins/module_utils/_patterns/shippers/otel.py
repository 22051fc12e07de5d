# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OpenTelemetry Collector's configuration, by the component names of 0.165."""

from __future__ import annotations

import json
from typing import Any

from .plan import CA_FILE, COMPRESSED, POD_FIELDS, STATE, Plan, Shipper

HEALTH_PORT = 13133
# Found, read and checkpointed this often; a new file is found by the same look.
POLL = "100ms"
_RESOURCE = {"pod": "k8s.pod.name", "namespace": "k8s.namespace.name", "node": "k8s.node.name"}


def render(plan: Plan) -> str:
    """The configuration as JSON, which is YAML; secrets are references to the environment."""
    exporter, extensions = _exporter(plan)
    extensions |= {
        "file_storage": {"directory": STATE, "create_directory": True},
        "health_check": {"endpoint": f"0.0.0.0:{plan.health_port}"},
    }
    name = next(iter(exporter))
    return json.dumps(
        {
            "receivers": {"file_log": _receiver(plan)},
            "exporters": exporter,
            "extensions": extensions,
            "service": {
                "extensions": sorted(extensions),
                "pipelines": {"logs": {"receivers": ["file_log"], "exporters": [name]}},
                "telemetry": {"logs": {"level": "warn"}, "metrics": {"level": "none"}},
            },
        },
        sort_keys=True,
    )


def _plain(text: str) -> str:
    """Text that the Collector must not expand."""
    return text.replace("$", "$$")


def _receiver(plan: Plan) -> dict[str, Any]:
    receiver: dict[str, Any] = {
        "include": [_plain(plan.pattern)],
        "start_at": "beginning",
        "poll_interval": POLL,
        "storage": "file_storage",
        "retry_on_failure": {"enabled": True},
        "resource": {
            **{_plain(key): _plain(value) for key, value in plan.fields.items()},
            **{_RESOURCE[key]: f"${{env:{name}}}" for key, name in POD_FIELDS.items()},
        },
    }
    if plan.rotation == "rename":
        receiver["exclude"] = [f"{_plain(plan.folder)}/{pattern}" for pattern in COMPRESSED]
    if plan.multiline:
        receiver["multiline"] = {"line_start_pattern": _plain(plan.multiline)}
        receiver["force_flush_period"] = f"{plan.multiline_seconds}s"
    if plan.parser != "text":
        # send_quiet: what cannot be parsed is sent as it is, without a line of complaint for each.
        operator: dict[str, Any] = {"type": f"{plan.parser}_parser", "on_error": "send_quiet"}
        if plan.parser == "regex":
            operator["regex"] = _plain(plan.expression)
        receiver["operators"] = [operator]
    return receiver


def _exporter(plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    output = plan.output
    if output.type == "stdout":
        return {
            "debug": {"verbosity": "detailed", "sampling_initial": 1000000, "use_internal_logger": False}
        }, {}
    if output.type == "file":
        return {"file": {"path": _plain(output.path), "append": True, "flush_interval": "1s"}}, {}
    settings: dict[str, Any] = {
        "retry_on_failure": {
            "enabled": True,
            "initial_interval": "500ms",
            "max_interval": "2s",
            "max_elapsed_time": "0s",
        },
        "sending_queue": _queue(plan),
    }
    if output.ca or not output.verify:
        settings["tls"] = {
            **({"ca_file": CA_FILE} if output.ca else {}),
            **({} if output.verify else {"insecure_skip_verify": True}),
        }
    if output.login == "token":
        settings["headers"] = {"Authorization": "Bearer ${env:LOG_TOKEN}"}
    extensions: dict[str, Any] = {}
    if output.login == "basic":
        login = {"username": "${env:LOG_USERNAME}", "password": "${env:LOG_PASSWORD}"}
        extensions["basicauth/client"] = {"client_auth": login}
        settings["auth"] = {"authenticator": "basicauth/client"}
    if output.type == "elasticsearch":
        return {"elasticsearch": {**settings, **_elasticsearch(plan)}}, extensions
    # Loki has an OTLP endpoint of its own.
    endpoint = output.url.rstrip("/") + ("/otlp" if output.type == "loki" else "")
    return {"otlp_http": {**settings, "endpoint": _plain(endpoint), "timeout": "10s"}}, extensions


def _elasticsearch(plan: Plan) -> dict[str, Any]:
    return {"endpoints": [_plain(plan.output.url)], "logs_index": _plain(plan.output.index)}


def _queue(plan: Plan) -> dict[str, Any]:
    """Full queues hold the reading back; nothing is dropped.

    A queue on disk is not sent at shutdown but left for the next start, so it is for a state that outlives the Pod.
    """
    batch = {"flush_timeout": "200ms", "min_size": 500, "max_size": 2000, "sizer": "items"}
    queue: dict[str, Any] = {
        "enabled": True,
        "block_on_overflow": True,
        "sizer": "items",
        "queue_size": 20000,
        "num_consumers": 2,
        "batch": batch,
    }
    return {**queue, "storage": "file_storage"} if plan.outlives else queue


def _command(_config: str) -> list[str]:
    return []


SHIPPER = Shipper(
    name="otel",
    image="otel-collector",
    outputs=("stdout", "file", "otlp", "loki", "elasticsearch"),
    render=render,
    # The published image and a build of one's own have entrypoints of different names.
    command=_command,
    args=("--config=env:PODPATTERNS_CONFIG",),
    health=(HEALTH_PORT, "/"),
    memory="256Mi",
)
