# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pattern proxy: a local Envoy of the Pod's own, or what tells a mesh's injector to put its proxy there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .fragment import BadPattern, Fragment, Target
from .helper import Context
from .options import COMMON_OPTIONS, SIDECAR_OPTIONS, Spec
from .pattern import Pattern
from .proxy_envoy import envoy
from .proxy_mesh import mesh

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
    return envoy(options, target, context) if provider == "envoy" else mesh(options, target, context)


def _refuse(names: tuple[str, ...], options: Mapping[str, Any], context: Context) -> None:
    """Options that the chosen provider has no use for; silence would let a user believe in them."""
    provider = options["provider"]
    for name in names:
        if options[name] != OPTIONS[name].get("default"):
            other = "a mesh" if name in MESH_ONLY else "envoy"
            raise BadPattern(f"{context.where}.{name} is for {other}, but provider is {provider}; remove it")


PATTERN = Pattern("proxy", OPTIONS, build)
