"""Resize: CPU of a sidecar and of an init container is changed while they run.

What counts is the kernel's own limit, as the container reads it; the status follows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import Role
from conformance.answers import reads, value_at
from conformance.claims import Judgement, Life, looks, restarted, says, succeeded, the
from conformance.deeds import Deed, Patch, Until, UntilListed
from conformance.pods import (
    RESIZE_OF_INITS,
    Scene,
    Speaker,
    app,
    init,
    pod,
    probe,
    resident,
    scene,
    sidecar,
    value,
)
from conformance.registry import NODE_TESTS, RESIZE_DOCS, Area, Behaviour, Sign
from conformance.verdicts import catch, hold

KEP_1287 = "KEP-1287, In-place Update of Pod Resources"

BEFORE = {"requests": {"cpu": "10m", "memory": "10Mi"}, "limits": {"cpu": "300m", "memory": "50Mi"}}
AFTER = {"requests": {"cpu": "20m", "memory": "10Mi"}, "limits": {"cpu": "400m", "memory": "50Mi"}}
AT_ITS_LIMIT = {"requests": BEFORE["limits"], "limits": BEFORE["limits"]}

# The kernel's limit is a share of its period of 100 ms, in microseconds: 400m is 40000.
QUOTA = (
    "quota() { cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2> /dev/null | cut -d' ' -f1; }",
    'resized() { [ "$(quota)" = 40000 ]; }',
)
TELLS = (*QUOTA, 'if within "$PATIENCE" resized; then say resized; else say as-before; fi')
IN_PLACE, ANEW = "NotRequired", "RestartContainer"


def sized(policy: str = IN_PLACE) -> dict[str, Any]:
    """The fields of a container that can be resized in this way."""
    return {
        "resources": BEFORE,
        "resizePolicy": [{"resourceName": "cpu", "restartPolicy": policy}],
    }


def to(name: str, container: str, role: Role, resources: Mapping[str, Any], note: str = "") -> Patch:
    """Ask for other resources for one container."""
    spec_list = "containers" if role is Role.APP else "initContainers"
    body = {"spec": {spec_list: [{"name": container, "resources": resources}]}}
    return Patch("Pod", name, body, subresource="resize", note=note)


def _given(found: Mapping[str, Any]) -> Any:
    return value_at(found, "status.initContainerStatuses.0.resources")


def resized(name: str, policy: str, *more: Deed) -> Scene:
    """A Pod whose sidecar is resized, and that is read when its status says so; then the sidecar says what it has."""

    def given(found: Sequence[Mapping[str, Any]]) -> bool:
        return any(_given(one) == AFTER for one in found)

    return scene(
        pod(
            name,
            sidecar("helper", *TELLS, "mark told", **sized(policy)),
            resident("main", resources=BEFORE, readinessProbe=probe("marked told")),
            restartPolicy="Always",
        ),
        deeds=(
            to(name, "helper", Role.SIDECAR, AFTER),
            *more,
            UntilListed(
                "the sidecar has what it was to get",
                "v1",
                "Pod",
                f"pod={name}",
                given,
                lambda found: json.dumps(found[0]),
                "pod",
            ),
            Until("helper has told", the("main", lambda one: one.ready)),
        ),
    )


SIDECAR_IN_PLACE = resized("in-place", IN_PLACE)
SIDECAR_ANEW = resized(
    "anew", ANEW, Until("helper was restarted", the("helper", lambda one: one.restarts > 0))
)


def asked(name: str, resources: Mapping[str, Any]) -> Scene:
    """A Burstable Pod whose app is to get other resources."""
    made = pod(name, sidecar("helper", resources=AT_ITS_LIMIT), resident("main", **sized()))
    started = Until("it has started", lambda found: found.started)
    return scene(made, deeds=(started, to(name, "main", Role.APP, resources, note="answer"), started))


def while_init_runs(name: str, early: Speaker, *deeds: Deed) -> Scene:
    """A Pod to which something is done while its init container runs."""
    # One that has little to do may run and end between two states that are seen.
    runs = Until("early has started", the("early", lambda one: one.state != "waiting"))
    done = Until("early is done", the("early", lambda one: one.succeeded))
    return scene(pod(name, early, app("main")), deeds=(runs, *deeds, done))


def _immutable(life: Life) -> str:
    """What the server says to the resize, where it takes an init container's resources for unchangeable."""
    return (
        life.shortfall if "resources for non-sidecar init containers are immutable" in life.shortfall else ""
    )


AREA = Area(
    "resize",
    (
        Behaviour(
            "resize-sidecar",
            "A sidecar is given more CPU while it runs, without a restart of it or of the app.",
            source=f"{RESIZE_DOCS}; {KEP_1287}",
            since="1.33",
            scene=SIDECAR_IN_PLACE,
            shows=(
                reads("pod", "its status says so", lambda found: _given(found) == AFTER),
                says("helper", "resized"),
                restarted("helper", 0),
                restarted("main", 0),
            ),
            twin=SIDECAR_ANEW,
        ),
        Behaviour(
            "resize-policy-restart",
            "A sidecar that is to be restarted when it is resized is restarted, and the app is not.",
            source=f"{RESIZE_DOCS}; {KEP_1287}",
            since="1.33",
            scene=SIDECAR_ANEW,
            shows=(
                reads("pod", "its status says so", lambda found: _given(found) == AFTER),
                restarted("helper", 1),
                restarted("main", 0),
            ),
            twin=SIDECAR_IN_PLACE,
        ),
        Behaviour(
            "resize-plain-init-running",
            "An init container is given more CPU while it runs.",
            source=NODE_TESTS,
            since="1.36",
            scene=while_init_runs(
                "init-in-place",
                init("early", *TELLS, **sized()),
                to("init-in-place", "early", Role.INIT, AFTER),
            ),
            shows=(says("early", "resized"), succeeded("early"), restarted("early", 0)),
            twin=while_init_runs(
                "init-as-before", init("early", *TELLS, env=[value("PATIENCE", "1")], **sized())
            ),
            # Such a server keeps an init container's resizePolicy, for all that.
            sign=Sign(RESIZE_OF_INITS, _immutable),
        ),
        Behaviour(
            "resize-qos-immutable",
            "A resize that would change the Pod's class of service is refused.",
            source=RESIZE_DOCS,
            since="1.33",
            scene=asked("of-another-class", AT_ITS_LIMIT),
            shows=(looks("answer", "refused with HTTP 422"),),
            twin=asked("of-the-same-class", AFTER),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
