"""Failure and restart: which containers are started again when they end, when, and what becomes of their Pod.

A container that is to fail does so in its first attempt alone, where the marks on the board tell it the attempt; one
restart follows at once, so a second failure, which takes ten seconds to heal, is had only where they are counted.
Pods that may come to no end are seen until a container has been started again.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import (
    Claim,
    Judgement,
    always,
    before,
    birth,
    end,
    exited,
    mark,
    restarted,
    says,
    succeeded,
    the,
)
from conformance.deeds import Apply, Until
from conformance.ending import at_best, at_last, birth_of, ended_by, ends, later_by, never_made, over
from conformance.pods import HASTY, Scene, Speaker, app, init, pod, probe, resident, scene, sidecar
from conformance.registry import (
    CONFIG_DOCS,
    INIT_DOCS,
    KEP_753,
    LIFECYCLE_DOCS,
    NEVER_RECOVERS,
    NODE_TESTS,
    SIDECAR_DOCS,
    Area,
    Behaviour,
)
from conformance.restarting import (
    HEARS,
    again,
    at_first,
    followed,
    leave,
    leaves_message,
    left,
    lives_on,
    never_waits,
    said_by,
    started_again,
    until_over,
    willing,
)
from conformance.script import WILL
from conformance.verdicts import catch, hold

DEBUG_DOCS = "Kubernetes documentation, Determine the Reason for Pod Failure"

FAIL = leave(1)
FAIL_ONCE = at_first(leave(1))
BACKS_OFF = "CrashLoopBackOff"
# A sidecar that hears TERM before anything after it begins.

# --- init containers ----------------------------------------------------------------------------


def _failing_init(name: str, line: str, policy: str) -> Scene:
    """A Pod whose first init container fails, seen until it is over or has tried once more."""
    return followed(
        name,
        init("early", line),
        init("later"),
        app("main"),
        until=Until("early has been tried again", again("early")),
        restartPolicy=policy,
    )


def _waits_for_init(seen: PodFacts) -> bool:
    condition = seen.conditions.get("Initialized")
    if condition is None:
        return True  # nobody has looked at it yet
    names = condition.message or ""
    return not condition.true and condition.reason == "ContainersNotInitialized" and "early" in names


RETRIED = (
    started_again("early"),
    always("early", "the Pod is Pending", lambda seen: seen.phase == "Pending"),
    always("early", "it is not initialized, for early", _waits_for_init),
    never_made("later"),
    never_made("main"),
)

COUNT_RUNS = ("echo run >> /board/runs",)
TELL_RUNS = "say runs $(grep -c run /board/runs)"


def _crashing_app(name: str, early: Speaker, *lines: str) -> Scene:
    return followed(name, early, app("main", FAIL_ONCE, *lines, TELL_RUNS), restartPolicy="OnFailure")


# --- app containers -----------------------------------------------------------------------------


def _two_ends(name: str, policy: str) -> Scene:
    """Two Pods: in one an app fails and another one outlasts it, in the other all goes well."""
    badly, well = f"{name}-badly", f"{name}-well"
    main = app("main", at_first(f"mark failed; {leave(1)}"))
    return scene(
        willing(pod(badly, main, app("other", "await failed", "linger nothing"), restartPolicy=policy)),
        willing(pod(well, app("good"), restartPolicy=policy)),
        deeds=(until_over(badly), until_over(well)),
    )


def _over_when_all_are(seen: PodFacts) -> bool:
    return not over(seen) or all(one.state == "terminated" for one in seen.containers)


def _good_and_bad(name: str, policy: str) -> Scene:
    return followed(
        name,
        app("good"),
        app("bad", "await good", FAIL_ONCE),
        until=Until("it is over, or good is started again", again("good")),
        restartPolicy=policy,
    )


def _ends_well(name: str, policy: str) -> Scene:
    return followed(
        name,
        app("main"),
        until=Until("main is started again", again("main")),
        restartPolicy=policy,
    )


# --- sidecars -----------------------------------------------------------------------------------

POLICIES = ("Never", "OnFailure", "Always")


def _leaving(role: Role, name: str, code: int, *lines: str) -> Speaker:
    """A container that ends by itself in its first attempt, and in the next one tells so by a mark and stays."""
    return Speaker(name, role, True, (at_first("; ".join([*lines, leave(code)])), 'mark "$NAME-again"'), {})


def _leavers(name: str, policy: str, role: Role = Role.SIDECAR) -> dict[str, Any]:
    """Containers that leave, of each code one before the app has started and one after that."""
    tag = policy.lower()
    early, late = ([f"{when}-{code}-{tag}" for code in (0, 1)] for when in ("early", "late"))
    leavers = [
        *(_leaving(role, one, code) for code, one in enumerate(early)),
        *(_leaving(role, one, code, f"await main-{tag}") for code, one in enumerate(late)),
    ]
    hasty = {"env": HASTY} if role is Role.APP else {}
    watch = [f"await {one}-again" for one in early]
    watcher = app(f"watch-{tag}", *watch, **hasty) if role is Role.APP else init(f"watch-{tag}", *watch)
    work = [*(f"await {one}-again" for one in late), "mark done"]
    stays = {"readinessProbe": probe("marked done")}
    main = (
        resident(f"main-{tag}", *work, **stays) if policy == "Always" else app(f"main-{tag}", *work, **hasty)
    )
    return willing(pod(name, *leavers, watcher, main, restartPolicy=policy))


LEAVERS = scene(
    *(_leavers(f"leavers-{policy.lower()}", policy) for policy in POLICIES),
    deeds=(
        until_over("leavers-never"),
        until_over("leavers-onfailure"),
        Until("main has seen all again", the("main-always", lambda one: one.ready), "leavers-always"),
    ),
)
LEAVING_APPS = scene(
    _leavers("leaving-apps", "Never", Role.APP),
    deeds=(Until("main is through", the("main-never", lambda one: one.state == "terminated")),),
)


def _leavers_return(code: int) -> tuple[Claim, ...]:
    found: list[Claim] = []
    for tag in map(str.lower, POLICIES):
        early, late, main = f"early-{code}-{tag}", f"late-{code}-{tag}", f"main-{tag}"
        found += [
            *(restarted(one, 1) for one in (early, late)),
            *(left(one, 0, code) for one in (early, late)),
            before(birth_of(early, 1), birth(main)),
            before(birth(main), said_by(late, "end", 0)),
        ]
    return (*found, ends("main-never", "Succeeded"), ends("main-onfailure", "Succeeded"))


def _goes_down(name: str, *leavers: str) -> Scene:
    """A Pod of which these containers fail when the app runs; the app does not end before they are back."""
    back = {one: (at_first(f"await main; await next; {leave(1)}"), f"mark {one}-back") for one in leavers}
    return followed(
        name,
        init("early"),
        sidecar("helper", *back.get("helper", ())),
        sidecar("next"),
        app("main", *back.get("main", ()), *(f"await {one}-back" for one in leavers)),
        restartPolicy="OnFailure",
    )


def _untouched(*containers: str) -> tuple[Claim, ...]:
    return (*(restarted(one, 0) for one in containers), *map(lives_on, containers))


# --- init containers among sidecars -------------------------------------------------------------

HELPER = sidecar("helper", **HEARS)


def _failing_among(name: str, policy: str, *inits: Speaker) -> Scene:
    return followed(name, *inits, app("main"), restartPolicy=policy)


# --- back-off -----------------------------------------------------------------------------------

FAIL_THRICE = ("echo run >> /board/runs", f'[ "$(grep -c run /board/runs)" -gt 3 ] || {leave(1)}')
FAIL_TWICE = f"marked twice || {{ marked once && mark twice; mark once; {leave(1)}; }}"


def _beside_a_loop(name: str, *lines: str) -> Scene:
    """One container is in its back-off, having failed twice, when another one begins to fail."""
    return followed(
        name,
        app("loops", FAIL_TWICE),
        app("main", "await twice", *lines),
        restartPolicy="OnFailure",
    )


# --- ends and reasons ---------------------------------------------------------------------------


def _in_shared_processes(name: str, shared: bool) -> Scene:
    """Containers that kill themselves, which the first process of a namespace cannot."""
    # Kubernetes makes one dollar of two in a command.
    killers = [app(signal.lower(), f"kill -{signal} $$$$", "sleep 1") for signal in ("KILL", "TERM")]
    return followed(name, *killers, shareProcessNamespace=shared)


ANSWER = '{"answer": 42}'
LAST_WORDS = "what it said at the last"
LONG = "head -c 9000 /dev/zero | tr '\\0' x"


def _messages(name: str, path: str, policy: str) -> Scene:
    """Containers that leave messages, by no way but those that Kubernetes knows of."""
    return scene(
        pod(
            name,
            init("early", f"echo '{ANSWER}' > {path}"),
            init("wordy", f"{LONG} > {path}"),
            app("crash", f"echo '{LAST_WORDS}'", "exit 1", terminationMessagePolicy=policy),
            app("calm", f"echo '{LAST_WORDS}'", "exit 0", terminationMessagePolicy=policy),
        ),
        deeds=(until_over(),),
    )


CONFIG_ERROR = "CreateContainerConfigError"


def _asks_for_key(name: str, optional: bool) -> Scene:
    """An init container that wants a key of a ConfigMap, which is made when it has been missed."""
    reference = {"name": name, "key": "greeting", "optional": optional}
    env = [{"name": "GREETING", "valueFrom": {"configMapKeyRef": reference}}]
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"greeting": "hello"},
    }
    missed = Until(
        "early waits for its key, or the Pod is over",
        lambda seen: over(seen) or the("early", lambda one: one.reason == CONFIG_ERROR)(seen),
    )
    made = pod(name, init("early", "say greeting $GREETING", env=env), app("main"))
    return scene(willing(made), deeds=(missed, Apply(config), until_over()))


FAILED = the("early", lambda one: one.state == "terminated" and not one.succeeded)


def _cannot_start(name: str, command: list[str]) -> Scene:
    return followed(name, init("early", command=command), app("main"))


AREA = Area(
    "failure and restart",
    (
        Behaviour(
            "fail-init-never-fails-pod",
            "In a Pod that never restarts, an init container that fails fails the Pod; nothing after it starts.",
            source=INIT_DOCS,
            since="1.6",
            scene=_failing_init("init-fails", FAIL, "Never"),
            shows=(
                ends("early", "Failed"),
                exited("early", 1),
                restarted("early", 0),
                never_made("later"),
                never_made("main"),
            ),
            twin=followed("init-works", init("early"), init("later"), app("main")),
        ),
        *(
            Behaviour(
                f"fail-init-{policy.lower()}-retries",
                f"In a Pod whose policy is {policy}, an init container that fails is tried again; what follows waits.",
                source=INIT_DOCS,
                since="1.6",
                scene=_failing_init(f"init-retried-{policy.lower()}", FAIL, policy),
                shows=RETRIED,
                twin=_failing_init(f"init-not-retried-{policy.lower()}", FAIL, "Never"),
            )
            for policy in ("Always", "OnFailure")
        ),
        Behaviour(
            "fail-init-eventually-succeeds",
            "When an init container that failed succeeds at last, the Pod goes on, and its status keeps the failure.",
            source=INIT_DOCS,
            since="1.6",
            scene=followed("init-heals", init("early", FAIL_ONCE), app("main"), restartPolicy="OnFailure"),
            shows=(
                restarted("early", 1),
                left("early", 0, 1),
                succeeded("early"),
                before(said_by("early", "end", 1), birth("main")),
                ends("main", "Succeeded"),
            ),
            twin=followed("init-heals-not", init("early", FAIL_ONCE), app("main")),
        ),
        Behaviour(
            "fail-init-success-not-restarted-on-app-crash",
            "An app container that crashes is started again alone: init containers that succeeded do not run again.",
            source=f"{INIT_DOCS}; {NODE_TESTS}",
            since="1.6",
            scene=_crashing_app("app-crashes", init("early", *COUNT_RUNS)),
            shows=(
                restarted("main", 1),
                restarted("early", 0),
                lives_on("early"),
                says("main", "runs", "1"),
            ),
            twin=_crashing_app(
                "app-and-sidecar-crash",
                _leaving(Role.SIDECAR, "early", 0, *COUNT_RUNS),
                "await early-again",
            ),
        ),
        Behaviour(
            "fail-app-never",
            "In a Pod that never restarts an app's exit is final; when all have ended the Pod has failed if one has.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=_two_ends("final", "Never"),
            shows=(
                exited("main", 1),
                restarted("main", 0),
                always("main", "the Pod is not over before all have ended", _over_when_all_are),
                ends("main", "Failed"),
                ends("good", "Succeeded"),
            ),
            twin=_two_ends("not-final", "OnFailure"),
        ),
        Behaviour(
            "fail-app-onfailure",
            "With the policy OnFailure an app that fails is started again, one that exits 0 is not.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=_good_and_bad("on-failure", "OnFailure"),
            shows=(restarted("bad", 1), restarted("good", 0), ends("good", "Succeeded")),
            twin=_good_and_bad("on-success-too", "Always"),
        ),
        Behaviour(
            "fail-app-always",
            "With the policy Always an app that exits 0 is started again as well, and its Pod comes to no end.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=_ends_well("always-again", "Always"),
            shows=(
                started_again("main"),
                left("main", 0, 0),
                always("main", "the Pod is not over", lambda seen: not over(seen)),
            ),
            twin=_ends_well("once-only", "OnFailure"),
        ),
        *(
            Behaviour(
                f"fail-sidecar-always-restarts-exit{code}",
                f"A sidecar that exits {code} is started again, before and after the app has started, whatever the"
                " policy of its Pod.",
                source=f"{SIDECAR_DOCS}; {KEP_753}",
                since="1.28",
                scene=LEAVERS,
                shows=_leavers_return(code),
                twin=LEAVING_APPS,
            )
            for code in (0, 1)
        ),
        Behaviour(
            "fail-sidecar-crash-during-init",
            "A sidecar that fails before it has started is tried again and does not fail its Pod, even one that"
            " never restarts.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.28",
            scene=followed(
                "sidecar-crashes",
                sidecar("helper", FAIL_ONCE, "mark up", startupProbe=probe("marked up")),
                app("main", startupProbe=probe("true")),
            ),
            shows=(
                restarted("helper", 1),
                left("helper", 0, 1),
                always("helper", "the Pod has not failed", lambda seen: seen.phase != "Failed"),
                before(birth_of("helper", 1), birth("main")),
                ends("main", "Succeeded"),
            ),
            twin=followed("init-crashes", init("helper", FAIL_ONCE), app("main")),
            known=NEVER_RECOVERS,
        ),
        Behaviour(
            "fail-sidecar-restart-does-not-touch-app",
            "The restart of a sidecar leaves apps, init containers and other sidecars alone.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.28",
            scene=_goes_down("sidecar-alone", "helper"),
            shows=(restarted("helper", 1), *_untouched("early", "next", "main")),
            twin=_goes_down("sidecar-and-app", "helper", "main"),
        ),
        Behaviour(
            "fail-app-restart-does-not-touch-sidecar",
            "The restart of an app leaves sidecars and init containers alone.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.28",
            scene=_goes_down("app-alone", "main"),
            shows=(restarted("main", 1), *_untouched("early", "helper", "next")),
            twin=_goes_down("app-and-sidecar", "main", "helper"),
        ),
        Behaviour(
            "fail-init-before-sidecar",
            "If an init container before a sidecar fails for good, the sidecar never starts and the Pod fails.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.28",
            scene=_failing_among("before-sidecar", "Never", init("early", FAIL), HELPER),
            shows=(ends("main", "Failed"), exited("early", 1), never_made("helper"), never_made("main")),
            twin=_failing_among("behind-sidecar", "Never", HELPER, init("early", FAIL)),
        ),
        Behaviour(
            "fail-init-after-sidecar-never",
            "If an init container beside a sidecar that runs fails for good, the sidecar is stopped and the Pod fails.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.28",
            scene=_failing_among("fails-beside", "Never", HELPER, init("early", FAIL)),
            shows=(
                ends("main", "Failed"),
                before(end("early"), mark("helper", "term")),
                exited("helper", 0),
                never_made("main"),
            ),
            twin=_failing_among("heals-beside", "OnFailure", HELPER, init("early", FAIL_ONCE)),
        ),
        Behaviour(
            "fail-init-after-sidecar-retry",
            "While an init container that failed is tried again, a sidecar before it runs on beside it.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.28",
            scene=_failing_among("retried-beside", "OnFailure", HELPER, init("early", FAIL_ONCE)),
            shows=(
                restarted("early", 1),
                before(birth("helper"), birth("early")),
                *_untouched("helper"),
                before(end("main"), mark("helper", "term")),
                ends("main", "Succeeded"),
            ),
            twin=_failing_among("not-retried-beside", "Never", HELPER, init("early", FAIL_ONCE)),
        ),
        Behaviour(
            "fail-crashloop-backoff-curve",
            "A container that fails time and again is started again later each time: at once, after 10 s, after 20 s.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=followed("fails-thrice", app("main", *FAIL_THRICE), restartPolicy="OnFailure"),
            shows=(
                restarted("main", 3),
                later_by(said_by("main", "end", 1), birth_of("main", 2), 10),
                later_by(said_by("main", "end", 2), birth_of("main", 3), 20),
            ),
            # What one container does in four attempts another one does in one.
            twin=followed("loops-in-place", app("main", *("say end; tick; begin",) * 3)),
        ),
        Behaviour(
            "fail-back-off-per-container",
            "Each container has a back-off of its own: one that fails for the first time is started again at once,"
            " while another one waits.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=_beside_a_loop("beside-a-loop", at_first(leave(1))),
            shows=(
                restarted("main", 1),
                never_waits("main", BACKS_OFF),
                at_best(before(birth_of("main", 1), birth_of("loops", 2))),
            ),
            twin=_beside_a_loop(
                "two-loops", at_first(leave(1)), f"marked anew || {{ mark anew; {leave(1)}; }}"
            ),
        ),
        Behaviour(
            "fail-start-error",
            "A container whose command cannot be executed has failed without having run, and its Pod with it.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=_cannot_start("no-command", ["/no/such/command"]),
            shows=(ends("main", "Failed"), at_last("early", "early has failed", FAILED), never_made("main")),
            twin=_cannot_start("some-command", ["true"]),
        ),
        Behaviour(
            "fail-config-error",
            "A container whose ConfigMap is missing waits for it, even in a Pod that never restarts, and starts when"
            " it is there.",
            source=CONFIG_DOCS,
            since="1.2",
            scene=_asks_for_key("asks-for-key", optional=False),
            shows=(
                always("early", "the Pod has not failed", lambda seen: seen.phase != "Failed"),
                restarted("early", 0),
                says("early", "greeting", "hello"),
                ends("main", "Succeeded"),
            ),
            twin=_asks_for_key("asks-for-none", optional=True),
        ),
        Behaviour(
            "fail-exit-code-signal",
            "The exit code of a container that a signal killed is 128 and the number of the signal.",
            source=f"{LIFECYCLE_DOCS}; {NODE_TESTS}",
            since="1.0",
            scene=_in_shared_processes("killed", shared=True),
            shows=(
                exited("kill", 137),
                exited("term", 143),
                ended_by("kill", "Error"),
                ended_by("term", "Error"),
            ),
            twin=_in_shared_processes("not-killed", shared=False),
        ),
        Behaviour(
            "fail-termination-message",
            "What a container writes to its termination log is in its status, 4096 bytes at most; where it failed and"
            " wrote nothing it may be the end of its log.",
            source=DEBUG_DOCS,
            since="1.6",
            scene=_messages("messages", WILL, "FallbackToLogsOnError"),
            shows=(
                leaves_message("early", f"is {ANSWER}", lambda text: text.strip() == ANSWER),
                leaves_message("wordy", "is 4096 bytes at most", lambda text: 0 < len(text) <= 4096),
                leaves_message("crash", "is its last words", lambda text: LAST_WORDS in text),
                leaves_message("calm", "is empty", lambda text: not text),
            ),
            twin=_messages("messages-elsewhere", "/board/message", "File"),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
