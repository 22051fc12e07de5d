"""What a user may hand over as a definition, and how text of it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition, parse

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}

POD_TEXT = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
SERVICE_TEXT = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"


def refusal(definition: Any, origin: str = "definition") -> str:
    """The sentence with which a definition is refused."""
    with pytest.raises(BadDefinition) as refused:
        parse(definition, origin)
    return str(refused.value)


@pytest.mark.parametrize(
    ("definition", "found"),
    [
        pytest.param(POD, [POD], id="a mapping"),
        pytest.param([POD, SERVICE], [POD, SERVICE], id="a list of mappings"),
        pytest.param([[POD], [SERVICE]], [POD, SERVICE], id="a list of lists"),
        pytest.param({"kind": "List", "items": [POD, SERVICE]}, [POD, SERVICE], id="a List"),
        pytest.param({"kind": "PodList", "items": [POD]}, [POD], id="a PodList"),
        pytest.param(POD_TEXT, [POD], id="one document"),
        pytest.param(f"---\n{POD_TEXT}---\n{SERVICE_TEXT}", [POD, SERVICE], id="several documents"),
        pytest.param(f"---\n# nothing\n---\n{POD_TEXT}---\n", [POD], id="empty documents between"),
        pytest.param(POD_TEXT.encode(), [POD], id="bytes"),
        pytest.param(json.dumps(POD), [POD], id="JSON"),
        pytest.param(json.dumps([POD, SERVICE], indent="\t"), [POD, SERVICE], id="JSON with tabs"),
    ],
)
def test_a_definition_is_objects_in_any_of_these_forms(definition: Any, found: list[Any]) -> None:
    assert parse(definition) == found


def test_what_is_read_is_a_copy_of_what_was_handed_over() -> None:
    (manifest,) = parse(POD)
    manifest["metadata"]["name"] = "other"
    assert POD["metadata"] == {"name": "web"}


def test_a_merge_may_set_a_key_that_it_overrides() -> None:
    (manifest,) = parse(
        "base: &base {kind: Pod, apiVersion: v1}\n"
        "mid: {deep: &deep {<<: *base, kind: Job}}\n"
        "top: {<<: *deep, kind: List}\n"
    )
    assert manifest["top"] == {"apiVersion": "v1", "kind": "List"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", True),
        ("n", False),
        ("off", False),
        ("'n'", "n"),
        ("never", "never"),
        ("~", None),
        ("8080", 8080),
        ("0644", 0o644),
        ("0o644", 0o644),
        ("0x1f", 31),
        ("1_000", 1000),
        ("-3", -3),
        ("089", 89.0),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("22:22", "22:22"),
        ("2026-11-26", "2026-11-26"),
        ("2026-11-26T10:00:00Z", "2026-11-26T10:00:00Z"),
        ("500m", "500m"),
        ("1.25.3", "1.25.3"),
    ],
)
def test_plain_words_mean_what_they_mean_to_kubectl(written: str, meant: Any) -> None:
    (manifest,) = parse(f"value: {written}")
    assert manifest == {"value": meant}


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        pytest.param(
            "kind: Pod\n  metadata: {}",
            "definition is not YAML: mapping values are not allowed here in line 2, column 11",
            id="not YAML",
        ),
        pytest.param(
            "kind: [Pod",
            "definition is not YAML: expected ',' or ']', but got '<stream end>' in line 1, column 11",
            id="a bracket left open",
        ),
        pytest.param(
            "value: !!python/object:os.system {}",
            "definition is not YAML: could not determine a constructor for the tag"
            " 'tag:yaml.org,2002:python/object:os.system' in line 1, column 8",
            id="a tag of Python's",
        ),
        pytest.param(
            "value: !!binary aGk=",
            "definition is not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:binary'"
            " in line 1, column 8",
            id="a tag without a JSON form",
        ),
        pytest.param(
            "kind: Pod\nmetadata:\n  name: a\n  labels: {}\n  name: b\n",
            "definition: key 'name' is given twice in one mapping, the second time in line 5; keep one of the two",
            id="a key twice",
        ),
        pytest.param(
            '{"kind": "Pod", "kind": "Job"}',
            "definition: key 'kind' is given twice in one mapping; keep one of the two",
            id="a key twice in JSON",
        ),
        pytest.param([], "definition is empty; give at least one Kubernetes object", id="an empty list"),
        pytest.param("", "definition is empty; give at least one Kubernetes object", id="empty text"),
        pytest.param(
            "# nothing\n---\n", "definition is empty; give at least one Kubernetes object", id="only comments"
        ),
        pytest.param(
            {"kind": "List", "items": []},
            "definition is empty; give at least one Kubernetes object",
            id="an empty List",
        ),
        pytest.param(
            None, "definition is empty; give a mapping, a list of mappings or YAML text", id="nothing"
        ),
        pytest.param(
            7, "definition is a number; give a mapping, a list of mappings or YAML text", id="a number"
        ),
        pytest.param(
            [POD, "web.yml"],
            "object 2 of definition is text; a Kubernetes object is a mapping with apiVersion, kind and metadata",
            id="text in a list",
        ),
        pytest.param(
            "web.yml",
            "object 1 of definition is text; a Kubernetes object is a mapping with apiVersion, kind and metadata",
            id="the name of a file",
        ),
        pytest.param(
            {"kind": "List", "items": [POD, None]},
            "object 2 of definition (List) is empty; a Kubernetes object is a mapping with apiVersion, kind and"
            " metadata",
            id="a List with a hole",
        ),
    ],
)
def test_text_that_cannot_be_meant_is_refused(definition: Any, sentence: str) -> None:
    assert refusal(definition) == sentence


def test_a_refusal_names_where_the_text_came_from() -> None:
    assert refusal("kind: [", "src").startswith("src is not YAML: ")
