"""The filter that renders without a cluster."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.podpatterns.core.plugins.filter.compose import FilterModule

from .workloads import names, spec_of

compose = FilterModule().filters()["compose"]
TEXT = """
apiVersion: v1
kind: Service
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers: [{name: web, image: nginx}]
"""
ASKS_THE_API = [{"wait_for": {"targets": [{"service": {"name": "db"}}]}}]


def test_each_workload_comes_after_what_it_needs() -> None:
    made = compose(TEXT, ASKS_THE_API, namespace="prod")
    assert [item["kind"] for item in made] == [
        "Service",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "Deployment",
    ]
    assert {item["metadata"].get("namespace") for item in made} == {None, "prod"}


def test_what_is_rendered_can_be_rendered_again() -> None:
    once = compose(TEXT, ASKS_THE_API)
    rendered = yaml.safe_dump_all(once)
    assert compose(rendered, ASKS_THE_API) == once
    assert compose(rendered, []) == list(yaml.safe_load_all(TEXT))


def test_a_mapping_and_a_list_are_as_good_as_text() -> None:
    manifests = list(yaml.safe_load_all(TEXT))
    assert compose(manifests, ASKS_THE_API) == compose(TEXT, ASKS_THE_API)
    assert compose(manifests[1], [])[0] == manifests[1]


def test_sidecars_are_classic_for_a_server_without_native_ones() -> None:
    patterns = [{"metrics": {"exporter": "nginx"}}]
    native, classic = compose(TEXT, patterns)[-1], compose(TEXT, patterns, native=False)[-1]
    assert names(spec_of(native)["containers"]) == ["web"]
    assert names(spec_of(classic)["containers"]) == ["web", "metrics"]


@pytest.mark.parametrize(
    ("version", "apps"),
    [
        ("1.28", ["web", "metrics"]),
        ("v1.28.15", ["web", "metrics"]),
        ("1.29", ["web"]),
        ("v1.33.2-gke.1", ["web"]),
        ("1.100", ["web"]),
    ],
)
def test_the_servers_release_says_whether_sidecars_are_native(version: str, apps: list[str]) -> None:
    made = compose(TEXT, [{"metrics": {"exporter": "nginx"}}], server_version=version)
    assert names(spec_of(made[-1])["containers"]) == apps


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"server_version": 1.3},
            "server_version is 1.3; it must be a Kubernetes release in quotes, such as",
        ),
        ({"server_version": "latest"}, "server_version is 'latest'; it must be a Kubernetes release"),
        ({"server_version": "2.1"}, "server_version is '2.1'; it must be a Kubernetes release"),
        ({"server_version": "1"}, "server_version is '1'; it must be a Kubernetes release"),
        ({"server_version": ""}, "server_version is ''; it must be a Kubernetes release"),
        (
            {"server_version": "1.28", "native": True},
            "native is true, but server_version is '1.28', and that Kubernetes has no native sidecars; leave",
        ),
        (
            {"server_version": "1.33", "native": False},
            "native is false, but server_version is '1.33', and that Kubernetes has native sidecars; leave",
        ),
    ],
)
def test_a_wrong_release_gets_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        compose(TEXT, [], **options)
    assert str(caught.value).startswith(f"podpatterns.core.compose: {sentence}")


def test_images_are_moved() -> None:
    made = compose(TEXT, ASKS_THE_API, image_map={"docker.io": "mirror.local"})
    assert spec_of(made[-1])["initContainers"][0]["image"].startswith("mirror.local/library/python:")


@pytest.mark.parametrize(
    ("definition", "patterns", "sentence"),
    [
        ("a: [", [], "definition is not YAML: "),
        ("", [], "definition is empty; give at least one Kubernetes object"),
        (TEXT, [{"wait": {}}], "patterns[0] names pattern 'wait', which does not exist; "),
        (TEXT, "wait_for", "patterns is 'wait_for'; it must be a list of mappings"),
    ],
)
def test_what_is_wrong_gets_one_sentence(definition: Any, patterns: Any, sentence: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        compose(definition, patterns)
    assert str(caught.value).startswith(f"podpatterns.core.compose: {sentence}")
