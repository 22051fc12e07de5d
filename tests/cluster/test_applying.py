"""What a run writes, what a check would write, and what stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import (
    CRDS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    PODS,
    Resource,
)
from ansible_collections.podpatterns.core.plugins.module_utils._result import as_result
from ansible_collections.podpatterns.core.plugins.module_utils._run import Outcome

from .lab import CONFIG_MAPS, Lab, Manifest, Space, config_map, container, named, pod, workload

SECRETS = Resource("v1", "Secret", "secrets", True)


def actions(outcome: Outcome) -> list[str]:
    return [change.action.value for change in outcome.changes]


def version(space: Space, resource: Resource, name: str) -> str:
    found = space.get(resource, name)
    assert found is not None
    return str(found["metadata"]["resourceVersion"])


def secret(**values: str) -> Manifest:
    return {**named("Secret", "db"), "stringData": values}


ONE_OF_EACH = [
    config_map("config", a="1"),
    secret(password="first"),
    {**named("Service", "web"), "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]}},
    workload("Deployment", "shop", pod("x", container("app", resources={"requests": {"cpu": "0.001"}}))),
    workload("Job", "load", pod("x", container("app", "true"), restartPolicy="Never")),
    pod("web", init=[container("prepare", "true")]),
    {
        **named("CronJob", "nightly", "batch/v1"),
        "spec": {
            "schedule": "0 3 * * *",
            "jobTemplate": {"spec": workload("Job", "x", pod(restartPolicy="Never"))["spec"]},
        },
    },
]


def test_the_second_run_changes_nothing(space: Space) -> None:
    first = space.ready(*ONE_OF_EACH)
    assert actions(first) == ["created"] * len(ONE_OF_EACH)
    before = [version(space, CONFIG_MAPS, "config"), version(space, SECRETS, "db")]
    second = space.ready(*ONE_OF_EACH)
    assert actions(second) == ["unchanged"] * len(ONE_OF_EACH)
    assert not second.changed
    assert [version(space, CONFIG_MAPS, "config"), version(space, SECRETS, "db")] == before


def test_a_field_that_is_taken_off_the_definition_is_taken_off_the_object(space: Space) -> None:
    space.ready(config_map("config", a="1", b="2"))
    assert actions(space.ready(config_map("config", a="1"))) == ["updated"]
    assert (space.get(CONFIG_MAPS, "config") or {})["data"] == {"a": "1"}


def test_a_field_that_somebody_else_added_is_left_alone(space: Space) -> None:
    space.ready(config_map("config", a="1"))
    space.apply_as("somebody", CONFIG_MAPS, config_map("config", b="2"))
    assert actions(space.ready(config_map("config", a="1"))) == ["unchanged"]
    assert (space.get(CONFIG_MAPS, "config") or {})["data"] == {"a": "1", "b": "2"}


def _many() -> list[Manifest]:
    """So many of a kind that they are read by one list."""
    return [
        workload("Deployment", f"web-{number}", pod("x", init=_inits()), replicas=0) for number in range(5)
    ]


def _inits() -> list[Manifest]:
    return [container("first", "true"), container("second", "true")]


def test_many_objects_that_are_just_so_are_not_even_tried(space: Space, lab: Lab) -> None:
    space.ready(*_many())
    before = lab.api.calls
    assert actions(space.ready(*_many(), goal="exists")) == ["unchanged"] * 5
    asked = lab.api.calls - before
    assert asked <= 3, f"{asked} requests for five objects that were just so"


def _reordered(manifest: Manifest) -> None:
    manifest["spec"]["template"]["spec"]["initContainers"].reverse()


def _renamed(manifest: Manifest) -> None:
    manifest["spec"]["template"]["spec"]["initContainers"][0]["name"] = "other"


def _shortened(manifest: Manifest) -> None:
    manifest["spec"]["template"]["spec"]["initContainers"].pop()


def _labelled(manifest: Manifest) -> None:
    manifest["metadata"]["labels"] = {"new": "label"}


@pytest.mark.parametrize("change", [_reordered, _renamed, _shortened, _labelled])
def test_the_one_of_many_that_changes_is_found(space: Space, change: Callable[[Manifest], None]) -> None:
    space.ready(*_many())
    second = _many()
    change(second[3])
    assert actions(space.ready(*second)) == [*["unchanged"] * 3, "updated", "unchanged"]
    assert actions(space.ready(*second)) == ["unchanged"] * 5


# --- check mode and diff ------------------------------------------------------------------------


def test_a_check_predicts_and_writes_nothing(space: Space) -> None:
    space.ready(config_map("kept", a="1"), config_map("changed", a="1"))
    before = version(space, CONFIG_MAPS, "changed")
    predicted = space.deploy(
        config_map("kept", a="1"), config_map("changed", a="2"), config_map("new"), pod(), check_mode=True
    )
    assert actions(predicted) == ["unchanged", "updated", "created", "created"]
    assert predicted.changed
    assert predicted.results == ()
    assert version(space, CONFIG_MAPS, "changed") == before
    assert "new" not in space.names(CONFIG_MAPS)
    assert space.names(PODS) == []


def test_a_check_of_a_namespace_still_to_be_made_predicts_what_is_in_it(space: Space) -> None:
    name = space.lab.name()
    predicted = space.deploy(
        config_map("config", a="1"), pod(), namespace=name, create_namespace=True, check_mode=True
    )
    assert actions(predicted) == ["created"] * 3
    found = predicted.changes[2].after or {}
    assert (found["metadata"]["name"], found["metadata"]["namespace"]) == ("web", name)
    assert found["spec"]["dnsPolicy"] == "ClusterFirst"
    namespaces = space.api.request("get", NAMESPACES.path())["items"]
    assert name not in [item["metadata"]["name"] for item in namespaces]


def test_a_check_of_a_refused_definition_is_refused_as_well(space: Space) -> None:
    bad = pod("web", container("app", imagee="x"))
    assert space.refused(bad, check_mode=True) == space.refused(bad)


def test_a_namesake_elsewhere_does_not_disturb_a_namespace_still_to_be_made(space: Space) -> None:
    """Objects of a missing namespace are tried in `default`, where another Pod may have the same name."""
    name = space.lab.name()
    namesake = pod(name, nodeSelector={"no": "node"})
    space.ready(namesake, namespace="default", goal="exists")
    try:
        predicted = space.deploy(
            pod(name, container("other")), namespace=name, create_namespace=True, check_mode=True
        )
        assert actions(predicted) == ["created", "created"]
    finally:
        space.ready(namesake, namespace="default", present=False)


def diff(outcome: Outcome) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = as_result(outcome, show_diff=True)["diff"]
    return found


def test_a_diff_shows_what_comes_what_changes_and_what_goes(space: Space) -> None:
    (created,) = diff(space.ready(config_map("config", a="1")))
    assert created["before"] == {}
    assert created["after"]["data"] == {"a": "1"}
    (updated,) = diff(space.ready(config_map("config", a="2")))
    assert (updated["before"]["data"], updated["after"]["data"]) == ({"a": "1"}, {"a": "2"})
    (deleted,) = diff(space.ready(config_map("config"), present=False))
    assert (deleted["before"]["data"], deleted["after"]) == ({"a": "2"}, {})
    assert deleted["before_header"] == f"ConfigMap {space.name}/config"


def test_a_diff_shows_nothing_of_the_servers_bookkeeping(space: Space) -> None:
    (created,) = diff(space.ready(config_map("config", a="1")))
    assert set(created["after"]["metadata"]) == {"name", "namespace"}
    assert diff(space.ready(config_map("config", a="1"))) == []


def test_a_diff_of_a_secret_shows_no_value(space: Space) -> None:
    outcomes = [
        space.ready(secret(password="first", user="u")),
        space.ready(secret(password="second", user="u")),
        space.ready(secret(), present=False),
    ]
    told = str([diff(outcome) for outcome in outcomes])
    for value in ("first", "second", "Zmlyc3Q=", "c2Vjb25k"):
        assert value not in told
    (changed,) = diff(outcomes[1])
    assert changed["before"]["data"] == {"password": "(hidden, old value)", "user": "(hidden)"}
    assert changed["after"]["data"] == {"password": "(hidden, new value)", "user": "(hidden)"}


# --- making anew --------------------------------------------------------------------------------


def uid(space: Space, resource: Resource, name: str) -> str:
    found = space.get(resource, name)
    assert found is not None
    return str(found["metadata"]["uid"])


def test_a_pod_is_made_anew_where_it_cannot_be_changed(space: Space) -> None:
    space.ready(pod("web", container("app")))
    before = uid(space, PODS, "web")
    changed = pod("web", container("app", env=[{"name": "A", "value": "1"}]))
    assert actions(space.deploy(changed, recreate=True, check_mode=True)) == ["recreated"]
    assert uid(space, PODS, "web") == before
    assert actions(space.ready(changed, recreate=True)) == ["recreated"]
    assert uid(space, PODS, "web") != before
    assert actions(space.ready(changed, recreate=True)) == ["unchanged"]


def test_a_failed_job_is_made_anew_on_request(space: Space) -> None:
    job = workload("Job", "load", pod("x", container("app", "exit 1"), restartPolicy="Never"), backoffLimit=0)
    assert space.deploy(job).message is not None
    before = uid(space, JOBS, "load")
    again = space.deploy(job)
    assert actions(again) == ["unchanged"]
    assert again.message is not None
    anew = space.deploy(job, recreate=True)
    assert actions(anew) == ["recreated"]
    assert uid(space, JOBS, "load") != before


def test_a_job_that_has_succeeded_is_left_alone(space: Space) -> None:
    job = workload("Job", "load", pod("x", container("app", "true"), restartPolicy="Never"))
    space.ready(job)
    assert actions(space.ready(job, recreate=True)) == ["unchanged"]


def test_a_deployment_is_made_anew_with_another_selector(space: Space) -> None:
    space.ready(workload("Deployment", "shop", pod()))
    other = workload("Deployment", "shop", pod())
    other["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    outcome = space.ready(other, recreate=True)
    assert actions(outcome) == ["recreated"]
    assert len(space.names(PODS)) == 1


# --- taking away --------------------------------------------------------------------------------


def test_absent_takes_objects_away_with_what_they_own(space: Space) -> None:
    definition = [config_map("config"), workload("Deployment", "shop", pod()), pod()]
    space.ready(*definition)
    outcome = space.ready(*definition, present=False)
    assert actions(outcome) == ["deleted"] * 3
    assert [change.target.name for change in outcome.changes] == ["config", "shop", "web"]
    assert space.names(PODS) == []
    assert space.get(DEPLOYMENTS, "shop") is None
    assert actions(space.ready(*definition, present=False)) == ["absent"] * 3


def test_a_check_of_absent_takes_nothing_away(space: Space) -> None:
    space.ready(config_map("config"))
    assert actions(space.deploy(config_map("config"), present=False, check_mode=True)) == ["deleted"]
    assert space.get(CONFIG_MAPS, "config") is not None


def test_absent_needs_no_more_than_the_identity(space: Space) -> None:
    space.ready(pod())
    assert actions(space.ready(named("Pod", "web"), present=False)) == ["deleted"]


def test_absent_in_a_namespace_or_of_a_kind_that_does_not_exist(space: Space) -> None:
    outcome = space.ready(
        named("ConfigMap", "web"),
        named("Widget", "web", "example.com/v1"),
        namespace=space.lab.name(),
        present=False,
    )
    assert actions(outcome) == ["absent", "absent"]


def test_absent_says_what_it_still_waits_for(space: Space) -> None:
    held = named("ConfigMap", "held", finalizers=["example.com/held"])
    space.ready(held)
    said = space.refused(held, present=False, timeout=12)
    assert said == (
        f"Failed to delete ConfigMap {space.name}/held: it is still there at the end of the timeout"
        " (finalizers: example.com/held)"
    )
    assert f"waiting for ConfigMap {space.name}/held to be gone" in space.lines
    space.apply_as("podpatterns.core", CONFIG_MAPS, config_map("held"))
    assert space.gone(CONFIG_MAPS, "held")


# --- what leans on what -------------------------------------------------------------------------


def test_a_namespace_is_made_on_request_and_left_alone_by_absent(space: Space) -> None:
    name = space.lab.name()
    outcome = space.ready(pod(), namespace=name, create_namespace=True)
    assert [change.target.kind for change in outcome.changes] == ["Namespace", "Pod"]
    assert actions(space.ready(pod(), namespace=name, create_namespace=True)) == ["unchanged"]
    assert actions(space.ready(pod(), namespace=name, create_namespace=True, present=False)) == ["deleted"]
    assert space.api.request("get", NAMESPACES.path(name=name))
    space.lab.forget(name)


def test_a_namespace_that_is_going_is_waited_for_and_made_anew(space: Space) -> None:
    name = space.lab.name()
    space.ready(pod("web", terminationGracePeriodSeconds=3), namespace=name, create_namespace=True)
    space.lab.forget(name)
    outcome = space.ready(config_map("config"), namespace=name, create_namespace=True)
    assert outcome.changes[-1].action == "created"
    space.lab.forget(name)


def test_a_whole_definition_may_be_listed_in_any_order(space: Space) -> None:
    """The last object is what all the others lean on."""
    name = space.lab.name()
    definition = [
        pod("web", serviceAccountName="worker", priorityClassName=name),
        {
            **named("RoleBinding", "r", "rbac.authorization.k8s.io/v1"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "worker"}],
        },
        {**named("Role", "r", "rbac.authorization.k8s.io/v1"), "rules": []},
        named("ServiceAccount", "worker"),
        {**named("ResourceQuota", "q"), "spec": {"hard": {"pods": "5"}}},
        {**named("PriorityClass", name, "scheduling.k8s.io/v1"), "value": 5},
        named("Namespace", name),
    ]
    try:
        outcome = space.ready(*definition, namespace=name)
        assert [change.target.kind for change in outcome.changes] == [one["kind"] for one in definition]
        assert actions(space.ready(*definition, namespace=name)) == ["unchanged"] * len(definition)
    finally:
        space.ready(
            named("PriorityClass", name, "scheduling.k8s.io/v1"), named("Namespace", name), present=False
        )


def crd(group: str, scope: str) -> Manifest:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    return {
        **named("CustomResourceDefinition", f"widgets.{group}", "apiextensions.k8s.io/v1"),
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


@pytest.mark.parametrize("scope", ["Namespaced", "Cluster"])
def test_a_kind_and_an_object_of_it_in_one_definition(space: Space, scope: str) -> None:
    group = f"{space.name}.example.com"
    widget = {**named("Widget", "small", f"{group}/v1"), "spec": {"size": 1}}
    definition = [widget, crd(group, scope)]
    try:
        assert actions(space.deploy(*definition, check_mode=True)) == ["created", "created"]
        outcome = space.ready(*definition)
        assert actions(outcome) == ["created", "created"]
        assert outcome.changes[0].target.namespace == (space.name if scope == "Namespaced" else "")
        assert actions(space.ready(*definition)) == ["unchanged", "unchanged"]
    finally:
        assert actions(space.ready(*definition, present=False)) == ["deleted", "deleted"]
    assert (
        space.api.request("get", CRDS.path(), query={"fieldSelector": f"metadata.name=widgets.{group}"})[
            "items"
        ]
        == []
    )


def test_an_unknown_field_of_a_custom_resource_takes_its_kind_back(space: Space) -> None:
    group = f"{space.name}.example.com"
    said = space.refused(
        crd(group, "Namespaced"), {**named("Widget", "w", f"{group}/v1"), "spec": {"sise": 1}}
    )
    assert said == (
        f"Failed to create Widget {space.name}/w: spec.sise is no field of this kind; check spelling and indentation"
    )
    assert space.gone(CRDS, f"widgets.{group}")
