"""Init containers again: what makes them run a second time, and what does not.

Where they must not, something else is done to the Pod afterwards that its kubelet cannot miss, a restart of the main
container: whatever the kubelet was to do about the first thing, it has done by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    PodFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import (
    Instant,
    Order,
    from_uptime,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.stamps import lines_of, stamps_in
from conformance.claims import (
    Claim,
    Finding,
    Judgement,
    Life,
    Moment,
    before,
    birth,
    lacks_image,
    looks,
    restarted,
    runs,
    says,
    succeeded,
    the,
)
from conformance.deeds import OURS, RENAMED, CutPower, Deed, Patch, Tell, Until
from conformance.ending import settled
from conformance.on_nodes import (
    remove_container,
    restart_kubelet,
    start_kubelet,
    stop_kubelet,
    stop_sandbox,
    without_server,
)
from conformance.pods import Manifest, Scene, app, init, mount, pod, probe, resident, scene, sidecar, value
from conformance.registry import (
    INIT_DOCS,
    KEP_753,
    LIFECYCLE_DOCS,
    NODE_TESTS,
    SIDECAR_DOCS,
    VOLUME_DOCS,
    Area,
    Behaviour,
)
from conformance.restarting import says_alike, willing
from conformance.verdicts import catch, hold

# A name in a domain that is reserved to have no hosts.
NO_IMAGE = "registry.invalid/no/such:image"
KEPT = {"volumeMounts": [mount("kept", "/kept"), mount("memory", "/memory")]}
VOLUMES = {
    "volumes": [{"name": "kept", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory"}}]
}


# It has started when it has said its words, which each container has a file of its own for.
SPOKEN = {"startupProbe": probe('grep -q spoken "$WILL"')}


def _template(name: str, *others: Any) -> Manifest:
    """Two init containers, the first of which counts its runs, a sidecar, and an app that tells the count.

    They are counted on two volumes, on the node's disk and in its memory. The status keeps what is told in a log that
    may go.
    """
    made = pod(
        name,
        init(
            "first",
            "echo run >> /kept/runs; echo run >> /memory/runs",
            "say run $(wc -l < /kept/runs)",
            "say remembered $(wc -l < /memory/runs)",
            **KEPT,
        ),
        init("second"),
        sidecar("helper", "say spoken", **SPOKEN),
        resident("main", "say runs $(wc -l < /kept/runs)", "say spoken", **SPOKEN, **KEPT),
        *others,
        restartPolicy="Always",
        **VOLUMES,
    )
    return willing(made)


def _again(container: str, times: int = 1) -> Callable[[PodFacts], bool]:
    return the(container, lambda one: one.restarts >= times and one.started)


def _restart_main(name: str) -> tuple[Deed, ...]:
    return Tell(name, "main", "kill 1"), Until("main runs again", _again("main"))


def lived(name: str, *deeds: Deed) -> Scene:
    """A Pod of that template, to which something is done."""
    return scene(_template(name), deeds=deeds)


def restarted_after(name: str, *deeds: Deed) -> Scene:
    """The same, and then its main container is restarted."""
    return lived(name, *deeds, *_restart_main(name))


# Where the count of restarts falls, as that of a sidecar may, its new log and its old one are one file, which goes with
# the old container.
NEW_WORDS = "words of the new helper"


def _all_again(name: str) -> tuple[Deed, ...]:
    return (
        Until("all run again", lambda seen: _again("main")(seen) and _again("helper", 0)(seen)),
        Tell(name, "helper", 'cat "$WILL"', note=NEW_WORDS),
        Until("it stands as it did", lambda _seen: True),
    )


def _sandbox_lost(name: str, *others: Any, ready: tuple[Deed, ...] = ()) -> Scene:
    return scene(_template(name, *others), deeds=(*ready, stop_sandbox(name), *_all_again(name)))


def _last(container: str, event: str) -> Moment:
    """When the container, in its last attempt, said so; `begin` stands for when the kernel made its process."""

    def find(life: Life) -> Instant | None:
        said = life.stamps(container, event)
        if container == "helper" and NEW_WORDS in life.looks:
            words = stamps_in(lines_of(container, 0, life.looks[NEW_WORDS].splitlines()))
            said = [one for one in words if one.event == event]
        if not said:
            return None
        return from_uptime(said[-1].detail) if event == "begin" else said[-1].at

    return Moment(f"last {event!r} of {container}", find)


def _one_run(life: Life) -> Finding:
    """Whenever the app was started, the first init container had run once."""
    told = [one.detail for one in life.stamps("main", "runs")]
    wanted = "main finds that first has run once, each time that it starts"
    if len(told) < 2:
        return Finding(Order.TIE, f"{wanted}: it told {len(told)} times")
    return Finding(Order.YES if set(told) == {"1"} else Order.NO, f"{wanted}: it found {', '.join(told)}")


def same(*containers: str) -> Claim:
    """Each of them is the same container in all states that were seen."""
    wanted = f"{', '.join(containers)} stay the containers that they were"
    return _told_apart(containers, wanted, lambda count: count == 1)


def anew(*containers: str) -> Claim:
    """Each of them was more than one container. A count of restarts may fall where containers are cleaned up."""
    return _told_apart(containers, f"{', '.join(containers)} are made anew", lambda count: count > 1)


def _told_apart(containers: Sequence[str], wanted: str, test: Callable[[int], bool]) -> Claim:
    """How many containers each of them was, by their ids, passes the test."""

    def claim(life: Life) -> Finding:
        counts = {name: len(_ids(life, name)) for name in containers}
        if 0 in counts.values():
            return Finding(Order.TIE, f"{wanted}: not all were seen")
        told = ", ".join(f"{name} was {count}" for name, count in counts.items())
        return Finding(Order.YES if all(map(test, counts.values())) else Order.NO, f"{wanted}: {told}")

    return claim


def _ids(life: Life, container: str) -> set[str]:
    seen = [one for line in life.timelines for version in line.versions for one in version.pod.containers]
    return {one.container_id for one in seen if one.name == container and one.container_id}


IN_ORDER_AGAIN = (
    anew("first", "second", "helper", "main"),
    before(_last("first", "end"), _last("second", "begin")),
    before(_last("second", "end"), _last("helper", "begin")),
    before(_last("helper", "begin"), _last("main", "begin")),
)
ONLY_MAIN_AGAIN = (_one_run, restarted("main", 1), same("helper"))


# --- images -------------------------------------------------------------------------------------


def _image(name: str, spec_list: str, container: str, image: str = RENAMED) -> Patch:
    return Patch("Pod", name, {"spec": {spec_list: [{"name": container, "image": image}]}})


def _mended(name: str, image: str, until: Until) -> Scene:
    """A Pod whose init container has no image gets another one."""
    return scene(
        pod(name, init("early", image=NO_IMAGE, env=[value("NAME", "early")]), app("main")),
        deeds=(
            Until("early lacks its image", the("early", lacks_image)),
            _image(name, "initContainers", "early", image),
            until,
        ),
    )


def _not_alive(name: str, *patches: Patch, until: Until) -> Scene:
    """A sidecar whose liveness probe fails, but may do so for long."""
    failing = probe("false", failureThreshold=3600)
    helper = sidecar("helper", livenessProbe=failing)
    return scene(
        pod(name, init("first"), helper, resident("main"), restartPolicy="Always"),
        deeds=(*patches, until),
    )


def _helper_lacked_image(life: Life) -> Finding:
    """The scene does not go on before that was seen, so its end without it is a no."""
    wanted = "helper lacked its new image"
    seen = life.pods("helper")
    if any(map(the("helper", lacks_image), seen)):
        return Finding(Order.YES, f"{wanted}: in one of {len(seen)} states seen")
    return Finding(Order.TIE if life.shortfall else Order.NO, f"{wanted}: in none of {len(seen)} states seen")


def _tried(name: str, *patches: Patch) -> Scene:
    return scene(_template(name), deeds=(*patches, Until("it stands as it did", lambda _seen: True)))


def _field(name: str, note: str, **fields: Any) -> Patch:
    return Patch("Pod", name, {"spec": {"initContainers": [{"name": "second", **fields}]}}, note=note)


# --- an API server that is away -----------------------------------------------------------------


def _noted(event: str) -> Moment:
    """When the node said so of the server, on the kernel's clock."""

    def find(life: Life) -> Instant | None:
        lines = [line.split() for line in life.looks.get("server", "").splitlines()]
        return next((from_uptime(line[1]) for line in lines if line[2:3] == [event]), None)

    return Moment(f"{event!r} of the node", find)


def _arrived_before_it_left(life: Life) -> Life:
    """As if the Pod had been there when the server went away, and had only begun afterwards."""
    frozen = next((line for line in life.looks.get("server", "").splitlines() if line.endswith("frozen")), "")
    return replace(life, looks={**life.looks, "server": f"{frozen}\n{frozen.replace('frozen', 'arrived')}"})


LOST = _sandbox_lost("lost-sandbox")
POWER_CUT = lived("power-cut", CutPower("power-cut"), *_all_again("power-cut"))
BROKEN = the("broken", lambda one: one.crash is not None)
REBOOTED = "rebooted"

AREA = Area(
    "init containers again",
    (
        Behaviour(
            "reinit-on-sandbox-loss",
            "A Pod that loses its sandbox, as in a reboot, starts all over: init containers, sidecars and apps, in"
            " their order.",
            source=f"{INIT_DOCS}; {KEP_753}",
            since="1.29",
            tier="node",
            scene=LOST,
            shows=IN_ORDER_AGAIN,
            twin=restarted_after("kept-sandbox"),
        ),
        Behaviour(
            "reinit-regressions",
            "So it does where one of its apps has never come to run: no init container is passed over.",
            source=f"{INIT_DOCS}; kubernetes/kubernetes#137710",
            since="1.29",
            tier="node",
            scene=_sandbox_lost(
                "lost-with-broken-app",
                app("broken", command=["/no/such/program"]),
                ready=(
                    Until(
                        "main runs, broken does not", lambda seen: _again("main", 0)(seen) and BROKEN(seen)
                    ),
                ),
            ),
            shows=IN_ORDER_AGAIN,
            twin=restarted_after("kept-sandbox"),
        ),
        Behaviour(
            "reinit-idempotent-contract",
            "An init container that runs again finds in an emptyDir what it left there.",
            source=f"{INIT_DOCS}; {LIFECYCLE_DOCS}",
            since="1.6",
            tier="node",
            scene=LOST,
            shows=(says("first", "run", "2"), says("main", "runs", "2")),
            twin=restarted_after("kept-sandbox"),
        ),
        Behaviour(
            "reinit-not-on-gc",
            "An init container that has ended and is removed from its node does not run again.",
            source=f"{INIT_DOCS}; kubernetes/kubernetes#96572",
            since="1.20",
            tier="node",
            scene=restarted_after(
                "cleaned-up",
                remove_container("cleaned-up", "first"),
                remove_container("cleaned-up", "second"),
            ),
            shows=ONLY_MAIN_AGAIN,
            twin=LOST,
        ),
        Behaviour(
            "reinit-not-on-kubelet-restart",
            "A restart of the kubelet runs nothing again.",
            source=f"{KEP_753}; {NODE_TESTS}",
            since="1.29",
            tier="node",
            disruptive=True,
            scene=restarted_after("kubelet-restarted", restart_kubelet("kubelet-restarted")),
            shows=(*ONLY_MAIN_AGAIN, restarted("first", 0), restarted("helper", 0)),
            twin=LOST,
        ),
        Behaviour(
            "reinit-sidecar-image-update",
            "Another image of a sidecar restarts that sidecar, and nothing else.",
            source=f"{SIDECAR_DOCS}; {NODE_TESTS}",
            since="1.29",
            scene=lived(
                "sidecar-updated",
                _image("sidecar-updated", "initContainers", "helper"),
                Until("helper runs again", _again("helper")),
            ),
            shows=(
                restarted("helper", 1),
                restarted("main", 0),
                same("main"),
                restarted("first", 0),
                runs("main"),
            ),
            twin=lived(
                "app-updated",
                _image("app-updated", "containers", "main"),
                Until("main runs again", _again("main")),
            ),
        ),
        Behaviour(
            "reinit-plain-init-image-update-running",
            "Another image of an init container that has ended restarts nothing.",
            source=NODE_TESTS,
            since="1.29",
            scene=restarted_after("init-updated", _image("init-updated", "initContainers", "first")),
            shows=(*ONLY_MAIN_AGAIN, restarted("first", 0), restarted("helper", 0)),
            twin=restarted_after(
                "not-init-updated",
                _image("not-init-updated", "initContainers", "helper"),
                Until("helper runs again", _again("helper")),
            ),
        ),
        Behaviour(
            "reinit-plain-init-image-update-pending",
            "An init container whose image is not to be had runs once it is given a good one.",
            source=f"{INIT_DOCS}; {NODE_TESTS}",
            since="1.6",
            scene=_mended("mended", OURS, Until("the Pod has ended", settled)),
            shows=(succeeded("early"), succeeded("main")),
            twin=_mended(
                "no-better",
                "registry.invalid/no/other:image",
                Until("early still lacks it", the("early", lacks_image)),
            ),
        ),
        Behaviour(
            "reinit-sidecar-image-update-while-failing-probe",
            # While a startup probe has yet to succeed, the kubelet of 1.36 does not look at the image.
            "Another image of a sidecar restarts it also while its liveness probe fails.",
            source=NODE_TESTS,
            since="1.29",
            scene=_not_alive(
                "updated-while-failing",
                _image("updated-while-failing", "initContainers", "helper"),
                until=Until("helper runs again", _again("helper")),
            ),
            shows=(restarted("helper", 1), restarted("first", 0), restarted("main", 0), same("main")),
            twin=_not_alive("failing", until=Until("helper runs", _again("helper", 0))),
        ),
        Behaviour(
            "reinit-update-during-reboot",
            "An image that is changed while the node reboots is the one that counts when the Pod starts all over.",
            source=NODE_TESTS,
            since="1.29",
            tier="node",
            disruptive=True,
            scene=lived(
                REBOOTED,
                stop_kubelet(REBOOTED),
                stop_sandbox(REBOOTED),
                _image(REBOOTED, "initContainers", "helper", NO_IMAGE),
                start_kubelet(REBOOTED),
                # That it cannot be had proves that it was asked for.
                Until("helper lacks the new image", the("helper", lacks_image)),
                _image(REBOOTED, "initContainers", "helper", OURS),
                Until("main runs again", _again("main")),
            ),
            shows=(
                _helper_lacked_image,
                anew("first", "second", "helper", "main"),
            ),
            twin=LOST,
        ),
        Behaviour(
            "node-power-cut-starts-over",
            "A Pod whose node loses its power starts all over when the node is back, in the same order.",
            source=INIT_DOCS,
            since="1.29",
            tier="node",
            disruptive=True,
            scene=POWER_CUT,
            shows=(*IN_ORDER_AGAIN, says("first", "run", "2")),
            twin=restarted_after("kept-sandbox"),
        ),
        Behaviour(
            "node-power-cut-loses-memory",
            "What it had in an emptyDir of medium Memory is gone then; what it had on the node's disk is not.",
            source=VOLUME_DOCS,
            since="1.6",
            tier="node",
            disruptive=True,
            scene=POWER_CUT,
            shows=(
                anew("first"),
                says("first", "run", "2"),
                says_alike("first", "remembered"),
            ),
            twin=LOST,
        ),
        Behaviour(
            "reinit-immutable-spec",
            "Of the init containers of a Pod that is there, nothing but the image can be changed.",
            source=f"{INIT_DOCS}; {LIFECYCLE_DOCS}",
            since="1.6",
            scene=_tried(
                "unchangeable",
                _field("unchangeable", "command", command=["true"]),
                _field("unchangeable", "env", env=[{"name": "NEW", "value": "new"}]),
                _field("unchangeable", "restartPolicy", restartPolicy="Always"),
                _field("unchangeable", "image", image=RENAMED),
            ),
            shows=(
                *(looks(note, "refused with HTTP 422") for note in ("command", "env", "restartPolicy")),
                looks("image", "accepted"),
            ),
            twin=_tried(
                "changeable",
                *(
                    _field("changeable", note, image=RENAMED)
                    for note in ("command", "env", "restartPolicy", "image")
                ),
            ),
        ),
        Behaviour(
            "reinit-apiserver-down",
            "A Pod goes on from its init containers to its sidecars and apps while the API server is away.",
            source=KEP_753,
            since="1.28",
            tier="node",
            disruptive=True,
            scene=scene(
                pod("unserved", init("first", "await go"), init("second"), sidecar("helper"), app("main")),
                deeds=(
                    Until("first runs", the("first", lambda one: one.state == "running")),
                    without_server("unserved", go="go", until="main", note="server"),
                    Until("the Pod has ended", settled),
                ),
            ),
            shows=(
                before(_noted("frozen"), birth("second")),
                before(birth("second"), birth("helper")),
                before(birth("helper"), birth("main")),
                before(birth("main"), _noted("arrived")),
            ),
            twin=_arrived_before_it_left,
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
