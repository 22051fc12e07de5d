"""Options are declared once: what says them again, a role or a documentation, says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.doc_fragments import auth, look
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import auth_argument_spec
from ansible_collections.podpatterns.core.plugins.module_utils._workload_options import (
    ASSERT_OPTIONS,
    INFO_OPTIONS,
    WORKLOAD_OPTIONS,
)
from ansible_collections.podpatterns.core.plugins.modules import lifecycle_assert, workload, workload_info

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = {**WORKLOAD_OPTIONS, **auth_argument_spec()}
DOCUMENTED = {
    **yaml.safe_load(workload.DOCUMENTATION)["options"],
    **yaml.safe_load(auth.ModuleDocFragment.DOCUMENTATION)["options"],
}
SAID_AGAIN = ("type", "elements", "choices", "default")


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


ROLE_OPTIONS = load("roles/deploy/meta/argument_specs.yml")["argument_specs"]["main"]["options"]


def facts(option: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The declared facts of an option; a default that is not set and one of nothing are the same."""
    return {key: option[key] for key in keys if option.get(key) is not None}


def test_the_documentation_has_the_options_that_the_module_takes() -> None:
    assert set(DOCUMENTED) == set(OPTIONS)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_option_is_documented_as_it_is_declared(name: str) -> None:
    documented = facts(DOCUMENTED[name], "type", "elements", "default", "aliases")
    assert documented == facts(OPTIONS[name], "type", "elements", "default", "aliases")


@pytest.mark.parametrize(
    ("documentation", "declared"),
    [(workload_info.DOCUMENTATION, INFO_OPTIONS), (lifecycle_assert.DOCUMENTATION, ASSERT_OPTIONS)],
    ids=["workload_info", "lifecycle_assert"],
)
def test_modules_that_look_document_their_options_as_they_are_declared(
    documentation: str, declared: dict[str, Any]
) -> None:
    keys = ("type", "elements", "default", "choices", "required")
    shared = yaml.safe_load(look.ModuleDocFragment.DOCUMENTATION)["options"]
    documented = {**yaml.safe_load(documentation)["options"], **shared}
    assert {name: facts(option, *keys) for name, option in documented.items()} == {
        name: facts(option, *keys) for name, option in declared.items()
    }


def test_role_deploy_has_a_variable_for_each_option_of_the_module_and_no_other() -> None:
    assert set(ROLE_OPTIONS) == {f"deploy_{name}" for name in OPTIONS}


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_variable_of_role_deploy_is_declared_like_the_option(name: str) -> None:
    variable = ROLE_OPTIONS[f"deploy_{name}"]
    assert facts(variable, *SAID_AGAIN) == facts(OPTIONS[name], *SAID_AGAIN)
    assert variable.get("no_log", False) == OPTIONS[name].get("no_log", False)


def test_role_deploy_has_the_defaults_that_it_documents() -> None:
    documented = {name: option["default"] for name, option in ROLE_OPTIONS.items() if "default" in option}
    assert load("roles/deploy/defaults/main.yml") == documented


def test_role_deploy_hands_every_variable_to_the_module() -> None:
    (task,) = load("roles/deploy/tasks/main.yml")
    handed = {option: value.split()[1] for option, value in task["podpatterns.core.workload"].items()}
    assert handed == {name: f"deploy_{name}" for name in OPTIONS}


def readme_table(path: str) -> dict[str, str]:
    """Variables and defaults of the first table of a README; a default that is empty is not said."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / path).read_text().splitlines()
        if line.startswith("| `")
    ]
    return {
        variable.strip("` "): default.strip("`")
        for row in rows
        for variable in row[0].split(",")
        if "`" in variable
        for default in [row[1]]
    }


def test_the_readme_of_role_deploy_names_variables_that_there_are_with_their_defaults() -> None:
    told = readme_table("roles/deploy/README.md")
    assert set(told) <= set(ROLE_OPTIONS), "the README names variables that the role does not have"
    wrong = {
        name: default
        for name, default in told.items()
        if default
        and yaml.safe_load(default)
        != ROLE_OPTIONS[name].get("default", OPTIONS[name[7:]].get("default", "default"))
    }
    assert not wrong


def test_the_readme_of_role_deploy_names_every_option_of_the_module_that_is_not_about_the_cluster() -> None:
    assert set(readme_table("roles/deploy/README.md")) >= {f"deploy_{name}" for name in WORKLOAD_OPTIONS}
