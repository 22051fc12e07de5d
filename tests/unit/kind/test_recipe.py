"""Recipes: what is built from what, and under which digest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._kind import mirror, recipe, versions

KUBERNETES_GO_MOD = """module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require (
	k8s.io/api v0.0.0
	k8s.io/utils v0.0.0-2026
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/sample-cli-plugin => ./staging/src/k8s.io/sample-cli-plugin
)
"""
SOURCES = {"coredns/main.go": "package main", "podnet/main.go": "package main"}


def test_equal_recipes_have_equal_digests() -> None:
    assert recipe.kubernetes("1.36.3").digest == recipe.kubernetes("1.36.3").digest


@pytest.mark.parametrize(
    "changed",
    [
        recipe.kubernetes("1.33.13"),
        replace(recipe.kubernetes("1.36.3"), tags=("x",)),
        replace(recipe.kubernetes("1.36.3"), packages={}),
        replace(recipe.kubernetes("1.36.3"), variables={}),
        replace(recipe.kubernetes("1.36.3"), sources={"main.go": ""}),
    ],
    ids=["version", "tags", "packages", "variables", "sources"],
)
def test_any_change_of_a_recipe_changes_its_digest(changed: recipe.GoBuild) -> None:
    assert changed.digest != recipe.kubernetes("1.36.3").digest


def test_the_cluster_is_compiled_before_what_it_can_start_without() -> None:
    names = [build.name for build in recipe.node_builds("1.36.3", SOURCES)]
    assert names == ["kubernetes", "addons", "storage", "containerd", "cni"]


def test_what_shares_client_go_shares_a_go_mod() -> None:
    kubernetes, addons, storage, *_others = recipe.node_builds(versions.NEWEST_KUBERNETES, SOURCES)
    assert kubernetes.module == addons.module == storage.module


def test_what_lies_beside_kubernetes_is_the_same_for_every_version() -> None:
    digests = {recipe.node_builds(version, SOURCES)[1].digest for version in versions.KUBERNETES}
    assert len(digests) == 1


def test_the_go_mod_names_published_staging_modules() -> None:
    text = recipe.go_mod(
        recipe.GoModule("m", {"k8s.io/kubernetes": "v1.36.3"}, {}, "1.36.3"), KUBERNETES_GO_MOD
    )
    assert text == (
        "module podpatterns.invalid/m\n\ngo 1.26.0\ngodebug default=go1.26\n\n"
        "require (\n\tk8s.io/api v0.36.3\n\tk8s.io/kubernetes v1.36.3\n)\n\n"
        "replace (\n\tk8s.io/api => k8s.io/api v0.36.3\n"
        "\tk8s.io/sample-cli-plugin => ./samples/sample-cli-plugin\n)\n"
    )


def test_a_go_mod_without_kubernetes_needs_nothing_of_it() -> None:
    text = recipe.go_mod(recipe.GoModule("m", {"example.org/x": "v1.0.0"}), "")
    assert text == "module podpatterns.invalid/m\n\ngo 1.26.0\n\nrequire (\n\texample.org/x v1.0.0\n)\n"


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("github.com/owner/tool", "github.com/owner/tool"),
        ("github.com/owner/tool/cmd/tool", "github.com/owner/tool"),
        ("github.com/owner/tool/v4/cmd/tool", "github.com/owner/tool/v4"),
        ("go.opentelemetry.io/collector/cmd/otelcol", "go.opentelemetry.io/collector"),
        ("sigs.k8s.io/kind", "sigs.k8s.io/kind"),
    ],
)
def test_a_packages_module_is_told_by_its_path(package: str, module: str) -> None:
    assert recipe.module_of(package) == module


def test_an_image_is_described_by_its_containerfile() -> None:
    text = (
        "ARG BASE\nFROM ${BASE}\n"
        'LABEL org.podpatterns.names="docker.io/library/x:latest docker.io/library/x:1"\n'
        'LABEL org.opencontainers.image.description="x of Debian" \\\n  org.podpatterns.go="example.org/y@v1.0.0"\n'
    )
    assert recipe.workload("x", text) == recipe.Workload(
        "x", ("docker.io/library/x:latest", "docker.io/library/x:1"), "x of Debian", ("example.org/y@v1.0.0",)
    )


def test_an_image_may_say_which_build_tags_its_program_needs() -> None:
    text = (
        'LABEL org.podpatterns.names="docker.io/x/x:1" org.opencontainers.image.description="x" \\\n'
        '  org.podpatterns.go="github.com/x/x@v1.0.0" org.podpatterns.go.tags="postgres pgx5"\n'
    )
    (build,) = recipe.programs(recipe.workload("x", text))
    assert build.tags == ("postgres", "pgx5")
    assert build.digest != recipe.single_program("github.com/x/x", "v1.0.0").digest


def test_an_image_may_take_other_versions_of_modules_than_its_program_asks_for() -> None:
    text = (
        'LABEL org.podpatterns.names="docker.io/x/x:1" org.opencontainers.image.description="x" \\\n'
        '  org.podpatterns.go="example.org/x/cmd/x@v1.0.0"\n'
        'LABEL org.podpatterns.go.instead="\\\n example.org/api@v1.2.3 \\\n example.org/client@v4.5.6"\n'
        'LABEL org.podpatterns.go.files="example.org/x@v1.0.0/files/settings.json"\n'
    )
    described = recipe.workload("x", text)
    assert described.go_files == ("example.org/x@v1.0.0/files/settings.json",)
    (build,) = recipe.programs(described)
    written = recipe.go_mod(build.module, "")
    assert "\texample.org/x v1.0.0\n" in written
    assert "\texample.org/api => example.org/api v1.2.3\n" in written
    assert "\texample.org/client => example.org/client v4.5.6\n" in written


def test_an_image_that_is_long_in_the_making_must_be_named(tmp_path: Path) -> None:
    for name, more in (("quick", ""), ("slow", ' org.podpatterns.only-by-name="true"')):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        labels = (
            f'org.podpatterns.names="docker.io/x/{name}:1" org.opencontainers.image.description="x"{more}'
        )
        (folder / "Containerfile").write_text(f"FROM scratch\nLABEL {labels}\n")

    def chosen(*wanted: str) -> list[str]:
        return [one.folder for one in mirror.workloads(tmp_path, wanted)]

    assert chosen("all") == ["quick"]
    assert chosen("slow") == ["slow"]
    assert chosen("all", "slow") == ["quick", "slow"]


def test_an_image_that_does_not_say_what_it_is_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"x/Containerfile has no label org\.opencontainers\.image\.description"
    ):
        recipe.workload("x", 'FROM scratch\nLABEL org.podpatterns.names="docker.io/library/x:latest"\n')


def test_a_program_of_our_own_is_built_from_the_modules_that_its_image_names() -> None:
    text = (
        'FROM scratch\nLABEL org.podpatterns.names="docker.io/x/x:1"\n'
        'LABEL org.opencontainers.image.description="x"\n'
        'LABEL org.podpatterns.go.modules="\\\n example.org/a@v1.0.0 \\\n example.org/b@v2.0.0"\n'
        'LABEL org.podpatterns.wheels="x-server==1.2.3"\n'
    )
    described = recipe.workload("x", text)
    assert described.wheels == ("x-server==1.2.3",)
    build = recipe.own_program("x", described.go_modules, {"main.go": "package main\n"})
    assert build.module.requires == {"example.org/a": "v1.0.0", "example.org/b": "v2.0.0"}
    assert build.packages == {"podpatterns.invalid/x": "x"}
    assert build.digest != recipe.own_program("x", described.go_modules, {"main.go": "package x\n"}).digest


def test_an_image_may_have_the_repositorys_own_package_and_a_kubectl() -> None:
    text = (
        'LABEL org.podpatterns.names="docker.io/x/x:1" org.opencontainers.image.description="x"\n'
        'LABEL org.podpatterns.suite="looks roles"\nLABEL org.podpatterns.kubectl="true"\n'
    )
    described = recipe.workload("x", text)
    assert (described.suite, described.kubectl) == (("looks", "roles"), True)


@pytest.mark.parametrize(
    ("output", "module"),
    [
        (
            "x.go:42:2: k8s.io/endpointslice@v0.29.6: reading https://p/@v/v0.29.6.zip: 403 Forbidden",
            "k8s.io/endpointslice@v0.29.6",
        ),
        ("k8s.io/api@v9.9.9: reading https://p/@v/v9.9.9.mod: 404 Not Found", "k8s.io/api@v9.9.9"),
        ("k8s.io/api@v0.36.3: reading https://p/@v/v0.36.3.zip: connection reset by peer", None),
    ],
)
def test_a_module_that_is_not_to_be_had_is_told_from_a_broken_download(
    output: str, module: str | None
) -> None:
    assert recipe.refused_module(output) == module
