"""Image pull: what becomes of a Pod when the image of an init container or a sidecar is not to be had.

A kubelet that pulls says first why it failed and then that it backs off: that state lasts, so it is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from conformance.claims import Judgement, always, once, restarted, says, succeeded, the
from conformance.deeds import OURS, Patch, Until
from conformance.pods import Scene, Speaker, app, init, pod, scene, sidecar, value
from conformance.registry import IMAGE_DOCS, INIT_DOCS, LIFECYCLE_DOCS, SIDECAR_DOCS, Area, Behaviour
from conformance.verdicts import catch, hold

# A name in a domain that is reserved to have no hosts.
NO_IMAGE = "registry.invalid/no/such:image"
BACKS_OFF = "ImagePullBackOff"


def held_up(name: str, *speakers: Speaker, container: str, reason: str) -> Scene:
    """A Pod that is looked at until a container waits for this reason."""
    return scene(pod(name, *speakers), deeds=(until(container, reason),))


def until(container: str, reason: str) -> Until:
    """Wait until the container waits for this reason."""
    return Until(f"{container} waits by {reason}", the(container, lambda one: one.reason == reason))


def _nothing_starts(container: PodFacts) -> bool:
    return container.phase == "Pending" and all(one.state == "waiting" for one in container.containers)


def not_to_be_had(made: Callable[..., Speaker], name: str) -> dict[str, Any]:
    """A Pod whose first init container has no image, what it must show, and one in which the last app has none."""
    before = "nothing starts, and the Pod is Pending"
    return {
        "scene": held_up(
            name,
            made("early", image=NO_IMAGE),
            init("later"),
            app("main"),
            container="early",
            reason=BACKS_OFF,
        ),
        "shows": (
            always("early", before, _nothing_starts),
            once("early", "early backs off", the("early", lambda one: one.reason == BACKS_OFF)),
        ),
        "twin": held_up(
            f"{name}-of-app",
            made("early"),
            init("later"),
            app("main", image=NO_IMAGE),
            container="main",
            reason=BACKS_OFF,
        ),
    }


def never_asked_for(name: str, reason: str, **fields: Any) -> Scene:
    """A Pod whose image is judged before anybody is asked for it."""
    return held_up(name, init("early", **fields), app("main"), container="early", reason=reason)


def waits_by(reason: str) -> tuple[Any, ...]:
    """The init container waits for this reason, and at no time because a registry was asked in vain."""
    asked = ("ErrImagePull", BACKS_OFF)
    return (
        once("early", f"early waits by {reason}", the("early", lambda one: one.reason == reason)),
        always("early", "no registry is asked", the("early", lambda one: one.reason not in asked)),
        always("early", "nothing starts, and the Pod is Pending", _nothing_starts),
    )


ASKED_FOR = held_up(
    "asked-for", init("early", image=NO_IMAGE), app("main"), container="early", reason=BACKS_OFF
)

HEALED = scene(
    # A container with an image of its own is not given its name either.
    pod("healed", init("early", image=NO_IMAGE, env=[value("NAME", "early")]), app("main")),
    deeds=(
        until("early", BACKS_OFF),
        Patch("Pod", "healed", {"spec": {"initContainers": [{"name": "early", "image": OURS}]}}),
    ),
)

AREA = Area(
    "image pull",
    (
        Behaviour(
            "img-init-pull-fail",
            "A Pod whose init container's image is not to be had is Pending, even if nothing is to restart, while the"
            " kubelet backs off and tries again; nothing after that container starts.",
            source=f"{IMAGE_DOCS}; {INIT_DOCS}",
            since="1.6",
            **not_to_be_had(init, "no-image-of-init"),
        ),
        Behaviour(
            "img-sidecar-pull-fail",
            "A Pod whose sidecar's image is not to be had is Pending while the kubelet backs off and tries again;"
            " nothing after that sidecar starts.",
            source=f"{IMAGE_DOCS}; {SIDECAR_DOCS}",
            since="1.28",
            **not_to_be_had(sidecar, "no-image-of-sidecar"),
        ),
        Behaviour(
            "img-never-pull",
            "An init container that is never to pull, and whose image the node lacks, waits by ErrImageNeverPull.",
            source=IMAGE_DOCS,
            since="1.6",
            scene=never_asked_for("never-pull", "ErrImageNeverPull", image=NO_IMAGE, imagePullPolicy="Never"),
            shows=waits_by("ErrImageNeverPull"),
            twin=ASKED_FOR,
        ),
        Behaviour(
            "img-invalid-name",
            "An init container whose image's name is none waits by InvalidImageName.",
            source=IMAGE_DOCS,
            since="1.6",
            scene=never_asked_for("invalid-name", "InvalidImageName", image="Not/A:Name"),
            shows=waits_by("InvalidImageName"),
            twin=ASKED_FOR,
        ),
        Behaviour(
            "img-heals",
            "A Pod that waits for an image goes on once it is given one that is to be had.",
            source=f"{IMAGE_DOCS}; {LIFECYCLE_DOCS}",
            since="1.6",
            scene=HEALED,
            shows=(
                says("early", "end"),
                succeeded("early"),
                succeeded("main"),
                restarted("early", 0),
            ),
            twin=ASKED_FOR,
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
