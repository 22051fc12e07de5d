# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fluent Bit's configuration, in its YAML form."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from .plan import CA_FILE, COMPRESSED, POD_FIELDS, STATE, Plan, Shipper

HEALTH_PORT = 2020
_PARSER, _LINES = "podpatterns", "podpatterns-lines"
_PLUGINS = {
    "stdout": "stdout",
    "file": "file",
    "forward": "forward",
    "http": "http",
    "elasticsearch": "es",
    "loki": "loki",
    "otlp": "opentelemetry",
}
_PORTS = {"http": 80, "https": 443}


def render(plan: Plan) -> str:
    """The configuration as JSON, which is YAML."""
    whole: dict[str, Any] = {
        "service": {
            "flush": 1,
            # How long it goes on trying to deliver after TERM.
            "grace": plan.flush_seconds,
            "log_level": "warn",
            "http_server": True,
            "http_listen": "0.0.0.0",
            "http_port": plan.health_port,
            "health_check": True,
            "storage.path": f"{STATE}/buffer",
        },
        "pipeline": {"inputs": [_input(plan)], "filters": _filters(plan), "outputs": [_output(plan)]},
    }
    if plan.parser != "text":
        whole["parsers"] = [_parser(plan)]
    if plan.multiline:
        whole["multiline_parsers"] = [_lines(plan)]
    return json.dumps(whole, indent=1, sort_keys=True) + "\n"


def _input(plan: Plan) -> dict[str, Any]:
    tail: dict[str, Any] = {
        "name": "tail",
        "tag": "app",
        "path": plan.pattern,
        # It reads new files from their end and looks for them once a minute, unless told otherwise.
        "read_from_head": True,
        "refresh_interval": plan.discover_seconds,
        "db": f"{STATE}/tail.db",
        "storage.type": "filesystem",
        "key": "message",
    }
    if plan.rotation == "rename":
        tail["exclude_path"] = ",".join(COMPRESSED)
    if plan.multiline:
        tail["multiline.parser"] = _LINES
    elif plan.parser != "text":
        tail["parser"] = _PARSER
    return tail


def _parser(plan: Plan) -> dict[str, Any]:
    if plan.parser == "json":
        return {"name": _PARSER, "format": "json"}
    return {"name": _PARSER, "format": "regex", "regex": plan.expression.replace("(?P<", "(?<")}


def _lines(plan: Plan) -> dict[str, Any]:
    start = plan.multiline.replace("/", "\\/")
    later = f"^(?!{start[1:]})" if start.startswith("^") else f"^(?!.*(?:{start}))"
    return {
        "name": _LINES,
        "type": "regex",
        "flush_timeout": plan.multiline_seconds * 1000,
        "key_content": "message",
        "rules": [
            {"state": "start_state", "regex": f"/{start}/", "next_state": "more"},
            {"state": "more", "regex": f"/{later}/", "next_state": "more"},
        ],
    }


def _filters(plan: Plan) -> list[dict[str, Any]]:
    records = [f"{key} ${{{name}}}" for key, name in POD_FIELDS.items()]
    records += [f"{key} {value}" for key, value in plan.fields.items()]
    filters: list[dict[str, Any]] = [{"name": "record_modifier", "match": "app", "record": records}]
    if plan.multiline and plan.parser == "regex":
        # The input takes either; the record is parsed when it is whole.
        parse = {"name": "parser", "match": "app", "key_name": "message", "parser": _PARSER}
        filters.insert(0, {**parse, "reserve_data": True})
    return filters


def _output(plan: Plan) -> dict[str, Any]:
    output = plan.output
    made: dict[str, Any] = {
        "name": _PLUGINS[output.type],
        "match": "app",
        # By default a batch is dropped after its second try.
        "retry_limit": "no_limits",
    }
    if output.type == "stdout":
        return {**made, "format": "json_lines"}
    if output.type == "file":
        folder, _slash, name = output.path.rpartition("/")
        return {**made, "path": folder or "/", "file": name, "format": "plain"}
    made.update(_address(plan))
    if output.type == "http":
        made["format"] = "json_lines"
    elif output.type == "elasticsearch":
        made.update({"index": output.index, "suppress_type_name": True})
    elif output.type == "loki":
        made["labels"] = "job=" + plan.name + ",pod=$pod,namespace=$namespace"
    return {**made, **_login(plan), **_tls(plan)}


def _address(plan: Plan) -> dict[str, Any]:
    output = plan.output
    if output.type == "forward":
        return {"host": output.host, "port": output.port, "require_ack_response": True}
    parts = urlsplit(output.url)
    made: dict[str, Any] = {"host": parts.hostname, "port": parts.port or _PORTS[parts.scheme]}
    path = parts.path.rstrip("/")
    if output.type == "otlp":
        made["logs_uri"] = f"{path}/v1/logs"
    elif output.type == "loki":
        made["uri"] = f"{path}/loki/api/v1/push"
    elif output.type == "http" and (path or parts.query):
        made["uri"] = f"{path or '/'}?{parts.query}" if parts.query else path
    elif path:
        made["path"] = path
    return made


def _login(plan: Plan) -> dict[str, Any]:
    output = plan.output
    if output.login == "basic":
        return {"http_user": "${LOG_USERNAME}", "http_passwd": "${LOG_PASSWORD}"}
    if output.login == "token" and output.type == "forward":
        return {"shared_key": "${LOG_TOKEN}", "self_hostname": "${POD_NAME}"}
    if output.login == "token" and output.type == "loki":
        return {"bearer_token": "${LOG_TOKEN}"}
    if output.login == "token":
        return {"header": "Authorization Bearer ${LOG_TOKEN}"}
    return {}


def _tls(plan: Plan) -> dict[str, Any]:
    output = plan.output
    encrypted = output.ca if output.type == "forward" else output.url.startswith("https:")
    if not encrypted:
        return {}
    return {"tls": True, "tls.verify": output.verify, **({"tls.ca_file": CA_FILE} if output.ca else {})}


def _command(config: str) -> list[str]:
    return ["/fluent-bit/bin/fluent-bit", "--config", config]


SHIPPER = Shipper(
    name="fluent-bit",
    image="fluent-bit",
    outputs=tuple(_PLUGINS),
    render=render,
    command=_command,
    # The published image has no shell and no test(1).
    health=(HEALTH_PORT, "/api/v1/health"),
    config_file="fluent-bit.yaml",
)
