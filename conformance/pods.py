"""Pods and scenes, declared: a line a container. Nothing here knows a cluster or an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import (
    SPEC_LISTS,
    Container,
    Role,
    containers,
)
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import (
    TEMPLATE_PATHS,
    is_workload,
    pod_spec,
)
from conformance.deeds import ON_NODES, Deed, Tell
from conformance.plays import Task
from conformance.script import BOARD, aside, until_its_end, until_told

Manifest = Mapping[str, Any]

# What a cluster may lack: feature gates, and what it has to offer.
NATIVE_SIDECARS = "SidecarContainers"
IMAGE_VOLUMES = "ImageVolume"
DEFAULT_STORAGE = "default StorageClass"
CONTAINER_POLICIES = "ContainerRestartRules"
SLEEP_HOOKS = "PodLifecycleSleepActionAllowZero"
RULES_OF_SIDECARS = "restart rules of sidecars"
RESTARTS_OF_ALL = "RestartAllContainersOnContainerExits"
ENV_FILES = "EnvFiles"
POD_RESOURCES = "PodLevelResources"
RESIZE = "InPlacePodVerticalScaling"
RESIZE_OF_INITS = "InPlacePodVerticalScalingInitContainers"

# And what the machine must have that the suite runs on.
ROLES = "Ansible"
KIND_NODES = "kind nodes on this machine"

SPEAKER = {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False}
# Any user but root will do; this one is nobody in most images.
NOBODY = {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}}


@dataclass(frozen=True)
class Speaker:
    """A container that speaks the words of script.py, to its end or until it is told to stop.

    fields are further ones of its spec. at_term: what one that stays does when it is told to stop.
    """

    name: str
    role: Role
    stays: bool
    lines: tuple[str, ...]
    fields: Mapping[str, Any]
    at_term: tuple[str, ...] = ()

    def spec(self) -> dict[str, Any]:
        """The container's spec, complete but for the image and the lab's environment."""
        text = until_told(*self.lines, at_term=self.at_term) if self.stays else until_its_end(*self.lines)
        mounts = [{"name": "board", "mountPath": BOARD}, *self.fields.get("volumeMounts", ())]
        return {
            "name": self.name,
            "command": ["sh", "-c", text],
            "securityContext": SPEAKER,
            **({"restartPolicy": "Always"} if self.role is Role.SIDECAR else {}),
            **self.fields,
            "volumeMounts": mounts,
        }


def init(name: str, *lines: str, **fields: Any) -> Speaker:
    """A plain init container: it does its lines and exits 0."""
    return Speaker(name, Role.INIT, False, lines, fields)


def sidecar(name: str, *lines: str, **fields: Any) -> Speaker:
    """A native sidecar: it does its lines and stays until it gets TERM, upon which it does those of at_term."""
    return _staying(name, Role.SIDECAR, lines, **fields)


def app(name: str, *lines: str, **fields: Any) -> Speaker:
    """An app container: it does its lines and exits 0."""
    return Speaker(name, Role.APP, False, lines, fields)


def resident(name: str, *lines: str, **fields: Any) -> Speaker:
    """An app container that does its lines and stays until it gets TERM, upon which it does those of at_term."""
    return _staying(name, Role.APP, lines, **fields)


def _staying(
    name: str, role: Role, lines: tuple[str, ...], at_term: tuple[str, ...] = (), **fields: Any
) -> Speaker:
    return Speaker(name, role, True, lines, fields, at_term)


def pod(name: str, *speakers: Speaker, **spec: Any) -> dict[str, Any]:
    """A Pod of these containers that runs to its end, unless spec says another restartPolicy."""
    volumes = [{"name": "board", "emptyDir": {}}, *spec.pop("volumes", ())]
    security = {**NOBODY, **spec.pop("securityContext", {})}
    inits = [one.spec() for one in speakers if one.role is not Role.APP]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"pod": name}},
        "spec": {
            "restartPolicy": "Never",
            **({"initContainers": inits} if inits else {}),
            "containers": [one.spec() for one in speakers if one.role is Role.APP],
            "securityContext": security,
            "automountServiceAccountToken": False,
            "volumes": volumes,
            **spec,
        },
    }


#: Seconds for the answer to a probe that always answers, however busy its node.
PROBE_TIMEOUT = 60


def probe(*lines: str, **settings: Any) -> dict[str, Any]:
    """An exec probe, once a second, that a busy node has time to run."""
    return {
        "exec": {"command": aside(*lines)},
        "periodSeconds": 1,
        "timeoutSeconds": PROBE_TIMEOUT,
        "failureThreshold": 120,
        **settings,
    }


def hook(*lines: str) -> dict[str, Any]:
    """The handler of a lifecycle hook."""
    return {"exec": {"command": aside(*lines)}}


def mount(volume: str, path: str, **fields: Any) -> dict[str, Any]:
    """A volumeMounts entry."""
    return {"name": volume, "mountPath": path, **fields}


def value(name: str, text: str) -> dict[str, Any]:
    """An env entry with a literal value."""
    return {"name": name, "value": text}


# The environment of a wrong twin's container that waits for what does not come.
HASTY = [value("PATIENCE", "3")]


def from_field(name: str, path: str) -> dict[str, Any]:
    """An env entry from a field of the Pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


@dataclass(frozen=True)
class Look:
    """A command that is run inside a container once the Pods of the scene are there."""

    container: str
    command: str


@dataclass(frozen=True)
class Scene:
    """What is made to see a behaviour, under the name of its first Pod.

    goal: what its Pods are waited for. grace: seconds that trouble may last before the wait for them ends.
    restricted: whether the Pods are to pass the restricted Pod Security Standard. stuck: the goal is not meant to
    be reached. then: what is applied when the Pods got stuck, upon which they must reach it. dry: the server is
    only asked whether it would take the objects; rules are made first then, in a namespace where they hold. alone:
    needs a namespace of its own, as the names of its objects are not ours to choose. looks: by the name that claims
    know them by. deeds: what is done, in order, once the goal is reached (`auto` is then started), or at once where
    the first is an Until; after them the Pods are followed to their end, those that were not deleted only if the last
    deed is no Until and no Read. play: tasks that ansible-playbook runs in place of all that, for itself.
    """

    manifests: tuple[Manifest, ...]
    goal: str = "auto"
    grace: float = 30.0
    restricted: bool = True
    stuck: bool = False
    then: tuple[Manifest, ...] = ()
    dry: bool = False
    rules: tuple[Manifest, ...] = ()
    alone: str = ""
    looks: Mapping[str, Look] = field(default_factory=dict)
    deeds: tuple[Deed, ...] = ()
    play: tuple[Task, ...] = ()

    @property
    def pods(self) -> tuple[Manifest, ...]:
        """The Pods among the manifests, and what makes Pods."""
        # Tasks of a play may be on the same Pod.
        played = {
            (one["kind"], one["metadata"]["name"]): one for task in self.play for one in task.definition
        }
        return tuple(one for one in (*self.manifests, *played.values()) if is_workload(one))

    @property
    def name(self) -> str:
        """What tells scenes apart."""
        return self.alone or str(self.pods[0]["metadata"]["name"])

    @property
    def looks_inside(self) -> bool:
        """Whether somebody must be able to run commands in its containers."""
        return bool(self.looks) or any(isinstance(one, Tell) for one in self.deeds)

    @property
    def needs(self) -> set[str]:
        """What a cluster must have for the scene beyond any cluster's means."""
        specs = [pod_spec(one) for one in self.pods]
        uses = {
            NATIVE_SIDECARS: any(one.role is Role.SIDECAR for spec in specs for one in containers(spec)),
            CONTAINER_POLICIES: any(_has_own_policy(one) for spec in specs for one in containers(spec)),
            ENV_FILES: any(_reads_a_file(one) for spec in specs for one in containers(spec)),
            RULES_OF_SIDECARS: any(
                one.role is Role.SIDECAR and "restartPolicyRules" in one.spec
                for spec in specs
                for one in containers(spec)
            ),
            RESTARTS_OF_ALL: any(_restarts_all(one) for spec in specs for one in containers(spec)),
            SLEEP_HOOKS: any(_sleeps(one) for spec in specs for one in containers(spec)),
            IMAGE_VOLUMES: any("image" in one for spec in specs for one in spec.get("volumes", ())),
            RESIZE: any("resizePolicy" in one.spec for spec in specs for one in containers(spec)),
            RESIZE_OF_INITS: any(
                one.role is Role.INIT and "resizePolicy" in one.spec
                for spec in specs
                for one in containers(spec)
            ),
            POD_RESOURCES: any("resources" in spec for spec in specs),
            ROLES: bool(self.play),
            KIND_NODES: any(isinstance(one, ON_NODES) for one in self.deeds),
            DEFAULT_STORAGE: any(one["kind"] == "PersistentVolumeClaim" for one in self.manifests),
        }
        return {need for need, used in uses.items() if used}


def _has_own_policy(container: Container) -> bool:
    """Whether it is restarted otherwise than its place in the Pod has it; any server knows a sidecar's policy."""
    spec = container.spec
    own = "restartPolicy" in spec and (
        container.role is Role.APP or spec["restartPolicy"] in ("Never", "OnFailure")
    )
    return own or "restartPolicyRules" in spec


def _reads_a_file(container: Container) -> bool:
    return any("fileKeyRef" in entry.get("valueFrom", {}) for entry in container.spec.get("env", ()))


def _restarts_all(container: Container) -> bool:
    rules = container.spec.get("restartPolicyRules", ())
    return any(one["action"] == "RestartAllContainers" for one in rules)


def _sleeps(container: Container) -> bool:
    return any("sleep" in handler for handler in container.spec.get("lifecycle", {}).values())


def scene(*manifests: Manifest, **settings: Any) -> Scene:
    """A scene of these objects."""
    return Scene(manifests, **settings)


def played(name: str, *tasks: Task, **settings: Any) -> Scene:
    """A scene that ansible-playbook plays by these tasks, in a namespace of its own."""
    return Scene((), alone=name, play=tasks, **settings)


def manifest_of(path: Path) -> Manifest:
    """The one manifest of a file."""
    loaded: Manifest = yaml.safe_load(path.read_text())
    return loaded


def as_it_stands(name: str, manifest: Manifest, **looks: Look) -> Scene:
    """Somebody else's Pod, not a byte changed, in a namespace of its own."""
    return Scene((manifest,), restricted=False, alone=name, looks=looks)


def dressed(manifest: Manifest, image: str, patience: int, window: int, **more: str) -> dict[str, Any]:
    """The manifest with the image and the environment that our containers and volumes need; others stay as they are.

    patience: seconds to wait inside a container for what must come. window: seconds to give what must not come.
    more: further variables of the environment.
    """
    given = {"PATIENCE": str(patience), "WINDOW": str(window), **more}
    if not is_workload(manifest):
        return dict(manifest)
    spec = dict(pod_spec(manifest))
    for spec_list in SPEC_LISTS:
        if spec_list in spec:
            spec[spec_list] = [
                one if "image" in one else _clothed(one, image, given) for one in spec[spec_list]
            ]
    if "volumes" in spec:
        spec["volumes"] = [
            {**one, "image": {"reference": image, **one["image"]}} if "image" in one else one
            for one in spec["volumes"]
        ]
    return _set(manifest, (*TEMPLATE_PATHS[manifest["kind"]], "spec"), spec)


def another_name(image: str) -> str:
    """The same image by another name, which a kubelet takes for another image. Raises ValueError where it has none."""
    name, _at, digest = image.partition("@")
    host, _slash, rest = name.rpartition("/")
    base, colon, tag = rest.partition(":")
    bare = f"{host}/{base}" if host else base
    if digest and colon:
        return f"{bare}@{digest}"
    if not digest and tag in ("", "latest"):
        return bare if tag else f"{bare}:latest"
    if not host:
        return f"docker.io/library/{image}"
    first = host.partition("/")[0]
    if "." not in first and ":" not in first and first != "localhost":
        return f"docker.io/{image}"
    raise ValueError(
        f"the image {image!r} has one name only; give --image one of Docker Hub, or one with the tag latest or none"
    )


def _set(mapping: Mapping[str, Any], path: tuple[str, ...], new: Any) -> dict[str, Any]:
    """The mapping with another value at the end of the path; what it shares with the given one is not touched."""
    key, *rest = path
    return {**mapping, key: _set(mapping[key], tuple(rest), new) if rest else new}


def _clothed(container: Mapping[str, Any], image: str, given: Mapping[str, str]) -> dict[str, Any]:
    own = container.get("env", ())
    names = {entry["name"] for entry in own}
    lent = [
        value(name, text) for name, text in {"NAME": container["name"], **given}.items() if name not in names
    ]
    # A thousand containers shall not ask a registry for an image that the node has.
    return {"imagePullPolicy": "IfNotPresent", **container, "image": image, "env": [*lent, *own]}
