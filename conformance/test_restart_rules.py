"""Restart rules: containers with a restart policy of their own, and rules by their exit codes."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    PodFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import Judgement, before, birth, exited, refuses, restarted, the, whenever
from conformance.deeds import Until
from conformance.ending import ends, never_made
from conformance.pods import HASTY, Scene, Speaker, app, init, pod, resident, scene
from conformance.registry import KEP_5307, LIFECYCLE_DOCS, Area, Behaviour
from conformance.restarting import (
    again,
    at_first,
    followed,
    leave,
    left,
    rule,
    ruled,
    said_by,
    started_again,
    until_over,
    willing,
)
from conformance.verdicts import catch, hold
from conformance.workload_claims import condition, in_pod, made, until_job_over
from conformance.workloads import job

# The exit code that the rules are about, unless they are about another one.
LISTED, OTHER = 42, 41


def _once(name: str, code: int, **fields: Any) -> Speaker:
    """An app container that exits so in its first attempt, and 0 in the next."""
    return app(name, at_first(leave(code)), **fields)


def _until_again(name: str, speaker: Speaker, *others: Speaker, policy: str) -> Scene:
    """A Pod that is seen until its first container is started again, or it is over."""
    until = Until(f"{speaker.name} is started again", again(speaker.name))
    return followed(name, speaker, *others, until=until, restartPolicy=policy)


def _own(policy: str | None) -> dict[str, Any]:
    return {"restartPolicy": policy} if policy else {}


def _fails_by_codes(name: str, code: int) -> Scene:
    """Two Pods whose init container is tried again by rule: one succeeds then, one exits otherwise."""
    fine, worse, rules = f"{name}-then-fine", f"{name}-then-worse", ruled(rule(code))
    return scene(
        willing(pod(fine, init("heals", at_first(leave(LISTED)), **rules), app("main"))),
        willing(pod(worse, init("fails", at_first(leave(LISTED)), leave(7), **rules), app("other"))),
        deeds=(until_over(fine), until_over(worse)),
    )


def _sidecars(name: str, role: Role, policy: str, **fields: Any) -> Scene:
    """Containers with a rule that leave, by a code that it lists and by another one, and an app that awaits both."""
    leavers = [
        Speaker(
            f"leaves-{code}",
            role,
            True,
            (at_first(leave(code)), 'mark "$NAME-again"'),
            ruled(rule(LISTED), policy=policy),
        )
        for code in (LISTED, 7)
    ]
    main = app("main", *(f"await {one.name}-again" for one in leavers), **fields)
    seen = Until("main has ended", the("main", lambda one: one.state == "terminated"))
    return followed(name, *leavers, main, until=seen)


def _by_operator(name: str, operator: str) -> Scene:
    return followed(
        name,
        _once("not-zero", 3, **ruled(rule(0, operator=operator))),
        _once("not-three", 3, **ruled(rule(3, operator=operator))),
    )


def _job(name: str, code: int) -> Scene:
    """A Job that gives up on the listed code, whose container is started again on a code."""
    codes = {"containerName": "main", "operator": "In", "values": [LISTED]}
    policy = {"rules": [{"action": "FailJob", "onExitCodes": codes}]}
    template = pod(name, _once("main", LISTED, **ruled(rule(code))))
    return scene(job(template, podFailurePolicy=policy), deeds=until_job_over(name))


def _fails_twice(name: str, second: int) -> Scene:
    lines = f"marked once && {{ mark twice; {leave(second)}; }}; mark once; {leave(LISTED)}"
    return followed(name, app("main", f"marked twice || {{ {lines}; }}", **ruled(rule(LISTED))))


def _waits_for_its_next_start(seen: PodFacts) -> bool:
    return the("main", lambda one: one.restarts == 1 and one.state != "running")(seen)


def _asked(name: str, **fields: Any) -> dict[str, Any]:
    return pod(name, app("main", **fields))


RULES = "spec.containers[0].restartPolicyRules"

promise = partial(Behaviour, source=KEP_5307, since="1.35")

AREA = Area(
    "restart rules",
    (
        promise(
            "rules-restart-on-match",
            "A container that exits with a code of its rule is started again, even if its own policy is Never.",
            scene=followed("on-match", _once("main", LISTED, **ruled(rule(LISTED)))),
            shows=(restarted("main", 1), left("main", 0, LISTED), ends("main", "Succeeded")),
            twin=followed("on-no-match", _once("main", LISTED, **ruled(rule(OTHER)))),
        ),
        promise(
            "rules-no-match-falls-back",
            "A container that exits with a code of none of its rules goes by its own policy.",
            scene=followed(
                "falls-back",
                _once("never", 1, **ruled(rule(LISTED))),
                _once("retries", 1, **ruled(rule(LISTED), policy="OnFailure")),
            ),
            shows=(
                exited("never", 1),
                restarted("never", 0),
                restarted("retries", 1),
                ends("never", "Failed"),
            ),
            twin=followed(
                "does-not-fall-back",
                _once("never", 1, **ruled(rule(1))),
                _once("retries", 1, **ruled(rule(1), policy="OnFailure")),
            ),
        ),
        promise(
            "rules-container-never-over-pod-always",
            "A container whose own policy is Never runs once, also in a Pod that always restarts, which then ends.",
            source=f"{KEP_5307}; {LIFECYCLE_DOCS}",
            scene=_until_again("never-in-always", _once("main", 1, **_own("Never")), policy="Always"),
            shows=(exited("main", 1), restarted("main", 0), ends("main", "Failed")),
            twin=_until_again("always-in-always", _once("main", 1), policy="Always"),
        ),
        promise(
            "rules-container-always-over-pod-never",
            "An app container whose own policy is Always is started again when it exits 0, in a Pod that never"
            " restarts; it is no sidecar.",
            source=f"{KEP_5307}; {LIFECYCLE_DOCS}",
            scene=_until_again(
                "always-in-never", resident("main", at_first(leave(0)), **_own("Always")), policy="Never"
            ),
            shows=(started_again("main"), left("main", 0, 0)),
            twin=_until_again("never-in-never", app("main"), policy="Never"),
        ),
        promise(
            "rules-init-try-once",
            "An init container whose own policy is Never is tried once; its failure is that of the Pod, even of one"
            " that always restarts.",
            source=f"{KEP_5307}; {LIFECYCLE_DOCS}",
            scene=_until_again(
                "init-tried-once",
                init("early", at_first(leave(1)), **_own("Never")),
                app("main"),
                policy="Always",
            ),
            shows=(exited("early", 1), restarted("early", 0), ends("main", "Failed"), never_made("main")),
            twin=_until_again(
                "init-tried-again", init("early", at_first(leave(1))), app("main"), policy="Always"
            ),
        ),
        promise(
            "rules-init-retry-codes",
            "An init container with a rule is tried again for the codes of its rule, until it exits otherwise.",
            scene=_fails_by_codes("listed", LISTED),
            shows=(
                restarted("heals", 1),
                before(said_by("heals", "end", 1), birth("main")),
                ends("main", "Succeeded"),
                restarted("fails", 1),
                exited("fails", 7),
                ends("other", "Failed"),
                never_made("other"),
            ),
            twin=_fails_by_codes("unlisted", OTHER),
        ),
        promise(
            "rules-sidecar-restart-noop",
            "A sidecar may have a rule to restart it, which changes nothing: it is started again whatever its code.",
            scene=_sidecars("ruled-sidecars", Role.SIDECAR, "Always"),
            shows=(restarted("leaves-42", 1), restarted("leaves-7", 1), exited("main", 0)),
            twin=_sidecars("ruled-apps", Role.APP, "Never", env=HASTY),
        ),
        promise(
            "rules-notin-operator",
            "A rule on codes that an exit code is not in is met by every other code.",
            scene=_by_operator("not-in", "NotIn"),
            shows=(restarted("not-zero", 1), restarted("not-three", 0), exited("not-three", 3)),
            twin=_by_operator("in", "In"),
        ),
        promise(
            "rules-validation",
            "Rules stand beside a policy of the container; there are 20 at most, with 255 codes each at most, and"
            " known operators and actions.",
            scene=scene(
                _asked("rules-alone", restartPolicyRules=[rule(LISTED)]),
                _asked("too-many-rules", **ruled(*(rule(code) for code in range(1, 22)))),
                _asked("too-many-codes", **ruled(rule(*range(256)))),
                _asked("strange-operator", **ruled(rule(LISTED, operator="Exists"))),
                _asked("strange-action", **ruled(rule(LISTED, action="Restarts"))),
                dry=True,
            ),
            shows=(
                refuses("rules-alone", "spec.containers[0]"),
                refuses("too-many-rules", RULES),
                refuses("too-many-codes", f"{RULES}[0].exitCodes.values"),
                refuses("strange-operator", f"{RULES}[0].exitCodes.operator"),
                refuses("strange-action", f"{RULES}[0].action"),
            ),
            twin=scene(
                _asked("rules-beside-policy", **ruled(rule(LISTED))),
                _asked("just-as-many-rules", **ruled(*(rule(code) for code in range(1, 21)))),
                _asked("just-as-many-codes", **ruled(rule(*range(255)))),
                _asked("known-operator", **ruled(rule(LISTED, operator="NotIn"))),
                dry=True,
            ),
            tier="api",
        ),
        promise(
            "rules-job-podfailurepolicy",
            "A restart by rule is none of the Job's business: no failure policy and no limit counts it.",
            scene=_job("job-of-rule", LISTED),
            shows=(condition("Complete"), made(1), in_pod(1, restarted("main", 1))),
            twin=_job("job-of-no-rule", OTHER),
        ),
        promise(
            "rules-terminated-during-backoff",
            "While a container that has ended waits for its restart by rule, its Pod is not over.",
            scene=_fails_twice("waits-for-restart", LISTED),
            shows=(
                whenever(
                    "main",
                    "main waits for its next start",
                    _waits_for_its_next_start,
                    "the Pod runs",
                    lambda seen: seen.phase == "Running",
                ),
                restarted("main", 2),
                ends("main", "Succeeded"),
            ),
            twin=_fails_twice("waits-for-nothing", 7),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
