"""Ephemeral containers: where they may be added, what they see, and what they leave alone."""

from __future__ import annotations

from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.claims import (
    Judgement,
    Test,
    before,
    birth,
    end,
    exited,
    looks,
    restarted,
    says,
    the,
    whenever,
)
from conformance.deeds import Patch, Until
from conformance.ending import ends, stays_dead
from conformance.pods import Scene, Speaker, app, init, mount, pod, probe, resident, scene, sidecar, value
from conformance.registry import ENV_FILE_DOCS, EPHEMERAL_DOCS, Area, Behaviour
from conformance.verdicts import catch, hold


def debugger(name: str, *lines: str, **fields: Any) -> Speaker:
    """An ephemeral container: it does its lines and exits 0."""
    return Speaker(name, Role.EPHEMERAL, False, lines, fields)


def adding(to: str, *debuggers: Speaker, note: str = "") -> Patch:
    """The deed that adds them to a Pod."""
    body = {"spec": {"ephemeralContainers": [one.spec() for one in debuggers]}}
    return Patch("Pod", to, body, subresource="ephemeralcontainers", note=note)


def over(*names: str) -> Test:
    """Whether these containers have come to their ends."""
    return lambda seen: all(the(name, lambda one: one.state == "terminated")(seen) for name in names)


# Every container of the Pod has a line of its own in its command; a target's process is number 1 to who targets it.
LOOK_AROUND = 'grep -q ": i-am-$BESIDE" /proc/1/cmdline && say beside "$BESIDE" || say alone'


def _beside(name: str, target: str, **fields: Any) -> Speaker:
    return debugger(name, LOOK_AROUND, env=[value("BESIDE", target)], **fields)


def _looked_at(name: str, stranger: str, **targets: dict[str, str]) -> Scene:
    """A Pod with a sidecar, and one debugger beside the sidecar, one beside the app, one beside somebody else."""
    return scene(
        pod(
            name, sidecar("helper", ": i-am-helper"), resident("main", ": i-am-main"), restartPolicy="Always"
        ),
        deeds=(
            adding(
                name,
                _beside("at-helper", "helper", **targets.get("helper", {})),
                _beside("at-main", "main", **targets.get("main", {})),
            ),
            adding(name, debugger("at-stranger", targetContainerName=stranger), note="stranger"),
            Until("the debuggers have ended", over("at-helper", "at-main")),
        ),
    )


def _stuck(name: str, init_line: str, main_line: str, wanted: str, test: Test) -> Scene:
    return scene(
        pod(name, init("early", init_line), app("main", main_line)),
        deeds=(Until(wanted, test), adding(name, debugger("debug", "mark go"))),
    )


def _ready_beside_it(seen: PodFacts) -> bool:
    return seen.ready and the("main", lambda one: one.ready)(seen)


FAILS = ("say end", "exit 1")
READY = {"readinessProbe": probe("marked main")}
WENT_BACK = the("debug", lambda one: one.restarts > 0)

# Written by an init container, in the syntax of such files.
SETTINGS = ("""echo "GREETING='hello'" > /settings/env""", """echo "OTHER='no'" >> /settings/env""")
IN_SETTINGS = [mount("settings", "/settings")]


def _from_file(key: str) -> list[dict[str, Any]]:
    reference = {"volumeName": "settings", "path": "env", "key": key}
    return [{"name": "GREETING", "valueFrom": {"fileKeyRef": reference}}]


def _greeted(name: str, key: str) -> Scene:
    settings = {"name": "settings", "emptyDir": {}}
    main = app("main", "await greeted", env=_from_file("GREETING"))
    return scene(
        pod(name, init("early", *SETTINGS, volumeMounts=IN_SETTINGS), main, volumes=[settings]),
        deeds=(
            adding(name, debugger("debug", 'say greeting "$GREETING"', "mark greeted", env=_from_file(key))),
        ),
    )


AREA = Area(
    "ephemeral containers",
    (
        Behaviour(
            "eph-with-sidecars",
            "A Pod with a sidecar takes ephemeral containers; they may target the sidecar or the app, and see its"
            " processes, but nobody who is not there.",
            source=EPHEMERAL_DOCS,
            since="1.28",
            scene=_looked_at(
                "targets",
                "nobody",
                helper={"targetContainerName": "helper"},
                main={"targetContainerName": "main"},
            ),
            shows=(
                says("at-helper", "beside", "helper"),
                says("at-main", "beside", "main"),
                looks("stranger", "refused"),
            ),
            twin=_looked_at("no-targets", "helper"),
        ),
        Behaviour(
            "eph-during-init",
            "An ephemeral container starts while an init container still runs, and can help it on.",
            source=EPHEMERAL_DOCS,
            since="1.25",
            scene=_stuck(
                "stuck-at-init",
                "await go",
                ":",
                "the init container runs",
                the("early", lambda one: one.state == "running"),
            ),
            shows=(before(birth("debug"), end("early")), says("early", "saw", "go")),
            twin=_stuck(
                "stuck-at-app",
                ":",
                "await go",
                "the app runs",
                the("main", lambda one: one.state == "running"),
            ),
        ),
        Behaviour(
            "eph-never-restarted",
            "An ephemeral container that failed is not started again, leaves its Pod ready, and a running one does not"
            " keep its Pod from ending.",
            source=EPHEMERAL_DOCS,
            since="1.25",
            scene=scene(
                pod("keeps-ready", resident("main", **READY), restartPolicy="Always"),
                pod("comes-to-its-end", app("short", "await long")),
                goal="started",
                deeds=(
                    adding("keeps-ready", debugger("debug", *FAILS)),
                    adding("comes-to-its-end", debugger("long", "await nothing")),
                    Until("the first one has failed", over("debug")),
                    adding("keeps-ready", debugger("later", "linger nothing")),
                    Until("a later one has ended", over("later")),
                    Until(
                        "the other Pod has ended", lambda seen: seen.phase == "Succeeded", "comes-to-its-end"
                    ),
                ),
            ),
            shows=(
                exited("debug", 1),
                restarted("debug", 0),
                stays_dead("debug"),
                whenever("debug", "debug has ended", over("debug"), "the Pod is ready", _ready_beside_it),
                ends("short", "Succeeded"),
            ),
            twin=scene(
                pod("app-goes-back", resident("main", **READY), app("debug", *FAILS), restartPolicy="Always"),
                deeds=(Until("the app was started again", WENT_BACK),),
            ),
        ),
        Behaviour(
            "eph-filekeyref",
            "An ephemeral container may take a variable of its environment from a file that an init container wrote.",
            source=ENV_FILE_DOCS,
            since="1.34",
            scene=_greeted("greeted", "GREETING"),
            shows=(says("debug", "greeting", "hello"),),
            twin=_greeted("greeted-otherwise", "OTHER"),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
