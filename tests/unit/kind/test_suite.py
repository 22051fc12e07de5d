"""The repository's own package as part of an image: only a checkout has it, and any change of it is another image."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind import suite
from ansible_collections.podpatterns.core.plugins.module_utils._kind.errors import KindClusterError

ROOT = Path(__file__).resolve().parents[3]


def test_the_roles_files_lead_to_the_checkout() -> None:
    assert suite.checkout(ROOT / "roles" / "kind_cluster" / "files", "conformance") == ROOT
    by_link = ROOT / "collections" / "ansible_collections" / "podpatterns" / "core" / "roles"
    assert suite.checkout(by_link / "kind_cluster" / "files", "conformance") == ROOT


def test_an_installed_collection_has_no_suite_and_says_so(tmp_path: Path) -> None:
    files = tmp_path / "roles" / "kind_cluster" / "files"
    files.mkdir(parents=True)
    with pytest.raises(
        KindClusterError, match="Failed to build image conformance: it is made from a checkout"
    ):
        suite.checkout(files, "conformance")


def test_the_image_is_made_of_all_that_the_package_holds_and_of_its_pins() -> None:
    found = set(suite.texts(ROOT))
    assert {
        "pyproject.toml",
        "requirements/test.txt",
        "conformance/rbac.yaml",
        "roles/deploy/tasks/main.yml",
    } <= found
    assert "plugins/module_utils/_run.py" in found
    assert not [path for path in found if path.endswith(".pyc") or path.startswith("tests/")]
