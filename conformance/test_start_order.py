"""Start order: who starts when in the list of a Pod, and who waits for whom.

Moments are compared on the kernel's clock: `birth` is when the kernel made a container's process, `end` the
last stamp of a container that then holds until the clock has ticked. A container that lingers gives the
others a window to start too early, so that a cluster that lets them is seen.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import (
    Judgement,
    always,
    before,
    birth,
    end,
    looks,
    mark,
    once,
    says,
    succeeded,
    the,
    whenever,
)
from conformance.deeds import Read, Until
from conformance.pods import (
    HASTY,
    Scene,
    app,
    from_field,
    hook,
    init,
    mount,
    pod,
    probe,
    resident,
    scene,
    sidecar,
    value,
)
from conformance.registry import (
    HOOK_DOCS,
    IMAGE_DOCS,
    INIT_DOCS,
    KEP_753,
    LIFECYCLE_DOCS,
    NODE_TESTS,
    SIDECAR_DOCS,
    Area,
    Behaviour,
)
from conformance.verdicts import catch, hold

SERIAL = scene(
    pod(
        "serial",
        init("first", "linger second"),
        init("second", "linger third"),
        init("third", "linger main"),
        app("main"),
    )
)
# The same names as apps, each of which stays until it has seen another one: all must run at once.
AT_ONCE = scene(
    pod(
        "at-once",
        app("first", "await third"),
        app("second", "await main"),
        app("third", "await second"),
        app("main", "await first"),
    )
)

HOOKED = {"postStart": hook("hook_say hook-begin", "mark hooked")}
EARLY = scene(
    pod(
        "early",
        init("early", "linger main"),
        sidecar("helper"),
        app("main", "await hooked", "await helper", lifecycle=HOOKED),
    )
)
EARLY_AS_APP = scene(
    pod(
        "early-as-app",
        app("early", "await hooked", "await helper"),
        app("main", "await hooked", lifecycle=HOOKED),
        app("helper"),
    )
)

MIXED = scene(
    pod(
        "mixed",
        init("init-1", "linger sidecar-1"),
        sidecar("sidecar-1"),
        init("init-2", "linger sidecar-2"),
        sidecar("sidecar-2"),
        init("init-3", "linger main"),
        app("main", "await sidecar-1", "await sidecar-2"),
    )
)
MIXED_BACKWARDS = scene(
    pod(
        "mixed-backwards",
        init("init-3"),
        sidecar("sidecar-2"),
        init("init-2"),
        sidecar("sidecar-1"),
        init("init-1"),
        app("main", "await sidecar-1", "await sidecar-2"),
    )
)

# The sidecar opens its gate when it has seen the app, or when it gives up on that. Behind a startup probe the app
# must not come first; behind a readiness probe alone it must. The probe is asked once at least before that.
OPEN = ("say opening", "mark open")
ASK = ("mark probed", "marked open")
BEHIND_STARTUP = scene(
    pod(
        "behind-startup",
        sidecar("helper", "await probed", "linger main", *OPEN, startupProbe=probe(*ASK)),
        app("main", "await open"),
    )
)
BEHIND_READINESS = scene(
    pod(
        "behind-readiness",
        sidecar("helper", "await probed", "await main", *OPEN, readinessProbe=probe(*ASK)),
        app("main", "await open"),
    )
)

# A hook that stays until it has seen the next container, or until the window is over; a container that is not a
# sidecar stays for its hook.
SLOW_HOOK = {
    "postStart": hook("hook_say hook-begin", "linger next", "hook_say hook-end", "tick", "mark hook-done")
}
HOOK_OF_SIDECAR = scene(pod("hook-of-sidecar", sidecar("hooked", lifecycle=SLOW_HOOK), app("next")))
HOOKED_APP = app("hooked", "await next", "await hook-done", lifecycle=SLOW_HOOK)
HOOK_OF_APP = scene(pod("hook-of-app", HOOKED_APP, app("next")))
HOOK_LISTED_LAST = scene(pod("hook-listed-last", app("next"), HOOKED_APP))

SERVER = "127.0.0.1:8080"
TRY = f"fetch http://{SERVER}/main"

REFUSED = ("ErrImagePull", "ImagePullBackOff")
# A name in a domain that is reserved to have no hosts.
NO_IMAGE = "registry.invalid/no/such:image"
# Long enough for the state of a busy node to arrive.
LINGER_LONG = [value("WINDOW", "20")]


def _in_place(name: str, address: dict[str, Any], note: str) -> Scene:
    metadata = {"name": name}
    return scene(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"note": note}},
        pod(
            name,
            init(
                "early",
                'ip addr | grep -q " $ADDRESS/" && say address here || say address missing',
                "tell note cat /notes/note",
                env=[address],
                volumeMounts=[mount("notes", "/notes")],
            ),
            app("main"),
            volumes=[{"name": "notes", "configMap": metadata}],
        ),
    )


def _app_waits_for_inits(pod: PodFacts) -> bool:
    inits_done = all(one.succeeded for one in pod.having(Role.INIT))
    return inits_done or all(one.state == "waiting" for one in pod.having(Role.APP))


def _pulls_in_turn(pod: PodFacts) -> bool:
    return the("early", lambda one: one.succeeded)(pod) or the("main", lambda one: one.reason not in REFUSED)(
        pod
    )


# What a client prints for a Pod, cell by cell: its name, how many containers are ready, what it does.
PRINTED = scene(
    pod("in-init", init("first-init", "await never"), sidecar("unborn"), app("unborn-app")),
    pod("in-second-init", sidecar("living"), init("second-init", "await never"), app("not-yet")),
    pod("at-work", sidecar("aide"), resident("worker")),
    pod("failed-init", init("failing", "say end", "exit 1"), app("hopeless")),
    pod("imageless-init", init("imageless", image=NO_IMAGE), app("patient")),
    deeds=(
        Until("first-init runs", the("first-init", lambda one: one.state == "running")),
        Read("Pod", "in-init", "in init", as_row=True),
        Until("second-init runs", the("second-init", lambda one: one.state == "running"), "in-second-init"),
        Read("Pod", "in-second-init", "in second init", as_row=True),
        Until("all is ready", lambda found: found.ready, "at-work"),
        Read("Pod", "at-work", "at work", as_row=True),
        Until("it has failed", lambda found: found.phase == "Failed", "failed-init"),
        Read("Pod", "failed-init", "failed", as_row=True),
        Until("it backs off", the("imageless", lambda one: one.reason == REFUSED[1]), "imageless-init"),
        Read("Pod", "imageless-init", "without image", as_row=True),
    ),
)
PRINTED_OF_APPS = scene(
    pod("apps-alone", resident("one-app"), resident("other-app")),
    deeds=(
        Until("all is ready", lambda found: found.ready),
        *(
            Read("Pod", "apps-alone", note, as_row=True)
            for note in ("in init", "in second init", "at work", "failed", "without image")
        ),
    ),
)


AREA = Area(
    "start order",
    (
        Behaviour(
            "order-init-serial",
            "Plain init containers run one at a time, in the order of the list; each exits 0 before the next starts.",
            source=INIT_DOCS,
            since="1.6",
            scene=SERIAL,
            shows=(
                before(end("first"), birth("second")),
                before(end("second"), birth("third")),
                before(end("third"), birth("main")),
                *(succeeded(name) for name in ("first", "second", "third")),
            ),
            twin=AT_ONCE,
        ),
        Behaviour(
            "order-init-before-app",
            "No app container starts before every plain init container has succeeded and every sidecar has started.",
            source=f"{INIT_DOCS}; {KEP_753}",
            since="1.6",
            scene=EARLY,
            shows=(
                before(end("early"), birth("main")),
                before(birth("helper"), birth("main")),
                always("main", "apps wait while an init is not done", _app_waits_for_inits),
            ),
            twin=EARLY_AS_APP,
        ),
        Behaviour(
            "order-mixed-list",
            "Plain init containers and sidecars share one list: what follows a sidecar waits until that one has"
            " started, what follows a plain init container until that one has exited 0.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.28",
            scene=MIXED,
            shows=(
                before(end("init-1"), birth("sidecar-1")),
                before(birth("sidecar-1"), birth("init-2")),
                before(end("init-2"), birth("sidecar-2")),
                before(birth("sidecar-2"), birth("init-3")),
                before(end("init-3"), birth("main")),
            ),
            twin=MIXED_BACKWARDS,
        ),
        Behaviour(
            "order-sidecar-overlaps-later-inits",
            "A sidecar runs on while the init containers after it and the apps run.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.28",
            scene=scene(pod("overlap", sidecar("helper"), init("later", "await helper"), app("main"))),
            shows=(
                before(birth("helper"), birth("later")),
                before(end("later"), end("helper")),
                before(end("main"), end("helper")),
            ),
            twin=scene(pod("no-overlap", init("helper"), init("later"), app("main"))),
        ),
        Behaviour(
            "order-sidecar-no-probe-started-at-run",
            "A sidecar without a startup probe counts as started when its process runs: the next container may"
            " find that it does not listen yet.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.28",
            scene=scene(
                pod(
                    "listens-late",
                    sidecar("helper", "await tried", f"serve {SERVER}", "say listening", "mark listening"),
                    app(
                        "main",
                        f"tell first-try {TRY}",
                        "mark tried",
                        f"reach connected http://{SERVER}/main",
                        "await listening",
                    ),
                )
            ),
            shows=(
                says("main", "first-try-failed"),
                before(birth("main"), mark("helper", "listening")),
                says("main", "connected"),
            ),
            twin=scene(
                pod(
                    "listens-first",
                    sidecar(
                        "helper",
                        f"serve {SERVER}",
                        "say listening",
                        "mark open",
                        startupProbe=probe("marked open"),
                    ),
                    app("main", f"tell first-try {TRY}", "say connected"),
                )
            ),
        ),
        Behaviour(
            "order-sidecar-startup-probe-gates",
            "What follows a sidecar with a startup probe waits until that probe has succeeded.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.28",
            scene=BEHIND_STARTUP,
            shows=(says("helper", "saw", "probed"), before(mark("helper", "opening"), birth("main"))),
            twin=BEHIND_READINESS,
        ),
        Behaviour(
            "order-sidecar-poststart-gates",
            "A sidecar has not started before its postStart hook has ended; what follows waits for that.",
            source=f"{KEP_753}; {HOOK_DOCS}",
            since="1.28",
            scene=HOOK_OF_SIDECAR,
            shows=(before(mark("hooked", "hook-end"), birth("next")),),
            twin=HOOK_LISTED_LAST,
        ),
        Behaviour(
            "order-readiness-does-not-gate",
            "A sidecar's readiness probe does not hold back the containers after it.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.28",
            scene=BEHIND_READINESS,
            shows=(says("helper", "saw", "probed"), before(birth("main"), mark("helper", "opening"))),
            twin=BEHIND_STARTUP,
        ),
        Behaviour(
            "order-app-containers-parallel",
            "App containers do not wait for each other: each of two sees the other start, though none is ever ready.",
            source=LIFECYCLE_DOCS,
            since="1.0",
            scene=scene(
                pod(
                    "each-other",
                    app("left", "await right", readinessProbe=probe("false")),
                    app("right", "await left", readinessProbe=probe("false")),
                )
            ),
            shows=(says("left", "saw", "right"), says("right", "saw", "left")),
            twin=scene(pod("one-by-one", init("left", "await right", env=HASTY), app("right", "await left"))),
        ),
        Behaviour(
            "order-app-poststart-blocks-next-app",
            "An app's postStart hook holds back the apps listed after it at the Pod's first start. Kubernetes tests"
            " this, but no document promises it.",
            source=NODE_TESTS,
            since="1.0",
            scene=HOOK_OF_APP,
            shows=(before(mark("hooked", "hook-end"), birth("next")),),
            twin=HOOK_LISTED_LAST,
        ),
        Behaviour(
            "order-init-before-app-poststart",
            "No app's postStart hook is called before the init containers are done.",
            source=f"{INIT_DOCS}; {HOOK_DOCS}",
            since="1.6",
            scene=EARLY,
            shows=(before(end("early"), mark("main", "hook-begin")),),
            twin=EARLY_AS_APP,
        ),
        Behaviour(
            "order-lazy-image-pull",
            "A container's image is pulled when its turn comes: one that is not to be had holds up nothing before it.",
            source=f"{INIT_DOCS}; {IMAGE_DOCS}",
            since="1.6",
            scene=scene(
                pod("bad-image-last", init("early", "linger never"), app("main", image=NO_IMAGE)),
                goal="started",
                grace=2,
                stuck=True,
            ),
            shows=(
                succeeded("early"),
                always("main", "main's image is not asked for while early is not done", _pulls_in_turn),
                once("main", "main's image is refused", the("main", lambda one: one.reason in REFUSED)),
            ),
            twin=scene(
                pod(
                    "bad-image-beside",
                    app("early", "linger never", env=[value("WINDOW", "30")]),
                    app("main", image=NO_IMAGE),
                ),
                goal="started",
                grace=2,
                stuck=True,
            ),
        ),
        Behaviour(
            "order-network-and-volumes-first",
            "The first init container finds the Pod's address on its network and the content of its volumes.",
            source=f"{INIT_DOCS}; {LIFECYCLE_DOCS}",
            since="1.6",
            scene=_in_place("in-place", from_field("ADDRESS", "status.podIP"), "hello"),
            shows=(says("early", "address", "here"), says("early", "note", "hello")),
            twin=_in_place("not-in-place", value("ADDRESS", "192.0.2.1"), "something else"),
        ),
        Behaviour(
            "order-kubectl-status-strings",
            "Clients are to print how far the init containers are and what troubles them, and to count a sidecar among"
            " what can be ready.",
            source=f"{KEP_753}; {INIT_DOCS}",
            since="1.29",
            scene=PRINTED,
            shows=(
                looks("in init", "in-init 0/2 Init:0/2 "),
                looks("in second init", "in-second-init 1/2 Init:1/2 "),
                looks("at work", "at-work 2/2 Running "),
                looks("failed", "failed-init 0/1 Init:Error "),
                looks("without image", *(f"imageless-init 0/1 Init:{reason} " for reason in REFUSED)),
            ),
            twin=PRINTED_OF_APPS,
        ),
        Behaviour(
            "order-started-flag-of-plain-init",
            "A plain init container is `started` while it runs, and its Pod is Pending.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.28",
            scene=scene(pod("running-init", init("early", "linger never", env=LINGER_LONG), app("main"))),
            shows=(
                whenever(
                    "early",
                    "early runs",
                    the("early", lambda one: one.state == "running"),
                    "it is started and the Pod is Pending",
                    lambda pod: pod.phase == "Pending" and the("early", lambda one: one.started)(pod),
                ),
            ),
            twin=scene(
                pod(
                    "running-not-started",
                    sidecar(
                        "early",
                        "await probed",
                        "linger never",
                        "mark open",
                        startupProbe=probe(*ASK),
                        env=LINGER_LONG,
                    ),
                    app("main"),
                )
            ),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
