"""Namespaces and security: which of the kernel's namespaces containers of a Pod share, and whose rights are whose."""

from __future__ import annotations

from typing import Any

from conformance.claims import (
    Judgement,
    agree,
    before,
    differ,
    end,
    looks,
    mark,
    says,
    succeeded,
    the,
)
from conformance.deeds import Apply, Patch, Until
from conformance.pods import Manifest, Scene, app, init, pod, resident, scene, sidecar, value
from conformance.registry import POD_DOCS, SECURITY_DOCS, Area, Behaviour
from conformance.verdicts import catch, hold
from conformance.workload_claims import condition
from conformance.workloads import job

PSS_DOCS = "Kubernetes documentation, Pod Security Admission"
SHARE_DOCS = "Kubernetes documentation, Share Process Namespace between Containers in a Pod"
HASTY = [value("PATIENCE", "5")]
PIDS = "tell pids readlink /proc/self/ns/pid"
# Where it stands outside brackets, Kubernetes takes one of the two dollars for itself.
FIRST = 'me=$(echo $$); [ "$me" = 1 ] && say first mine || say first another'


def _signals(name: str, **of_main: Any) -> Manifest:
    """A helper that waits for its end, and an app that sends it TERM, once it sees it among its own processes."""
    return pod(
        name,
        app(
            "helper",
            "trap 'say term; mark stopped; say end; tick; exit 0' TERM",
            PIDS,
            FIRST,
            "echo $me > /board/pid",
            "mark told",
            "await done",
        ),
        app(
            "main",
            PIDS,
            FIRST,
            "await told",
            "pid=$(cat /board/pid)",
            '[ "$pid" != "$me" ] && kill -0 "$pid" && say sees helper || say sees nobody',
            'kill "$pid"',
            "await stopped",
            "tick",
            "mark done",
            **of_main,
        ),
    )


def _shared(manifest: Manifest) -> Manifest:
    return {**manifest, "spec": {**manifest["spec"], "shareProcessNamespace": True}}


SHARED = scene(_shared(_signals("shared-processes")))
ISOLATED = scene(_signals("own-processes", env=HASTY))

IPC = "tell ipc readlink /proc/self/ns/ipc"
WHO = (
    "tell user id -u",
    "[ $(awk '/CapEff/ { print $2 }' /proc/self/status) = 0000000000000000 ] && say power none || say power some",
)


def _user(number: int, **fields: Any) -> dict[str, Any]:
    drop = {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False}
    return {"securityContext": {"runAsUser": number, **(fields or drop)}}


ROOT = {"securityContext": {"allowPrivilegeEscalation": True}}


def _admitted(name: str, restricted: bool) -> Scene:
    """The server is asked to take containers that are too free, one for each list of a Pod's spec."""
    added = {"spec": {"ephemeralContainers": [{"name": "too-free", "command": ["sh"], **ROOT}]}}
    return scene(
        pod(name, resident("main")),
        deeds=(
            Apply(
                pod(f"{name}-init", init("too-free", **ROOT), app("main")), dry=True, note="init container"
            ),
            Apply(pod(f"{name}-sidecar", sidecar("too-free", **ROOT), app("main")), dry=True, note="sidecar"),
            Apply(pod(f"{name}-app", app("too-free", **ROOT)), dry=True, note="app"),
            Patch("Pod", name, added, subresource="ephemeralcontainers", note="ephemeral container"),
            Until("main runs", the("main", lambda one: one.state == "running")),
        ),
        restricted=restricted,
    )


AREA = Area(
    "namespaces and security",
    (
        Behaviour(
            "ns-share-process",
            "Containers of a Pod with shareProcessNamespace see each other's processes, send them signals, and"
            " are none of them process 1.",
            source=SHARE_DOCS,
            since="1.17",
            scene=SHARED,
            shows=(
                agree(("helper", "pids"), ("main", "pids")),
                says("helper", "first", "another"),
                says("main", "first", "another"),
                says("main", "sees", "helper"),
                before(mark("helper", "term"), end("main")),
            ),
            twin=ISOLATED,
        ),
        Behaviour(
            "ns-default-isolated",
            "Without it each container has processes of its own, its own one being number 1, and sees no others.",
            source=SHARE_DOCS,
            since="1.0",
            scene=ISOLATED,
            shows=(
                differ(("helper", "pids"), ("main", "pids")),
                says("helper", "first", "mine"),
                says("main", "first", "mine"),
                says("main", "sees", "nobody"),
            ),
            twin=SHARED,
        ),
        Behaviour(
            "ns-share-process-classic-job",
            "A Job whose helper is an app completes where its main container stops the helper by a signal, which"
            " a shared process namespace allows.",
            source=f"{SHARE_DOCS}; practice before native sidecars",
            since="1.17",
            scene=scene(job(_shared(_signals("stops-its-helper")))),
            shows=(
                says("helper", "term"),
                before(mark("helper", "term"), end("main")),
                condition("Complete"),
            ),
            twin=scene(job(_signals("cannot-stop-its-helper", env=HASTY))),
        ),
        Behaviour(
            "ns-ipc-shared",
            "Init containers, sidecars and apps of a Pod share one IPC namespace.",
            source=POD_DOCS,
            since="1.0",
            scene=scene(
                pod(
                    "shared-ipc",
                    init("early", IPC),
                    sidecar("helper", IPC, "mark told"),
                    app("main", IPC, "await told"),
                )
            ),
            shows=(agree(("early", "ipc"), ("helper", "ipc"), ("main", "ipc")),),
            twin=scene(
                pod(
                    "own-ipc",
                    init("early", IPC),
                    sidecar("helper", IPC, "mark told"),
                    app("rest", "await told"),
                ),
                pod("another-ipc", app("main", IPC)),
            ),
        ),
        Behaviour(
            "sec-per-container-context",
            "A security context is the container's own: a privileged init container leaves the sidecar and the app"
            " after it without its rights.",
            source=SECURITY_DOCS,
            since="1.6",
            scene=scene(
                pod(
                    "own-contexts",
                    init("early", *WHO, **_user(0, privileged=True, runAsNonRoot=False)),
                    sidecar("helper", *WHO, "mark told", **_user(4321)),
                    app("main", *WHO, "await told", **_user(1234)),
                ),
                restricted=False,
            ),
            shows=(
                says("early", "user", "0"),
                says("early", "power", "some"),
                says("helper", "user", "4321"),
                says("helper", "power", "none"),
                says("main", "user", "1234"),
                says("main", "power", "none"),
                succeeded("main"),
            ),
            twin=scene(
                pod(
                    "one-context",
                    init("early", *WHO),
                    sidecar("helper", *WHO, "mark told"),
                    app("main", *WHO, "await told"),
                ),
                restricted=False,
            ),
        ),
        Behaviour(
            "sec-psa-checks-all",
            "A namespace that enforces the restricted standard refuses Pods whose init containers, sidecars, apps or"
            " ephemeral containers do not keep to it, and names the container.",
            source=PSS_DOCS,
            since="1.25",
            scene=_admitted("restricted-admission", True),
            shows=tuple(
                looks(kind, part)
                for kind in ("init container", "sidecar", "app", "ephemeral container")
                for part in ("refused with HTTP 403", "too-free")
            ),
            twin=_admitted("privileged-admission", False),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
