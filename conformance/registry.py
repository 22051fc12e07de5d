"""What a behaviour is, where its promise stands, and all of them by their ids."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conformance.claims import Claim, Life
from conformance.pods import Scene

# Where promises stand; a behaviour may add a word on what it rests on.
INIT_DOCS = "Kubernetes documentation, Init Containers"
SIDECAR_DOCS = "Kubernetes documentation, Sidecar Containers"
IMAGE_DOCS = "Kubernetes documentation, Images"
POD_DOCS = "Kubernetes documentation, Pods"
LIFECYCLE_DOCS = "Kubernetes documentation, Pod Lifecycle"
HOOK_DOCS = "Kubernetes documentation, Container Lifecycle Hooks"
PROBE_DOCS = "Kubernetes documentation, Liveness, Readiness and Startup Probes"
CONFIG_DOCS = "Kubernetes documentation, ConfigMaps"
SECRET_DOCS = "Kubernetes documentation, Secrets"
SECURITY_DOCS = "Kubernetes documentation, Configure a Security Context for a Pod or Container"
SERVICE_ACCOUNT_DOCS = "Kubernetes documentation, Configure Service Accounts for Pods"
VOLUME_DOCS = "Kubernetes documentation, Volumes"
SERVICE_DOCS = "Kubernetes documentation, Service"
DNS_DOCS = "Kubernetes documentation, DNS for Services and Pods"
SEED = "the project's first page on init and sidecar containers"
KEP_753 = "KEP-753, Sidecar Containers"

Doctor = Callable[[Life], Life]


@dataclass(frozen=True)
class Behaviour:
    """A promise, the scene that puts it to the test, what must be seen, and a twin that must not show it.

    id: as in the project's list of behaviours. since: the Kubernetes version. tier: what a check needs of the
    caller: `api` asks the server alone, `portable` runs Pods with a kubeconfig. twin: a scene in which the
    promise does not hold, or a way to doctor the scene's own evidence so that it does not.
    """

    id: str
    statement: str
    source: str
    since: str
    scene: Scene
    shows: tuple[Claim, ...]
    twin: Scene | Doctor
    tier: str = "portable"

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """What must run to judge it and its twin."""
        return (self.scene, self.twin) if isinstance(self.twin, Scene) else (self.scene,)

    @property
    def needs(self) -> list[str]:
        """What a cluster must have: feature gates and the like, those of needs.NEEDS."""
        return sorted(set().union(*(one.needs for one in self.scenes)))


@dataclass(frozen=True)
class Area:
    """The behaviours of one subject; each test file has one."""

    name: str
    behaviours: tuple[Behaviour, ...]

    @property
    def marker(self) -> str:
        """The name as pytest's -m takes it."""
        return self.name.replace(" ", "_")

    def scenes(self, ids: set[str]) -> list[Scene]:
        """What must run to judge these behaviours and their twins, each scene once."""
        found: dict[str, Scene] = {}
        for behaviour in self.behaviours:
            for one in behaviour.scenes if behaviour.id in ids else ():
                found.setdefault(one.name, one)
        return list(found.values())


AREA_FILES = ("test_start_order", "test_shared_volumes", "test_shared_network", "test_seed")


def areas() -> Iterator[Area]:
    """Every area of the suite, in the order of its files."""
    for name in AREA_FILES:
        yield importlib.import_module(f"conformance.{name}").AREA
