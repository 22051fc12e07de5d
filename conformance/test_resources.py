"""Resources: what a Pod is charged for its init containers, sidecars and apps, and what bounds them.

The oracle is a quota that is used up. It refuses every Pod and says what it would have taken, so that no Pod need run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from conformance.answers import charged, reads, would_be
from conformance.claims import Claim, Judgement, always, once, refuses, says, succeeded
from conformance.deeds import Read, Until
from conformance.pods import Manifest, Scene, Speaker, app, init, pod, resident, scene, sidecar
from conformance.registry import INIT_DOCS, KEP_753, SIDECAR_DOCS, Area, Behaviour
from conformance.verdicts import catch, hold

QUOTA_DOCS = "Kubernetes documentation, Resource Quotas"
QOS_DOCS = "Kubernetes documentation, Pod Quality of Service Classes"
LIMIT_RANGE_DOCS = "Kubernetes documentation, Limit Ranges"
SCHEDULING_DOCS = "Kubernetes documentation, Resource Management for Pods and Containers"


def _object(kind: str, name: str, **spec: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def used_up(name: str, *resources: str) -> tuple[Manifest, ...]:
    """A quota that has nothing left of these resources."""
    return (_object("ResourceQuota", name, hard=dict.fromkeys(resources, "0")),)


REQUESTS = used_up("requests", "requests.cpu", "requests.memory")
LIMITS = used_up("limits", "limits.cpu", "limits.memory")
CPU = used_up("cpu", "requests.cpu", "limits.cpu")
BOUNDS = (
    _object(
        "LimitRange",
        "bounds",
        limits=[
            {
                "type": "Container",
                "defaultRequest": {"cpu": "50m"},
                "default": {"cpu": "60m"},
                "max": {"cpu": "1"},
            },
            {"type": "Pod", "max": {"cpu": "1500m"}},
        ],
    ),
)


def needs(**amounts: str) -> dict[str, Any]:
    """The field of a container that requests so much."""
    return {"resources": {"requests": amounts}}


def within(**amounts: str) -> dict[str, Any]:
    """The field of a container that is limited to so much, and requests as much."""
    return {"resources": {"limits": amounts}}


def both(cpu: str, memory: str = "10Mi") -> dict[str, Any]:
    """The field of a container that requests and is limited to so much of both."""
    return within(cpu=cpu, memory=memory)


def asked(
    name: str, statement: str, *, asks: Scene, shows: tuple[Claim, ...], twin: Scene, source: str, since: str
) -> Behaviour:
    """A behaviour of the server alone."""
    return Behaviour(name, statement, source, since, asks, shows, twin, tier="api")


def question(*manifests: Manifest, rules: tuple[Manifest, ...] = ()) -> Scene:
    """What the server is asked, under these rules."""
    return scene(*manifests, dry=True, rules=rules)


def in_three_orders(name: str, made: Any, needing: Any) -> tuple[Manifest, ...]:
    """Pods with the same containers, of which `made` makes those that are to stay, in three orders of their list."""
    proxy, agent = made("proxy", **needing("100m")), made("agent", **needing("200m"))
    setup, main = init("setup", **needing("300m")), app("main", **needing("150m"))
    return (
        pod(f"{name}-setup-first", setup, proxy, agent, main),
        pod(f"{name}-setup-between", proxy, setup, agent, main),
        pod(f"{name}-setup-last", proxy, agent, setup, main),
    )


def only_cpu(amount: str) -> dict[str, Any]:
    """Requests of CPU, beside some memory."""
    return needs(cpu=amount, memory="10Mi")


def quality(name: str, *speakers: Speaker) -> Scene:
    """What the server makes of a Pod at once: its class of service is one of the things."""
    return question(pod(name, *speakers))


# Takes that much memory for a moment; the kernel ends what may not.
TAKE = "dd if=/dev/zero of=/dev/null bs=100M count=1 && say took || { say end; exit 1; }"


def eats(name: str, limit: str, of_app: str, **settings: Any) -> Scene:
    """An init container that takes 100 MB before an app that may take so much."""
    early = init("early", TAKE, **within(memory=limit))
    return scene(pod(name, early, app("main", **within(memory=of_app))), **settings)


QUOTA = "charged-for-its-life"


def _charged(name: str, *speakers: Speaker, **settings: Any) -> Scene:
    """A Pod under a quota that counts what has a deadline, which no other Pod of its namespace has."""
    quota = _object("ResourceQuota", name, hard={"requests.cpu": "1"}, scopes=["Terminating"])
    return scene(
        quota,
        pod(name, *speakers, activeDeadlineSeconds=3600),
        deeds=(
            Until(
                "main runs",
                lambda found: any(one.name == "main" and one.state == "running" for one in found.containers),
            ),
            Read("ResourceQuota", name, "quota"),
        ),
        **settings,
    )


def _in_status(name: str, **resources: Any) -> Scene:
    return scene(
        pod(name, sidecar("helper", resources=resources), resident("main", resources=resources)),
        deeds=(Until("it has started", lambda found: found.started), Read("Pod", name, "pod")),
    )


def _resources_of(found: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the statuses of the sidecar and the app say that they have."""
    status = found["status"]
    lists = (*status["initContainerStatuses"], *status["containerStatuses"])
    return tuple((one.get("resources"), one.get("allocatedResources")) for one in lists)


SMALL = {"requests": {"cpu": "20m", "memory": "20Mi"}, "limits": {"cpu": "1", "memory": "50Mi"}}

AREA = Area(
    "resources",
    (
        asked(
            "res-effective-request-no-sidecar",
            "A Pod without sidecars requests of each resource what its largest init container or its apps together"
            " request, whichever is more.",
            source=f"{INIT_DOCS}; {QUOTA_DOCS}",
            since="1.6",
            asks=question(
                pod(
                    "largest",
                    init("first", **needs(cpu="300m", memory="64Mi")),
                    init("second", **needs(cpu="100m", memory="32Mi")),
                    app("main", **needs(cpu="100m", memory="100Mi")),
                    app("aide", **needs(cpu="150m", memory="60Mi")),
                ),
                rules=REQUESTS,
            ),
            shows=(charged(1, requests_cpu="300m", requests_memory="160Mi"),),
            twin=question(
                pod(
                    "all-at-once",
                    app("first", **needs(cpu="300m", memory="64Mi")),
                    app("second", **needs(cpu="100m", memory="32Mi")),
                    app("main", **needs(cpu="100m", memory="100Mi")),
                    app("aide", **needs(cpu="150m", memory="60Mi")),
                ),
                rules=REQUESTS,
            ),
        ),
        asked(
            "res-effective-request-with-sidecar",
            "What an init container requests comes on top of the sidecars before it, and the apps on top of all"
            " sidecars; the Pod requests the most that is so in use at once. The order of the list matters.",
            source=f"{KEP_753}; {SIDECAR_DOCS}",
            since="1.28",
            asks=question(*in_three_orders("lasting", sidecar, only_cpu), rules=REQUESTS),
            shows=(
                charged(1, requests_cpu="450m"),
                charged(2, requests_cpu="450m"),
                charged(3, requests_cpu="600m"),
            ),
            twin=question(*in_three_orders("passing", init, only_cpu), rules=REQUESTS),
        ),
        asked(
            "res-limits-same-formula",
            "The limit of a Pod is counted as its request is; one container without a limit leaves the Pod without.",
            source=f"{KEP_753}; {SIDECAR_DOCS}; {QUOTA_DOCS}",
            since="1.28",
            asks=question(
                *in_three_orders("limited", sidecar, both),
                pod("boundless", init("setup"), app("main", **both("150m"))),
                rules=LIMITS,
            ),
            shows=(
                charged(1, limits_cpu="450m"),
                charged(3, limits_cpu="600m"),
                refuses("Pod boundless", "must specify limits.cpu for: setup"),
            ),
            twin=question(*in_three_orders("limited-for-a-while", init, both), rules=LIMITS),
        ),
        asked(
            "res-qos-includes-all",
            "The class of service goes by all containers: an init container without a limit makes a Pod Burstable whose"
            " others are all Guaranteed.",
            source=f"{QOS_DOCS}; {SIDECAR_DOCS}",
            since="1.28",
            asks=question(
                pod(
                    "all-guaranteed",
                    init("early", **both("1")),
                    sidecar("helper", **both("1")),
                    app("main", **both("1")),
                ),
                pod("init-without", init("early"), sidecar("helper", **both("1")), app("main", **both("1"))),
                pod(
                    "sidecar-without", init("early", **both("1")), sidecar("helper"), app("main", **both("1"))
                ),
                pod("init-alone-requests", init("early", **needs(cpu="1m")), app("main")),
                pod("none-requests", init("early"), sidecar("helper"), app("main")),
            ),
            shows=(
                would_be(1, "status.qosClass", "Guaranteed"),
                would_be(2, "status.qosClass", "Burstable"),
                would_be(3, "status.qosClass", "Burstable"),
                would_be(4, "status.qosClass", "Burstable"),
                would_be(5, "status.qosClass", "BestEffort"),
            ),
            twin=question(
                *(pod(f"apps-alone-{number}", app("main", **both("1"))) for number in range(1, 6)),
            ),
        ),
        Behaviour(
            "res-admission-reject",
            "A Pod whose sidecar requests more than any node has is not scheduled, and says so.",
            source=f"{SCHEDULING_DOCS}; {KEP_753}",
            since="1.28",
            scene=scene(
                pod("too-large", sidecar("helper", **needs(cpu="100000")), app("main", **needs(cpu="1m"))),
                deeds=(Until("the scheduler says no", lambda found: "PodScheduled" in found.conditions),),
            ),
            shows=(
                always("main", "it is on no node", lambda found: found.node is None),
                once(
                    "main",
                    "it is Unschedulable",
                    lambda found: (
                        "PodScheduled" in found.conditions
                        and found.conditions["PodScheduled"].reason == "Unschedulable"
                    ),
                ),
            ),
            twin=scene(
                pod("small-enough", sidecar("helper", **needs(cpu="1m")), app("main", **needs(cpu="1m"))),
                deeds=(Until("the scheduler says yes", lambda found: found.condition("PodScheduled")),),
            ),
        ),
        asked(
            "res-limitrange-applies",
            "Defaults and bounds of a LimitRange hold for init containers and sidecars as for apps, and its bounds of"
            " Pods for what is in use at once.",
            source=LIMIT_RANGE_DOCS,
            since="1.28",
            asks=question(
                pod("says-nothing", init("early"), sidecar("helper"), app("main")),
                pod("large-init", init("early", **within(cpu="1200m")), app("main")),
                pod(
                    "large-together",
                    sidecar("helper", **within(cpu="800m")),
                    app("main", **within(cpu="800m")),
                ),
                rules=BOUNDS,
            ),
            shows=(
                would_be(
                    1,
                    "spec.initContainers.0.resources",
                    {"requests": {"cpu": "50m"}, "limits": {"cpu": "60m"}},
                ),
                would_be(
                    1,
                    "spec.initContainers.1.resources",
                    {"requests": {"cpu": "50m"}, "limits": {"cpu": "60m"}},
                ),
                refuses("maximum cpu usage per Container is 1, but limit is 1200m"),
                refuses("maximum cpu usage per Pod is 1500m, but limit is 1600m"),
            ),
            twin=question(
                pod("says-nothing-freely", init("early"), sidecar("helper"), app("main")),
                pod("large-init-freely", init("early", **within(cpu="1200m")), app("main")),
                pod("large-together-freely", sidecar("helper", **within(cpu="800m")), app("main")),
            ),
        ),
        Behaviour(
            "res-quota-counts-sidecars",
            "A quota charges a Pod for its sidecars while its apps run, and for its init containers no more than for"
            " those.",
            source=f"{QUOTA_DOCS}; {KEP_753}",
            since="1.28",
            scene=_charged(
                QUOTA,
                init("setup", **needs(cpu="15m")),
                sidecar("helper", **needs(cpu="10m")),
                resident("main", **needs(cpu="10m")),
            ),
            shows=(
                reads(
                    "quota", "its use is 20m", lambda found: found["status"]["used"]["requests.cpu"] == "20m"
                ),
            ),
            # In the namespace of Pods without restrictions nothing else has a deadline either.
            twin=_charged(
                f"{QUOTA}-of-init",
                init("setup", **needs(cpu="15m")),
                init("helper", **needs(cpu="10m")),
                resident("main", **needs(cpu="10m")),
                restricted=False,
            ),
        ),
        asked(
            "res-pod-level",
            "What a Pod requests as a whole is what it is charged, whatever its containers request.",
            source=SCHEDULING_DOCS,
            since="1.34",
            asks=question(
                pod(
                    "as-a-whole",
                    sidecar("helper", **needs(cpu="100m")),
                    init("setup", **needs(cpu="300m")),
                    app("main", **needs(cpu="150m")),
                    resources={"requests": {"cpu": "700m"}, "limits": {"cpu": "900m"}},
                ),
                rules=CPU,
            ),
            shows=(charged(1, requests_cpu="700m", limits_cpu="900m"),),
            twin=question(
                pod(
                    "in-its-parts",
                    sidecar("helper", **within(cpu="100m")),
                    init("setup", **within(cpu="300m")),
                    app("main", **within(cpu="150m")),
                ),
                rules=CPU,
            ),
        ),
        Behaviour(
            "res-cgroup-pod-limit",
            "An init container may use what its own limit says, though the apps together may use less.",
            source=INIT_DOCS,
            since="1.6",
            scene=eats("eats-its-own", "200Mi", "30Mi"),
            shows=(says("early", "took"), succeeded("main")),
            twin=eats("eats-too-much", "30Mi", "200Mi", stuck=True, grace=2),
        ),
        Behaviour(
            "res-status-resources",
            "The status of a sidecar says, as an app's does, what it was given.",
            source="Kubernetes API reference, Pod",
            since="1.33",
            scene=_in_status("has-resources", **SMALL),
            shows=(
                reads(
                    "pod",
                    f"both have {json.dumps(SMALL)}",
                    lambda found: _resources_of(found) == ((SMALL, SMALL["requests"]),) * 2,
                ),
            ),
            twin=_in_status("has-none"),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
