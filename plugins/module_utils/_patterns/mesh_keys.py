# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The keys that the injectors of Istio and Linkerd read, and what is wrong with those that a workload has.

An injector says nothing of a key that it does not know: it is as if it were not there. So it is said here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


def _keys(domain: str, names: str) -> frozenset[str]:
    return frozenset(f"{domain}/{name}" for name in names.split())


ISTIO_ANNOTATIONS = (
    _keys(
        "sidecar.istio.io",
        "agentLogLevel bootstrapOverride componentLogLevel discoveryAddress extraStatTags inject interceptionMode"
        " logLevel nativeSidecar proxyCPU proxyCPULimit proxyImage proxyImageType proxyMemory proxyMemoryLimit"
        " rewriteAppHTTPProbers statsCompression statsEvictionInterval statsFlushInterval statsHistogramBins"
        " statsHistogramBuckets statsInclusionPrefixes statsInclusionRegexps statsInclusionSuffixes status"
        " userVolume userVolumeMount",
    )
    | _keys(
        "traffic.sidecar.istio.io",
        "excludeInboundPorts excludeInterfaces excludeOutboundIPRanges excludeOutboundPorts includeInboundPorts"
        " includeOutboundIPRanges includeOutboundPorts kubevirtInterfaces",
    )
    | _keys(
        "readiness.status.sidecar.istio.io",
        "applicationPorts failureThreshold initialDelaySeconds periodSeconds",
    )
    | _keys("proxy.istio.io", "config overrides")
    | _keys("ambient.istio.io", "bypass-inbound-capture dns-capture redirection waypoint-inbound-binding")
    | {
        "status.sidecar.istio.io/port",
        "inject.istio.io/templates",
        "prometheus.istio.io/merge-metrics",
        "istio.io/rev",
        "istio.io/reroute-virtual-interfaces",
        "galley.istio.io/analyze-suppress",
        "networking.istio.io/exportTo",
        "networking.istio.io/traffic-distribution",
    }
)
ISTIO_LABELS = frozenset(
    {
        "sidecar.istio.io/inject",
        "istio.io/rev",
        "istio.io/tag",
        "istio.io/dataplane-mode",
        "istio.io/use-waypoint",
        "istio.io/use-waypoint-namespace",
        "istio.io/ingress-use-waypoint",
        "networking.istio.io/gatewayPort",
        "security.istio.io/tlsMode",
        "service.istio.io/canonical-name",
        "service.istio.io/canonical-revision",
        "service.istio.io/workload-name",
        "topology.istio.io/cluster",
        "topology.istio.io/network",
        "topology.istio.io/subzone",
    }
)
LINKERD_NATIVE = "proxy-enable-native-sidecar"
LINKERD_ANNOTATIONS = (
    _keys("linkerd.io", "inject created-by proxy-version trust-root-sha256")
    | _keys(
        "config.linkerd.io",
        "access-log admin-port close-wait-timeout control-port debug-image debug-image-pull-policy"
        " debug-image-version default-inbound-policy enable-debug-sidecar enable-external-profiles"
        " image-pull-policy inbound-port init-image init-image-version opaque-ports outbound-port"
        " pod-inbound-ports proxy-admin-shutdown proxy-await proxy-cpu-limit proxy-cpu-ratio-limit"
        " proxy-cpu-request proxy-disable-inbound-protocol-detect-timeout"
        " proxy-disable-outbound-protocol-detect-timeout proxy-enable-native-sidecar"
        " proxy-ephemeral-storage-limit proxy-ephemeral-storage-request proxy-gid proxy-image"
        " proxy-inbound-connect-timeout proxy-inbound-discovery-cache-unused-timeout proxy-log-format"
        " proxy-log-http-headers proxy-log-level proxy-memory-limit proxy-memory-request"
        " proxy-outbound-connect-timeout proxy-outbound-discovery-cache-unused-timeout"
        " proxy-require-identity-inbound-ports proxy-uid proxy-version shutdown-grace-period skip-inbound-ports"
        " skip-outbound-ports skip-subnets",
    )
    | _keys("config.alpha.linkerd.io", f"proxy-wait-before-exit-seconds {LINKERD_NATIVE}")
    | _keys("config.beta.linkerd.io", LINKERD_NATIVE)
)
LINKERD_LABELS = _keys(
    "linkerd.io",
    "control-plane-ns workload-ns proxy-deployment proxy-replicationcontroller proxy-replicaset proxy-job"
    " proxy-daemonset proxy-statefulset proxy-cronjob",
)


@dataclass(frozen=True)
class Vocabulary:
    """What a mesh reads from a Pod's metadata; domain: the end of all its keys' domains."""

    mesh: str
    domain: str
    annotations: frozenset[str]
    labels: frozenset[str]

    def is_its_own(self, key: str) -> bool:
        """Whether a key is meant for this mesh."""
        domain, slash, _name = key.partition("/")
        return bool(slash) and (domain == self.domain or domain.endswith(f".{self.domain}"))


ISTIO = Vocabulary("Istio", "istio.io", ISTIO_ANNOTATIONS, ISTIO_LABELS)
LINKERD = Vocabulary("Linkerd", "linkerd.io", LINKERD_ANNOTATIONS, LINKERD_LABELS)
VOCABULARIES = {"istio": ISTIO, "linkerd": LINKERD}


@dataclass(frozen=True)
class Finding:
    """Something that an injector would pass over in silence. certain: it cannot have been meant so."""

    sentence: str
    certain: bool


def unread_keys(vocabulary: Vocabulary, metadata: Mapping[str, Any], where: str) -> Iterator[Finding]:
    """Keys of the mesh in a Pod template's metadata that it does not read."""
    pairs = (
        ("annotation", "annotations", vocabulary.annotations, vocabulary.labels),
        ("label", "labels", vocabulary.labels, vocabulary.annotations),
    )
    for word, field, known, others in pairs:
        for key in metadata.get(field) or {}:
            if not vocabulary.is_its_own(key) or key in known:
                continue
            if key in others:
                other = "label" if word == "annotation" else "annotation"
                yield Finding(
                    f"{where} has {word} {key}, which {vocabulary.mesh} reads as {other} only", True
                )
                continue
            near = nearest(key, known)
            if near:
                yield Finding(
                    f"{where} has {word} {key}, which {vocabulary.mesh} does not know; did you mean {near}?",
                    True,
                )
            else:
                yield Finding(
                    f"{where} has {word} {key}, which is none of {vocabulary.mesh} that is known here", False
                )


def nearest(key: str, known: frozenset[str]) -> str | None:
    """The known key that is meant, if one is near enough: by its spelling, or by its name in another domain."""
    name = key.partition("/")[2].lower()
    same = sorted(one for one in known if one.partition("/")[2].lower() == name)
    if same:
        return min(same, key=len)
    near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.8)
    return near[0] if near else None
