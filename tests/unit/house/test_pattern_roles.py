"""A pattern's options are declared in its own file; the role of its name says the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.podpatterns.core.plugins.module_utils._patterns.catalogue import CATALOGUE
from ansible_collections.podpatterns.core.plugins.module_utils._workload_options import WORKLOAD_OPTIONS

ROLES = Path(__file__).resolve().parents[3] / "roles"
SAID_AGAIN = ("type", "elements", "choices", "default", "required", "no_log", "options")

pytestmark = pytest.mark.parametrize("pattern", sorted(CATALOGUE))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def specification(pattern: str) -> dict[str, Any]:
    found: dict[str, Any] = load(ROLES / pattern / "meta" / "argument_specs.yml")["argument_specs"]["main"][
        "options"
    ]
    return found


def declared(options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The options without their descriptions, nested ones included; false and none are as good as not said."""
    return {
        name: {
            key: declared(option[key]) if key == "options" else option[key]
            for key in SAID_AGAIN
            if option.get(key) not in (None, False) or (key == "default" and option.get(key) is False)
        }
        for name, option in options.items()
    }


def handed_on(pattern: str) -> tuple[dict[str, str], dict[str, str]]:
    """What the role's one task gives to the module, and to the pattern."""
    (task,) = load(ROLES / pattern / "tasks" / "main.yml")
    given = dict(task["podpatterns.core.workload"])
    ((entry,),) = [list(one.items()) for one in given.pop("patterns")]
    assert entry[0] == pattern
    variables = [{name: value.split()[1] for name, value in one.items()} for one in (given, entry[1])]
    return variables[0], variables[1]


def test_the_role_declares_the_options_of_its_pattern(pattern: str) -> None:
    options = {f"{pattern}_{name}": option for name, option in CATALOGUE[pattern].options.items()}
    said = declared(specification(pattern))
    assert {name: said.get(name) for name in options} == declared(options)


def test_the_role_declares_the_options_of_the_module_that_it_takes(pattern: str) -> None:
    taken = {f"{pattern}_{name}": WORKLOAD_OPTIONS[name] for name in handed_on(pattern)[0]}
    said = declared(specification(pattern))
    assert {name: said.get(name) for name in taken} == declared(taken)


def test_the_role_hands_on_each_variable_that_it_declares(pattern: str) -> None:
    to_module, to_pattern = handed_on(pattern)
    assert to_pattern == {name: f"{pattern}_{name}" for name in CATALOGUE[pattern].options}
    assert set(to_module.values()) | set(to_pattern.values()) == set(specification(pattern))


def test_the_role_has_the_defaults_that_it_documents(pattern: str) -> None:
    documented = {name: one["default"] for name, one in specification(pattern).items() if "default" in one}
    assert load(ROLES / pattern / "defaults" / "main.yml") == documented


def test_the_role_has_a_readme_and_a_playbook_that_shows_it(pattern: str) -> None:
    assert (ROLES / pattern / "README.md").is_file()
    assert (ROLES.parent / "playbooks" / f"{pattern}.yml").is_file()
