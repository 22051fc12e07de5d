"""Restart of all containers: a container that exits by a rule for that makes its Pod begin anew, in its place.

The board outlives it, so containers know by their marks that they have been there before. The runtime forgets what is
killed so, its log and its message: what was said before is written on the board, and said again by the next attempt.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import Judgement, always, before, birth, exited, restarted, runs, the
from conformance.deeds import Delete, Patch, Until
from conformance.ending import at_last, birth_of, ends, never_says, stays_dead
from conformance.pods import (
    Scene,
    Speaker,
    app,
    from_field,
    hook,
    init,
    pod,
    probe,
    resident,
    scene,
    sidecar,
    value,
)
from conformance.registry import Area, Behaviour
from conformance.restarting import (
    HEARS,
    again,
    at_first,
    followed,
    heard_otherwise,
    leave,
    left,
    lives_on,
    rule,
    ruled,
    said_by,
    says_alike,
    willing,
)
from conformance.verdicts import catch, hold

KEP_5532 = "KEP-5532, Restart All Containers on Container Exits"
# The exit code by which all begin anew.
CODE, OTHER = 88, 87
ALL, ONE = "RestartAllContainers", "Restart"
RESTARTING = "AllContainersRestarting"


def anew(code: int = CODE, action: str = ALL, policy: str = "Never") -> dict[str, Any]:
    """The fields of a container by whose exit all begin anew."""
    return ruled(rule(code, action=action), policy=policy)


# --- one Pod of all kinds -----------------------------------------------------------------------

HOOK = {"preStop": hook("aloud", "say hook-begin")}
TOLD = "/board/told"
WHERE = (f"cat {TOLD}", 'say network "$(readlink /proc/self/ns/net)"', 'say ip "$IP"')


def _of_all_kinds(name: str, action: str = ALL, code: int = CODE, patience: int = 120) -> Scene:
    """A Pod whose main container exits when the others run, or have ended: `other` stays until main is there again."""
    return followed(
        name,
        init("early"),
        sidecar("helper", **HEARS),
        app(
            "main",
            at_first(
                f"await other; await finished; await failed; linger nothing; {leave(CODE)}",
            ),
            "mark again",
            **anew(code, action=action),
        ),
        resident(
            "other",
            *WHERE,
            "await again",
            leave(0),
            at_term=("within $PATIENCE marked nothing", "say outlasted"),
            lifecycle=HOOK,
            env=[from_field("IP", "status.podIP"), value("PATIENCE", str(patience)), value("WILL", TOLD)],
        ),
        app("finished"),
        app("failed", at_first(leave(1))),
        terminationGracePeriodSeconds=600,
    )


ANEW = _of_all_kinds("all-anew")
ONE_ANEW = _of_all_kinds("one-anew", ONE)

STOPPED_IN_GRACE = followed(
    "stopped-in-grace",
    resident(
        "other",
        lifecycle=HOOK,
        at_term=("mark other-told",),
        livenessProbe=probe("! marked stop", failureThreshold=1),
    ),
    app("main", "await other", "mark stop", "await other-told"),
)


def _keeps_sandbox(seen: PodFacts) -> bool:
    """Whether the sandbox is there as long as there are containers to be in it."""
    found = seen.conditions.get("PodReadyToStartContainers")
    started = any(one.restarts for one in seen.containers)
    ended = all(one.state == "terminated" for one in seen.containers)
    return ended or not started or (found is not None and found.true)


def _restarting_no_more(seen: PodFacts) -> bool:
    found = seen.conditions.get(RESTARTING)
    return found is not None and not found.true


# --- by whom ------------------------------------------------------------------------------------


def _by_sidecar(name: str, action: str) -> Scene:
    lines = (at_first(f"await main; {leave(CODE)}"), "mark helper-back")
    helper = sidecar("helper", *lines, **anew(action=action, policy="Always"))
    return followed(name, init("early"), helper, app("main", "await helper-back"))


def _by_init(name: str, action: str) -> Scene:
    return followed(
        name,
        init("first"),
        sidecar("helper", **HEARS),
        init("trigger", at_first(leave(CODE)), **anew(action=action)),
        app("main"),
    )


def _by_many(name: str, *lines: str) -> Scene:
    """Several containers by whose exits all begin anew, one of which exits so, by these lines."""
    return followed(
        name,
        sidecar("helper", **anew(policy="Always")),
        app("main", *lines, "linger nothing", "mark done", **anew()),
        app("other", "await done", **anew()),
        until=Until("main is started again twice", again("main", 2)),
    )


LEAVE_TWICE = f"marked twice || {{ marked once && mark twice; mark once; {leave(CODE)}; }}"
THIRD_TIME = "echo run >> /board/runs; runs=$(grep -c run /board/runs)"


def _after_failure(name: str, action: str) -> Scene:
    """The app fails first, by which it alone is started again, and then exits by its rule."""
    by_run = f'case "$runs" in 1) {leave(1)} ;; 2) {leave(CODE)} ;; esac'
    main = app("main", THIRD_TIME, by_run, **anew(action=action, policy="OnFailure"))
    return followed(name, init("early"), sidecar("helper"), main)


def _init_fails_then(name: str, action: str) -> Scene:
    early = init("early", f"marked early-was && {leave(1)}; mark early-was")
    return followed(name, early, app("main", at_first(leave(CODE)), **anew(action=action)))


def _ends_by_rule(name: str) -> Scene:
    """An app that exits by its rule when it is told to stop."""
    fields = {**HEARS, **anew()}
    made = pod(name, sidecar("helper", **HEARS), resident("main", at_term=(f"code={CODE}",), **fields))
    return scene(made, deeds=(Delete(name),))


def _debugged(name: str, *beside: Speaker, debug: bool) -> Scene:
    """The app begins anew when a container is there that it does not belong with."""
    main = resident(
        "main",
        at_first(f"await debug; {leave(CODE)}"),
        "mark back",
        **anew(),
        readinessProbe=probe("marked back"),
    )
    added = Speaker("debug", Role.EPHEMERAL, True, (), {})
    body = {"spec": {"ephemeralContainers": [added.spec()]}}
    adds = (Patch("Pod", name, body, subresource="ephemeralcontainers"),) if debug else ()
    return scene(
        willing(pod(name, main, *beside)),
        deeds=(*adds, Until("main is back", the("main", lambda one: one.ready))),
    )


# What is promised of all of them alike: by whom, and since when.
promise = partial(Behaviour, source=KEP_5532, since="1.36")

AREA = Area(
    "restart of all containers",
    (
        promise(
            "rac-from-app",
            "When an app exits by a rule to restart all, all containers of its Pod run again, in the order of a start.",
            scene=ANEW,
            shows=(
                *(restarted(one, 1) for one in ("early", "helper", "main", "other")),
                before(said_by("early", "end", 1), birth_of("helper", 1)),
                before(birth_of("helper", 1), birth_of("main", 1)),
                ends("main", "Succeeded"),
            ),
            twin=ONE_ANEW,
        ),
        promise(
            "rac-from-sidecar",
            "A sidecar can have such a rule as well.",
            scene=_by_sidecar("anew-by-sidecar", ALL),
            shows=(
                *(restarted(one, 1) for one in ("early", "helper", "main")),
                ends("main", "Succeeded"),
            ),
            twin=_by_sidecar("one-by-sidecar", ONE),
        ),
        promise(
            "rac-from-init",
            "An init container can have such a rule as well: init containers and sidecars before it run again.",
            scene=_by_init("anew-by-init", ALL),
            shows=(
                *(restarted(one, 1) for one in ("first", "helper", "trigger")),
                restarted("main", 0),
                before(said_by("trigger", "end", 1), birth("main")),
                ends("main", "Succeeded"),
            ),
            twin=_by_init("one-by-init", ONE),
        ),
        promise(
            "rac-no-loop",
            "Containers that are killed in a restart of all do not make another one, though they have the rule too.",
            scene=_by_many("anew-once", at_first(f"await other; {leave(CODE)}")),
            shows=(
                *(restarted(one, 1) for one in ("helper", "main", "other")),
                ends("main", "Succeeded"),
            ),
            twin=_by_many("anew-twice", LEAVE_TWICE),
        ),
        promise(
            "rac-after-previous-restart",
            "A container that was started again by itself before can make all begin anew.",
            scene=_after_failure("anew-after-failure", ALL),
            shows=(
                restarted("main", 2),
                *(restarted(one, 1) for one in ("early", "helper")),
                ends("main", "Succeeded"),
            ),
            twin=_after_failure("one-after-failure", ONE),
        ),
        promise(
            "rac-keeps-sandbox",
            "A restart of all keeps the Pod's address, its network namespace and its volumes.",
            scene=ANEW,
            shows=(
                restarted("other", 1),
                says_alike("other", "network"),
                says_alike("other", "ip"),
                always("main", "the sandbox is ready", _keeps_sandbox),
            ),
            twin=lambda life: heard_otherwise(life, "other", "network"),
        ),
        promise(
            "rac-no-grace-no-prestop",
            "A restart of all calls no preStop hook and gives no grace: what does not end at once is killed.",
            scene=ANEW,
            shows=(
                says_alike("other", "network"),
                never_says("other", "hook-begin"),
                never_says("other", "outlasted"),
                left("other", 0, 137),
            ),
            twin=STOPPED_IN_GRACE,
        ),
        promise(
            "rac-restarts-finished-ones",
            "Containers that have ended already run again too, be it that they had failed or succeeded.",
            scene=ANEW,
            shows=(restarted("finished", 1), restarted("failed", 1), ends("main", "Succeeded")),
            twin=ONE_ANEW,
        ),
        promise(
            "rac-condition",
            "A condition of the Pod tells of the restart of all, and is false when it is done.",
            scene=ANEW,
            shows=(at_last("main", f"{RESTARTING} is False", _restarting_no_more),),
            twin=ONE_ANEW,
        ),
        promise(
            "rac-status-history",
            "The last state of a container that was killed so tells why.",
            scene=ANEW,
            shows=(left("other", 0, 137, "RestartingAllContainers"),),
            twin=ONE_ANEW,
        ),
        promise(
            "rac-phase",
            "A restart of all is no end of the Pod: it is pending or runs until it is over.",
            scene=ANEW,
            shows=(
                restarted("main", 1),
                always("main", "the Pod has not failed", lambda seen: seen.phase != "Failed"),
            ),
            twin=_of_all_kinds("none-anew", ALL, OTHER, patience=3),
        ),
        promise(
            "rac-init-fails-after",
            "If an init container fails when all begin anew, a Pod that never restarts has failed.",
            scene=_init_fails_then("anew-and-fails", ALL),
            shows=(restarted("early", 1), exited("early", 1), ends("main", "Failed")),
            twin=_init_fails_then("one-and-works", ONE),
        ),
        promise(
            "rac-not-while-deleting",
            "A Pod that is being deleted does not begin anew.",
            scene=_ends_by_rule("deleted-by-rule"),
            shows=(exited("main", CODE), stays_dead("main"), stays_dead("helper")),
            twin=followed(
                "alive-by-rule",
                sidecar("helper", **HEARS),
                app("main", at_first(leave(CODE)), **anew()),
            ),
        ),
        promise(
            "rac-ephemeral-untouched",
            "A restart of all leaves ephemeral containers alone.",
            scene=_debugged("anew-but-debugger", debug=True),
            shows=(restarted("main", 1), restarted("debug", 0), lives_on("debug"), runs("debug")),
            twin=_debugged("anew-and-app", resident("debug"), debug=False),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
