"""Options are declared once: what says them again, a role or a documentation, says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.doc_fragments.auth import ModuleDocFragment
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.connect import auth_argument_spec
from ansible_collections.podpatterns.core.plugins.module_utils._workload_options import WORKLOAD_OPTIONS
from ansible_collections.podpatterns.core.plugins.modules import workload

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = {**WORKLOAD_OPTIONS, **auth_argument_spec()}
DOCUMENTED = {
    **yaml.safe_load(workload.DOCUMENTATION)["options"],
    **yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"],
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
