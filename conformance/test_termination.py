"""Termination: who is told to stop when, in how much time, and what becomes of the Pod.

What stays says that it can hear TERM before its Pod is deleted: its startup probe succeeds once its trap is set. A
container that is told to stop leaves a mark on the board, waits for those of others, and so sees who was told
before, after, or together with it. Where one must be killed it is deaf: told to stop, it stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import (
    Claim,
    Judgement,
    before,
    birth,
    earliest,
    end,
    exited,
    looks,
    mark,
    refuses,
    restarted,
    says,
    succeeded,
    the,
)
from conformance.deeds import Deed, Delete, Evict, Patch, Tell, Until, UntilListed
from conformance.ending import (
    at_best,
    at_last,
    birth_of,
    ended_by,
    ended_within,
    ends,
    given,
    killed,
    later_by,
    never_made,
    never_says,
    over,
    settled,
    stays_dead,
)
from conformance.pods import HASTY, Scene, Speaker, app, hook, pod, probe, resident, scene, sidecar, value
from conformance.registry import (
    EVICTION_DOCS,
    HOOK_DOCS,
    KEP_753,
    LIFECYCLE_DOCS,
    NODE_TESTS,
    SERVICE_DOCS,
    Area,
    Behaviour,
    KnownBug,
)
from conformance.script import STAY, WILL
from conformance.verdicts import catch, hold

# --- containers that hear -----------------------------------------------------------------------

HEARS = {"startupProbe": probe('marked "$NAME-hears"')}
# What gets no TERM while another one is there must have the time to get one on a busy node.
LONG = [value("WINDOW", "20")]
DEAF = (STAY,)


def aide(name: str, *lines: str, **fields: Any) -> Speaker:
    """A sidecar that has started once it hears TERM."""
    return sidecar(name, *lines, 'mark "$NAME-hears"', **{**HEARS, **fields})


def main(name: str, *lines: str, **fields: Any) -> Speaker:
    """An app container that has started once it hears TERM."""
    return resident(name, *lines, 'mark "$NAME-hears"', **{**HEARS, **fields})


def watcher(event: str) -> Speaker:
    """A sidecar that is ready once this was marked; a container marks its name when it runs and hears TERM."""
    return sidecar("watcher", readinessProbe=probe(f"marked {event}"))


# On a busy node too, no grace is used up but where that is the point.
AMPLE = 120
PATIENT = {"terminationGracePeriodSeconds": AMPLE}


def deleted(name: str, *speakers: Speaker, grace: int = AMPLE, **spec: Any) -> Scene:
    """A Pod that is deleted once all in it have started."""
    made = pod(name, *speakers, terminationGracePeriodSeconds=grace, **spec)
    return scene(made, deeds=(Delete(name),))


def stop_hook(*lines: str) -> dict[str, Any]:
    return {"preStop": hook("aloud", "say hook-begin", *lines)}


# --- order --------------------------------------------------------------------------------------


def _three(*order: str, ends_itself: bool = False) -> tuple[Speaker, ...]:
    """Sidecars first, second and third in this order, each of which waits to see the one before it told too early."""
    earlier = {"third": "second", "second": "first", "first": "nobody"}
    aides = [aide(one, at_term=(f"mark {one}-told", f"linger {earlier[one]}-told")) for one in order]
    last = app("main", "linger third-told") if ends_itself else main("main", at_term=("linger third-told",))
    return (*aides, last)


IN_TURN = (
    before(end("main"), mark("third", "term")),
    before(end("third"), mark("second", "term")),
    before(end("second"), mark("first", "term")),
)
REVERSED = deleted("listed-backwards", *_three("third", "second", "first"))

APPS_FIRST = deleted(
    "apps-first",
    aide("helper", at_term=("mark helper-told",)),
    main("main", at_term=("linger helper-told",)),
    main("other", at_term=("linger helper-told",)),
)
APPS_ONLY = deleted(
    "apps-only",
    main("helper", at_term=("mark helper-told",)),
    main("main", at_term=("linger helper-told", "tick"), env=LONG),
    main("other", at_term=("linger helper-told", "tick"), env=LONG),
)

URL = "http://127.0.0.1:8080/helper"
SERVE = ("serve 127.0.0.1:8080",)
SERVED_OUT = ('kill "$server"', "mark helper-told")


def _meet(name: str, other: str, **fields: Any) -> Speaker:
    return main(name, at_term=(f"mark {name}-told", f"await {other}-told"), **fields)


# --- hooks --------------------------------------------------------------------------------------

HOOKS_MEET = deleted(
    "hooks-meet",
    aide("helper", lifecycle=stop_hook("mark helper-hook", "await main-hook")),
    main("main", lifecycle=stop_hook("mark main-hook", "await helper-hook")),
)
HOOK_IN_TURN = deleted(
    "hook-in-turn",
    aide("helper", at_term=("mark helper-hook", "await main-hook")),
    main("main", lifecycle=stop_hook("mark main-hook", "await helper-hook"), env=HASTY),
)

HOOK_ENDS = ("hook_say hook-end", "tick", "mark hook-done")
TOLD_AFTER_HOOK = deleted(
    "told-after-hook",
    main(
        "main",
        lifecycle=stop_hook("linger main-told", *HOOK_ENDS),
        at_term=("mark main-told", "await hook-done"),
    ),
)
TOLD_DURING_HOOK = deleted(
    "told-during-hook",
    main(
        "main",
        lifecycle=stop_hook(f"( await main-told; {'; '.join(HOOK_ENDS)} ) 2>&1 < /dev/null &"),
        at_term=("mark main-told", "await hook-done"),
        env=LONG,
    ),
)

# --- grace --------------------------------------------------------------------------------------

SHORT = 2
# A process that must have been killed in the shorter grace says so if it was not, long after that.
LONGER = 30
WHEN_TOLD = "for _ in $(seq 300); do [ ! -e /board/main-told ] || exit 0; sleep 0.2; done"
OUTLIVES = ('mark "$NAME-told"', "within 22 false", "say outlived", STAY)
# The one needs more than the two seconds that are left when the grace is used up, and less than the whole grace.
SHARED, NEEDED = 20, 17


def _used_up(name: str) -> Scene:
    """The app uses up the grace; then the sidecars are told together, and one of them is deaf."""
    return deleted(
        name,
        aide("first", at_term=("mark first-told",)),
        aide("slow", at_term=("mark slow-told", "await first-told", STAY)),
        main("main", at_term=DEAF),
        grace=SHORT,
    )


USED_UP = _used_up("used-up")
ENDLESS = ("await nothing",)


def _sidecar_of_three(name: str, other: str, *hook_lines: str) -> Speaker:
    """Told, it waits for the other one to be told too: deaf where its hook has lines, else not for long."""
    return aide(
        name,
        at_term=(f"mark {name}-told", f"await {other}-told", *(DEAF if hook_lines else ())),
        lifecycle=stop_hook(*hook_lines),
        env=() if hook_lines else HASTY,
    )


def _hooks(name: str, grace: int, *lines: str) -> Scene:
    """Three sidecars, each with a preStop hook of these lines."""
    pairs = (("first", "third"), ("second", "first"), ("third", "first"))
    aides = [_sidecar_of_three(one, other, *lines) for one, other in pairs]
    return deleted(name, *aides, main("main"), grace=grace)


# --- deletion while the Pod starts --------------------------------------------------------------


HEARD = Until("the container that starts hears TERM", the("watcher", lambda one: one.ready))


def _stopped_at_start(name: str, early: Speaker, grace: int) -> Scene:
    late = (sidecar("late"), app("main"))
    made = pod(name, watcher(early.name), early, *late, terminationGracePeriodSeconds=grace)
    return scene(made, deeds=(HEARD, Delete(name)))


def _stops_at(container: str) -> tuple[Claim, ...]:
    """It is told to stop, which is all that there is to wait for: nothing after it was ever made."""
    return (
        says(container, "term"),
        exited(container, 0),
        never_made("late"),
        never_made("main"),
        at_best(ended_within(container, AMPLE)),
    )


def _first_init(at_term: tuple[str, ...] = ()) -> Speaker:
    return Speaker("early", Role.INIT, True, (), {}, at_term)


def _not_started(at_term: tuple[str, ...] = ()) -> Speaker:
    return sidecar("helper", at_term=at_term, startupProbe=probe("false"))


# --- what a dying Pod is spared -----------------------------------------------------------------

# It ends when it sees the app drain, and marks whether it has come back.
LEAVES = sidecar(
    "helper",
    "! marked once || mark again",
    "mark once",
    'mark "$NAME-hears"',
    "within 3600 marked draining",
    "mark left",
    "say end",
    "tick",
    "exit 0",
    **HEARS,
)
WATCH_IT_LEAVE = ("mark draining", "await left")

NO_IMAGE = "registry.invalid/no/such:image"
OTHER_IMAGES = {
    "spec": {
        "initContainers": [{"name": "helper", "image": NO_IMAGE}],
        "containers": [{"name": "main", "image": NO_IMAGE}],
    }
}
WAITS_AGAIN = Until("main waits for its new image", the("main", lambda one: one.state == "waiting"))


def _stays_up(name: str, *deeds: Deed, grace: int = 30) -> Scene:
    made = pod(name, aide("helper"), main("main", at_term=DEAF), terminationGracePeriodSeconds=grace)
    return scene(made, deeds=deeds)


FORCED = _stays_up("forced", Delete("forced", 0, kept=False))
UNFORCED = _stays_up("unforced", Delete("unforced", SHORT, kept=False))

# --- other hooks and signals --------------------------------------------------------------------

SLEEPS = 8


def _sleep(seconds: int) -> dict[str, Any]:
    return {"sleep": {"seconds": seconds}}


def _asked(event: str) -> dict[str, Any]:
    return {"httpGet": {"path": f"/cgi-bin/ask?{event}", "port": 8080}}


# A web server that marks what it is asked.
ASKED = (
    "mkdir /board/cgi-bin",
    r"""printf '#!/bin/sh\necho\n: > /board/asked-$QUERY_STRING\n' > /board/cgi-bin/ask""",
    "chmod +x /board/cgi-bin/ask",
    "serve 8080",
)


def _hooked(name: str, start: str, stop: str, **fields: Any) -> Scene:
    return deleted(
        name,
        aide("server", *ASKED),
        aide(
            "by-http",
            "await asked-start",
            at_term=("await asked-stop",),
            lifecycle={"postStart": _asked(start), "preStop": _asked(stop)},
            **fields,
        ),
        aide("by-exec", lifecycle={"postStart": hook("aloud", f"say {start}"), **stop_hook(f"say {stop}")}),
        main("main"),
    )


def _signalled(name: str, **fields: Any) -> Scene:
    """A sidecar that tells by which signal it was stopped; the image's own is QUIT."""
    named = [value("NAME", "helper"), value("WINDOW", "3"), value("PATIENCE", "120"), value("WILL", WILL)]
    quits = "trap 'say quit; say end; tick; exit 0' QUIT"
    return deleted(
        name, aide("helper", quits, env=named, **fields), main("main", at_term=("linger nothing",))
    )


FAILS_ONCE = {"postStart": hook("marked tried || { mark tried; exit 1; }")}

TINY = {"limits": {"memory": "24Mi"}}
# One process asks for more than the container may have.
SPILL = "dd if=/dev/zero of=/dev/null bs=200M count=1"

GRACEFULLY = (
    before(mark("main", "hook-end"), mark("main", "term")),
    before(end("main"), mark("helper", "term")),
    exited("main", 0),
)


def _with_condition(name: str) -> Claim:
    def marked(seen: PodFacts) -> bool:
        found = seen.conditions.get("DisruptionTarget")
        return found is not None and found.true and found.reason == "EvictionByEvictionAPI"

    return at_last("main", f"{name} is the target of a disruption by eviction", marked)


# --- endpoints ----------------------------------------------------------------------------------


def _endpoints(slices: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one.get("conditions", {}) for item in slices for one in item.get("endpoints") or ()]


def _served(name: str, *, ready: bool) -> Scene:
    """A Pod behind a Service, whose endpoint is read while the app drains."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"pod": name}, "ports": [{"port": 80}]},
    }
    readiness = probe('marked "$NAME-hears"' if ready else "false")
    seen = UntilListed(
        "the endpoint is terminating",
        "discovery.k8s.io/v1",
        "EndpointSlice",
        f"kubernetes.io/service-name={name}",
        lambda slices: any(one.get("terminating") for one in _endpoints(slices)),
        lambda slices: json.dumps(_endpoints(slices)),
        "endpoints",
    )
    return scene(
        service,
        pod(name, main("main", at_term=("await read",), readinessProbe=readiness)),
        goal="ready" if ready else "started",
        deeds=(Delete(name), seen, Tell(name, "main", ": > /board/read")),
    )


AREA = Area(
    "termination",
    (
        Behaviour(
            "term-apps-first",
            "Sidecars are told to stop when the last app has ended.",
            source=f"{KEP_753}; {LIFECYCLE_DOCS}",
            since="1.29",
            scene=APPS_FIRST,
            shows=(before(end("main"), mark("helper", "term")), before(end("other"), mark("helper", "term"))),
            twin=APPS_ONLY,
        ),
        Behaviour(
            "term-sidecars-reverse-order",
            "Sidecars are told to stop one by one, the last of the list first, each when the one after it has ended.",
            source=f"{KEP_753}; {LIFECYCLE_DOCS}",
            since="1.29",
            scene=deleted("one-by-one", *_three("first", "second", "third")),
            shows=IN_TURN,
            twin=REVERSED,
        ),
        Behaviour(
            "term-order-on-natural-completion",
            "The order is the same where nobody deletes the Pod and its apps just end.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=scene(
                pod("just-ends", *_three("first", "second", "third", ends_itself=True), **PATIENT),
            ),
            shows=(
                *IN_TURN,
                *(ended_by(one, "Completed") for one in ("first", "second", "third")),
                ends("main", "Succeeded"),
            ),
            twin=REVERSED,
        ),
        Behaviour(
            "term-sidecar-serves-while-app-drains",
            "While an app that was told to stop does its last work, a sidecar still serves it.",
            source=KEP_753,
            since="1.29",
            scene=deleted(
                "served-to-the-end",
                aide("helper", *SERVE, at_term=SERVED_OUT),
                main("main", at_term=("linger helper-told", f"reach served {URL}")),
            ),
            shows=(says("main", "served"), before(mark("main", "served"), mark("helper", "term"))),
            twin=deleted(
                "left-alone",
                main("helper", *SERVE, at_term=SERVED_OUT),
                main("main", at_term=("await helper-told", f"tell served fetch {URL}")),
            ),
        ),
        Behaviour(
            "term-classic-unordered",
            "App containers do not wait for each other: each is told to stop while the other still runs.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=deleted("together", _meet("left", "right"), _meet("right", "left")),
            shows=(says("left", "saw", "right-told"), says("right", "saw", "left-told")),
            twin=deleted(
                "after-each-other",
                aide("right", at_term=("mark right-told", "await left-told")),
                _meet("left", "right", env=HASTY),
            ),
        ),
        Behaviour(
            "term-prestop-all-at-once",
            "The preStop hooks of sidecars are called when those of the apps are, not when their turn to stop comes.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=HOOKS_MEET,
            shows=(says("main", "saw", "helper-hook"), says("helper", "saw", "main-hook")),
            twin=HOOK_IN_TURN,
        ),
        Behaviour(
            "term-prestop-before-term",
            "A container is told to stop after its preStop hook has ended.",
            source=f"{HOOK_DOCS}; {LIFECYCLE_DOCS}",
            since="1.0",
            scene=TOLD_AFTER_HOOK,
            shows=(before(mark("main", "hook-end"), mark("main", "term")),),
            twin=TOLD_DURING_HOOK,
        ),
        Behaviour(
            "term-grace-is-shared",
            "A Pod has one grace for all: what an app takes, a sidecar does not get.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=deleted(
                "shared-grace",
                aide("helper", at_term=(f"within {NEEDED} false",)),
                main("main", at_term=DEAF),
                grace=SHARED,
            ),
            shows=(killed("main"), says("main", "term"), killed("helper")),
            twin=deleted(
                "grace-to-itself",
                aide("helper", at_term=(f"within {NEEDED} false",)),
                main("main"),
            ),
        ),
        Behaviour(
            "term-budget-used-up-by-app",
            "When an app has used up the grace, all sidecars are told at once and have two seconds; the app's exit code"
            " makes the Pod Failed.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=USED_UP,
            shows=(
                killed("main"),
                killed("slow"),
                says("slow", "saw", "first-told"),
                at_best(exited("first", 0)),
                ends("main", "Failed"),
            ),
            twin=deleted("not-used-up", aide("first"), aide("slow"), main("main")),
        ),
        Behaviour(
            "term-sidecar-overruns",
            "A sidecar that outlasts the grace is killed, and the Pod still Succeeded by its apps.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=deleted("sidecar-overruns", aide("slow", at_term=DEAF), main("main"), grace=5),
            shows=(killed("slow"), given(succeeded("main"), ends("main", "Succeeded"))),
            twin=deleted("app-overruns", main("slow", at_term=DEAF), main("main"), grace=5),
        ),
        Behaviour(
            "term-app-prestop-overruns",
            "An app whose preStop hook outlasts the grace is told to stop without it, and killed soon after; the Pod"
            " is Failed.",
            source=f"{HOOK_DOCS}; {NODE_TESTS}",
            since="1.29",
            scene=deleted(
                "app-hook-overruns",
                aide("helper"),
                main("main", at_term=DEAF, lifecycle=stop_hook(*ENDLESS)),
                grace=SHORT,
            ),
            shows=(says("main", "hook-begin"), says("main", "term"), killed("main"), ends("main", "Failed")),
            twin=deleted("app-hook-in-time", aide("helper"), main("main", lifecycle=stop_hook())),
        ),
        Behaviour(
            "term-sidecar-prestop-overruns",
            "A sidecar whose preStop hook outlasts the grace is killed, and the Pod still Succeeded by its apps.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=deleted(
                "sidecar-hook-overruns",
                aide("helper", at_term=DEAF, lifecycle=stop_hook(*ENDLESS)),
                main("main"),
                grace=5,
            ),
            shows=(
                says("helper", "hook-begin"),
                killed("helper"),
                given(succeeded("main"), ends("main", "Succeeded")),
            ),
            twin=deleted(
                "other-app-hook-overruns",
                main("helper", at_term=DEAF, lifecycle=stop_hook(*ENDLESS)),
                main("main"),
                grace=5,
            ),
        ),
        Behaviour(
            "term-prestop-never-ends",
            "Sidecars whose preStop hooks never end are told together when the grace is over, and killed together.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=_hooks("hooks-never-end", 12, *ENDLESS),
            shows=(
                *(killed(one) for one in ("first", "second", "third")),
                says("first", "saw", "third-told"),
                says("third", "saw", "first-told"),
                # The grace is theirs together: a hook that the runtime is slow to run has less of it.
                later_by(
                    earliest(*(mark(one, "hook-begin") for one in ("first", "second", "third"))),
                    mark("third", "term"),
                    8,
                ),
            ),
            twin=_hooks("hooks-end", AMPLE),
        ),
        Behaviour(
            "term-prestop-exit-code-ignored",
            "The exit code of a preStop hook changes nothing: the container is told to stop and its own code counts.",
            source=f"{HOOK_DOCS}; {NODE_TESTS}",
            since="1.29",
            scene=deleted(
                "hook-fails",
                aide("helper", lifecycle=stop_hook("exit 1")),
                main("main", lifecycle=stop_hook("exit 1")),
            ),
            shows=(
                *(says(one, "hook-begin") for one in ("main", "helper")),
                *(ended_by(one, "Completed") for one in ("main", "helper")),
                ends("main", "Succeeded"),
            ),
            twin=deleted(
                "app-fails",
                aide("helper", lifecycle=stop_hook()),
                main("main", lifecycle=stop_hook(), at_term=("code=1",)),
            ),
        ),
        Behaviour(
            "term-sidecar-exit-code-ignored",
            "A sidecar that exits other than 0 when it is told to stop does not make its Pod Failed.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=deleted("sidecar-exits-1", aide("helper", at_term=("code=1",)), main("main")),
            shows=(exited("helper", 1), ended_by("helper", "Error"), ends("main", "Succeeded")),
            twin=deleted("app-exits-1", main("helper", at_term=("code=1",)), main("main")),
        ),
        Behaviour(
            "term-second-delete-shortens",
            "A second deletion with a shorter grace shortens the first; one with a longer grace does not lengthen it.",
            source=NODE_TESTS,
            since="1.0",
            scene=scene(
                pod("shortened", main("main", at_term=OUTLIVES)),
                pod("not-lengthened", main("other", at_term=OUTLIVES)),
                deeds=(
                    Delete("shortened", LONGER),
                    Tell("shortened", "main", WHEN_TOLD),
                    Delete("shortened", SHORT),
                    Delete("not-lengthened", SHORT),
                    Delete("not-lengthened", LONGER),
                ),
            ),
            shows=(
                *(killed(one) for one in ("main", "other")),
                *(never_says(one, "outlived") for one in ("main", "other")),
            ),
            # The kubelet, once it has told the runtime to stop a container, waits for that to be over.
            known=(KnownBug(83916, ">=1.0"),),
            twin=deleted(
                "only-once", *(main(one, at_term=OUTLIVES) for one in ("main", "other")), grace=LONGER
            ),
        ),
        Behaviour(
            "term-respects-grace",
            "A Pod whose process does not listen is gone soon after its grace, killed.",
            source=f"{LIFECYCLE_DOCS}; {NODE_TESTS}",
            since="1.0",
            scene=deleted("does-not-listen", main("main", at_term=DEAF), grace=SHORT),
            shows=(says("main", "term"), killed("main"), at_best(ended_within("main", SHORT + 60))),
            twin=deleted("listens", main("main")),
        ),
        Behaviour(
            "term-during-init-fast",
            "A Pod that is deleted while its first init container runs does not wait for what never started.",
            source=NODE_TESTS,
            since="1.29",
            scene=_stopped_at_start("stopped-at-init", _first_init(), AMPLE),
            shows=_stops_at("early"),
            twin=_stopped_at_start("deaf-at-init", _first_init(DEAF), SHORT),
        ),
        Behaviour(
            "term-nonstarted-sidecar",
            "A sidecar that runs but has not started yet is told to stop, though later ones never ran.",
            source=NODE_TESTS,
            since="1.31",
            scene=_stopped_at_start("stopped-at-sidecar", _not_started(), AMPLE),
            shows=_stops_at("helper"),
            twin=_stopped_at_start("deaf-at-sidecar", _not_started(DEAF), SHORT),
        ),
        Behaviour(
            "term-no-restart-while-terminating",
            "A sidecar that ends while its Pod terminates is not started again.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            scene=deleted(
                "leaves-while-draining",
                LEAVES,
                main("main", at_term=(*WATCH_IT_LEAVE, "linger again"), env=[value("WINDOW", "8")]),
            ),
            shows=(before(end("helper"), end("main")), exited("helper", 0), stays_dead("helper")),
            twin=scene(pod("leaves-while-running", LEAVES, app("main", *WATCH_IT_LEAVE, "await again"))),
        ),
        Behaviour(
            "term-image-update-while-terminating",
            "A new image for a container of a Pod that terminates does not start it again, nor end its drain.",
            source=NODE_TESTS,
            since="1.29",
            scene=scene(
                pod(
                    "updated-late",
                    aide("helper"),
                    main("main", at_term=("await go",)),
                    restartPolicy="Always",
                    **PATIENT,
                ),
                deeds=(
                    Delete("updated-late"),
                    Patch("Pod", "updated-late", OTHER_IMAGES),
                    Tell("updated-late", "main", ": > /board/go"),
                ),
            ),
            shows=(
                says("main", "saw", "go"),
                before(end("main"), mark("helper", "term")),
                *(exited(one, 0) for one in ("main", "helper")),
                *(stays_dead(one) for one in ("main", "helper")),
            ),
            twin=scene(
                pod("updated-early", aide("helper"), main("main"), restartPolicy="Always"),
                deeds=(Patch("Pod", "updated-early", OTHER_IMAGES), WAITS_AGAIN, Delete("updated-early")),
            ),
        ),
        Behaviour(
            "term-grace-zero",
            "A deletion with grace 0 waits for no container: the Pod is gone from the server while they still run.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=FORCED,
            shows=(
                at_last(
                    "main",
                    "all containers run",
                    lambda seen: all(one.state == "running" for one in seen.containers),
                ),
            ),
            twin=UNFORCED,
        ),
        Behaviour(
            "term-terminal-phase-before-delete",
            "A Pod that is deleted comes to Succeeded or Failed before it is gone.",
            source=LIFECYCLE_DOCS,
            since="1.27",
            scene=UNFORCED,
            shows=(at_last("main", "the Pod has ended", over),),
            twin=FORCED,
        ),
        Behaviour(
            "term-sleep-action",
            "A hook may sleep, for 0 seconds too: the next container waits for it at a start, TERM at a stop.",
            source=f"{HOOK_DOCS}; KEP-3960, KEP-4818",
            since="1.30",
            scene=deleted(
                "sleeps",
                aide("helper", lifecycle={"postStart": _sleep(2), "preStop": _sleep(SLEEPS)}),
                main("main", lifecycle={"postStart": _sleep(0)}),
            ),
            shows=(
                later_by(birth("helper"), birth("main"), 2),
                later_by(mark("main", "term"), mark("helper", "term"), SLEEPS / 2),
            ),
            twin=deleted("other-sleeps", main("main", lifecycle={"preStop": _sleep(SLEEPS)}), main("helper")),
        ),
        Behaviour(
            "term-sleep-longer-than-grace-rejected",
            "A preStop hook that would sleep longer than the Pod's grace is refused.",
            source="KEP-3960",
            since="1.30",
            scene=scene(
                pod(
                    "sleeps-too-long",
                    app("main", lifecycle={"preStop": _sleep(6)}),
                    terminationGracePeriodSeconds=5,
                ),
                dry=True,
            ),
            shows=(refuses("preStop.sleep", "terminationGracePeriodSeconds"),),
            twin=scene(
                pod(
                    "sleeps-in-time",
                    app("main", lifecycle={"preStop": _sleep(4)}),
                    terminationGracePeriodSeconds=5,
                ),
                dry=True,
            ),
            tier="api",
        ),
        Behaviour(
            "term-stopsignal-image",
            "The stop signal that an image names takes the place of TERM, and changes nothing in the order.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=_signalled("signal-of-image", image="nginx"),
            shows=(says("helper", "quit"), before(end("main"), mark("helper", "quit"))),
            twin=_signalled("signal-by-default"),
        ),
        Behaviour(
            "term-hooks-http-exec",
            "postStart and preStop hooks of a sidecar are called, by HTTP and as commands.",
            source=f"{HOOK_DOCS}; {KEP_753}",
            since="1.28",
            scene=_hooked("hooks-called", "start", "stop"),
            shows=(
                *(says("by-http", "saw", f"asked-{event}") for event in ("start", "stop")),
                *(says("by-exec", event) for event in ("start", "stop")),
            ),
            twin=_hooked("others-called", "begin", "finish", env=HASTY),
        ),
        Behaviour(
            "term-poststart-failure",
            "A container whose postStart hook fails is stopped and, a sidecar, started again; what follows waits.",
            source=HOOK_DOCS,
            since="1.28",
            scene=scene(pod("start-hook-fails", sidecar("helper", lifecycle=FAILS_ONCE), app("main"))),
            shows=(
                restarted("helper", 1),
                says("helper", "term"),
                before(birth_of("helper", 1), birth("main")),
            ),
            twin=scene(
                pod("start-hook-works", sidecar("helper", lifecycle={"postStart": hook("true")}), app("main"))
            ),
        ),
        Behaviour(
            "term-oom-no-prestop",
            "No preStop hook is called where a container is killed for its memory, or ends by itself.",
            source=HOOK_DOCS,
            since="1.0",
            scene=scene(
                pod(
                    "dies-itself",
                    app("main", SPILL, "exit 1", resources=TINY, lifecycle=stop_hook()),
                    app("crash", "say end", "exit 1", lifecycle=stop_hook()),
                ),
                deeds=(Until("both have ended", settled),),
            ),
            shows=(
                ended_by("main", "OOMKilled"),
                exited("crash", 1),
                never_says("main", "hook-begin"),
                never_says("crash", "hook-begin"),
            ),
            twin=deleted(
                "is-stopped", main("main", lifecycle=stop_hook()), main("crash", lifecycle=stop_hook())
            ),
        ),
        Behaviour(
            "term-eviction-api-prestop",
            "An eviction that was asked for ends a Pod as a deletion does: hooks, order and grace.",
            source=f"{EVICTION_DOCS}; {LIFECYCLE_DOCS}",
            since="1.29",
            scene=scene(
                pod("evicted", aide("helper"), main("main", lifecycle=stop_hook(*HOOK_ENDS)), **PATIENT),
                deeds=(Evict("evicted"),),
            ),
            shows=(*GRACEFULLY, _with_condition("evicted")),
            twin=scene(
                pod(
                    "evicted-unhooked",
                    main("helper", at_term=("mark helper-told",)),
                    main("main", at_term=("await helper-told", "tick")),
                ),
                deeds=(Evict("evicted-unhooked"),),
            ),
        ),
        Behaviour(
            "term-endpoint-serving",
            "The endpoint of a Pod that terminates is not ready, still serving as far as its readiness goes, and"
            " terminating.",
            source=SERVICE_DOCS,
            since="1.26",
            scene=_served("drains-ready", ready=True),
            shows=(looks("endpoints", '{"ready": false, "serving": true, "terminating": true}'),),
            twin=_served("drains-unready", ready=False),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
