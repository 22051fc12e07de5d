# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What came of a proxy in a Pod: whether it is there, of which kind, and on which side of the app its life lies.

A green Pod proves nothing of this: a classic sidecar and a native one are both 2/2, and an injector that was away
leaves a Pod that runs without either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .._pod.container import Role
from .facts import ContainerFacts, PodFacts

# Containers that a mesh puts before its proxy to set up the Pod's network.
MESH_INITS = ("istio-init", "istio-validation", "linkerd-init", "linkerd-network-validator")


class Order(StrEnum):
    """An answer about the order of two things.

    TIE: within one second of the API's clock. PROMISED: not seen yet, but Kubernetes keeps it. NONE: nothing to order.
    """

    YES = "yes"
    NO = "no"
    TIE = "tie"
    PROMISED = "promised"
    NONE = "none"


@dataclass(frozen=True)
class Injection:
    """A proxy in one Pod. before_init_containers: before the workload's own; outlives_app: ends after all apps."""

    pod: str
    proxy: str
    there: bool
    native: bool = False
    before_init_containers: Order = Order.NONE
    outlives_app: Order = Order.NO


def injection(pod: PodFacts, proxy: str) -> Injection:
    """What a Pod's spec and status say of the proxy of this name."""
    found = next((one for one in pod.containers if one.name == proxy), None)
    if found is None:
        return Injection(pod.name, proxy, there=False)
    native = found.role is Role.SIDECAR
    return Injection(
        pod=pod.name,
        proxy=proxy,
        there=True,
        native=native,
        before_init_containers=_before_inits(pod, found, native),
        outlives_app=_outlives(pod, found, native),
    )


def shortcomings(seen: Injection, native: bool | None) -> list[str]:
    """What is not as it should be, in half sentences about the Pod; native: None where either kind will do."""
    if not seen.there:
        return [
            f"has no container {seen.proxy}; the injector did not take it up: is it running, and does the namespace"
            " let it?"
        ]
    found = []
    if native is True and not seen.native:
        found.append(f"has {seen.proxy} as a classic sidecar, not as a native one")
    if native is False and seen.native:
        found.append(f"has {seen.proxy} as a native sidecar, not as a classic one")
    if seen.native and seen.before_init_containers is Order.NO:
        found.append(f"starts {seen.proxy} after an init container of its own")
    if seen.native and seen.outlives_app is Order.NO:
        found.append(f"ended {seen.proxy} before the app")
    return found


def _before_inits(pod: PodFacts, proxy: ContainerFacts, native: bool) -> Order:
    own = [one for one in pod.having(Role.INIT, Role.SIDECAR) if one.name not in (*MESH_INITS, proxy.name)]
    if not own:
        return Order.NONE
    names = [one.name for one in pod.containers]
    if not native or any(names.index(one.name) < names.index(proxy.name) for one in own):
        return Order.NO
    if proxy.restarts or proxy.started_at is None:
        # The stamp of a later attempt tells nothing of the first.
        return Order.PROMISED
    return _earliest(proxy.started_at, (one.started_at for one in own if not one.restarts))


def _outlives(pod: PodFacts, proxy: ContainerFacts, native: bool) -> Order:
    ends = [
        one.finished_at
        for one in pod.having(Role.APP)
        if one.name != proxy.name and one.state == "terminated"
    ]
    apps = [one for one in pod.having(Role.APP) if one.name != proxy.name]
    if len(ends) < len(apps) or not apps:
        return (Order.PROMISED if native else Order.NO) if proxy.state != "terminated" else Order.NO
    if proxy.state != "terminated":
        return Order.YES
    return _latest(proxy.finished_at, ends)


def _earliest(stamp: str, others: Iterable[str | None]) -> Order:
    """Whether a stamp lies before all others that are there."""
    present = [other for other in others if other is not None]
    if not present:
        return Order.PROMISED
    if stamp < min(present):
        return Order.YES
    return Order.TIE if stamp == min(present) else Order.NO


def _latest(stamp: str | None, others: Sequence[str | None]) -> Order:
    """Whether a stamp lies after all others."""
    present = [other for other in others if other is not None]
    if stamp is None or not present:
        return Order.PROMISED
    if stamp > max(present):
        return Order.YES
    return Order.TIE if stamp == max(present) else Order.NO
