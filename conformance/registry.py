"""What a behaviour is, where its promise stands, and all of them by their ids."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet

from conformance.claims import Claim, Doctor, Judgement, Life, Verdict
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
JOB_DOCS = "Kubernetes documentation, Jobs"
SERVICE_DOCS = "Kubernetes documentation, Service"
DNS_DOCS = "Kubernetes documentation, DNS for Services and Pods"
SEED = "the project's first page on init and sidecar containers"
EPHEMERAL_DOCS = "Kubernetes documentation, Ephemeral Containers"
RESIZE_DOCS = "Kubernetes documentation, Resize CPU and Memory Resources assigned to Containers"
ENV_FILE_DOCS = "Kubernetes documentation, Define Environment Variable Values Using An Init Container"
EVICTION_DOCS = "Kubernetes documentation, API-initiated Eviction"
DEPLOYMENT_DOCS = "Kubernetes documentation, Deployments"
KEP_753 = "KEP-753, Sidecar Containers"
KEP_5307 = "KEP-5307, Container Restart Rules"
NODE_TESTS = "Kubernetes' own node tests"
CONFORMANCE_TESTS = "Kubernetes' own conformance tests"

# What a check needs of the caller: `api` asks the server alone, `portable` runs Pods with a kubeconfig, `node` enters
# the nodes of a kind cluster.
TIERS = ("api", "portable", "node")


@dataclass(frozen=True)
class KnownBug:
    """A deviation that Kubernetes knows of: the number of its issue, and which versions have it.

    versions are compared as Python packages' are: ">=1.29,<1.31.4".
    """

    number: int
    versions: str

    def __post_init__(self) -> None:
        SpecifierSet(self.versions)  # a mistake shows when the suite is loaded

    def __str__(self) -> str:
        return f"kubernetes/kubernetes#{self.number}, versions {self.versions}"

    def affects(self, version: str) -> bool:
        """Whether a server that calls itself so, `v1.36.3` or with a vendor's suffix, has the bug."""
        release = re.match(r"v?(\d+\.\d+\.\d+)", version)
        return release is not None and release[1] in SpecifierSet(self.versions)


# A sidecar that had crashed and a startup probe kept the apps of a Pod that restarts nothing from starting.
NEVER_RECOVERS = (KnownBug(132826, ">=1.29,<1.33.6"), KnownBug(132826, ">=1.34,<1.34.2"))


def as_known(found: Judgement, known: Sequence[KnownBug], version: str) -> Judgement:
    """The judgement, where it is a deviation that is known of this version as such."""
    bugs = [bug for bug in known if bug.affects(version)]
    if found.verdict is not Verdict.DEVIATES or not bugs:
        return found
    return replace(found, verdict=Verdict.KNOWN, known="; ".join(map(str, bugs)))


@dataclass(frozen=True)
class Sign:
    """How a scene's own evidence shows that the cluster lacks what no dry run tells of.

    need: the feature gate or the like. missing: why it is not there, as was seen; empty where it is.
    """

    need: str
    missing: Callable[[Life], str]


@dataclass(frozen=True)
class Behaviour:
    """A promise, the scene that puts it to the test, what must be seen, and a twin that must not show it.

    id: as in the catalogue. since: the Kubernetes version. twin: a scene in which the promise does not hold, or a
    way to doctor the scene's own evidence so that it does not. tier: one of TIERS. known: bugs of Kubernetes by
    which it deviates. sign: of what it needs and nobody can be asked for. disruptive: it takes from others what they
    need (a node, a kubelet, an API server), so it is run last, and alone.
    """

    id: str
    statement: str
    source: str
    since: str
    scene: Scene
    shows: tuple[Claim, ...]
    twin: Scene | Doctor
    tier: str = "portable"
    known: tuple[KnownBug, ...] = ()
    sign: Sign | None = None
    disruptive: bool = False

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(
                f"behaviour {self.id}: tier is {self.tier!r}; it must be one of {', '.join(TIERS)}"
            )

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """What must run to judge it and its twin."""
        return (self.scene, self.twin) if isinstance(self.twin, Scene) else (self.scene,)

    @property
    def needs(self) -> list[str]:
        """What a cluster must have: feature gates and the like, those of needs.NEEDS."""
        return sorted(set().union(*(one.needs for one in self.scenes)))

    @property
    def all_needs(self) -> list[str]:
        """The same, with what only its evidence tells of."""
        return sorted({*self.needs, *([self.sign.need] if self.sign else ())})

    def missing(self, life: Life) -> str:
        """What the cluster lacks, as the evidence shows; empty where that shows nothing of the kind."""
        why = self.sign.missing(life) if self.sign else ""
        return f"{self.sign.need} is needed, but {why}" if self.sign and why else ""


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


AREA_FILES = (
    "test_start_order",
    "test_failure_and_restart",
    "test_restart_rules",
    "test_restart_of_all_containers",
    "test_shared_volumes",
    "test_shared_network",
    "test_seed",
    "test_roles",
    "test_validation",
    "test_image_pull",
    "test_resources",
    "test_status",
    "test_probes",
    "test_resize",
    "test_jobs",
    "test_init_containers_again",
    "test_namespaces_and_security",
    "test_termination",
    "test_deadlines_and_eviction",
    "test_ephemeral_containers",
    "test_env_from_files",
    "test_controllers",
)


def areas() -> Iterator[Area]:
    """Every area of the suite, in the order of its files."""
    for name in AREA_FILES:
        yield importlib.import_module(f"conformance.{name}").AREA
