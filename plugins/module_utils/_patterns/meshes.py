# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio's and Linkerd's injectors are told by a Pod's labels and annotations, version by version."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .mesh_keys import LINKERD_NATIVE

# The first release in which each switch for native sidecars is read.
ISTIO_NATIVE = (1, 24)
LINKERD_ALPHA, LINKERD_BETA, LINKERD_GA = (2, 15), (2, 19), (2, 20)

NEWEST = {"istio": (1, 27), "linkerd": LINKERD_GA}
API_GROUPS = {"istio": "networking.istio.io", "linkerd": "linkerd.io"}
PROXIES = {"istio": "istio-proxy", "linkerd": "linkerd-proxy"}
TITLES = {"istio": "Istio", "linkerd": "Linkerd"}


@dataclass(frozen=True)
class Wish:
    """What is asked of an injector. native: None leaves it to the mesh. Ports are as a user wrote them, checked."""

    version: tuple[int, int]
    native: bool | None = None
    hold: bool = True
    exclude_outbound_ports: Sequence[str] = ()
    exclude_inbound_ports: Sequence[str] = ()
    exclude_outbound_cidrs: Sequence[str] = ()
    revision: str = ""
    drain_seconds: int | None = None
    app_shuts_down: bool = False
    resources: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Metadata:
    """Labels and annotations of a Pod template."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def istio(wish: Wish) -> Metadata:
    """Istio's spelling. Holding the app back is for classic sidecars: a native one does it by its place."""
    labels = {"sidecar.istio.io/inject": "true"}
    if wish.revision:
        labels["istio.io/rev"] = wish.revision
    annotations = _present(
        {
            "traffic.sidecar.istio.io/excludeOutboundPorts": ",".join(wish.exclude_outbound_ports),
            "traffic.sidecar.istio.io/excludeInboundPorts": ",".join(wish.exclude_inbound_ports),
            "traffic.sidecar.istio.io/excludeOutboundIPRanges": ",".join(wish.exclude_outbound_cidrs),
            **_resources(
                wish.resources,
                "sidecar.istio.io/",
                {"requests": ("proxyCPU", "proxyMemory"), "limits": ("proxyCPULimit", "proxyMemoryLimit")},
            ),
        }
    )
    if wish.native is not None:
        annotations["sidecar.istio.io/nativeSidecar"] = str(wish.native).lower()
    config: dict[str, Any] = {}
    if wish.native is False:
        config["holdApplicationUntilProxyStarts"] = wish.hold
    if wish.drain_seconds is not None:
        config["terminationDrainDuration"] = f"{wish.drain_seconds}s"
    if config:
        annotations["proxy.istio.io/config"] = json.dumps(config)
    return Metadata(labels, annotations)


def linkerd_native_key(version: tuple[int, int]) -> str:
    """The one spelling of the switch that a release reads without calling it deprecated."""
    if version >= LINKERD_GA:
        return f"config.linkerd.io/{LINKERD_NATIVE}"
    if version >= LINKERD_BETA:
        return f"config.beta.linkerd.io/{LINKERD_NATIVE}"
    return f"config.alpha.linkerd.io/{LINKERD_NATIVE}"


def linkerd(wish: Wish) -> Metadata:
    """Linkerd's spelling."""
    annotations = {"linkerd.io/inject": "enabled"}
    annotations |= _present(
        {
            "config.linkerd.io/skip-outbound-ports": ",".join(wish.exclude_outbound_ports),
            "config.linkerd.io/skip-inbound-ports": ",".join(wish.exclude_inbound_ports),
            "config.linkerd.io/skip-subnets": ",".join(wish.exclude_outbound_cidrs),
            **_resources(
                wish.resources,
                "config.linkerd.io/",
                {
                    "requests": ("proxy-cpu-request", "proxy-memory-request"),
                    "limits": ("proxy-cpu-limit", "proxy-memory-limit"),
                },
            ),
        }
    )
    if wish.native is not None:
        annotations[linkerd_native_key(wish.version)] = str(wish.native).lower()
    if not wish.hold:
        annotations["config.linkerd.io/proxy-await"] = "disabled"
    if wish.drain_seconds is not None:
        annotations["config.alpha.linkerd.io/proxy-wait-before-exit-seconds"] = str(wish.drain_seconds)
    if wish.app_shuts_down:
        annotations["config.linkerd.io/proxy-admin-shutdown"] = "enabled"
    return Metadata({}, annotations)


WRITERS = {"istio": istio, "linkerd": linkerd}


def _present(annotations: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in annotations.items() if value}


def _resources(
    resources: Mapping[str, Any], prefix: str, names: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for part, keys in names.items():
        for key, name in zip(keys, ("cpu", "memory"), strict=True):
            value = (resources.get(part) or {}).get(name)
            if value is not None:
                found[prefix + key] = str(value)
    return found
