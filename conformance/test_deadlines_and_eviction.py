"""Deadlines, eviction and memory: what ends a Pod or a container from without, and who is spared."""

from __future__ import annotations

from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.events import Kind
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import conditions_of
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order, from_status
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import (
    Claim,
    Finding,
    Judgement,
    Life,
    by_any,
    exited,
    looks,
    restarted,
    says,
    succeeded,
    the,
)
from conformance.deeds import Evict, Patch, Until, UntilListed, UntilState
from conformance.ending import ended_by, ends, killed, never_made, settled
from conformance.pods import (
    Scene,
    Speaker,
    app,
    init,
    mount,
    pod,
    probe,
    resident,
    scene,
    sidecar,
)
from conformance.registry import (
    DEPLOYMENT_DOCS,
    EVICTION_DOCS,
    INIT_DOCS,
    KEP_753,
    LIFECYCLE_DOCS,
    Area,
    Behaviour,
)
from conformance.verdicts import catch, hold
from conformance.workload_claims import condition
from conformance.workloads import budget, deployment

PRESSURE_DOCS = "Kubernetes documentation, Node-pressure Eviction"
MEMORY_DOCS = "Kubernetes documentation, Assign Memory Resources to Containers and Pods"

HAS_FAILED = Until("the Pod has failed", lambda seen: seen.phase == "Failed" and settled(seen))
HAS_ENDED = Until("the Pod has ended", settled)
HEARS = {"startupProbe": probe('marked "$NAME-hears"')}


def _hears(make: Any, name: str, *lines: str, **fields: Any) -> Speaker:
    """A container that has started once it hears TERM."""
    made: Speaker = make(name, *lines, 'mark "$NAME-hears"', **{**HEARS, **fields})
    return made


# --- deadlines ----------------------------------------------------------------------------------


def _overdue(name: str) -> Patch:
    """The deed that gives a Pod, which has been there for longer, one second."""
    return Patch("Pod", name, {"spec": {"activeDeadlineSeconds": 1}})


# It is ready once the init container after it hears TERM.
WATCHER = sidecar("watcher", readinessProbe=probe("marked early"))
STAYING_INIT = Speaker("early", Role.INIT, True, (), {})


def _progressing(name: str, line: str, wanted: str, reason: str) -> Scene:
    """A Deployment that has two seconds to get on."""

    def is_so(state: Any) -> bool:
        found = conditions_of((state or {}).get("status") or {}).get("Progressing")
        return found is not None and found.reason == reason

    template = pod(name, init("early", line), resident("main"), terminationGracePeriodSeconds=1)
    return scene(
        deployment(template, progressDeadlineSeconds=2),
        deeds=(UntilState(wanted, is_so),),
    )


# --- eviction -----------------------------------------------------------------------------------


def _evicted(name: str, *speakers: Speaker, stands: Until) -> Scene:
    """A Pod that is asked to go when it stands so, and its budget counts it."""
    counted = UntilListed(
        "the budget counts the Pod",
        "policy/v1",
        "PodDisruptionBudget",
        f"budget={name}",
        lambda found: any((one.get("status") or {}).get("expectedPods") == 1 for one in found),
        lambda found: f"healthy: {found[0]['status']['currentHealthy']}",
        "budget",
    )
    return scene(
        budget(name),
        pod(name, *speakers, terminationGracePeriodSeconds=5),
        deeds=(
            stands,
            counted,
            Evict(name, note="eviction"),
            Until("it stands as it did", lambda _seen: True),
        ),
    )


# Longer than the kubelet gives on its own account, and less than the Pod's grace.
WANTED_SECONDS = 25
TAKES_ITS_TIME = (f"within {WANTED_SECONDS} false",)


def _fills_up(name: str, *lines: str, **settings: Any) -> Scene:
    store = {"name": "store", "emptyDir": {"sizeLimit": "1Mi"}}
    main = _hears(resident, "main", *lines, at_term=TAKES_ITS_TIME, volumeMounts=[mount("store", "/store")])
    made = pod(name, sidecar("helper"), main, volumes=[store], terminationGracePeriodSeconds=60)
    return scene(made, **settings)


def _cut_short(life: Life) -> Finding:
    """The app does not get the time that it takes to end: by our own clock."""
    wanted = f"main, which wants {WANTED_SECONDS} s, is gone sooner after its Pod has failed"
    seen = life.seen("main")
    failed = next((one.at for one in seen if one.pod.phase == "Failed"), None)
    gone = next((one.at for one in seen if one.pod.phase == "Failed" and settled(one.pod)), None)
    # Seen at once, the two do not tell how long it took.
    if failed is None or gone is None or failed == gone:
        return Finding(Order.TIE, f"{wanted}: that was not seen")
    took = gone - failed
    # Half of it leaves room for a first state that comes late.
    answer = Order.YES if took < WANTED_SECONDS / 2 else Order.TIE if took < WANTED_SECONDS else Order.NO
    return Finding(answer, f"{wanted}: after {took:.1f} s")


def _gone_at_once(life: Life) -> Finding:
    """The same by the kubelet's clock: from its event on the container to its Pod's being without a sandbox."""
    wanted = f"main, which wants {WANTED_SECONDS} s, is gone with its Pod's sandbox sooner after it was told"
    timeline = life.timeline("main")
    if timeline is None:
        return Finding(Order.TIE, f"{wanted}: its Pod was not seen")
    told = next(
        (one.at for one in timeline.marks if one.kind is Kind.KILLING and one.container == "main"), None
    )
    sandbox = timeline.pod.conditions.get("PodReadyToStartContainers")
    gone = from_status(sandbox.since) if sandbox is not None and not sandbox.true else None
    if told is None or gone is None:
        return Finding(Order.TIE, f"{wanted}: that was not seen")
    took = gone.latest - told.earliest
    # A sandbox that goes late tells nothing of its containers.
    answer = Order.YES if took < WANTED_SECONDS else Order.TIE
    return Finding(answer, f"{wanted}: after {took:.1f} s at most")


# --- memory -------------------------------------------------------------------------------------

TINY = {"limits": {"memory": "24Mi"}}
# One process asks for more than the container may have; exit where nobody minds, or the other processes are spared.
# The kernel kills the process that takes too much, not the shell; the runtime hears of it a moment later, and a
# container that has ended by then has ended by an error like any other.
SPILL = ("dd if=/dev/zero of=/dev/null bs=200M count=1", "linger nobody", "exit 1")


def _first_time(*lines: str) -> str:
    """What is done in the first attempt alone."""
    return f"marked tried || {{ mark tried; {'; '.join(lines)}; }}"


def _scored(name: str, helper: Speaker) -> Scene:
    wanted = {"requests": {"memory": "256Mi"}}
    return scene(pod(name, helper, app("main", SCORE, "await told", resources=wanted)))


SCORE = "say score $(cat /proc/self/oom_score_adj)"


def _no_worse(container: str, other: str) -> Claim:
    """The kernel is not to kill the first before the second."""

    def claim(life: Life) -> Finding:
        one, two = life.stamp(container, "score"), life.stamp(other, "score")
        wanted = f"{container} is no likelier victim than {other}"
        if one is None or two is None:
            return Finding(Order.TIE, f"{wanted}: a score is missing")
        answer = Order.YES if int(one.detail) <= int(two.detail) else Order.NO
        return Finding(answer, f"{wanted}: {one.detail} and {two.detail}")

    return claim


AREA = Area(
    "deadlines and eviction",
    (
        Behaviour(
            "dl-active-deadline-includes-init",
            "A Pod's activeDeadlineSeconds runs while its init containers do: when it is over they are stopped and the"
            " Pod is Failed (DeadlineExceeded).",
            source=f"{INIT_DOCS}; {LIFECYCLE_DOCS}",
            since="1.6",
            scene=scene(
                pod("overdue-at-init", WATCHER, STAYING_INIT, app("main")),
                deeds=(
                    Until("the init container hears TERM", the("watcher", lambda one: one.ready)),
                    _overdue("overdue-at-init"),
                    HAS_FAILED,
                ),
            ),
            shows=(ends("early", "Failed", "DeadlineExceeded"), says("early", "term"), never_made("main")),
            twin=scene(pod("in-time", init("early"), app("main")), deeds=(HAS_ENDED,)),
        ),
        Behaviour(
            "dl-active-deadline-sidecar",
            "When a Pod's activeDeadlineSeconds are over its sidecars are stopped too.",
            source=f"{LIFECYCLE_DOCS}; {KEP_753}",
            since="1.29",
            scene=scene(
                pod("overdue", _hears(sidecar, "helper"), _hears(resident, "main")),
                deeds=(Until("all have started", lambda seen: seen.started), _overdue("overdue"), HAS_FAILED),
            ),
            shows=(ends("main", "Failed", "DeadlineExceeded"), says("main", "term"), says("helper", "term")),
            twin=scene(pod("done-in-time", sidecar("helper"), app("main")), deeds=(HAS_ENDED,)),
        ),
        Behaviour(
            "dl-deployment-progress",
            "A Deployment's progressDeadlineSeconds run while its Pods' init containers do.",
            source=DEPLOYMENT_DOCS,
            since="1.6",
            scene=_progressing(
                "held-up", "await nothing", "the Deployment is late", "ProgressDeadlineExceeded"
            ),
            shows=(condition("Progressing", "ProgressDeadlineExceeded", "False"),),
            twin=_progressing("gets-on", ":", "the Deployment has got on", "NewReplicaSetAvailable"),
        ),
        Behaviour(
            "ev-api-eviction-during-init",
            "A Pod whose init containers still run can be evicted whatever its budget says, which does not count it as"
            " healthy.",
            source=EVICTION_DOCS,
            since="1.22",
            scene=_evicted(
                "evicted-at-init",
                init("early", "await nothing"),
                app("main"),
                stands=Until("the init container runs", the("early", lambda one: one.state == "running")),
            ),
            shows=(looks("eviction", "accepted"), looks("budget", "healthy: 0"), never_made("main")),
            twin=_evicted(
                "held-by-its-budget",
                _hears(resident, "main"),
                stands=Until("the Pod is ready", lambda seen: seen.ready),
            ),
        ),
        Behaviour(
            "ev-node-pressure",
            "A Pod that the kubelet itself evicts, here for what it stores and not for the pressure on its node, is"
            " Failed (Evicted), and its containers get next to no grace.",
            source=PRESSURE_DOCS,
            since="1.10",
            scene=_fills_up(
                "stores-too-much", "dd if=/dev/zero of=/store/much bs=1M count=3", deeds=(HAS_FAILED,)
            ),
            # Its log and its exit code may go with its Pod; where they are there, they must agree.
            shows=(
                ends("main", "Failed", "Evicted"),
                by_any(killed("main"), _cut_short, _gone_at_once),
                by_any(says("main", "term"), killed("main"), _cut_short, _gone_at_once),
            ),
            twin=_fills_up(
                "stores-little", deeds=(Until("it is ready", lambda seen: seen.ready), Evict("stores-little"))
            ),
        ),
        Behaviour(
            "oom-init",
            "An init container that takes more memory than it may is killed (OOMKilled), and its Pod's restartPolicy"
            " says what comes: Failed, or another attempt.",
            source=f"{MEMORY_DOCS}; {INIT_DOCS}",
            since="1.6",
            scene=scene(
                pod("init-spills", init("early", *SPILL, resources=TINY), app("main")),
                pod(
                    "init-spills-once",
                    init("again", _first_time(*SPILL), resources=TINY),
                    app("other"),
                    restartPolicy="OnFailure",
                ),
                deeds=(
                    HAS_FAILED,
                    Until("the other one has succeeded", lambda seen: seen.completed, "init-spills-once"),
                ),
            ),
            shows=(
                ended_by("early", "OOMKilled"),
                ends("early", "Failed"),
                never_made("main"),
                ended_by("again", "OOMKilled"),
                restarted("again", 1),
                succeeded("other"),
            ),
            twin=scene(pod("init-fails", init("early", "exit 1"), app("main")), deeds=(HAS_FAILED,)),
        ),
        Behaviour(
            "oom-sidecar-restarts",
            "A sidecar that is killed for its memory is started again, and the app lives on.",
            source=f"{KEP_753}; {MEMORY_DOCS}",
            since="1.28",
            scene=scene(
                pod(
                    "sidecar-spills",
                    sidecar("helper", _first_time("await main", *SPILL), "mark again", resources=TINY),
                    app("main", "await again"),
                ),
                deeds=(HAS_ENDED,),
            ),
            shows=(
                ended_by("helper", "OOMKilled"),
                restarted("helper", 1),
                restarted("main", 0),
                says("main", "saw", "again"),
            ),
            twin=scene(
                pod(
                    "sidecar-fails",
                    sidecar("helper", _first_time("await main", "exit 1"), "mark again"),
                    app("main", "await again"),
                ),
                deeds=(HAS_ENDED,),
            ),
        ),
        Behaviour(
            "oom-score-sidecar",
            "The kernel is told to kill no sidecar of a Burstable Pod before its apps.",
            source=KEP_753,
            since="1.33",
            scene=_scored("scored", sidecar("helper", SCORE, "mark told")),
            shows=(_no_worse("helper", "main"),),
            twin=_scored("scored-as-app", app("helper", SCORE, "mark told")),
        ),
        Behaviour(
            "oom-app-does-not-kill-sidecar",
            "An app that takes more memory than its own limit is killed alone: its sidecar lives on.",
            source=f"{MEMORY_DOCS}; {KEP_753}",
            since="1.28",
            scene=scene(
                pod(
                    "app-spills",
                    sidecar("helper"),
                    app("main", _first_time(*SPILL), resources=TINY),
                    restartPolicy="OnFailure",
                ),
                deeds=(HAS_ENDED,),
            ),
            shows=(
                ended_by("main", "OOMKilled"),
                restarted("main", 1),
                restarted("helper", 0),
                exited("helper", 0),
            ),
            twin=scene(
                pod(
                    "both-end",
                    sidecar("helper", _first_time("await main", "exit 1"), "mark again"),
                    app("main", "await again"),
                    restartPolicy="OnFailure",
                ),
                deeds=(HAS_ENDED,),
            ),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
