"""Bad input that only a server can judge: one sentence each, and nothing is applied."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import DEPLOYMENTS, PODS

from .lab import CONFIG_MAPS, Manifest, Space, config_map, container, named, pod, workload

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        pytest.param(
            pod("web", container("app", imagee="busybox")),
            'Failed to apply Pod {ns}/web: spec.containers[name="app"].imagee is no field of this kind;'
            " check spelling and indentation",
            id="an unknown field",
        ),
        pytest.param(
            pod("web", container("app", env=[{"name": "A", "value": 1}])),
            'Failed to apply Pod {ns}/web: spec.containers[name="app"].env[name="A"].value is 1 and must be a string;'
            " put it in quotes",
            id="a number where text is wanted",
        ),
        pytest.param(
            workload("Deployment", "web", pod(), replicas="two"),
            "Failed to apply Deployment {ns}/web: spec.replicas must be a number, not a string",
            id="text where a number is wanted",
        ),
        pytest.param(
            pod("web", container("app", ports=[{"containerPort": 99999}])),
            "Failed to apply Pod {ns}/web: spec.containers[0].ports[0].containerPort: Invalid value: 99999:"
            " must be between 1 and 65535, inclusive",
            id="a value out of range",
        ),
        pytest.param(
            config_map("Web_1"),
            'Failed to apply ConfigMap {ns}/Web_1: metadata.name: Invalid value: "Web_1": a lowercase RFC 1123'
            " subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with"
            " an alphanumeric character (e.g. 'example.com')",
            id="a name with capitals",
        ),
        pytest.param(
            named("Podd", "web"),
            "Failed to apply Podd {ns}/web: kind is 'Podd', which this server does not serve in v1; did"
            " you mean Pod?",
            id="an unknown kind",
        ),
        pytest.param(
            named("Widget", "web", "example.com/v1"),
            "Failed to apply Widget {ns}/web: apiVersion is 'example.com/v1', which this server does not"
            " serve for kind"
            " Widget",
            id="an unknown group",
        ),
        pytest.param(
            workload("Deployment", "web", pod(), selector={"matchLabels": {"other": "x"}}),
            'Failed to apply Deployment {ns}/web: spec.template.metadata.labels: Invalid value: {"app":"web"}:'
            " `selector` does not match template `labels`",
            id="a selector that selects something else",
        ),
    ],
)
def test_what_the_server_refuses_is_told_in_one_sentence(
    space: Space, manifest: Manifest, sentence: str
) -> None:
    assert space.refused(manifest) == sentence.replace("{ns}", space.name)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"stringData": {"password": 1234567}}, "stringData.password must be a string; put it in quotes"),
        (
            {"data": {"password": SECRET}},
            "data holds a value that is not base64 (illegal base64 data at input byte 7);"
            " plain text belongs into stringData",
        ),
        ({"stringData": {"password": {"is": SECRET}}}, "stringData.password is a map and must be a string"),
    ],
)
def test_a_refused_secret_shows_no_value(space: Space, fields: dict[str, Any], sentence: str) -> None:
    said = space.refused({**named("Secret", "db"), **fields})
    assert said == f"Failed to apply Secret {space.name}/db: {sentence}"


def test_nothing_is_applied_when_anything_is_refused(space: Space) -> None:
    space.refused(config_map("first"), pod("web", container("app", imagee="busybox")), config_map("last"))
    assert "first" not in space.names(CONFIG_MAPS)
    assert "last" not in space.names(CONFIG_MAPS)


def test_a_missing_namespace(space: Space) -> None:
    missing = space.lab.name()
    assert space.refused(pod(), namespace=missing) == (
        f"Failed to apply Pod {missing}/web: namespace is {missing!r}, which does not exist; set"
        " create_namespace: true,"
        " put the Namespace into the definition, or correct the name"
    )


def test_a_namespace_that_cannot_be_made(space: Space) -> None:
    assert space.refused(config_map("web"), namespace="Core_1", create_namespace=True) == (
        'Failed to apply Namespace Core_1: metadata.name: Invalid value: "Core_1": a lowercase RFC 1123 label must'
        " consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
        " (e.g. 'my-name', or '123-abc')"
    )


def test_an_object_twice_with_its_namespace_and_without(space: Space) -> None:
    twice = {**config_map("web"), "metadata": {"name": "web", "namespace": space.name}}
    assert space.refused(config_map("web"), twice) == (
        f"ConfigMap {space.name}/web is in the definition twice; keep one of the two"
    )


# --- what an object keeps for life --------------------------------------------------------------

REMEDY = (
    " cannot be changed in place; set recreate: true to delete the {kind} and make it anew, or give the new one"
    " another name"
)

SERVICE = {**named("Service", "web"), "spec": {"ports": [{"port": 80}]}}
HEADLESS = {**named("Service", "web"), "spec": {"ports": [{"port": 80}], "clusterIP": "None"}}
JOB = workload("Job", "web", pod("x", container("app", "true"), restartPolicy="Never"), suspend=True)
OTHER_JOB = workload("Job", "web", pod("x", container("app", "false"), restartPolicy="Never"), suspend=True)


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        pytest.param(
            pod("web", nodeSelector={"no": "node"}),
            pod("web", container("app", "sleep 1"), nodeSelector={"no": "node"}),
            "spec.containers[app].command",
            id="Pod",
        ),
        pytest.param(
            pod("web", nodeSelector={"no": "node"}),
            pod("web", container("app"), container("log"), nodeSelector={"no": "node"}),
            "spec.containers[log] (new)",
            id="Pod with another container",
        ),
        pytest.param(
            workload("Deployment", "web", pod(), replicas=0),
            {
                **workload("Deployment", "web", pod(), replicas=0),
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": {"app": "other"}},
                    "template": {"metadata": {"labels": {"app": "other"}}, "spec": pod()["spec"]},
                },
            },
            "spec.selector",
            id="Deployment",
        ),
        pytest.param(
            workload("StatefulSet", "web", pod(), replicas=0),
            workload("StatefulSet", "web", pod(), replicas=0, serviceName="other"),
            "spec.serviceName",
            id="StatefulSet",
        ),
        pytest.param(JOB, OTHER_JOB, "spec.template.spec.containers[app].command", id="Job"),
        pytest.param(SERVICE, HEADLESS, "spec.clusterIPs[0]", id="Service"),
        pytest.param(
            {**named("Secret", "web"), "type": "a"},
            {**named("Secret", "web"), "type": "b"},
            "type",
            id="Secret",
        ),
    ],
)
def test_an_immutable_change_names_the_field_and_the_way_out(
    space: Space, before: Manifest, after: Manifest, fields: str
) -> None:
    space.ready(before, goal="exists")
    kind = before["kind"]
    assert (
        space.refused(after)
        == f"Failed to update {kind} {space.name}/web: {fields}{REMEDY.format(kind=kind)}"
    )


def test_recreate_spares_what_holds_data(space: Space) -> None:
    claim = {
        **named("PersistentVolumeClaim", "data"),
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    changed = {**claim, "spec": {**claim["spec"], "accessModes": ["ReadWriteMany"]}}
    space.ready(claim)
    assert space.refused(changed, recreate=True) == (
        f"Failed to update PersistentVolumeClaim {space.name}/data: spec cannot be changed in place, and"
        " recreate spares"
        " a PersistentVolumeClaim for what is in it; give the new one another name"
    )


# --- other field managers -----------------------------------------------------------------------


def test_a_field_of_another_manager_is_named_with_its_owner(space: Space) -> None:
    space.apply_as("somebody", CONFIG_MAPS, config_map("web", colour="green", size="l"))
    assert space.refused(config_map("web", colour="red")) == (
        f"Failed to update ConfigMap {space.name}/web: data.colour belongs to field manager 'somebody';"
        " take the field out"
        " of the definition, or set force_conflicts: true to take it over"
    )


def test_a_conflict_is_forced_only_when_asked(space: Space) -> None:
    space.apply_as("somebody", CONFIG_MAPS, config_map("web", colour="green", size="l"))
    outcome = space.ready(config_map("web", colour="red"), force_conflicts=True)
    assert [change.action for change in outcome.changes] == ["updated"]
    assert (space.get(CONFIG_MAPS, "web") or {})["data"] == {"colour": "red", "size": "l"}


def test_a_conflict_inside_a_list_names_the_entry(space: Space) -> None:
    def deployment(image: str) -> Manifest:
        return workload("Deployment", "web", pod("x", container("app", image=image)), replicas=0)

    space.apply_as("somebody", DEPLOYMENTS, deployment("nginx:1"))
    assert 'spec.template.spec.containers[name="app"].image belongs to field manager' in space.refused(
        deployment("nginx:2")
    )


# --- half done ----------------------------------------------------------------------------------


def test_what_was_created_is_removed_when_a_later_object_is_refused(space: Space) -> None:
    """A quota lets each Pod pass the dry run, but not all of them together."""
    quota = {**named("ResourceQuota", "small"), "spec": {"hard": {"pods": "1"}}}
    space.ready(quota)
    said = space.refused(config_map("config"), pod("a"), pod("b"))
    assert said.startswith(f"Failed to create Pod {space.name}/")
    assert "exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1" in said
    assert space.gone(PODS, "a")
    assert space.gone(PODS, "b")
    assert space.gone(CONFIG_MAPS, "config")


def test_what_was_changed_before_a_later_object_was_refused_is_named(space: Space) -> None:
    quota = {**named("ResourceQuota", "small"), "spec": {"hard": {"pods": "1"}}}
    space.ready(quota, config_map("config", a="1"))
    said = space.refused(config_map("config", a="2"), pod("a"), pod("b"))
    assert said.endswith(f"; ConfigMap {space.name}/config has been updated before and stays so")


def test_a_namespace_made_for_a_definition_goes_with_it(space: Space) -> None:
    name = space.lab.name()
    quota = {**named("ResourceQuota", "none"), "spec": {"hard": {"pods": "0"}}}
    said = space.refused(quota, pod(), namespace=name, create_namespace=True)
    assert "exceeded quota: none" in said
    assert space.ready(config_map("web"), namespace=name, create_namespace=True).changed
    space.lab.forget(name)
