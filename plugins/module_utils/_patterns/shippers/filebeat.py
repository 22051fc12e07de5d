# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filebeat's configuration, for 9.5 and newer."""

from __future__ import annotations

import json
from typing import Any

from .plan import CA_FILE, POD_FIELDS, STATE, Plan, Shipper

DATA = f"{STATE}/filebeat"


def render(plan: Plan) -> str:
    """The configuration as JSON, which is YAML."""
    whole: dict[str, Any] = {
        "filebeat.inputs": [_input(plan)],
        # Without it, what is not yet acknowledged at TERM is dropped.
        "filebeat.shutdown_timeout": f"{plan.flush_seconds}s",
        "queue.mem.flush.timeout": "1s",
        "logging.level": "warning",
        "logging.metrics.enabled": False,
        "setup.template.enabled": False,
        "setup.ilm.enabled": False,
        f"output.{_OUTPUTS[plan.output.type]}": _output(plan),
    }
    return json.dumps(whole, indent=1, sort_keys=True) + "\n"


_OUTPUTS = {"stdout": "console", "file": "file", "elasticsearch": "elasticsearch"}


def _input(plan: Plan) -> dict[str, Any]:
    return {
        "type": "filestream",
        "id": plan.name,
        # Always with what it is rotated to: a single path loses lines at every rotation.
        "paths": [plan.path if plan.path.endswith("*") else f"{plan.path}*"],
        "prospector.scanner.check_interval": f"{plan.discover_seconds}s",
        "prospector.scanner.exclude_files": [r"\.(gz|bz2|xz|zst)$"],
        # What was written before TERM is read to its end; the default of a minute is longer than a Pod's grace.
        "read_until_eof": {"enabled": True, "timeout": f"{plan.flush_seconds}s"},
        "close.on_state_change.inactive": "5m",
        "parsers": _parsers(plan),
        "fields_under_root": True,
        "fields": {
            **{key: f"${{{name}}}" for key, name in POD_FIELDS.items()},
            **plan.fields,
        },
    }


def _parsers(plan: Plan) -> list[dict[str, Any]]:
    parsers: list[dict[str, Any]] = []
    if plan.multiline:
        parsers.append(
            {
                "multiline": {
                    "type": "pattern",
                    "pattern": plan.multiline,
                    "negate": True,
                    "match": "after",
                    "timeout": f"{plan.multiline_seconds}s",
                }
            }
        )
    if plan.parser == "json":
        parsers.append({"ndjson": {"target": "", "add_error_key": True, "overwrite_keys": True}})
    return parsers


def _output(plan: Plan) -> dict[str, Any]:
    output = plan.output
    if output.type == "stdout":
        return {"pretty": False}
    if output.type == "file":
        folder, _slash, name = output.path.rpartition("/")
        return {"path": folder or "/", "filename": name}
    made: dict[str, Any] = {"hosts": [output.url], "index": output.index}
    if output.login == "basic":
        made |= {"username": "${LOG_USERNAME}", "password": "${LOG_PASSWORD}"}
    if output.login == "token":
        made["api_key"] = "${LOG_TOKEN}"
    if output.ca:
        made["ssl.certificate_authorities"] = [CA_FILE]
    if not output.verify:
        made["ssl.verification_mode"] = "none"
    return made


def _command(config: str) -> list[str]:
    # Its check of who owns the configuration knows nothing of projected volumes.
    return [
        *("filebeat", "-e", "--strict.perms=false", "-c", config),
        *("--path.data", DATA, "--path.logs", f"{DATA}/logs"),
    ]


SHIPPER = Shipper(
    name="filebeat",
    image="filebeat",
    outputs=tuple(_OUTPUTS),
    render=render,
    command=_command,
    ready_file=f"{DATA}/filebeat.lock",
    config_file="filebeat.yml",
    parsers=("text", "json"),
    sleep=("sleep",),
    memory="256Mi",
)
