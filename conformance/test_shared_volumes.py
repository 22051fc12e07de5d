"""Shared volumes: what containers of a Pod find in each other's files.

Most checks have one shape: a container says what it wrote, another what it found. A wrong twin is the same Pod
with one mount, one field or one object that is not right.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    ContainerFacts,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from conformance.claims import (
    Claim,
    Finding,
    Judgement,
    Life,
    agree,
    always,
    lacks_image,
    once,
    restarted,
    runs,
    says,
    succeeded,
    the,
)
from conformance.deeds import Patch, Tell, Until
from conformance.ending import ends, settled
from conformance.pods import (
    HASTY,
    Manifest,
    Scene,
    Speaker,
    app,
    from_field,
    init,
    mount,
    pod,
    resident,
    scene,
    sidecar,
)
from conformance.registry import (
    CONFIG_DOCS,
    INIT_DOCS,
    SECRET_DOCS,
    SECURITY_DOCS,
    SERVICE_ACCOUNT_DOCS,
    VOLUME_DOCS,
    Area,
    Behaviour,
)
from conformance.restarting import started_again, willing
from conformance.verdicts import catch, hold

DATA = "/data"
DATA_VOLUME = {"name": "data", "emptyDir": {}}
OTHER_VOLUME = {"name": "other", "emptyDir": {}}
WRITE = (f"cat /proc/sys/kernel/random/uuid > {DATA}/note", f"tell wrote cat {DATA}/note")
READ = f"tell read cat {DATA}/note"


def on(volume: str, **fields: Any) -> dict[str, Any]:
    """The volume's mount at the usual place."""
    return {"volumeMounts": [mount(volume, DATA, **fields)]}


def _handoff(name: str, readers: str) -> Scene:
    return scene(
        pod(
            name,
            init("writer", *WRITE, **on("data")),
            init("later", READ, **on(readers)),
            sidecar("helper", READ, "mark read", **on(readers)),
            app("main", READ, "await read", **on(readers)),
            volumes=[DATA_VOLUME, OTHER_VOLUME],
        )
    )


def _restart(name: str, second_start: str) -> Scene:
    """An app that counts its starts in a file and fails the first time; before the second it does what is said."""
    made = pod(
        name,
        app(
            "main",
            f"marked second && {second_start}",
            f"echo start >> {DATA}/starts",
            f"say starts $(wc -l < {DATA}/starts)",
            "marked second || { mark second; tick; exit 1; }",
            **on("data"),
        ),
        restartPolicy="OnFailure",
        volumes=[DATA_VOLUME],
    )
    return scene(willing(made))


def _ping_pong(name: str, of_main: str, **patience: Any) -> Scene:
    """Three times one writes and the other answers, each as soon as it sees the other's file."""
    answer = f'within "$PATIENCE" [ -e {DATA}/ping-$n ] && : > {DATA}/pong-$n'
    ask = f': > {DATA}/ping-$n; within "$PATIENCE" [ -e {DATA}/pong-$n ] && say answered $n'
    return scene(
        pod(
            name,
            sidecar("helper", f"for n in 1 2 3; do {answer}; done", **patience, **on("data")),
            app("main", f"for n in 1 2 3; do {ask}; done", **patience, **on(of_main)),
            volumes=[DATA_VOLUME, OTHER_VOLUME],
        )
    )


def _kind_of_disk(name: str, medium: dict[str, str]) -> Scene:
    kind = f"tell kind awk '$2 == \"{DATA}\" {{ print $3 }}' /proc/mounts"
    return scene(
        pod(
            name,
            init("writer", *WRITE, kind, **on("data")),
            app("main", READ, kind, **on("data")),
            volumes=[{"name": "data", "emptyDir": medium}],
        )
    )


def _secret(name: str, text: str = "hidden") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"note": text},
    }


def _config(name: str, text: str = "open") -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"note": text}}


def _own_mounts(name: str, of_main: dict[str, Any]) -> Scene:
    look = f"[ -e {DATA}/note ] && say note there || say note absent"
    return scene(
        _secret(name),
        pod(
            name,
            init("early", look, **on("data")),
            app("main", look, **of_main),
            volumes=[{"name": "data", "secret": {"secretName": name}}],
        ),
    )


def _read_only(name: str, **fields: Any) -> Scene:
    return scene(
        pod(
            name,
            init("writer", *WRITE, **on("data")),
            app("main", READ, f"tell write touch {DATA}/mine", **on("data", **fields)),
            volumes=[DATA_VOLUME],
        )
    )


def _sub_path(name: str, directory: str) -> Scene:
    return scene(
        pod(
            name,
            init(
                "writer",
                f"mkdir {DATA}/made",
                f"cat /proc/sys/kernel/random/uuid > {DATA}/made/note",
                f"tell wrote cat {DATA}/made/note",
                **on("data"),
            ),
            app("main", READ, **on("data", subPath=directory)),
            volumes=[DATA_VOLUME],
        )
    )


def _sub_path_expression(name: str, expression: str) -> Scene:
    return scene(
        pod(
            name,
            init(
                "writer",
                *WRITE,
                env=[from_field("POD", "metadata.name")],
                volumeMounts=[mount("data", DATA, subPathExpr=expression)],
            ),
            app(
                "main",
                f"tell read cat {DATA}/of-$POD/note",
                env=[from_field("POD", "metadata.name")],
                **on("data"),
            ),
            volumes=[DATA_VOLUME],
        )
    )


def _objects(name: str, open_text: str, hidden_text: str, label: str) -> Scene:
    """A ConfigMap, a Secret and the Pod's own fields, as volumes and in the environment, for every role."""
    reading = (
        "tell config cat /config/note",
        "tell secret cat /secret/note",
        "tell projected cat /projected/config/note /projected/secret/note /projected/label",
        "say env $OPEN $HIDDEN",
    )
    config, secret = {"name": name}, {"secretName": name}
    fields = {
        "volumeMounts": [
            mount("config", "/config"),
            mount("secret", "/secret"),
            mount("projected", "/projected"),
        ],
        "env": [
            {"name": "OPEN", "valueFrom": {"configMapKeyRef": {"name": name, "key": "note"}}},
            {"name": "HIDDEN", "valueFrom": {"secretKeyRef": {"name": name, "key": "note"}}},
        ],
    }
    made = pod(
        name,
        init("early", *reading, **fields),
        sidecar("helper", *reading, "mark read", **fields),
        app("main", *reading, "await read", **fields),
        volumes=[
            {"name": "config", "configMap": config},
            {"name": "secret", "secret": secret},
            {
                "name": "projected",
                "projected": {
                    "sources": [
                        {"configMap": {**config, "items": [{"key": "note", "path": "config/note"}]}},
                        {"secret": {**config, "items": [{"key": "note", "path": "secret/note"}]}},
                        {"downwardAPI": {"items": [_label_item("label")]}},
                    ]
                },
            },
        ],
    )
    made["metadata"]["labels"]["told"] = label
    return scene(_config(name, f"{open_text}\n"), _secret(name, f"{hidden_text}\n"), made)


def _label_item(path: str) -> dict[str, Any]:
    return {"path": path, "fieldRef": {"fieldPath": "metadata.labels['told']"}}


def _objects_claims() -> tuple[Claim, ...]:
    told = {
        "config": "open",
        "secret": "hidden",
        "projected": "open hidden label",
        "env": "open hidden",
    }
    return tuple(
        says(container, event, text)
        for container in ("early", "helper", "main")
        for event, text in told.items()
    )


def _group(name: str, security: dict[str, int]) -> Scene:
    def user(number: int) -> dict[str, Any]:
        return {
            "securityContext": {
                "runAsUser": number,
                "runAsGroup": number,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }
        }

    private = (f"umask 007; echo shared > {DATA}/note", f"tell group stat -c %g {DATA}/note")
    return scene(
        pod(
            name,
            init("writer", *private, **on("data"), **user(1001)),
            app("main", READ, **on("data"), **user(1002)),
            securityContext=security,
            volumes=[DATA_VOLUME],
        )
    )


def _token(name: str, mounted: bool) -> Scene:
    directory = "/var/run/secrets/kubernetes.io/serviceaccount"
    look = f"[ -s {directory}/token ] && say token there || say token absent"
    return scene(
        pod(
            name,
            init("early", look),
            sidecar("helper", look, "mark looked"),
            app("main", look, "await looked"),
            automountServiceAccountToken=mounted,
        )
    )


def _late_config(name: str, optional: bool) -> Scene:
    """The ConfigMap comes when the Pod has got stuck without it, or has ended."""
    return scene(
        pod(
            name,
            init("early", READ, **on("data")),
            app("main"),
            volumes=[{"name": "data", "configMap": {"name": name, "optional": optional}}],
        ),
        grace=1,
        then=(_config(name),),
    )


def _image(name: str, volume: dict[str, Any]) -> Scene:
    """The image that the containers run, mounted as a volume: its shell is there, and nothing can be added."""
    look = (f"tell shell ls {DATA}/bin/sh", f"tell write touch {DATA}/mine-$NAME")
    return scene(
        pod(
            name,
            init("early", *look, **on("data")),
            sidecar("helper", *look, "mark looked", **on("data")),
            app("main", *look, "await looked", **on("data")),
            volumes=[{"name": "data", **volume}],
        )
    )


def _claimed(name: str, of_main: dict[str, Any] | None = None) -> Scene:
    """An init container and an app on a claim, or the app on another volume."""
    # A Pod with two volumes of one claim may wait for ever, for which see kubernetes/kubernetes#82526.
    further = [{"name": "main", **of_main}] if of_main else []
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    return scene(
        claim,
        pod(
            name,
            init("writer", *WRITE, **on("data")),
            app("main", READ, **on("main" if of_main else "data")),
            securityContext={"fsGroup": 4242},
            volumes=[
                {"name": "data", "persistentVolumeClaim": {"claimName": name}},
                *further,
            ],
        ),
    )


def _oversized(name: str, main: Speaker, limit: str) -> Scene:
    """An app that writes 4 MiB to a volume of this limit and is looked at until its Pod has ended."""
    data = {"name": "data", "emptyDir": {"sizeLimit": limit}}
    return scene(pod(name, main, volumes=[data]), deeds=(Until("the Pod has ended", settled),))


def _evicted(life: Life) -> Finding:
    """The Pod's status or an event says that it was evicted; both may be lost, so neither is no telling."""
    states = any(seen.pod.reason == "Evicted" for line in life.timelines for seen in line.versions)
    events = any(mark.reason == "Evicted" for line in life.timelines for mark in line.marks)
    told = f"the Pod is evicted: its status {'says' if states else 'does not say'} so"
    return Finding(
        Order.YES if states or events else Order.TIE, f"{told}, events {'do' if events else 'do not'}"
    )


FILL = (f"dd if=/dev/zero of={DATA}/fill bs=1M count=4", "say filled")


def _killed(name: str, *speakers: Speaker, until: Until) -> Scene:
    """A container with a ConfigMap's file as its subPath, told to end when the ConfigMap has changed."""
    return scene(
        _config(name, "old"),
        pod(name, *speakers, volumes=[{"name": "data", "configMap": {"name": name}}]),
        deeds=(
            Patch("ConfigMap", name, {"data": {"note": "new"}}),
            Tell(name, "helper", "kill 1"),
            until,
        ),
    )


ONE_FILE = {"volumeMounts": [mount("data", f"{DATA}/note", subPath="note")]}
RUNS_AGAIN = Until("helper runs again", the("helper", lambda one: one.restarts > 0 and one.started))
IS_DOWN = Until("helper is down", the("helper", lambda one: one.state == "terminated"))


def _live_update(name: str, path: str, hasty: tuple[dict[str, Any], ...] = (), **whole: Any) -> Scene:
    """A sidecar that waits for a change of a ConfigMap which comes when it runs.

    A change of the Pod's own, which says nothing, has the kubelet look after the Pod at once.
    """
    metadata = {"annotations": {"looked-after": "again"}}
    helper = sidecar(
        "helper",
        f'within "$PATIENCE" grep -q new {DATA}/note',
        f"tell whole cat {DATA}/note",
        "tell part cat /part/note",
        "say env $OPEN",
        "mark seen",
        volumeMounts=[mount("data", path, **whole), mount("data", "/part/note", subPath="note")],
        env=[*hasty, {"name": "OPEN", "valueFrom": {"configMapKeyRef": {"name": name, "key": "note"}}}],
    )
    return scene(
        _config(name, "old"),
        pod(name, helper, app("main", "await seen"), volumes=[{"name": "data", "configMap": {"name": name}}]),
        deeds=(
            Patch("ConfigMap", name, {"data": {"note": "new"}}),
            Patch("Pod", name, {"metadata": metadata}),
            Until("the Pod has ended", settled),
        ),
    )


def _parts_of_image(name: str, volume: dict[str, Any], end_of_absent: Until) -> Scene:
    """Two Pods that mount a part of a volume: one part is in the image, the other is not."""
    absent = f"{name}-absent"
    volumes = [{"name": "data", **volume}]
    look = f"tell shell ls {DATA}/sh"
    return scene(
        pod(name, app("main", look, **on("data", subPath="bin")), volumes=volumes),
        pod(absent, app("other", look, **on("data", subPath="no/such")), volumes=volumes),
        deeds=(Until("the Pod has ended", settled), replace(end_of_absent, pod=absent)),
    )


# A name in a domain that is reserved to have no hosts.
NO_IMAGE = "registry.invalid/no/such:image"


def _held_up_by_error(one: ContainerFacts) -> bool:
    """Whether it waits for another reason than that its turn has not come."""
    return one.state == "waiting" and one.reason not in ("ContainerCreating", "PodInitializing", None)


def _mounted_later(name: str, **of_main: Any) -> Scene:
    """A sidecar that mounts something when the app runs; told to stop it unmounts it, or the Pod could not go."""
    root = {"privileged": True, "runAsUser": 0, "runAsNonRoot": False}
    return scene(
        pod(
            name,
            sidecar(
                "helper",
                f"mkdir {DATA}/inside",
                "await main",
                f"mount -t tmpfs none {DATA}/inside",
                f"echo mounted > {DATA}/inside/note",
                "mark mounted",
                at_term=(f"umount {DATA}/inside",),
                securityContext=root,
                **on("data", mountPropagation="Bidirectional"),
            ),
            app("main", "await mounted", f"tell note cat {DATA}/inside/note", **on("data", **of_main)),
            volumes=[DATA_VOLUME],
        ),
        restricted=False,
    )


AREA = Area(
    "shared volumes",
    (
        Behaviour(
            "vol-emptydir-handoff",
            "What an init container writes to an emptyDir is there for later init containers, sidecars and apps.",
            source=f"{VOLUME_DOCS}; {INIT_DOCS}",
            since="1.6",
            scene=_handoff("handoff", "data"),
            shows=(
                agree(("writer", "wrote"), ("later", "read"), ("helper", "read"), ("main", "read")),
                succeeded("writer"),
            ),
            twin=_handoff("handoff-astray", "other"),
        ),
        Behaviour(
            "vol-emptydir-survives-container-restart",
            "An emptyDir keeps its content when a container of the Pod is restarted.",
            source=VOLUME_DOCS,
            since="1.0",
            scene=_restart("survives", ":"),
            shows=(restarted("main", 1), says("main", "starts", "2")),
            twin=_restart("lost-at-restart", f"rm {DATA}/starts"),
        ),
        Behaviour(
            "vol-emptydir-live-sharing",
            "A sidecar and an app see each other's files on an emptyDir while both run.",
            source=VOLUME_DOCS,
            since="1.0",
            scene=_ping_pong("ping-pong", "data"),
            shows=(says("main", "answered", "3"),),
            twin=_ping_pong("ping-nobody", "other", env=HASTY),
        ),
        Behaviour(
            "vol-emptydir-memory",
            "An emptyDir of medium Memory is a tmpfs that the Pod's containers share.",
            source=VOLUME_DOCS,
            since="1.0",
            scene=_kind_of_disk("memory", {"medium": "Memory", "sizeLimit": "1Mi"}),
            shows=(
                says("writer", "kind", "tmpfs"),
                says("main", "kind", "tmpfs"),
                agree(("writer", "wrote"), ("main", "read")),
            ),
            twin=_kind_of_disk("disk", {}),
        ),
        Behaviour(
            "vol-per-container-mounts",
            "A volume is where a container mounts it: what an init container sees of a Secret need not be in the app.",
            source=f"{VOLUME_DOCS}; {SECRET_DOCS}",
            since="1.6",
            scene=_own_mounts("own-mounts", {}),
            shows=(says("early", "note", "there"), says("main", "note", "absent")),
            twin=_own_mounts("same-mounts", on("data")),
        ),
        Behaviour(
            "vol-readonly-consumer",
            "A volume that an init container fills can be mounted read-only by the app: it reads, its writes fail.",
            source=VOLUME_DOCS,
            since="1.6",
            scene=_read_only("read-only", readOnly=True),
            shows=(agree(("writer", "wrote"), ("main", "read")), says("main", "write-failed")),
            twin=_read_only("writable"),
        ),
        Behaviour(
            "vol-subpath-created-by-init",
            "A directory that an init container makes can be an app's subPath.",
            source=VOLUME_DOCS,
            since="1.10",
            scene=_sub_path("sub-path", "made"),
            shows=(agree(("writer", "wrote"), ("main", "read")),),
            twin=_sub_path("sub-path-astray", "not-made"),
        ),
        Behaviour(
            "vol-subpathexpr",
            "subPathExpr is expanded with the container's environment.",
            source=VOLUME_DOCS,
            since="1.17",
            scene=_sub_path_expression("sub-path-expression", "of-$(POD)"),
            shows=(agree(("writer", "wrote"), ("main", "read")),),
            twin=_sub_path_expression("sub-path-literal", "of-nobody"),
        ),
        Behaviour(
            "vol-configmap-secret-in-init",
            "ConfigMaps, Secrets, projected volumes and the downward API reach init containers and sidecars as they"
            " reach apps, as files and in the environment.",
            source=f"{CONFIG_DOCS}; {SECRET_DOCS}; {INIT_DOCS}",
            since="1.6",
            scene=_objects("objects", "open", "hidden", "label"),
            shows=_objects_claims(),
            twin=_objects("other-objects", "closed", "found", "none"),
        ),
        Behaviour(
            "vol-fsgroup",
            "With fsGroup an emptyDir belongs to that group before the first init container starts, so that containers"
            " of different users share its files.",
            source=SECURITY_DOCS,
            since="1.6",
            scene=_group("group", {"fsGroup": 4242}),
            shows=(says("writer", "group", "4242"), says("main", "read", "shared")),
            twin=_group("no-group", {}),
        ),
        Behaviour(
            "vol-sa-token",
            "The service account's token is mounted in init containers and sidecars as it is in apps.",
            source=SERVICE_ACCOUNT_DOCS,
            since="1.6",
            scene=_token("token", True),
            shows=tuple(says(name, "token", "there") for name in ("early", "helper", "main")),
            twin=_token("no-token", False),
        ),
        Behaviour(
            "vol-missing-object-blocks",
            "A volume whose ConfigMap is missing holds up the first init container until somebody creates it.",
            source=f"{VOLUME_DOCS}; {CONFIG_DOCS}",
            since="1.6",
            scene=_late_config("late-config", optional=False),
            shows=(
                # There was nothing to read when the Pod was made: who reads it has waited.
                says("early", "read", "open"),
                succeeded("main"),
            ),
            twin=_late_config("optional-config", optional=True),
        ),
        Behaviour(
            "vol-image-volume",
            "An image can be mounted as a volume: init containers, sidecars and apps read it, none can write to it.",
            source=VOLUME_DOCS,
            since="1.33",
            scene=_image("image-volume", {"image": {}}),
            shows=tuple(
                says(name, event)
                for name in ("early", "helper", "main")
                for event in ("shell", "write-failed")
            ),
            twin=_image("no-image-volume", {"emptyDir": {}}),
        ),
        Behaviour(
            "vol-pvc-shared",
            "Init container and app share a PersistentVolumeClaim.",
            source=VOLUME_DOCS,
            since="1.6",
            scene=_claimed("claimed"),
            shows=(agree(("writer", "wrote"), ("main", "read")),),
            twin=_claimed("claimed-by-one", {"emptyDir": {}}),
        ),
        Behaviour(
            "vol-emptydir-sizelimit",
            "A Pod that writes more to an emptyDir than its sizeLimit is evicted.",
            source=VOLUME_DOCS,
            since="1.25",
            # An app that exited 0 when it is told to end would make its Pod succeed after all.
            scene=_oversized("over-limit", resident("main", *FILL, at_term=("code=1",), **on("data")), "1Mi"),
            shows=(ends("main", "Failed"), _evicted),
            twin=_oversized("within-limit", app("main", *FILL, **on("data")), "64Mi"),
        ),
        Behaviour(
            "vol-subpath-configmap-restart",
            "A container that mounts one file of a ConfigMap can be restarted after the ConfigMap has changed.",
            source=f"{VOLUME_DOCS}; kubernetes/kubernetes#68211",
            since="1.19",
            scene=_killed("changed-file", sidecar("helper", **ONE_FILE), resident("main"), until=RUNS_AGAIN),
            # A first try that meets the kubelet while it exchanges the volume's files fails, and the next one does not.
            shows=(started_again("helper"), runs("helper")),
            twin=_killed("down-for-good", resident("helper", **ONE_FILE), resident("main"), until=IS_DOWN),
        ),
        Behaviour(
            "vol-configmap-live-update",
            "A change of a ConfigMap reaches a sidecar that mounts it as a volume while it runs; a file mounted by"
            " subPath and the environment stay as they were.",
            source=CONFIG_DOCS,
            since="1.3",
            scene=_live_update("whole-map", DATA),
            shows=(
                says("helper", "whole", "new"),
                says("helper", "part", "old"),
                says("helper", "env", "old"),
            ),
            twin=_live_update("part-of-map", f"{DATA}/note", tuple(HASTY), subPath="note"),
        ),
        Behaviour(
            "vol-image-volume-subpath",
            "A part of an image can be mounted by subPath; where the image has no such part, the container does not"
            " start.",
            source=VOLUME_DOCS,
            since="1.33",
            scene=_parts_of_image(
                "parts-of-image",
                {"image": {}},
                Until("other is held up", the("other", _held_up_by_error)),
            ),
            shows=(
                says("main", "shell"),
                always("other", "other does not start", the("other", lambda one: one.state == "waiting")),
                once("other", "other is held up by an error", the("other", _held_up_by_error)),
            ),
            twin=_parts_of_image(
                "parts-of-nothing", {"emptyDir": {}}, Until("the other Pod has ended", settled)
            ),
        ),
        Behaviour(
            "vol-image-volume-pull-fail",
            "Where the image of a volume is not to be had, the container that mounts it waits.",
            source=VOLUME_DOCS,
            since="1.33",
            scene=scene(
                pod(
                    "no-image-for-volume",
                    app("main", **on("data")),
                    volumes=[{"name": "data", "image": {"reference": NO_IMAGE}}],
                ),
                deeds=(Until("main is held up", the("main", lacks_image)),),
            ),
            shows=(
                always("main", "main does not start", the("main", lambda one: one.state == "waiting")),
                once("main", "main waits for an image", the("main", lacks_image)),
            ),
            twin=scene(
                pod("image-for-volume", app("main", **on("data")), volumes=[{"name": "data", "image": {}}]),
                deeds=(Until("the Pod has ended", settled),),
            ),
        ),
        Behaviour(
            "vol-mount-propagation",
            "What a privileged sidecar mounts on a volume with Bidirectional propagation comes to a container that has"
            " it with HostToContainer, while both run.",
            source=VOLUME_DOCS,
            since="1.14",
            scene=_mounted_later("propagated", mountPropagation="HostToContainer"),
            shows=(says("main", "saw", "mounted"), says("main", "note", "mounted")),
            twin=_mounted_later("not-propagated"),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
