"""Manifests made comparable: what a diff shows, and which changes a Pod cannot take."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._pod.comparison import (
    fixed_fields,
    normalised,
    shown,
)

BOOKKEEPING = {
    "uid": "1",
    "resourceVersion": "5",
    "generation": 2,
    "creationTimestamp": "2026-11-26T10:00:00Z",
    "managedFields": [{"manager": "podpatterns.core"}],
}


def test_what_the_server_writes_by_itself_is_not_compared() -> None:
    live = {"kind": "Pod", "metadata": {"name": "web", **BOOKKEEPING}, "status": {"phase": "Running"}}
    assert normalised(live) == {"kind": "Pod", "metadata": {"name": "web"}}


def test_the_copy_that_kubectl_keeps_in_an_annotation_is_not_compared() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": {"password": "c2VjcmV0"}}'}
    assert normalised({"metadata": {"annotations": annotations}}) == {"metadata": {}}


def test_the_object_itself_is_left_as_it_is() -> None:
    live = {"metadata": dict(BOOKKEEPING)}
    normalised(live)
    assert live == {"metadata": BOOKKEEPING}


@pytest.mark.parametrize("field", ["data", "stringData"])
def test_a_diff_of_a_secret_tells_which_keys_change_and_no_value(field: str) -> None:
    before = {"kind": "Secret", field: {"kept": "a", "changed": "b", "removed": "c"}}
    after = {"kind": "Secret", field: {"kept": "a", "changed": "B", "added": "d"}}
    assert shown(before, after) == (
        {
            "kind": "Secret",
            field: {"kept": "(hidden)", "changed": "(hidden, old value)", "removed": "(hidden, old value)"},
        },
        {
            "kind": "Secret",
            field: {"kept": "(hidden)", "changed": "(hidden, new value)", "added": "(hidden, new value)"},
        },
    )


@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True)])
def test_a_secret_that_comes_or_goes_shows_no_value(before: bool, after: bool) -> None:
    secret = {"kind": "Secret", "data": {"password": "c2VjcmV0"}}
    assert "c2VjcmV0" not in str(shown(secret if before else None, secret if after else None))


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        pytest.param({"image": "nginx:2"}, [], id="another image"),
        pytest.param({"args": []}, [], id="an empty list where there is none"),
        pytest.param({"command": ["sleep", "1"]}, ["spec.containers[app].command"], id="another command"),
        pytest.param(
            {"env": [{"name": "A", "value": "2"}]}, ["spec.containers[app].env[A].value"], id="a value"
        ),
        pytest.param(
            {"env": [{"name": "B", "value": "2"}]}, ["spec.containers[app].env[B] (new)"], id="a new entry"
        ),
    ],
)
def test_fields_that_a_pod_keeps_for_life_are_named(change: dict[str, Any], fields: list[str]) -> None:
    app = {"name": "app", "image": "nginx:1", "command": ["sleep"], "env": [{"name": "A", "value": "1"}]}
    live = {"spec": {"containers": [{**app, "terminationMessagePath": "/dev/termination-log"}]}}
    assert fixed_fields({"kind": "Pod", "spec": {"containers": [{**app, **change}]}}, live) == fields


def test_containers_that_come_and_go_are_named() -> None:
    live = {"spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "old"}]}}
    desired = {
        "kind": "Pod",
        "spec": {"containers": [{"name": "app"}, {"name": "log"}], "initContainers": [{"name": "new"}]},
    }
    assert fixed_fields(desired, live) == [
        "spec.containers[log] (new)",
        "spec.initContainers[new] (new)",
        "spec.initContainers[old] (removed)",
    ]


@pytest.mark.parametrize("field", ["activeDeadlineSeconds", "tolerations"])
def test_fields_that_a_pod_can_change_are_not_named(field: str) -> None:
    assert fixed_fields({"kind": "Pod", "spec": {field: 5}}, {"spec": {}}) == []


@pytest.mark.parametrize(
    ("kind", "spec", "fields"),
    [
        ("StatefulSet", {"serviceName": "b", "replicas": 2, "template": {"a": 1}}, ["spec.serviceName"]),
        (
            "Job",
            {"template": {"spec": {"restartPolicy": "Never"}}, "suspend": True},
            ["spec.template"],
        ),
        pytest.param(
            "Deployment", {"selector": {"a": "b"}}, [], id="Deployment, whose refusals name the field"
        ),
    ],
)
def test_fields_that_other_kinds_keep_for_life_are_named(
    kind: str, spec: dict[str, Any], fields: list[str]
) -> None:
    assert fixed_fields({"kind": kind, "spec": spec}, {"spec": {}}) == fields
