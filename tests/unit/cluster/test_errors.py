"""The server's own words, as Kubernetes 1.36 says them, and the sentence that is made of them."""

from __future__ import annotations

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    Failure,
    Refusal,
    explain,
    is_immutable,
    missing_permission,
)

TYPED = "failed to create typed patch object (shop/web; /v1, Kind=Pod): "
CONVERTED = (
    "failed to convert new object (shop/web; /v1, Kind=Pod) to proper version: unable to convert unstructured object to"
    " /v1, Kind=Pod: "
)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            f'{TYPED}.spec.containers[name="app"].imagee: field not declared in schema',
            'spec.containers[name="app"].imagee is no field of this kind; check spelling and indentation',
        ),
        (
            f"{TYPED}errors:\n  .spec.a: field not declared in schema\n  .spec.b: field not declared in schema",
            "spec.a, spec.b are no fields of this kind; check spelling and indentation",
        ),
        (
            'strict decoding error: unknown field "spec.sise"',
            "spec.sise is no field of this kind; check spelling and indentation",
        ),
        (
            f"{TYPED}.data.a: expected string, got &value.valueUnstructured{{Value:1}}",
            "data.a is 1 and must be a string; put it in quotes",
        ),
        (
            f"{TYPED}.data.a: expected string, got &value.valueUnstructured{{Value:map[string]interface {{}}{{}}}}",
            "data.a is a map and must be a string",
        ),
        (f"{TYPED}.data: expected map, got &{{[a]}}", "data is a list and must be a map"),
        (f"{TYPED}.spec.tty: expected boolean, got &{{no}}", "spec.tty is no and must be a boolean"),
        (
            f"{TYPED}.spec.replicas: expected numeric (int or float), got string",
            "spec.replicas must be a number, not a string",
        ),
        (
            f"{CONVERTED}error decoding from json: illegal base64 data at input byte 7",
            "data holds a value that is not base64 (illegal base64 data at input byte 7);"
            " plain text belongs into stringData",
        ),
        (
            f"{CONVERTED}quantities must match the regular expression '^x$'",
            "quantities must match the regular expression '^x$'",
        ),
        ("a message\nand a dump of Go's", "a message"),
    ],
)
def test_a_refusal_is_explained(message: str, sentence: str) -> None:
    assert explain(Refusal(400, "BadRequest", message)) == sentence


def test_a_secrets_value_is_left_out() -> None:
    refused = Refusal(
        500,
        "InternalError",
        f"{TYPED}.stringData.p: expected string, got &value.valueUnstructured{{Value:123}}",
    )
    assert explain(refused, secret=True) == "stringData.p must be a string; put it in quotes"


def test_the_causes_of_an_invalid_object_are_told_without_patterns() -> None:
    causes = [
        {
            "field": "metadata.name",
            "message": "a DNS label (e.g. 'my-name', regex used for validation is '[a-z]+')",
        },
        {"field": "spec", "message": "Forbidden: no\n  lines of Go"},
    ]
    assert explain(Refusal(422, "Invalid", "", causes)) == (
        "metadata.name: a DNS label (e.g. 'my-name'); spec: Forbidden: no"
    )


def test_a_refusal_without_words_tells_its_number() -> None:
    assert str(Refusal(503, "ServiceUnavailable", "")) == "HTTP 503 ServiceUnavailable"


@pytest.mark.parametrize(
    "said",
    [
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`",
        "spec.containers: Forbidden: pod updates may not add or remove containers",
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
        "spec.selector: Invalid value: {}: field is immutable",
        'spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set',
        "spec: Forbidden: spec is immutable after creation except resources.requests",
        "parameters: Forbidden: updates to parameters are forbidden.",
        "roleRef: Invalid value: {}: cannot change roleRef",
        "value: Forbidden: may not be changed in an update.",
        "data: Forbidden: field is immutable when `immutable` is set",
    ],
)
def test_a_field_kept_for_life_is_known_by_each_kinds_own_words(said: str) -> None:
    assert is_immutable(Refusal(422, "Invalid", said))
    assert not is_immutable(Refusal(400, "BadRequest", said))


def test_other_invalid_values_are_no_fields_kept_for_life() -> None:
    assert not is_immutable(
        Refusal(422, "Invalid", "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535")
    )


@pytest.mark.parametrize(
    "message",
    [
        'pods "web" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1',
        'pods "web" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
        "admission webhook denied the request",
    ],
)
def test_what_is_forbidden_for_other_reasons_is_no_missing_right(message: str) -> None:
    assert missing_permission(message) is None


@pytest.mark.parametrize(("namespace", "target"), [("shop", "shop/web"), ("", "web")])
def test_a_failure_names_verb_kind_and_object(namespace: str, target: str) -> None:
    assert str(Failure("update", "Node", namespace, "web", "why")) == f"Failed to update Node {target}: why"
