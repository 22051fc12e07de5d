"""Applying a definition while the server fails in ways that a real one can hardly be made to."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._run import Outcome, Request, run

from ..cluster.fake_api import Act, FakeApi, drops, forbidden, hangs, refuses, says

SHOP = "/api/v1/namespaces/shop"


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deploy(server: FakeApi, *manifests: dict[str, Any], **options: Any) -> Outcome:
    return run(server.client(), Request(list(manifests), **{"namespace": "shop", **options}))


def refused(server: FakeApi, *manifests: dict[str, Any], **options: Any) -> str:
    with pytest.raises(ClusterError) as failed:
        deploy(server, *manifests, **options)
    return str(failed.value)


def writes(server: FakeApi) -> list[str]:
    return [one.path for one in server.calls("PATCH") if "dryRun" not in one.query]


def only_for_real(act: Act) -> Act:
    """Let the dry run through, as a server does whose state changes right after it."""

    def usual_or_fault(handler: Any) -> None:
        if handler.query.get("dryRun"):
            handler.apply()
        else:
            act(handler)

    return usual_or_fault


CONFLICT = {
    "reason": "FieldManagerConflict",
    "field": ".data.a",
    "message": 'conflict with "kubectl-edit" using v1',
}
OTHER = {"reason": "FieldManagerConflict", "field": ".data.b", "message": 'conflict with "argocd"'}


def test_conflicts_are_told_by_manager(server: FakeApi) -> None:
    server.fault(
        "PATCH", "configmaps", refuses(409, "Conflict", "Apply failed with 2 conflicts", [CONFLICT, OTHER])
    )
    assert refused(server, config_map("web", a="1", b="2")) == (
        "Failed to apply ConfigMap shop/web: data.a belongs to field manager 'kubectl-edit'; data.b belongs to field"
        " manager 'argocd'; take the field out of the definition, or set force_conflicts: true to take it over"
    )


def test_everything_is_tried_before_anything_is_written(server: FakeApi) -> None:
    server.fault(
        "PATCH", "configmaps/b", refuses(422, "Invalid", "no", [{"field": "data", "message": "bad"}])
    )
    assert refused(server, config_map("a"), config_map("b")) == "Failed to apply ConfigMap shop/b: data: bad"
    assert writes(server) == []


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (refuses(500, "InternalError", "etcdserver: request timed out"), "etcdserver: request timed out"),
        (
            forbidden("create", "configmaps"),
            "system:serviceaccount:shop:deployer may not create configmaps in namespace shop; grant it by a Role and a"
            " RoleBinding, or use other credentials",
        ),
    ],
)
def test_a_write_that_fails_is_undone(server: FakeApi, act: Act, reason: str) -> None:
    server.fault("PATCH", "configmaps/late", only_for_real(act))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "early"}}
    assert refused(server, config_map("late"), account) == f"Failed to create ConfigMap shop/late: {reason}"
    assert f"{SHOP}/serviceaccounts/early" not in server.objects
    (undone,) = server.calls("DELETE")
    assert undone.body["propagationPolicy"] == "Background"
    assert undone.body["preconditions"]["uid"]


def test_an_undo_that_fails_as_well_says_what_is_left(server: FakeApi) -> None:
    server.fault("PATCH", "configmaps/late", only_for_real(refuses(500, "InternalError", "broken")))
    server.fault("DELETE", "serviceaccounts", says(503, ""))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "early"}}
    assert refused(server, config_map("late"), account) == (
        "Failed to create ConfigMap shop/late: broken; ServiceAccount shop/early was created and could not be removed"
        " again"
    )


def test_a_connection_that_breaks_in_a_write_is_an_error(server: FakeApi) -> None:
    server.fault("PATCH", "configmaps", only_for_real(drops))
    said = refused(server, config_map("web"))
    assert said.startswith(f"Failed to create ConfigMap shop/web: cannot reach the API server {server.url}: ")


def test_a_server_that_does_not_answer_is_left_at_the_timeout(server: FakeApi) -> None:
    server.fault("PATCH", "configmaps", hangs)
    began = time.monotonic()
    assert refused(server, config_map("web"), timeout=0.5) == (
        f"Failed to apply ConfigMap shop/web: cannot reach the API server {server.url}: it does not answer in time"
    )
    assert time.monotonic() - began < 30  # and not after the minute that an answer may take otherwise


def test_whoever_may_not_look_at_namespaces_can_deploy_all_the_same(server: FakeApi) -> None:
    server.fault("GET", "namespaces/shop$", forbidden("get", "namespaces", None))
    assert deploy(server, config_map("web"), create_namespace=True).changed


def test_a_namespace_is_asked_for_only_where_it_may_have_to_be_made(server: FakeApi) -> None:
    deploy(server, config_map("web"))
    assert not [one for one in server.calls("GET") if one.path == SHOP]


def test_an_unchanged_object_costs_two_requests(server: FakeApi) -> None:
    deploy(server, config_map("web", a="1"))
    server.asked.clear()
    assert not deploy(server, config_map("web", a="1")).changed
    assert [(one.method, one.path.rpartition("/")[2]) for one in server.asked] == [
        ("GET", "v1"),
        ("GET", "web"),
        ("PATCH", "web"),
    ]


def test_a_crd_that_is_malformed_is_left_to_the_server(server: FakeApi) -> None:
    server.fault("PATCH", "customresourcedefinitions", refuses(422, "Invalid", "spec.names: Required value"))
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"versions": None},
    }
    assert refused(server, crd) == (
        "Failed to apply CustomResourceDefinition widgets.example.com: spec.names: Required value"
    )


def test_garbage_instead_of_discovery(server: FakeApi) -> None:
    server.fault("GET", "/api/v1$", says(200, "<html>Sign in</html>"))
    assert refused(server, config_map("web")) == (
        f"{server.url} does not answer as a Kubernetes API server does, but with '<html>Sign in</html>';"
        " check the address"
    )


def test_deleting_what_somebody_else_has_just_deleted_is_no_failure(server: FakeApi) -> None:
    deploy(server, config_map("web"))

    def is_faster(handler: Any) -> None:
        server.drop(f"{SHOP}/configmaps/web")
        handler.refuse(404, "NotFound", 'configmaps "web" not found')

    server.fault("DELETE", "configmaps", is_faster)
    assert deploy(server, config_map("web"), present=False).changed


def test_a_namesake_made_meanwhile_is_not_deleted(server: FakeApi) -> None:
    deploy(server, config_map("web"))
    server.fault("DELETE", "configmaps", refuses(409, "Conflict", "Precondition failed: UID in precondition"))
    deploy(server, config_map("web"), present=False)
    assert f"{SHOP}/configmaps/web" in server.objects
