"""Behaviours that nothing asserts here, one by one, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unproven:
    """A behaviour of the catalogue that no area asserts; reason is a sentence for readers of the table."""

    id: str
    reason: str


# By the subjects of the catalogue, in its order.
UNPROVEN: tuple[Unproven, ...] = (
    # start order
    # failure and restart
    Unproven(
        "fail-crashloop-node-cap",
        "It takes a node whose kubelet is configured to let containers wait for less than it does by default.",
    ),
    Unproven(
        "fail-crashloop-reduced-default",
        "It takes an alpha feature gate of the kubelet, which Kubernetes 1.36 has off by default.",
    ),
    # restart rules
    # restart of all containers
    Unproven(
        "rac-backoff",
        "Kubernetes 1.36 does not do what its KEP says: the second restart of all comes at once, as what the back-off"
        " goes by is removed with the containers.",
    ),
    # resources
    Unproven(
        "res-hpa-includes-sidecars", "It takes a metrics server, which a cluster need not have, and minutes."
    ),
    Unproven(
        "res-init-cpu-reuse-static",
        "It takes a node whose kubelet hands out whole CPUs, by its static policy.",
    ),
    Unproven(
        "res-runtimeclass-overhead",
        "It takes a RuntimeClass, an object of the whole cluster, with an overhead.",
    ),
    # resize
    Unproven(
        "resize-plain-init-rejected",
        "It is a promise of versions before 1.36, which resizes init containers too.",
    ),
    # probes
    Unproven("probe-mutable", "Kubernetes 1.36 has no way to change the probes of a Pod that lives."),
    # termination
    Unproven(
        "term-stopsignal-spec",
        "A stop signal in the spec is an alpha field, which Kubernetes 1.36 drops by default.",
    ),
    # jobs
    # init containers again
    # shared volumes
    # shared network
    Unproven(
        "net-netpol-from-start",
        "When a network policy begins to count is each network plugin's own affair; Kubernetes promises no moment.",
    ),
    # namespaces and security
    Unproven(
        "sec-native-injection-order",
        "Where an injected sidecar stands in the list is the injector's practice and no promise of Kubernetes: a check"
        " here would prove a webhook of its own.",
    ),
    # status
    Unproven(
        "st-containerstatusunknown",
        "Only a kubelet that has lost a container says so, and no way to lose one leaves nothing to chance.",
    ),
    # validation
    Unproven(
        "api-stopsignal-os",
        "A stop signal in the spec is an alpha field, which Kubernetes 1.36 drops by default.",
    ),
    # image pull
    Unproven(
        "img-pull-secret", "It takes a registry that asks for credentials, which the suite does not bring."
    ),
    # deadlines and eviction
    Unproven(
        "ev-node-shutdown",
        "It takes a node whose init system tells the kubelet of its shutdown, which nodes of kind do not, and the"
        " end of every other Pod of that node.",
    ),
    # ephemeral containers
    # env from files
    # controllers
)
