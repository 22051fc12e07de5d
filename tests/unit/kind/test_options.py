"""Options: what is taken, and the sentence that a bad one gets."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind.errors import KindClusterError
from ansible_collections.podpatterns.core.plugins.module_utils._kind.options import parse, resolve_version

GOOD: dict[str, Any] = {
    "name": "dev",
    "state": "present",
    "source": "auto",
    "kubernetes_version": None,
    "workers": 0,
    "engine": "auto",
    "mirror": "auto",
    "cache_dir": "/cache",
    "state_dir": "/state",
    "files_dir": "/files",
}
KNOWN = "1.29.6, 1.30.14, 1.31.14, 1.32.13, 1.33.13, 1.34.4, 1.35.4, 1.36.3"


def test_good_options_are_taken_as_they_are() -> None:
    options = parse({**GOOD, "workers": 2, "images": ["nginx"], "kubeadm_patches": ["kind: X"]})
    assert (options.name, options.workers, options.images) == ("dev", 2, ("nginx",))
    assert options.kubeadm_patches == ("kind: X",)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (
            "name",
            "Dev_1",
            "Invalid option name 'Dev_1': lower-case letters, digits, '-' and '.', beginning and ending with a letter "
            "or digit",
        ),
        (
            "name",
            "a" * 50,
            f"Invalid option name '{'a' * 50}': at most 49 characters, since the node is called <name>-control-plane",
        ),
        ("workers", 4, "Invalid option workers 4: a number from 0 to 3"),
        ("workers", -1, "Invalid option workers -1: a number from 0 to 3"),
        ("wait_timeout", 0, "Invalid option wait_timeout 0: a number of seconds above 0"),
        ("kubeadm_patches", [" "], "Invalid option kubeadm_patches ' ': a list of texts, each one patch"),
        (
            "kubernetes_version",
            "latest",
            f"Invalid option kubernetes_version 'latest': a version such as 1.36.3 (can be built: {KNOWN})",
        ),
        (
            "kubernetes_version",
            "1.28.15",
            "Invalid option kubernetes_version '1.28.15': 1.29 or newer, where native sidecars exist "
            f"(can be built: {KNOWN})",
        ),
        (
            "kubernetes_version",
            "1.40",
            f"Invalid option kubernetes_version '1.40': a complete version, or the minor version of one of {KNOWN}",
        ),
    ],
)
def test_a_bad_option_gets_one_sentence(field: str, value: object, sentence: str) -> None:
    with pytest.raises(KindClusterError) as caught:
        parse({**GOOD, field: value})
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("asked", "source", "version"),
    [
        (None, "auto", None),
        ("", "auto", None),
        ("1.36.3", "auto", "1.36.3"),
        ("v1.33.13", "packages", "1.33.13"),
        ("1.33", "auto", "1.33.13"),
        ("1.35.1", "published", "1.35.1"),
    ],
)
def test_a_version_is_completed(asked: str | None, source: str, version: str | None) -> None:
    assert resolve_version(asked, source) == version


def test_packages_have_the_listed_versions_only() -> None:
    with pytest.raises(KindClusterError, match=r"'1\.35\.1': one of 1\.29\.6, .* with source 'packages'"):
        resolve_version("1.35.1", "packages")
