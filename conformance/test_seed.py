"""The first claims of all: two Pods and what is said of them, run as they stand in playbooks/files/seed.

Their containers speak no stamps, so the evidence is in the states that the watch delivered, in what they log, and in
a look inside: what the kernel tells of process 1 has its start on the clock that is one for all containers.
"""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from conformance.claims import (
    Judgement,
    Life,
    before,
    by_any,
    looked_start,
    looks,
    prints,
    restarted,
    runs,
    succeeded,
    the,
    told_end,
    told_start,
    whenever,
)
from conformance.plays import FILES
from conformance.pods import Look, Manifest, as_it_stands, manifest_of
from conformance.registry import SEED, Area, Behaviour
from conformance.verdicts import catch, hold

INIT_POD = manifest_of(FILES / "seed" / "init.yml")
SIDECAR_POD = manifest_of(FILES / "seed" / "sidecar.yml")
NATIVE_POD = manifest_of(FILES / "seed" / "native-sidecar.yml")

PROCESS = "cat /proc/1/stat"
LOOKS = {
    "page": Look("log-agent", "timeout 30 wget -q -O - http://127.0.0.1:80/"),
    "nowhere": Look("log-agent", "timeout 30 wget -q -O - http://127.0.0.1:81/"),
    "nginx": Look("nginx", PROCESS),
    "log-agent": Look("log-agent", PROCESS),
}


def _with(manifest: Manifest, **lists: list[Manifest]) -> Manifest:
    """The Pod with other lists of containers."""
    spec = {key: value for key, value in manifest["spec"].items() if key != "initContainers"}
    return {**manifest, "spec": {**spec, **lists}}


(NGINX,) = INIT_POD["spec"]["containers"]
(WARM_UP,) = INIT_POD["spec"]["initContainers"]
LOG_ONCE = {"name": "log-agent", "image": "busybox", "command": ["sh", "-c", "echo Logging"]}

INIT = as_it_stands("init", INIT_POD)
SIDECAR = as_it_stands("sidecar", SIDECAR_POD, **LOOKS)
NATIVE = as_it_stands("native-sidecar", NATIVE_POD, **LOOKS)
INIT_AS_APP = as_it_stands("init-as-app", _with(INIT_POD, containers=[WARM_UP, NGINX]))
SIDECAR_AS_INIT = as_it_stands(
    "sidecar-as-init", _with(INIT_POD, initContainers=[LOG_ONCE], containers=[NGINX])
)


def _ran_twice(life: Life) -> Life:
    """The evidence as it would be had the init container been restarted."""

    def again(pod: PodFacts) -> PodFacts:
        first, *others = pod.containers
        return replace(pod, containers=(replace(first, restarts=1), *others))

    return replace(life, timelines=tuple(replace(one, pod=again(one.pod)) for one in life.timelines))


def _looked_elsewhere(life: Life) -> Life:
    """The evidence with what is at another port, where nobody listens, in place of nginx's page."""
    return replace(life, looks={**life.looks, "page": life.looks.get("nowhere", "")})


AREA = Area(
    "seed",
    (
        Behaviour(
            "seed-init-before-nginx",
            "The init container runs before nginx, which starts when it has completed.",
            source=SEED,
            since="1.6",
            scene=INIT,
            shows=(
                # It sleeps for five seconds, of which a busy kubelet may tell nobody before they are over.
                by_any(
                    whenever(
                        "nginx",
                        "the init container runs",
                        the("init-myservice", lambda one: one.state == "running"),
                        "nginx waits",
                        the("nginx", lambda one: one.state == "waiting"),
                    ),
                    before(told_end("init-myservice"), told_start("nginx")),
                ),
                succeeded("init-myservice"),
            ),
            twin=INIT_AS_APP,
        ),
        Behaviour(
            "seed-init-once",
            "The init container says its word, completes and is not restarted.",
            source=SEED,
            since="1.6",
            scene=INIT,
            shows=(prints("init-myservice", "Init Container Running"), restarted("init-myservice", 0)),
            twin=_ran_twice,
        ),
        Behaviour(
            "seed-sidecar-alongside",
            "nginx and the log-agent run at the same time.",
            source=SEED,
            since="1.0",
            scene=SIDECAR,
            shows=(runs("nginx"), runs("log-agent"), prints("log-agent", "Logging")),
            twin=SIDECAR_AS_INIT,
        ),
        Behaviour(
            "seed-sidecar-reaches-nginx",
            "The log-agent reaches nginx on localhost.",
            source=SEED,
            since="1.0",
            scene=SIDECAR,
            shows=(looks("page", "nginx"),),
            twin=_looked_elsewhere,
        ),
        Behaviour(
            "seed-native-sidecar-first",
            "As a native sidecar the log-agent starts before nginx.",
            source=SEED,
            since="1.28",
            scene=NATIVE,
            shows=(before(looked_start("log-agent"), looked_start("nginx")),),
            twin=SIDECAR,
        ),
        Behaviour(
            "seed-native-sidecar-alongside",
            "As a native sidecar the log-agent runs alongside nginx and reaches it on localhost.",
            source=SEED,
            since="1.28",
            scene=NATIVE,
            shows=(runs("nginx"), runs("log-agent"), looks("page", "nginx")),
            twin=SIDECAR_AS_INIT,
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
