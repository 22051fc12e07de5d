"""What is said in more than one place about the collection, held together."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from ansible_collections.podpatterns.core.plugins.doc_fragments.auth import ModuleDocFragment

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = {"meta", "playbooks", "plugins", "roles"}
PAPERS = {"CHANGELOG.rst", "LICENSE", "README.md", "changelogs", "docs", "galaxy.yml", "requirements.txt"}


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def requirements(path: str) -> dict[str, Requirement]:
    """The requirements of a file by name; where markers differ, the one for the newest Python."""
    lines = (line.split("#")[0].strip() for line in (ROOT / path).read_text().splitlines())
    found = (Requirement(line) for line in lines if line and not line.startswith("-"))
    return {
        req.name.lower(): req
        for req in found
        if not req.marker or req.marker.evaluate({"python_full_version": "3.13.0"})
    }


def pinned(path: str, name: str) -> Version:
    (pin,) = requirements(path)[name].specifier
    return Version(pin.version)


def lower_bound(specifiers: SpecifierSet) -> Version:
    (bound,) = [Version(part.version) for part in specifiers if part.operator == ">="]
    return bound


def top_level_entries() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({line.split("/")[0] for line in listed.splitlines()})


def test_everything_at_the_root_is_runtime_or_paper_or_left_out_of_the_artefact() -> None:
    left_out = load("galaxy.yml")["build_ignore"]
    undecided = [
        entry
        for entry in top_level_entries()
        if entry not in RUNTIME | PAPERS and not any(fnmatch(entry, pattern) for pattern in left_out)
    ]
    assert not undecided, f"name in build_ignore of galaxy.yml, or in PAPERS here: {', '.join(undecided)}"


def test_nothing_that_runs_is_left_out_of_the_artefact() -> None:
    assert not RUNTIME & set(load("galaxy.yml")["build_ignore"])


def test_the_checkout_is_its_own_collections_path() -> None:
    tree = ROOT / "collections" / "ansible_collections" / "podpatterns" / "core"
    links = {entry.name: entry.resolve() for entry in tree.iterdir()}
    assert links == {name: ROOT / name for name in RUNTIME | {"README.md", "galaxy.yml"}}


@pytest.mark.parametrize("name", ["kubernetes", "pyyaml"])
def test_oldest_pins_are_the_lower_ends_of_the_ranges(name: str) -> None:
    assert pinned("requirements/oldest.txt", name) == lower_bound(
        requirements("requirements.txt")[name].specifier
    )


def test_the_oldest_of_what_the_suite_may_be_installed_with_is_tested() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [Requirement(one) for extra in extras.values() for one in extra]
    tested = {one.name: pinned("requirements/oldest.txt", one.name) for one in wanted}
    assert tested == {one.name: lower_bound(one.specifier) for one in wanted}


@pytest.mark.parametrize("name", ["kubernetes", "pyyaml"])
def test_newest_pins_are_within_the_ranges(name: str) -> None:
    assert pinned("requirements/newest.txt", name) in requirements("requirements.txt")[name].specifier


def test_ansible_core_is_held_to_one_range() -> None:
    wanted = SpecifierSet(load("meta/runtime.yml")["requires_ansible"])
    assert lower_bound(wanted) == pinned("requirements/oldest.txt", "ansible-core")
    assert pinned("requirements/newest.txt", "ansible-core") in wanted


@pytest.mark.parametrize("name", ["kubernetes", "pyyaml"])
def test_the_documentation_names_the_ranges_that_are_proven(name: str) -> None:
    documented = [
        Requirement(line) for line in yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["requirements"]
    ]
    (found,) = [requirement.specifier for requirement in documented if requirement.name.lower() == name]
    assert found == requirements("requirements.txt")[name].specifier


def test_the_action_group_holds_the_modules_that_talk_to_a_cluster() -> None:
    group = set(load("meta/runtime.yml")["action_groups"]["workload"])
    modules = (ROOT / "plugins" / "modules").glob("*.py")
    assert group == {path.stem for path in modules if "podpatterns.core.auth" in path.read_text()}


def test_every_playbook_can_be_called_by_its_full_name() -> None:
    """ansible-core refuses names of playbooks of a collection that are no Python identifiers."""
    names = [path.stem for path in (ROOT / "playbooks").glob("*.yml")]
    assert names
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []


def test_the_newest_change_is_that_of_this_version() -> None:
    releases = load("changelogs/changelog.yaml")["releases"]
    assert max(releases, key=Version) == str(load("galaxy.yml")["version"])
