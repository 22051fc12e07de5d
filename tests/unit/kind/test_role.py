"""The role says the same as the module, and hands every option on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ansible_collections.podpatterns.core.plugins.modules import kind_cluster

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "kind_cluster"
PREFIX = "kind_cluster_"
#: The role knows where its own files are.
OWN = "files_dir"
SAID_AGAIN = ("type", "elements", "choices", "default")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def said(option: dict[str, Any]) -> dict[str, Any]:
    return {key: option[key] for key in SAID_AGAIN if option.get(key) is not None}


def role_options() -> dict[str, dict[str, Any]]:
    options: dict[str, dict[str, Any]] = load(ROLE / "meta/argument_specs.yml")["argument_specs"]["main"][
        "options"
    ]
    return options


def test_the_documentation_declares_the_options_of_the_module() -> None:
    documented = yaml.safe_load(kind_cluster.DOCUMENTATION)["options"]
    assert {name: said(option) for name, option in documented.items()} == {
        name: said(option) for name, option in kind_cluster.ARGUMENTS.items()
    }


def test_the_role_declares_the_options_of_the_module() -> None:
    declared = {name.removeprefix(PREFIX): said(option) for name, option in role_options().items()}
    declared.pop("remote_files")
    expected = {name: said(option) for name, option in kind_cluster.ARGUMENTS.items() if name != OWN}
    assert declared == expected


def test_the_roles_defaults_are_those_it_declares() -> None:
    declared = {name: option["default"] for name, option in role_options().items() if "default" in option}
    assert load(ROLE / "defaults/main.yml") == declared


def test_the_role_hands_every_option_on() -> None:
    _copy, task = load(ROLE / "tasks/main.yml")
    handed = task["podpatterns.core.kind_cluster"]
    assert set(handed) == set(kind_cluster.ARGUMENTS)
    assert all(f"{PREFIX}{name}" in value for name, value in handed.items() if name != OWN)


def test_the_role_s_readme_names_every_variable() -> None:
    readme = (ROLE / "README.md").read_text(encoding="utf-8")
    unnamed = [
        name for name in role_options() if f"`{name}`" not in readme and name != f"{PREFIX}remote_files"
    ]
    assert unnamed == []
