"""Status: what phase, conditions and the states of containers say of a Pod, and where else it tells of itself.

What holds of every state is claimed of all that were seen. Where no Pod can be as wrong as the twin must be, the twin
is the Pod's own evidence with one fact changed in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    ContainerFacts,
    PodFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.answers import reads
from conformance.claims import (
    Claim,
    Judgement,
    Life,
    Test,
    always,
    exited,
    looks,
    once,
    says,
    succeeded,
    the,
    whenever,
)
from conformance.course import as_if, backwards, for_good, in_turn, lastly, with_condition, with_container
from conformance.deeds import Deed, Delete, Patch, Read, Tell, Until, UntilListed
from conformance.ending import ends, over, settled
from conformance.pods import (
    PROBE_TIMEOUT,
    Scene,
    Speaker,
    app,
    hook,
    init,
    mount,
    pod,
    probe,
    resident,
    scene,
    sidecar,
)
from conformance.registry import (
    CONFORMANCE_TESTS,
    INIT_DOCS,
    KEP_753,
    LIFECYCLE_DOCS,
    PROBE_DOCS,
    SIDECAR_DOCS,
    Area,
    Behaviour,
    Sign,
)
from conformance.script import BOARD
from conformance.verdicts import catch, hold

CONDITION_DOCS = "Kubernetes documentation, Pod Lifecycle, Pod conditions"
DEBUG_DOCS = "Kubernetes documentation, Debug Init Containers"
KEP_3085 = "KEP-3085, Pod Conditions for Starting and Completion of Sandbox Creation"
KEP_5067 = "KEP-5067, Pod Generation"
FIRST_CONDITIONS = ("PodScheduled", "PodReadyToStartContainers", "Initialized")

# --- tests of a state ---------------------------------------------------------------------------


def is_true(name: str) -> Test:
    """The condition is True."""
    return lambda found: found.condition(name)


def is_false(name: str) -> Test:
    """The condition is there, and False."""
    return lambda found: name in found.conditions and not found.condition(name)


def by(name: str, reason: str) -> Test:
    """The condition is there for this reason."""
    return lambda found: name in found.conditions and found.conditions[name].reason == reason


def running(container: str) -> Test:
    """The container runs."""
    return the(container, lambda one: one.state == "running")


def begun(container: str) -> Test:
    """The container runs, or has run: one that is done soon may never be seen to run."""
    return the(container, lambda one: one.state != "waiting")


def _is_initialized(found: PodFacts) -> bool:
    begun = (one.started or one.state == "terminated" for one in found.having(Role.SIDECAR))
    return all(one.succeeded for one in found.having(Role.INIT)) and all(begun)


def _names_what_lacks(found: PodFacts) -> bool:
    message = found.conditions["Initialized"].message or ""
    return all(one.succeeded or one.name in message for one in found.having(Role.INIT))


def _ready(container: str, ready: bool, when: str, condition: Callable[[ContainerFacts], bool]) -> Claim:
    """Whenever the container is so, it is ready, or is not."""
    wanted = "it is ready" if ready else "it is not ready"
    return whenever(
        container, when, the(container, condition), wanted, the(container, lambda one: one.ready is ready)
    )


# --- scenes -------------------------------------------------------------------------------------

WHOLE_LIFE = scene(
    pod(
        "whole-life",
        init("early", "linger never"),
        sidecar("helper", at_term=("linger never",)),
        init("later", "linger never"),
        app("main", "linger never"),
    )
)


def once_ready(name: str, *inits: Speaker) -> Scene:
    """A Pod that is read when it is ready."""
    return scene(
        pod(name, *inits, resident("main")),
        deeds=(Until("it is ready", lambda found: found.ready), Read("Pod", name, "pod")),
    )


IN_ORDER = once_ready("in-order", init("early", "linger never"), sidecar("helper"), init("later"))

# A volume that is not to be had keeps a Pod from getting as far as its sandbox.
NO_SANDBOX = scene(
    pod(
        "no-sandbox",
        app("main", volumeMounts=[mount("notes", "/notes")]),
        volumes=[{"name": "notes", "configMap": {"name": "there-is-none"}}],
    ),
    pod("had-sandbox", app("other", "await seen")),
    deeds=(
        Until("the kubelet has looked at it", lambda found: any(one.reason for one in found.containers)),
        Until("other runs", running("other"), "had-sandbox"),
        Tell("had-sandbox", "other", f": > {BOARD}/seen"),
        Until(
            "its sandbox is gone",
            lambda found: over(found) and is_false(FIRST_CONDITIONS[1])(found),
            "had-sandbox",
        ),
    ),
)


def probed(name: str, answer: str, *deeds: Deed) -> Scene:
    """A Pod with a sidecar that is asked whether it is ready."""
    return scene(
        pod(
            name,
            init("early", "linger never"),
            sidecar("helper", readinessProbe=probe(answer)),
            sidecar("plain"),
            app("main", "linger never"),
        ),
        deeds=deeds,
    )


def _crashing(name: str, policy: str, until: Until) -> Scene:
    made = pod(name, app("main", "say end", "exit 1"), sidecar("helper"), restartPolicy=policy)
    return scene(made, deeds=(until,))


def _ends_of(*names: str) -> tuple[Until, ...]:
    return tuple(Until(f"{name} is over", settled, name) for name in names)


def fails(name: str) -> Speaker:
    """An app that exits 1."""
    return app(name, "say end", "tick", "exit 1")


CODES = ("code=3",)
APPS_DECIDE = scene(
    pod("app-is-good", sidecar("bad-aide", at_term=CODES), app("good")),
    pod("app-is-bad", sidecar("good-aide"), fails("bad")),
    deeds=_ends_of("app-is-good", "app-is-bad"),
)
ALL_DECIDE = scene(
    pod("one-app-is-bad", app("bad-aide", "say end", "tick", "exit 3"), app("good")),
    pod("other-app-is-bad", app("good-aide"), fails("bad")),
    deeds=_ends_of("one-app-is-bad", "other-app-is-bad"),
)

STOPPING = scene(
    pod(
        "stopping",
        resident(
            "main",
            "serve 8080",
            "mark open",
            # Kubernetes 1.35 and later ask no probe that is a command while a Pod stops: kubernetes/kubernetes#140881.
            readinessProbe={
                "httpGet": {"path": "/open", "port": 8080},
                "periodSeconds": 1,
                "timeoutSeconds": PROBE_TIMEOUT,
                "failureThreshold": 1,
            },
            lifecycle={"preStop": hook(f"rm {BOARD}/open", "await seen")},
        ),
        terminationGracePeriodSeconds=120,
    ),
    deeds=(
        Until("it is ready", lambda found: found.ready),
        Delete("stopping"),
        Until("it is not ready any more", is_false("Ready")),
        Tell("stopping", "main", f": > {BOARD}/seen"),
    ),
)


def observed(name: str, *deeds: Deed, generation: int) -> Scene:
    """A Pod that is read when the kubelet has seen this generation of it, or tells of none."""

    def seen(found: Sequence[Mapping[str, Any]]) -> bool:
        told = [one["status"].get("observedGeneration", 0) for one in found]
        return any(one >= generation for one in told) or any(map(_runs_untold, found))

    return scene(
        pod(name, resident("main")),
        deeds=(
            *deeds,
            UntilListed(
                f"generation {generation} is observed",
                "v1",
                "Pod",
                f"pod={name}",
                seen,
                lambda found: json.dumps(found[0]),
                "pod",
            ),
        ),
    )


def _runs_untold(found: Mapping[str, Any]) -> bool:
    """Whether the kubelet has said that the Pod runs, and not of which generation it says so."""
    return found["status"].get("phase") == "Running" and "observedGeneration" not in found["status"]


def _no_generation(life: Life) -> str:
    told = life.looks.get("pod")
    untold = told is not None and _runs_untold(json.loads(told))
    return "the status of a Pod that runs has no observedGeneration" if untold else ""


def _observes(found: Mapping[str, Any]) -> bool:
    return bool(found["metadata"]["generation"] == found["status"]["observedGeneration"] == 2)


def fails_at_first(name: str, *words: str) -> Scene:
    """A Pod with an init container that fails once for each word, which it says before; then it is read."""
    lines = [f"marked {word} || {{ mark {word}; say {word}; say end; exit 1; }}" for word in words]
    again = the("early", lambda one: one.restarts == len(words) and one.state == "running")
    return scene(
        pod(
            name,
            init("done-before", "say done"),
            init("early", *lines, "await never"),
            app("main"),
            restartPolicy="OnFailure",
        ),
        deeds=(Until("early has failed and runs again", again),),
    )


ASK = "echo asked inside"


def entered(name: str, helper: str) -> Scene:
    """A Pod into whose containers commands are sent, at last into this one."""
    return scene(
        pod(name, init("early", "await asked"), sidecar("helper"), resident("main")),
        deeds=(
            Until("early runs", running("early")),
            Tell(name, "early", f"{ASK}; : > {BOARD}/asked", note="in early"),
            Until("it has started", lambda found: found.started),
            Tell(name, helper, ASK, note="in helper"),
            Until("it has started", lambda found: found.started),
        ),
    )


def told_of(name: str, *speakers: Speaker) -> Scene:
    """A Pod whose events are read when it is over."""
    return scene(
        pod(name, *speakers),
        deeds=(*_ends_of(name), Read("Event", "", "events", selecting=f"involvedObject.name={name}")),
    )


def _of_the_list(found: Mapping[str, Any]) -> bool | None:
    """Whether what is told of `early` is told of an init container; events are no promise, so there may be none."""
    paths = {one["involvedObject"].get("fieldPath", "") for one in found["items"]}
    ours = {path for path in paths if path.endswith("{early}")}
    return ours == {"spec.initContainers{early}"} if ours else None


AREA = Area(
    "status",
    (
        Behaviour(
            "st-initialized-false-reason",
            "While an init container is not done, the condition Initialized is False by ContainersNotInitialized and"
            " names it.",
            source=f"{CONDITION_DOCS}; {CONFORMANCE_TESTS}",
            since="1.6",
            scene=WHOLE_LIFE,
            shows=(
                whenever(
                    "main",
                    "Initialized is False",
                    is_false("Initialized"),
                    "it is so by ContainersNotInitialized",
                    by("Initialized", "ContainersNotInitialized"),
                ),
                whenever(
                    "main",
                    "Initialized is False",
                    is_false("Initialized"),
                    "it names the init containers that are not done",
                    _names_what_lacks,
                ),
            ),
            twin=as_if(with_condition("Initialized", message="")),
        ),
        Behaviour(
            "st-initialized-true",
            "Initialized is True only when every init container has exited 0 and every sidecar has started; of a Pod"
            " that has succeeded it is so by PodCompleted.",
            source=f"{CONDITION_DOCS}; {KEP_753}",
            since="1.28",
            scene=WHOLE_LIFE,
            shows=(
                whenever(
                    "main",
                    "Initialized is True",
                    is_true("Initialized"),
                    "every init container is done and every sidecar has started",
                    _is_initialized,
                ),
                lastly(
                    "main", "it is over", over, "it is so by PodCompleted", by("Initialized", "PodCompleted")
                ),
            ),
            twin=as_if(with_container("later", state="running", exit_code=None)),
        ),
        Behaviour(
            "st-initialized-no-inits",
            "A Pod without init containers is Initialized before it has a sandbox.",
            source=CONDITION_DOCS,
            since="1.29",
            scene=once_ready("no-inits"),
            shows=(in_turn("main", "PodScheduled", "Initialized", "PodReadyToStartContainers"),),
            twin=IN_ORDER,
        ),
        Behaviour(
            "st-initialized-monotonic",
            "A Pod that is Initialized stays so.",
            source=f"{CONDITION_DOCS}; {CONFORMANCE_TESTS}",
            since="1.6",
            scene=WHOLE_LIFE,
            shows=(for_good("main", "Initialized is True", is_true("Initialized")),),
            twin=backwards,
        ),
        Behaviour(
            "st-condition-order",
            "A Pod is scheduled, ready to start containers, Initialized, has its containers ready and is Ready, in that"
            " order.",
            source=CONDITION_DOCS,
            since="1.29",
            scene=IN_ORDER,
            shows=(in_turn("main", *FIRST_CONDITIONS, "ContainersReady", "Ready"),),
            twin=as_if(with_condition("PodScheduled", since="2999-12-31T23:59:59Z")),
        ),
        Behaviour(
            "st-podready-to-start",
            "A Pod is not ready to start containers before it has a sandbox, nor when the sandbox of its past is gone.",
            source=KEP_3085,
            since="1.29",
            scene=NO_SANDBOX,
            shows=(
                lastly(
                    "main",
                    "a volume is missing",
                    lambda found: FIRST_CONDITIONS[1] in found.conditions,
                    "it is not ready to start containers",
                    is_false(FIRST_CONDITIONS[1]),
                ),
                whenever(
                    "other", "other runs", running("other"), "it was ready to", is_true(FIRST_CONDITIONS[1])
                ),
                lastly("other", "it is over", over, "it is not ready to", is_false(FIRST_CONDITIONS[1])),
            ),
            twin=as_if(with_condition(FIRST_CONDITIONS[1], status="True")),
        ),
        Behaviour(
            "st-init-ready-semantics",
            "A plain init container is ready when it has exited 0 and not before, a sidecar with a readiness probe when"
            " that succeeds, one without when it has started.",
            source=f"{SIDECAR_DOCS}; {CONFORMANCE_TESTS}",
            since="1.28",
            scene=probed(
                "never-ready", "false", Until("main has begun", begun("main")), *_ends_of("never-ready")
            ),
            shows=(
                _ready("early", False, "early is not done", lambda one: not one.succeeded),
                _ready("early", True, "early is done", lambda one: one.succeeded),
                _ready("plain", True, "the sidecar without a probe has started", lambda one: one.started),
                always(
                    "helper",
                    "the sidecar whose probe fails is not ready",
                    the("helper", lambda one: not one.ready),
                ),
            ),
            twin=probed(
                "soon-ready", "true", Until("the probe has succeeded", the("helper", lambda one: one.ready))
            ),
        ),
        Behaviour(
            "st-statuses-lengths",
            "The states of init containers and sidecars are told in one list, in the order of the spec.",
            source=f"{SIDECAR_DOCS}; {CONFORMANCE_TESTS}",
            since="1.28",
            scene=IN_ORDER,
            shows=(
                reads(
                    "pod",
                    "early, helper and later are told of in this order",
                    lambda found: (
                        [one["name"] for one in found["status"]["initContainerStatuses"]]
                        == ["early", "helper", "later"]
                    ),
                ),
            ),
            twin=once_ready("in-another-order", init("later"), sidecar("helper"), init("early")),
        ),
        Behaviour(
            "st-app-waiting-podinitializing",
            "Apps wait by PodInitializing until the init containers are done.",
            source=CONFORMANCE_TESTS,
            since="1.6",
            scene=WHOLE_LIFE,
            shows=(
                whenever(
                    "main",
                    "main waits by any reason",
                    the("main", lambda one: one.state == "waiting" and one.reason is not None),
                    "it is PodInitializing",
                    the("main", lambda one: one.reason == "PodInitializing"),
                ),
            ),
            twin=NO_SANDBOX,
        ),
        Behaviour(
            "st-phase-pending-until-init",
            "A Pod is Pending while an init container is not done, also when a sidecar runs.",
            source=f"{INIT_DOCS}; {KEP_753}",
            since="1.28",
            scene=WHOLE_LIFE,
            shows=(
                whenever(
                    "later",
                    "later is not done",
                    the("later", lambda one: not one.succeeded),
                    "the Pod is Pending",
                    lambda found: found.phase == "Pending",
                ),
                once(
                    "helper",
                    "the sidecar runs in a Pod that is Pending",
                    lambda found: found.phase == "Pending" and running("helper")(found),
                ),
            ),
            twin=scene(
                pod("no-init-at-all", sidecar("helper"), resident("later")),
                deeds=(Until("it runs", lambda found: found.phase == "Running"),),
            ),
        ),
        Behaviour(
            "st-phase-running-def",
            "A Pod whose app crashes and is restarted is Running all the while.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=_crashing(
                "crashes-on",
                "Always",
                Until(
                    "it crashed again", the("main", lambda one: one.restarts >= 1 and one.state != "running")
                ),
            ),
            shows=(
                whenever(
                    "main",
                    "main has crashed",
                    the("main", lambda one: one.crash is not None or one.restarts > 0),
                    "the Pod is Running",
                    lambda found: found.phase == "Running",
                ),
            ),
            twin=_crashing("crashes-once", "Never", Until("it is over", settled)),
        ),
        Behaviour(
            "st-phase-terminal-ignores-sidecars",
            "Whether a Pod has succeeded or failed is up to its apps: how its sidecars exit does not matter.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.29",
            scene=APPS_DECIDE,
            shows=(
                ends("good", "Succeeded"),
                exited("bad-aide", 3),
                ends("bad", "Failed"),
                exited("good-aide", 0),
            ),
            twin=ALL_DECIDE,
        ),
        Behaviour(
            "st-phase-terminal-after-all-stopped",
            "A Pod is said to be over only when no container of it runs any more, a sidecar included.",
            source=LIFECYCLE_DOCS,
            since="1.29",
            scene=WHOLE_LIFE,
            shows=(
                whenever(
                    "main",
                    "the Pod is over",
                    over,
                    "none of its containers runs",
                    lambda found: all(one.state != "running" for one in found.containers),
                ),
                says("helper", "end"),
            ),
            twin=as_if(with_container("helper", state="running")),
        ),
        Behaviour(
            "st-ready-false-on-delete",
            "A Pod that is being deleted is not ready any more once its readiness probe fails, while its app runs.",
            source=f"{LIFECYCLE_DOCS}; {PROBE_DOCS}",
            since="1.22",
            scene=STOPPING,
            shows=(
                lastly(
                    "main",
                    "it is being deleted, and main runs",
                    lambda found: found.deleting and running("main")(found),
                    "it is not ready",
                    is_false("Ready"),
                ),
            ),
            twin=as_if(with_condition("Ready", status="True")),
        ),
        Behaviour(
            "st-observed-generation",
            "A status says which generation of the Pod it is of.",
            source=KEP_5067,
            since="1.34",
            scene=observed(
                "changed",
                Patch("Pod", "changed", {"spec": {"activeDeadlineSeconds": 3600}}),
                generation=2,
            ),
            shows=(reads("pod", "the second generation is observed", _observes),),
            twin=observed("unchanged", generation=1),
            sign=Sign("PodObservedGenerationTracking", _no_generation),
        ),
        Behaviour(
            "st-logs-of-init",
            "What an init container printed can be read when it is done and, when it runs again, of its last attempt.",
            source=DEBUG_DOCS,
            since="1.6",
            scene=fails_at_first("fails-once", "first"),
            shows=(says("done-before", "done"), says("early", "first")),
            twin=fails_at_first("fails-twice", "first", "second"),
        ),
        Behaviour(
            "st-exec-into-sidecar",
            "Commands can be run in a sidecar, and in an init container while that runs.",
            source="Kubernetes documentation, Get a Shell to a Running Container",
            since="1.28",
            scene=entered("entered", "helper"),
            shows=(looks("in early", "asked inside"), looks("in helper", "asked inside")),
            twin=entered("entered-too-late", "early"),
        ),
        Behaviour(
            "st-events-fieldpath",
            "Events that tell of an init container name it as one of that list.",
            source=DEBUG_DOCS,
            since="1.6",
            scene=told_of("told-of-init", init("early"), app("main")),
            shows=(
                reads("events", "early is told of as an init container", _of_the_list),
                succeeded("early"),
            ),
            twin=told_of("told-of-app", app("early"), app("main")),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
