"""Jobs: what their sidecars do to their end, what counts as a failure, and what ends their Pods before their time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    PodFacts,
    conditions_of,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order, unix_seconds
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import (
    Finding,
    Judgement,
    Life,
    always,
    before,
    end,
    exited,
    mark,
    restarted,
    said_its_end,
    says,
    succeeded,
    the,
    whenever,
)
from conformance.deeds import Patch, UntilPods, UntilState
from conformance.ending import never_says, over, settled
from conformance.pods import Manifest, Scene, Speaker, app, init, pod, probe, resident, scene, sidecar
from conformance.registry import INIT_DOCS, JOB_DOCS, KEP_753, SIDECAR_DOCS, Area, Behaviour
from conformance.verdicts import catch, hold
from conformance.workload_claims import condition, in_each, in_pod, made, until_job_over
from conformance.workloads import job

FAIL = ("say end", "tick", "exit 1")


def _is(name: str, state: Mapping[str, Any] | None) -> bool:
    found = conditions_of((state or {}).get("status") or {}).get(name)
    return found is not None and found.true


def _ended(pods: Sequence[PodFacts]) -> bool:
    return all(map(settled, pods))


def ends(template: Manifest, **spec: Any) -> Scene:
    """A Job that is followed to its end, whichever it is."""
    return scene(job(template, **spec), deeds=until_job_over(template["metadata"]["name"]))


# --- sidecars at the end ------------------------------------------------------------------------

# The helper outlasts the main container by a window, and says so if it is not told to stop before.
OUTLAST = ("await done", "linger never", "say outlasted")
WORK = app("main", "await helper", "mark done")
NATIVE = ends(pod("native", sidecar("helper", *OUTLAST), WORK))
CLASSIC = ends(pod("classic", app("helper", *OUTLAST), WORK))


HELPER_HAS_ENDED = the("helper", lambda one: one.state == "terminated")


def _without_end_of_helper(life: Life) -> Life:
    """As if the Job had been complete before its sidecar had come to its end."""
    timelines = tuple(
        replace(one, lines=tuple(line for line in one.lines if not line.text.endswith(" end")))
        for one in life.timelines
    )
    return replace(life, timelines=timelines)


FAIL_ONCE = "marked again || { mark again; say end; tick; exit 1; }"


def _second_chance(name: str, policy: str, failures: int) -> Scene:
    template = pod(name, init("early"), sidecar("helper"), app("main", FAIL_ONCE), restartPolicy=policy)
    return ends(template, backoffLimit=failures)


def _failing_init(name: str, *lines: str, policy: str, failures: int) -> Scene:
    return ends(pod(name, init("early", *lines), app("main"), restartPolicy=policy), backoffLimit=failures)


def _main_fails(name: str, policy: str) -> Scene:
    return ends(
        pod(name, sidecar("helper"), app("main", "await helper", *FAIL), restartPolicy=policy), backoffLimit=1
    )


# --- policies -----------------------------------------------------------------------------------


def _gives_up_on(container: str) -> dict[str, Any]:
    codes = {"containerName": container, "operator": "In", "values": [42]}
    return {"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": codes}]}}


def _policies(prefix: str, of_init: str, of_sidecar: str) -> Scene:
    """Two Jobs: an init container exits 42, and a sidecar does so at its end, when the app has failed by itself."""
    by_init, by_sidecar = f"{prefix}-init", f"{prefix}-sidecar"
    return scene(
        job(pod(by_init, init("early", "say end", "tick", "exit 42"), app("main")), **_gives_up_on(of_init)),
        job(
            pod(by_sidecar, sidecar("helper", at_term=("code=42",)), app("other", "await helper", *FAIL)),
            **_gives_up_on(of_sidecar),
        ),
        deeds=(*until_job_over(by_init), *until_job_over(by_sidecar)),
    )


# --- Pods that end before their time ------------------------------------------------------------

# Told to stop, the main container gives the helper a window to be told so as well.
STEADY = {"startupProbe": probe("marked main")}
MAIN = resident("main", at_term=("linger helper-told", "tick"), **STEADY)
AT_TERM = ("mark helper-told",)


APPS_FIRST = in_pod(1, before(end("main"), mark("helper", "term")))


def _main_started(pods: Sequence[PodFacts], number: int) -> bool:
    return len(pods) >= number and the("main", lambda one: one.started)(pods[number - 1])


def _deadline(name: str, helper: Speaker) -> Scene:
    """The deadline comes when one Pod is up and another one is in its init container."""
    in_init = f"{name}-in-init"

    def passes(job_name: str) -> Patch:
        return Patch("Job", job_name, {"spec": {"activeDeadlineSeconds": 1}})

    return scene(
        job(pod(name, helper, MAIN)),
        job(pod(in_init, Speaker("early", Role.INIT, True, (), {}), app("later"))),
        deeds=(
            UntilPods("main has started", lambda pods: _main_started(pods, 1), name),
            UntilPods(
                "early runs",
                lambda pods: any(map(the("early", lambda one: one.state == "running"), pods)),
                in_init,
            ),
            passes(name),
            passes(in_init),
            *until_job_over(name),
            *until_job_over(in_init),
        ),
    )


def _suspended(name: str, helper: Speaker) -> Scene:
    return scene(
        job(pod(name, init("early"), helper, MAIN)),
        deeds=(
            UntilPods("main has started", lambda pods: _main_started(pods, 1)),
            Patch("Job", name, {"spec": {"suspend": True}}),
            UntilPods("the Pod has ended", _ended),
            UntilState("it is suspended", lambda state: _is("Suspended", state)),
            Patch("Job", name, {"spec": {"suspend": False}}),
            UntilPods("main of the second Pod has started", lambda pods: _main_started(pods, 2)),
        ),
    )


LIVES = 2


def _outlives_its_completion(life: Life) -> Finding:
    """Both stamps are of the control plane, and the controller itself counts from the first in whole seconds."""
    wanted = f"ttl is deleted at least {LIVES} s after its completion"
    state = life.workloads.get("ttl") or {}
    completed = unix_seconds((state.get("status") or {}).get("completionTime"))
    deleted = unix_seconds((state.get("metadata") or {}).get("deletionTimestamp"))
    if completed is None or deleted is None:
        return Finding(Order.TIE, f"{wanted}: that is not in the last state seen of it")
    lived = deleted - completed
    answer = Order.YES if lived >= LIVES else Order.NO if lived < 0 else Order.TIE
    return Finding(answer, f"{wanted}: after {lived:g} s")


def _deleted_at_its_start(life: Life) -> Life:
    state = life.workloads["ttl"]
    metadata = {**state["metadata"], "deletionTimestamp": state["status"]["startTime"]}
    return replace(life, workloads={**life.workloads, "ttl": {**state, "metadata": metadata}})


AREA = Area(
    "jobs",
    (
        Behaviour(
            "job-native-sidecar-completes",
            "A Job completes although it has a sidecar, which is told to stop when the main container has ended.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.29",
            scene=NATIVE,
            shows=(
                before(end("main"), mark("helper", "term")),
                says("helper", "term"),
                condition("Complete"),
            ),
            twin=CLASSIC,
        ),
        Behaviour(
            "job-classic-sidecar-blocks",
            "A helper that is an app keeps its Job from completing for as long as it runs: nobody tells it to stop.",
            source=f"{SIDECAR_DOCS}; {JOB_DOCS}",
            since="1.2",
            scene=CLASSIC,
            shows=(
                never_says("helper", "term"),
                before(end("main"), mark("helper", "outlasted")),
                whenever("helper", "the Pod has ended", over, "helper has ended", HELPER_HAS_ENDED),
                condition("Complete"),
            ),
            twin=NATIVE,
        ),
        Behaviour(
            "job-sidecar-exit-ignored",
            "A sidecar that exits with an error when it is told to stop does not fail its Job.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.29",
            scene=ends(
                pod("ends-badly", sidecar("helper", at_term=("code=3",)), app("main", "await helper"))
            ),
            shows=(
                exited("helper", 3),
                succeeded("main"),
                in_each(succeeded("main")),
                condition("Complete"),
            ),
            twin=ends(pod("fails", app("helper", "code=3", "await done", "say end", "tick", "exit 3"), WORK)),
        ),
        Behaviour(
            "job-main-fails-sidecar-stopped",
            "Where the main container of a Job's Pod fails, its sidecar is stopped and the Pod has failed; the retry"
            " is a new Pod with a new sidecar.",
            source=f"{JOB_DOCS}; {SIDECAR_DOCS}",
            since="1.29",
            scene=_main_fails("tries-again", "Never"),
            shows=(
                made(2),
                in_each(exited("main", 1)),
                in_each(before(end("main"), mark("helper", "term"))),
                in_each(exited("helper", 0)),
                in_each(restarted("helper", 0)),
                condition("Failed", "BackoffLimitExceeded"),
            ),
            twin=_main_fails("tries-in-place", "OnFailure"),
        ),
        Behaviour(
            "job-onfailure-restarts-main-only",
            "With restartPolicy OnFailure a main container that fails is restarted in its Pod; the sidecar runs on, and"
            " no init container runs again.",
            source=f"{JOB_DOCS}; {SIDECAR_DOCS}",
            since="1.29",
            scene=_second_chance("in-place", "OnFailure", 3),
            shows=(
                made(1),
                restarted("main", 1),
                restarted("helper", 0),
                restarted("early", 0),
                succeeded("main"),
                condition("Complete"),
            ),
            twin=_second_chance("no-second-chance", "Never", 0),
        ),
        Behaviour(
            "job-init-fail",
            "An init container that fails under restartPolicy Never fails its Pod, which the Job counts as a failure.",
            source=f"{INIT_DOCS}; {JOB_DOCS}",
            since="1.6",
            scene=_failing_init("init-fails", *FAIL, policy="Never", failures=0),
            shows=(
                made(1),
                exited("early", 1),
                always("main", "main waits", the("main", lambda one: one.state == "waiting")),
                condition("Failed", "BackoffLimitExceeded"),
            ),
            twin=_failing_init("init-fails-once", FAIL_ONCE, policy="OnFailure", failures=3),
        ),
        Behaviour(
            "job-completion-after-sidecar",
            "A Job is complete only when the sidecars of its Pods have ended.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.29",
            # Its log is read once the Job is seen to be complete.
            scene=scene(
                job(
                    pod("slow-end", sidecar("helper", at_term=("linger never",)), app("main", "await helper"))
                )
            ),
            shows=(
                before(end("main"), mark("helper", "term")),
                said_its_end("helper"),
                condition("Complete"),
            ),
            twin=_without_end_of_helper,
        ),
        Behaviour(
            "job-activedeadline",
            "A Job whose deadline has passed fails, and its Pods are stopped in order: apps first, then sidecars; an"
            " init container that still runs is stopped, and nothing comes after it.",
            source=f"{JOB_DOCS}; {SIDECAR_DOCS}",
            since="1.29",
            scene=_deadline("too-late", sidecar("helper", at_term=AT_TERM)),
            shows=(
                APPS_FIRST,
                condition("Failed", "DeadlineExceeded"),
                always("later", "later waits", the("later", lambda one: one.state == "waiting")),
                condition("Failed", "DeadlineExceeded", of=2),
            ),
            twin=_deadline("too-late-at-once", resident("helper", at_term=AT_TERM)),
        ),
        Behaviour(
            "job-podfailurepolicy-containername",
            "A Job's podFailurePolicy may name an init container or a sidecar; the exit code of a sidecar is that of"
            " its end.",
            source=JOB_DOCS,
            since="1.31",
            scene=_policies("given-up-by", "early", "helper"),
            shows=(
                exited("early", 42),
                condition("Failed", "PodFailurePolicy"),
                exited("other", 1),
                exited("helper", 42),
                condition("Failed", "PodFailurePolicy", of=2),
            ),
            twin=_policies("not-given-up-by", "main", "other"),
        ),
        Behaviour(
            "job-ttl",
            "The time that a finished Job is kept counts from its completion, which its sidecar's end is part of.",
            source=f"{JOB_DOCS}; {SIDECAR_DOCS}",
            since="1.29",
            scene=scene(
                job(
                    pod("ttl", sidecar("helper", at_term=("linger never",)), app("main", "await helper")),
                    ttlSecondsAfterFinished=LIVES,
                ),
                deeds=(
                    UntilState("the Job is gone", lambda state: state is None),
                    UntilPods("its Pod has ended", _ended),
                ),
            ),
            shows=(exited("helper", 0), before(end("main"), end("helper")), _outlives_its_completion),
            twin=_deleted_at_its_start,
        ),
        Behaviour(
            "job-suspend-resume",
            "A Job that is suspended has its Pod stopped in order, apps first; resumed, it makes a new one, whose init"
            " containers run anew.",
            source=f"{JOB_DOCS}; {INIT_DOCS}",
            since="1.29",
            scene=_suspended("suspended", sidecar("helper", at_term=AT_TERM)),
            shows=(
                APPS_FIRST,
                in_each(succeeded("early")),
                in_each(restarted("early", 0)),
                made(2),
            ),
            twin=_suspended("suspended-at-once", resident("helper", at_term=AT_TERM)),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
