"""Objects that the server would refuse unclearly, or not at all: each gets one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition, check


def pod(*app: dict[str, Any], name: Any = "web", init: Any = None, **spec: Any) -> dict[str, Any]:
    """A Pod with these app containers."""
    inits = {} if init is None else {"initContainers": init}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {**inits, "containers": list(app or [container("app")]), **spec},
    }


def container(name: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox", **more}


def inside(kind: str, template: dict[str, Any] | None, name: str = "web") -> dict[str, Any]:
    """A Deployment, Job or CronJob around a Pod template."""
    held: dict[str, Any] = {} if template is None else {"template": template}
    spec = {"jobTemplate": {"spec": held}} if kind == "CronJob" else held
    group = "batch/v1" if kind.endswith("Job") else "apps/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}


def named(kind: str, name: Any, api_version: str = "v1", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}


PROBE = {"exec": {"command": ["true"]}}

IDENTITY = [
    pytest.param(
        {"apiVersion": "v1", "metadata": {"name": "web"}},
        "object 1 of the definition has no kind; every Kubernetes object needs one, such as kind: Pod",
        id="no kind",
    ),
    pytest.param(
        {"kind": "Pod", "metadata": {"name": "web"}},
        "Pod web has no apiVersion; every Kubernetes object needs one, such as apiVersion: v1",
        id="no apiVersion",
    ),
    pytest.param(
        named("Pod", "web", api_version=1),
        "Pod web: apiVersion is 1; it must be text, such as v1",
        id="apiVersion is a number",
    ),
    pytest.param(
        {"apiVersion": "v1", "kind": "Pod", "spec": {}},
        "object 1 of the definition (Pod) has no metadata.name; every object of the list needs one",
        id="no metadata",
    ),
    pytest.param(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}},
        "object 1 of the definition (Pod) has no metadata.name; every object of the list needs one",
        id="generateName alone",
    ),
    pytest.param(
        named("ConfigMap", False),
        "object 1 of the definition: metadata.name is False, a boolean; YAML reads it so: put the name in quotes",
        id="a name that YAML reads as a boolean",
    ),
    pytest.param(
        named("ConfigMap", "web", namespace=2026),
        "ConfigMap web: metadata.namespace is 2026, a number; YAML reads it so: put the name in quotes",
        id="a namespace that YAML reads as a number",
    ),
    pytest.param(
        named("ConfigMap", "c" * 254),
        "ConfigMap cccccccccccccccccccc…: metadata.name has 254 characters; ConfigMap names have at most 253",
        id="a name too long",
    ),
    pytest.param(
        inside("CronJob", {"spec": {"containers": [container("app")]}}, "n" * 53),
        "CronJob nnnnnnnnnnnnnnnnnnnn…: metadata.name has 53 characters; CronJob names have at most 52",
        id="a name too long for the Jobs that a CronJob makes",
    ),
    pytest.param(
        inside("Job", {"spec": {"containers": [container("app")]}}, "n" * 64),
        "Job nnnnnnnnnnnnnnnnnnnn…: metadata.name has 64 characters; Job names have at most 63",
        id="a name too long for a label",
    ),
]

CONTAINERS = [
    pytest.param(
        inside("Deployment", None),
        "Deployment web has no spec.template; a Deployment needs a Pod template there",
        id="no template",
    ),
    pytest.param(
        inside("CronJob", None),
        "CronJob web has no spec.jobTemplate.spec.template; a CronJob needs a Pod template there",
        id="no template of a CronJob",
    ),
    pytest.param(
        {**pod(), "spec": {"containers": []}},
        "Pod web has no spec.containers; a Pod needs at least one container",
        id="no containers",
    ),
    pytest.param(
        inside("Job", {"spec": {}}),
        "Job web has no spec.template.spec.containers; a Pod needs at least one container",
        id="no containers in a template",
    ),
    pytest.param(
        pod({"image": "busybox"}),
        "Pod web: a container in spec.containers has no name; give each one a name of its own",
        id="a container without a name",
    ),
    pytest.param(
        pod(container(False)),
        "Pod web: a container name in spec.containers is False, a boolean; YAML reads it so: put the name in quotes",
        id="a container named n",
    ),
    pytest.param(
        pod(init=[container(True)]),
        "Pod web: a container name in spec.initContainers is True, a boolean; YAML reads it so:"
        " put the name in quotes",
        id="an init container named y",
    ),
    pytest.param(
        pod(container("app"), container("app")),
        "Pod web: container name 'app' is used in spec.containers and again in spec.containers;"
        " every container of a Pod needs a name of its own",
        id="a container name twice",
    ),
    pytest.param(
        pod(container("app"), init=[container("app")]),
        "Pod web: container name 'app' is used in spec.initContainers and again in spec.containers;"
        " every container of a Pod needs a name of its own",
        id="a container name in both lists",
    ),
    pytest.param(
        pod(init=[container("prepare", readinessProbe=PROBE)]),
        "Pod web: init container 'prepare' has a readinessProbe, but an init container that runs to its end has no"
        " probes; remove it, or set restartPolicy: Always to make the container a sidecar",
        id="a probe on a plain init container",
    ),
    pytest.param(
        inside("Deployment", pod(init=[container("prepare", restartPolicy="OnFailure", startupProbe=PROBE)])),
        "Deployment web: init container 'prepare' has a startupProbe, but an init container that runs to its end has"
        " no probes; remove it, or set restartPolicy: Always to make the container a sidecar",
        id="a probe on an init container with a restart policy of its own",
    ),
]


def refusal(*manifests: dict[str, Any]) -> str:
    with pytest.raises(BadDefinition) as refused:
        check(list(manifests))
    return str(refused.value)


@pytest.mark.parametrize(("manifest", "sentence"), [*IDENTITY, *CONTAINERS])
def test_an_object_that_cannot_be_meant_is_refused(manifest: dict[str, Any], sentence: str) -> None:
    assert refusal(manifest) == sentence


def test_a_refusal_counts_the_objects_of_the_list() -> None:
    assert refusal(pod(), {"apiVersion": "v1"}).startswith("object 2 of the definition has no kind")


def test_the_same_object_twice_is_refused() -> None:
    assert refusal(pod(), pod()) == "Pod web is in the definition twice; keep one of the two"


@pytest.mark.parametrize(
    "manifests",
    [
        pytest.param(
            [pod(init=[container("proxy", restartPolicy="Always", startupProbe=PROBE)])], id="sidecar probe"
        ),
        pytest.param([pod(container("y"), container("n"))], id="containers named y and n, as text"),
        pytest.param(
            [pod(), named("Service", "web"), named("ConfigMap", "web")], id="one name, several kinds"
        ),
        pytest.param(
            [named("Secret", "s", namespace="a"), named("Secret", "s", namespace="b")], id="two namespaces"
        ),
        pytest.param([named("Widget", "w", api_version="example.com/v1")], id="a custom resource"),
        pytest.param(
            [{**named("Deployment", "w", "example.com/v1"), "spec": {}}], id="a Deployment that is none"
        ),
        pytest.param([named("Pod", "p" * 253) | {"spec": pod()["spec"]}], id="the longest name"),
    ],
)
def test_what_can_be_meant_is_let_through(manifests: list[dict[str, Any]]) -> None:
    check(manifests)


def test_an_object_to_delete_needs_no_more_than_its_identity() -> None:
    check([named("Pod", "web"), named("Deployment", "web", "apps/v1")], identity_only=True)
