"""Probes: what startup, readiness and liveness probes of sidecars and apps hold back, restart, or leave alone.

A probe that is a command says when it was asked, on its container's own clock. One that goes by HTTP is answered by
a server in its container.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from conformance.claims import (
    Judgement,
    Test,
    always,
    before,
    birth,
    by_any,
    gets_there,
    hung,
    looks,
    mark,
    once,
    restarted,
    says,
    succeeded,
    the,
    whenever,
)
from conformance.course import (
    apart,
    as_if,
    backwards,
    counts_up,
    earlier,
    for_good,
    lastly,
    says_within,
    with_condition,
    with_container,
)
from conformance.deeds import Deed, Delete, Tell, Until, UntilListed
from conformance.on_nodes import restart_kubelet
from conformance.pods import (
    PROBE_TIMEOUT,
    Scene,
    Speaker,
    app,
    hook,
    pod,
    probe,
    resident,
    scene,
    sidecar,
    value,
)
from conformance.registry import (
    CONFORMANCE_TESTS,
    HOOK_DOCS,
    KEP_753,
    LIFECYCLE_DOCS,
    NEVER_RECOVERS,
    NODE_TESTS,
    PROBE_DOCS,
    SERVICE_DOCS,
    SIDECAR_DOCS,
    Area,
    Behaviour,
    KnownBug,
)
from conformance.restarting import again, willing
from conformance.script import BOARD
from conformance.verdicts import catch, hold

# While a Pod stops, a probe that is a command is cancelled before it runs. What had freed 1.36 of it was taken back in
# 1.36.3.
COMMANDS_CANCELLED = (KnownBug(140881, ">=1.35,<1.36"), KnownBug(140881, ">=1.36.3,<1.37"))
# When a Pod began to stop, the liveness probes of its apps were ended, and those of its sidecars forgotten. Where
# commands are cancelled as above, this does not show.
SIDECARS_FORGOTTEN = (KnownBug(141766, ">=1.28,<1.38"),)


def by_http(path: str, port: int = 8080, **settings: Any) -> dict[str, Any]:
    """A probe by HTTP, once a second."""
    asked = {"httpGet": {"path": path, "port": port}}
    return {**asked, "periodSeconds": 1, "timeoutSeconds": PROBE_TIMEOUT, "failureThreshold": 120, **settings}


def restarts(container: str, times: int = 1) -> Until:
    """Wait until the container was restarted."""
    return Until(f"{container} was restarted {times} times", _restarted(container, times))


def _restarted(container: str, times: int = 1) -> Test:
    return the(container, lambda one: one.restarts >= times)


def _blocked(found: PodFacts) -> bool:
    return found.phase == "Pending" and the("main", lambda one: one.state == "waiting")(found)


# --- failing probes -----------------------------------------------------------------------------

FAILS = probe("false", failureThreshold=1)
SAYS_BYE = {"preStop": hook("hook_say bye")}

NEVER_STARTS = scene(
    pod("never-starts", sidecar("helper", startupProbe=FAILS, lifecycle=SAYS_BYE), app("main")),
    deeds=(restarts("helper", 2),),
)
NEVER_LIVES = scene(
    pod("never-lives", sidecar("helper", livenessProbe=FAILS), resident("main")),
    deeds=(
        restarts("helper"),
        Until("main runs", the("main", lambda one: one.state == "running")),
    ),
)
ENDS_BY_ITSELF = scene(
    pod("ends-by-itself", sidecar("helper", "say end", "exit 1", lifecycle=SAYS_BYE), resident("main")),
    deeds=(restarts("helper"),),
)

# The sidecar's liveness probe fails until it lives again, as the app wants it; where the app is the sick one, it is the
# one to go.
SICK_SIDECAR = scene(
    pod(
        "sick-sidecar",
        sidecar(
            "helper",
            "! marked told || mark cured",
            at_term=("mark told",),
            livenessProbe=probe("! marked sick || marked told", failureThreshold=1),
        ),
        app("main", "await helper", "mark sick", "await cured"),
    )
)
SICK_APP = scene(
    pod(
        "sick-app",
        sidecar("helper"),
        resident("main", "mark sick", livenessProbe=probe("! marked sick", failureThreshold=1)),
    )
)


def _asked(**probes: dict[str, Any]) -> tuple[Speaker, ...]:
    """Sidecars with these liveness probes: by a command, by HTTP, and by a connection."""
    serving = {"startupProbe": by_http("/by-http")}
    return (
        sidecar("by-command", livenessProbe=probes["command"]),
        sidecar("by-http", "serve 8080", livenessProbe=probes["http"], **serving),
        sidecar("by-connection", "serve 8081", livenessProbe=probes["connection"]),
    )


def by_connection(port: int, **settings: Any) -> dict[str, Any]:
    """A probe by a TCP connection, once a second."""
    return {"tcpSocket": {"port": port}, "periodSeconds": 1, "timeoutSeconds": PROBE_TIMEOUT, **settings}


# Sidecars that are asked in several ways whether they are alive, while the app lingers.
WELL = scene(
    pod(
        "well",
        *_asked(
            command=probe("mark asked", failureThreshold=3),
            http=by_http("/by-http", failureThreshold=3),
            connection=by_connection(8081, failureThreshold=120, initialDelaySeconds=2),
        ),
        app("main", "await asked", "linger never"),
    )
)
# This app stays: were it to end, the sidecars would end with it, restarted or not.
UNWELL = scene(
    pod(
        "unwell",
        *_asked(
            command=probe("mark asked", "false", failureThreshold=1),
            http=by_http("/nothing-here", failureThreshold=1),
            connection=by_connection(9, failureThreshold=1),
        ),
        resident("main"),
    ),
    deeds=tuple(restarts(one) for one in ("by-command", "by-http", "by-connection")),
)

ANSWERS_LATE = scene(
    pod(
        "answers-late",
        sidecar("helper", livenessProbe=probe("sleep 30", timeoutSeconds=1, failureThreshold=1)),
        resident("main"),
    ),
    deeds=(restarts("helper"),),
)
ANSWERS_IN_TIME = scene(
    pod(
        "answers-in-time",
        sidecar(
            "helper", livenessProbe=probe("sleep 2", "mark answered", timeoutSeconds=60, failureThreshold=1)
        ),
        app("main", "await answered"),
    ),
    deeds=(Until("main is done", the("main", lambda one: one.succeeded)),),
)

# What is told to stop in its first life stays until it is released; where its probe gives it a second it is killed. It
# hears of that before it can be told; its second life is not asked how it is before it says that it is there.
STUBBORN = (
    "trap 'say term; mark termed; await release; say end; exit 0' TERM",
    "! marked been || mark second-life",
    "await asked",
    "mark been",
)
IN_ITS_LIFE = probe("{ marked second-life || ! marked been; } && mark asked")


def stubborn(name: str, *lines: str, **settings: Any) -> Scene:
    """A sidecar that fails its liveness probe in its first life, in a Pod with a long grace."""
    return scene(
        pod(
            name,
            sidecar(
                "helper",
                *STUBBORN,
                startupProbe=IN_ITS_LIFE,
                livenessProbe=probe("marked second-life || ! marked been", failureThreshold=1, **settings),
            ),
            app("main", *lines),
            terminationGracePeriodSeconds=300,
        )
    )


# --- probes that wait ---------------------------------------------------------------------------

LIVE_ASKED = probe("hook_say asked", "mark asked")


def opens(name: str, **fields: Any) -> Scene:
    """A sidecar that opens its gate once its liveness probe was asked, or when it gives up on that."""
    return scene(
        pod(
            name,
            sidecar(
                "helper",
                "linger asked",
                "say opening",
                "tick",
                "mark open",
                livenessProbe=LIVE_ASKED,
                **fields,
            ),
            app("main", "await asked", "await open"),
        )
    )


# --- readiness ----------------------------------------------------------------------------------


def _service(name: str, **spec: Any) -> Mapping[str, Any]:
    ports = [{"port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"pod": name}, "ports": ports, **spec},
    }


def endpoints(service: str, what: str, notes: Sequence[str], ready: bool | None) -> tuple[Deed, ...]:
    """Wait until the Service's endpoints are there, and ready or not where that is said; keep what they are."""

    def of(slices: Sequence[Mapping[str, Any]]) -> list[bool]:
        return [
            bool(one["conditions"].get("ready")) for found in slices for one in found.get("endpoints") or ()
        ]

    def test(slices: Sequence[Mapping[str, Any]]) -> bool:
        found = of(slices)
        return bool(found) and (ready is None or set(found) == {ready})

    label = f"kubernetes.io/service-name={service}"
    return tuple(
        UntilListed(
            what,
            "discovery.k8s.io/v1",
            "EndpointSlice",
            label,
            test,
            lambda slices: f"ready: {of(slices)}",
            note,
        )
        for note in notes
    )


def toggled(name: str, *deeds: Deed, **spec: Any) -> Scene:
    """A Pod behind a Service whose sidecar is ready while its gate is open."""
    return scene(
        _service(name, **spec),
        pod(
            name, sidecar("helper", readinessProbe=probe("marked open", failureThreshold=1)), resident("main")
        ),
        deeds=deeds,
    )


TOGGLED = toggled(
    "toggled",
    Until("all has started", lambda found: found.started),
    *endpoints("toggled", "the endpoint is there, and not ready", ["before"], ready=False),
    Tell("toggled", "helper", f": > {BOARD}/open"),
    Until("the Pod is ready", lambda found: found.ready),
    *endpoints("toggled", "the endpoint is ready", ["open"], ready=True),
    Tell("toggled", "helper", f"rm {BOARD}/open"),
    Until("the Pod is not ready", lambda found: not found.ready),
    *endpoints("toggled", "the endpoint is not ready any more", ["closed"], ready=False),
)
READY_ANYHOW = toggled(
    "ready-anyhow",
    *endpoints("ready-anyhow", "the endpoint is there", ["before", "open", "closed"], ready=None),
    publishNotReadyAddresses=True,
)

# --- redirects ----------------------------------------------------------------------------------

ELSEWHERE = f"{BOARD}/cgi-bin/elsewhere"


def redirected(name: str, page: str, deeds: tuple[Deed, ...] = (), **settings: Any) -> Scene:
    """Sidecars whose startup probes are sent on: to a folder of theirs with this page, and to another host."""
    return scene(
        pod(
            name,
            sidecar(
                "near",
                f"mkdir -p {BOARD}/folder",
                f"mark folder/{page}",
                "serve 8080",
                startupProbe=by_http("/folder", **settings),
            ),
            sidecar(
                "far",
                f"mkdir -p {BOARD}/cgi-bin",
                rf"""printf '#!/bin/sh\nprintf "Location: http://192.0.2.1/\\r\\n\\r\\n"\n' > {ELSEWHERE}""",
                f"chmod +x {ELSEWHERE}",
                "serve 8081",
                startupProbe=by_http("/cgi-bin/elsewhere", 8081),
            ),
            app("main"),
        ),
        deeds=deeds,
    )


# --- while a Pod stops --------------------------------------------------------------------------

COUNT = f"""
count() {{ wc -l < {BOARD}/$1; }}
counted() {{ [ "$(count "$1")" -ge "$2" ]; }}
""".strip()
NOTE = f"echo >> {BOARD}"
# A probe says that it was asked, and is counted, once its Pod stops.
READY = probe("marked stopping || exit 0", f"hook_say ready-asked && {NOTE}/ready")
LIVE = probe("marked stopping || exit 0", f"hook_say live-asked && {NOTE}/live")
BEGIN_TO_STOP = (COUNT, f": > {BOARD}/ready", f": > {BOARD}/live", f": > {BOARD}/beat")
# Commands may not be asked any more: the beat goes by HTTP, and tells how often they might have been.
BEAT = f"{BOARD}/cgi-bin/beat"
BEATS = (
    f"mkdir -p {BOARD}/cgi-bin",
    rf"""printf '#!/bin/sh\necho >> {BOARD}/beat\nprintf "Content-type: text/plain\\r\\n\\r\\n"\n' > {BEAT}""",
    f"chmod +x {BEAT}",
    "serve 8080",
)
STOPS = (*BEGIN_TO_STOP, "hook_say stopping", "tick", "mark stopping")
SETTLES = ("tick", "hook_say settled", "mark settled")
# What a container does that lives on, and is asked on.
GOES_ON = (
    *BEGIN_TO_STOP,
    "say stopping",
    "tick",
    "mark stopping",
    'within "$PATIENCE" counted live 3',
    "tick",
    "say settled",
)
ASKED_THRICE = "enough() { counted ready 3 || counted beat 20; }"

ASKED_WHILE_STOPPING = scene(
    pod(
        "asked-while-stopping",
        resident(
            "main",
            readinessProbe=READY,
            livenessProbe=LIVE,
            lifecycle={
                "preStop": hook(*STOPS, ASKED_THRICE, 'within "$PATIENCE" enough', *SETTLES),
            },
        ),
        resident(
            "beat",
            *BEATS,
            readinessProbe=by_http("/cgi-bin/beat"),
            lifecycle={"preStop": hook("await settled")},
        ),
        terminationGracePeriodSeconds=300,
    ),
    deeds=(Until("it is ready", lambda found: found.ready), Delete("asked-while-stopping")),
)
ASKED_WHILE_ALIVE = scene(
    pod(
        "asked-while-alive",
        app(
            "main",
            *GOES_ON,
            livenessProbe=LIVE,
        ),
    )
)

SIDECAR_STOPS = scene(
    pod(
        "sidecar-stops",
        sidecar(
            "helper",
            livenessProbe=LIVE,
            lifecycle={"preStop": hook(*STOPS, "linger never", *SETTLES)},
        ),
        resident("main"),
        terminationGracePeriodSeconds=300,
    ),
    deeds=(Delete("sidecar-stops"),),
)
SIDECAR_LIVES = scene(
    pod(
        "sidecar-lives",
        sidecar(
            "helper",
            *GOES_ON,
            "mark settled",
            livenessProbe=LIVE,
        ),
        app("main", "await settled"),
    )
)

# The kubelet tells of the end of a container that stops with its Pod when all have ended, of its probe at once.
ONE_DIES = scene(
    pod(
        "one-dies",
        resident("quick", "serve 8080", readinessProbe=by_http("/quick", failureThreshold=1)),
        resident("slow", lifecycle={"preStop": hook("await release")}),
        terminationGracePeriodSeconds=300,
    ),
    deeds=(
        Until("both are ready", lambda found: found.ready),
        Delete("one-dies"),
        Until("quick is not ready", the("quick", lambda one: not one.ready)),
        Tell("one-dies", "slow", f": > {BOARD}/release"),
    ),
)


def _stops(found: PodFacts) -> bool:
    return found.deleting and the("slow", lambda one: one.state == "running")(found)


# To a kubelet that starts, containers are old which have run for ten seconds; those of this Pod have when it is ready.
OLD_SECONDS = 13


def _proven_ready(name: str, *deeds: Deed) -> Scene:
    """A Pod that is ready by all kinds of probes; after the deeds its other app restarts, which no kubelet misses."""
    ready = probe("true")
    return scene(
        pod(
            name,
            sidecar("helper", startupProbe=ready, readinessProbe=ready),
            sidecar("plain"),
            resident("main", startupProbe=ready, readinessProbe=ready),
            resident("bare"),
            resident("other", readinessProbe=probe("true", initialDelaySeconds=OLD_SECONDS)),
            restartPolicy="Always",
        ),
        deeds=(
            Until("it is ready", lambda found: found.ready),
            *deeds,
            Tell(name, "other", "kill 1"),
            Until("other runs again", again("other")),
        ),
    )


STAYS_READY = tuple(
    for_good(name, f"{name} is started and ready", the(name, lambda one: one.started and one.ready))
    for name in ("helper", "plain", "main", "bare")
)


AREA = Area(
    "probes",
    (
        Behaviour(
            "probe-startup-fail-blocks-and-restarts",
            "A sidecar whose startup probe fails is restarted again and again; what follows does not start, and the Pod"
            " is Pending.",
            source=f"{SIDECAR_DOCS}; {PROBE_DOCS}",
            since="1.28",
            scene=NEVER_STARTS,
            shows=(
                counts_up("helper", 2),
                always("main", "main waits and the Pod is Pending", _blocked),
            ),
            twin=NEVER_LIVES,
        ),
        Behaviour(
            "probe-startup-fail-calls-prestop",
            "A sidecar that is stopped for its startup probe's sake has its preStop hook called, and then gets TERM.",
            source=f"{HOOK_DOCS}; {NODE_TESTS}",
            since="1.28",
            scene=NEVER_STARTS,
            shows=(says("helper", "bye"), before(mark("helper", "bye"), mark("helper", "term"))),
            twin=ENDS_BY_ITSELF,
        ),
        Behaviour(
            "probe-startup-recovers",
            "A sidecar that has crashed is started and probed again; once it has started the rest does, though the Pod"
            " restarts nothing.",
            source=f"{SIDECAR_DOCS}; {NODE_TESTS}",
            since="1.29",
            scene=scene(
                willing(
                    pod(
                        "recovers",
                        sidecar(
                            "helper",
                            "marked tried || { mark tried; say end; exit 1; }",
                            "say open",
                            "mark open",
                            startupProbe=probe("marked open"),
                        ),
                        sidecar("second", startupProbe=probe("marked second")),
                        app("main"),
                    )
                )
            ),
            shows=(gets_there(mark("helper", "open")), restarted("helper", 1), succeeded("main")),
            twin=hung,
            known=NEVER_RECOVERS,
        ),
        Behaviour(
            "probe-startup-delays-liveness",
            "No liveness probe is asked before the startup probe has succeeded.",
            source=PROBE_DOCS,
            since="1.28",
            scene=opens("liveness-waits", startupProbe=probe("marked open")),
            shows=(says("main", "saw", "asked"), before(mark("helper", "opening"), mark("helper", "asked"))),
            twin=opens("liveness-at-once", env=[value("WINDOW", "120")]),
        ),
        Behaviour(
            "probe-readiness-counts",
            "A Pod is ready only while each of its sidecars is, as often as that changes.",
            source=f"{SIDECAR_DOCS}; {KEP_753}",
            since="1.28",
            scene=TOGGLED,
            shows=(
                whenever(
                    "helper",
                    "the sidecar is not ready",
                    lambda found: bool(found.conditions) and the("helper", lambda one: not one.ready)(found),
                    "neither are the Pod and its containers",
                    lambda found: not found.condition("Ready") and not found.condition("ContainersReady"),
                ),
                once("helper", "the Pod is ready", lambda found: found.ready),
            ),
            twin=as_if(with_condition("Ready", status="True")),
        ),
        Behaviour(
            "probe-readiness-drives-endpoints",
            "A Pod whose sidecar is not ready is no ready endpoint of its Service, until the sidecar is ready again.",
            source=f"{SERVICE_DOCS}; {KEP_753}",
            since="1.28",
            scene=TOGGLED,
            shows=(
                looks("before", "ready: [False]"),
                looks("open", "ready: [True]"),
                looks("closed", "ready: [False]"),
            ),
            twin=READY_ANYHOW,
        ),
        Behaviour(
            "probe-readiness-initial-delay",
            "A readiness probe is not asked before its initial delay is over.",
            source=PROBE_DOCS,
            since="1.28",
            scene=scene(
                pod(
                    "delayed",
                    sidecar(
                        "helper", readinessProbe=probe("hook_say asked", "mark asked", initialDelaySeconds=3)
                    ),
                    app("main", "await asked"),
                )
            ),
            # The kubelet counts from a stamp that it may have cut to a whole second.
            shows=(apart(birth("helper"), mark("helper", "asked"), 2),),
            twin=earlier("helper", "asked", 60),
        ),
        Behaviour(
            "probe-liveness-restarts-sidecar",
            "A sidecar whose liveness probe fails is restarted; the app after it has started, and is left alone.",
            source=f"{SIDECAR_DOCS}; {PROBE_DOCS}",
            since="1.28",
            scene=SICK_SIDECAR,
            shows=(
                restarted("helper", 1),
                restarted("main", 0),
                says("main", "saw", "cured"),
                before(birth("main"), mark("helper", "term")),
            ),
            twin=SICK_APP,
        ),
        Behaviour(
            "probe-liveness-healthy-no-restart",
            "Sidecars that answer their liveness probes, be they commands, HTTP or connections, are not restarted.",
            source=PROBE_DOCS,
            since="1.28",
            scene=WELL,
            shows=(
                says("main", "saw", "asked"),
                *(restarted(one, 0) for one in ("by-command", "by-http", "by-connection")),
            ),
            twin=UNWELL,
        ),
        Behaviour(
            "probe-exec-timeout",
            "A probe whose command takes longer than its timeout has failed.",
            source=PROBE_DOCS,
            since="1.28",
            scene=ANSWERS_LATE,
            shows=(
                lastly("helper", "seen", lambda _found: True, "helper was restarted", _restarted("helper")),
            ),
            twin=ANSWERS_IN_TIME,
        ),
        Behaviour(
            "probe-grace-override",
            "What is stopped for its liveness probe's sake gets the grace of that probe, not that of its Pod.",
            source=PROBE_DOCS,
            since="1.28",
            scene=stubborn(
                "probe-is-short", "await second-life", "mark release", terminationGracePeriodSeconds=1
            ),
            shows=(
                # A busy kubelet may forget the first end. What main saw tells as well: helper would have stayed for it.
                by_any(
                    whenever(
                        "helper",
                        "the first end of helper is known",
                        the("helper", lambda one: one.restarts == 1 and one.last is not None),
                        "it had been killed",
                        the("helper", lambda one: one.last is not None and one.last.exit_code == 137),
                    ),
                    says("main", "saw", "second-life"),
                ),
            ),
            twin=stubborn("pod-is-long", "await termed", "mark release", "await second-life"),
        ),
        Behaviour(
            "probe-redirect",
            "A probe by HTTP follows redirects within its host, and takes one to another host for a success.",
            source=PROBE_DOCS,
            since="1.28",
            scene=redirected("redirected", "index.html"),
            shows=(restarted("near", 0), restarted("far", 0), succeeded("main")),
            twin=redirected("led-astray", "no-index", (restarts("near"),), failureThreshold=3),
        ),
        Behaviour(
            "probe-monotonic-restarts",
            "The count of a container's restarts only grows.",
            source=CONFORMANCE_TESTS,
            since="1.28",
            scene=NEVER_STARTS,
            shows=(counts_up("helper", 2),),
            twin=backwards,
        ),
        Behaviour(
            "probe-readiness-during-termination",
            "While a Pod stops its readiness probes are asked on, and its liveness probes are not.",
            source=f"{LIFECYCLE_DOCS}; {NODE_TESTS}",
            since="1.25",
            scene=ASKED_WHILE_STOPPING,
            shows=(
                says_within(
                    "main", "ready-asked", mark("main", "stopping"), mark("main", "settled"), 1, None
                ),
                # One may have been on its way.
                says_within("main", "live-asked", mark("main", "stopping"), mark("main", "settled"), 0, 1),
            ),
            twin=ASKED_WHILE_ALIVE,
            known=COMMANDS_CANCELLED,
        ),
        Behaviour(
            "probe-sidecar-liveness-off-while-terminating",
            "While a Pod stops the liveness probe of a sidecar is not asked, and the sidecar is not restarted.",
            source=NODE_TESTS,
            since="1.28",
            scene=SIDECAR_STOPS,
            shows=(
                says_within(
                    "helper", "live-asked", mark("helper", "stopping"), mark("helper", "settled"), 0, 1
                ),
                restarted("helper", 0),
            ),
            twin=SIDECAR_LIVES,
            known=SIDECARS_FORGOTTEN,
        ),
        Behaviour(
            "probe-dead-container-not-ready",
            "A container that has died while its Pod stops is not ready by its probe, though others still run and are.",
            source="Kubernetes' own end-to-end tests",
            since="1.25",
            scene=ONE_DIES,
            shows=(
                says("quick", "end"),
                lastly(
                    "quick",
                    "the Pod stops and slow runs",
                    _stops,
                    "quick is not ready and slow is",
                    lambda found: (
                        the("quick", lambda one: not one.ready)(found)
                        and the("slow", lambda one: one.ready)(found)
                    ),
                ),
            ),
            twin=as_if(with_container("quick", ready=True)),
        ),
        Behaviour(
            "probe-kubelet-restart-keeps-status",
            "A restart of the kubelet leaves sidecars and apps started and ready, whatever probes they have.",
            source=f"KEP-4781; {NODE_TESTS}",
            since="1.35",
            tier="node",
            disruptive=True,
            scene=_proven_ready(
                "kubelet-restarts-beside-probes", restart_kubelet("kubelet-restarts-beside-probes")
            ),
            shows=(restarted("other", 1), *STAYS_READY),
            twin=_proven_ready(
                "restarts-beside-probes",
                Tell("restarts-beside-probes", "main", "kill 1"),
                Until("main runs again", again("main")),
            ),
            known=(KnownBug(100277, ">=1.0,<1.35"),),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
