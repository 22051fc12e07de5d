"""How nodes find public images in the mirror."""

from __future__ import annotations

from ansible_collections.podpatterns.core.plugins.module_utils._kind import mirrorplan


def test_every_registry_has_a_folder_of_its_own_in_the_mirror() -> None:
    text = mirrorplan.hosts_toml("quay.io", falls_back=True)
    assert '[host."http://podpatterns-mirror:5000/v2/quay.io"]' in text
    assert "override_path = true" in text


def test_without_a_registry_in_reach_the_mirrors_not_found_is_the_answer() -> None:
    assert 'server = "http://podpatterns-mirror:5000/v2/docker.io"' in mirrorplan.hosts_toml(
        "docker.io", falls_back=False
    )
    assert "server" not in mirrorplan.hosts_toml("docker.io", falls_back=True)


def test_the_registries_of_all_images_are_mirrored() -> None:
    files = mirrorplan.hosts_files(["registry.example.org/a/b:1"], falls_back=False)
    assert {"docker.io/hosts.toml", "quay.io/hosts.toml", "registry.example.org/hosts.toml"} <= set(files)


def test_an_image_name_is_split_at_its_tag() -> None:
    assert mirrorplan.repository_and_tag("docker.io/library/nginx:1.22") == (
        "docker.io/library/nginx",
        "1.22",
    )
