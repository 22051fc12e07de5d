# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is built from what: recipes, and the digest that names a recipe's result in the cache."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from . import versions

#: Raised when the way of building changes in a manner that the recipes themselves do not show.
SCHEME = 2

KUBERNETES_COMMANDS = (
    "kubelet",
    "kubeadm",
    "kubectl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)
ETCD_MODULE = "go.etcd.io/etcd/server/v3"
#: Without debugging information: it is stripped anyway, and leaving it out saves a tenth of the compiling.
GO_FLAGS = ("-mod=mod", "-trimpath", "-gcflags=all=-dwarf=false")


@dataclass(frozen=True)
class GoModule:
    """A go.mod of our own, from which programs of other modules are built."""

    name: str
    requires: Mapping[str, str]  #: module path -> version
    replaces: Mapping[str, str] = field(default_factory=dict)  #: module path -> "path version"
    kubernetes: str | None = None  #: whose staging modules are replaced by the published ones


@dataclass(frozen=True)
class GoBuild:
    """Programs built by one run of `go build`."""

    name: str
    title: str  #: for progress lines
    module: GoModule
    packages: Mapping[str, str]  #: package path -> name of the program
    tags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)  #: for -ldflags -X
    sources: Mapping[str, str] = field(default_factory=dict)  #: file below the module -> its text

    @property
    def digest(self) -> str:
        return digest(asdict(self))


def digest(*parts: Any) -> str:
    """16 hexadecimal digits over plain data."""
    text = json.dumps([SCHEME, *parts], sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(files: Mapping[str, str]) -> str:
    return digest(dict(files))


def node_module(kubernetes: str) -> GoModule:
    """What shares client-go shares a go.mod, so that it is compiled once.

    The programs beside Kubernetes are built with the newest Kubernetes' libraries, whichever version the
    cluster has: they are the same for all clusters.
    """
    requires = {"k8s.io/kubernetes": f"v{kubernetes}"}
    replaces: dict[str, str] = {}
    if kubernetes == versions.NEWEST_KUBERNETES:
        requires["github.com/coredns/coredns"] = f"v{versions.COREDNS}"
        requires["github.com/rancher/local-path-provisioner"] = f"v{versions.LOCAL_PATH_PROVISIONER}"
        replaces["github.com/Sirupsen/logrus"] = (
            f"github.com/sirupsen/logrus v{versions.LOGRUS_UNDER_OLD_PATH}"
        )
    return GoModule(f"node-{kubernetes}", requires, replaces, kubernetes)


def kubernetes(version: str) -> GoBuild:
    major, minor, _patch = version.split(".")
    package = "k8s.io/component-base/version"
    return GoBuild(
        name="kubernetes",
        title=f"Kubernetes {version} and etcd",
        module=node_module(version),
        packages={
            **{f"k8s.io/kubernetes/cmd/{command}": command for command in KUBERNETES_COMMANDS},
            ETCD_MODULE: "etcd",
        },
        variables={
            f"{package}.gitVersion": f"v{version}",
            f"{package}.gitMajor": major,
            f"{package}.gitMinor": minor,
            f"{package}.gitTreeState": "clean",
        },
    )


def addons(sources: Mapping[str, str]) -> GoBuild:
    """CoreDNS and the Pod network; sources: the files of files/go."""
    return GoBuild(
        name="addons",
        title=f"CoreDNS {versions.COREDNS} and the Pod network",
        module=node_module(versions.NEWEST_KUBERNETES),
        packages={"./coredns": "coredns", "./podnet": "podnet"},
        sources=dict(sources),
    )


def storage() -> GoBuild:
    # Apart from the others: its spelling of logrus collides with theirs within one run of go build.
    return GoBuild(
        name="storage",
        title=f"local-path-provisioner {versions.LOCAL_PATH_PROVISIONER}",
        module=node_module(versions.NEWEST_KUBERNETES),
        packages={"github.com/rancher/local-path-provisioner": "local-path-provisioner"},
    )


def containerd() -> GoBuild:
    module = "github.com/containerd/containerd/v2"
    return GoBuild(
        name="containerd",
        title=f"containerd {versions.CONTAINERD}",
        module=GoModule("containerd", {module: f"v{versions.CONTAINERD}"}),
        packages={
            f"{module}/cmd/{command}": command for command in ("containerd", "ctr", "containerd-shim-runc-v2")
        },
        tags=("no_btrfs", "no_zfs", "no_devmapper", "no_aufs"),
        variables={f"{module}/version.Version": f"v{versions.CONTAINERD}"},
    )


def cni() -> GoBuild:
    module = "github.com/containernetworking/plugins"
    return GoBuild(
        name="cni",
        title=f"CNI plugins {versions.CNI_PLUGINS}",
        module=GoModule("cni", {module: f"v{versions.CNI_PLUGINS}"}),
        packages={
            f"{module}/plugins/{path}": path.split("/")[1]
            for path in ("ipam/host-local", "main/loopback", "main/ptp", "main/bridge", "meta/portmap")
        },
    )


def kubectl() -> GoBuild:
    """kubectl alone, for a cluster that is there already."""
    return GoBuild(
        name="kubectl",
        title=f"kubectl {versions.NEWEST_KUBERNETES}",
        module=node_module(versions.NEWEST_KUBERNETES),
        packages={"k8s.io/kubernetes/cmd/kubectl": "kubectl"},
        variables=kubernetes(versions.NEWEST_KUBERNETES).variables,
    )


def kind() -> GoBuild:
    return GoBuild(
        name="kind",
        title=f"kind {versions.KIND}",
        module=GoModule("kind", {"sigs.k8s.io/kind": f"v{versions.KIND}"}),
        packages={"sigs.k8s.io/kind": "kind"},
    )


def single_program(
    package: str, version: str, tags: tuple[str, ...] = (), instead: Sequence[str] = ()
) -> GoBuild:
    """One program of any module, for a workload image; package may lie deep in its module.

    instead: "module@version" of modules that are taken in another version than is asked for.
    """
    name = [part for part in package.split("/") if not re.fullmatch(r"v\d+", part)][-1]
    replaces = {path: f"{path} {other}" for path, other in (module.split("@", 1) for module in instead)}
    return GoBuild(
        name=name,
        title=f"{name} {version.removeprefix('v')}",
        module=GoModule(name, {module_of(package): version}, replaces),
        packages={package: name},
        tags=tags,
    )


def own_program(name: str, modules: Sequence[str], sources: Mapping[str, str]) -> GoBuild:
    """A program of our own sources, for a workload image. modules: "module@version" of all that it imports."""
    requires = dict(module.split("@", 1) for module in modules)
    return GoBuild(
        name=name,
        title=name,
        module=GoModule(name, requires),
        packages={f"podpatterns.invalid/{name}": name},
        sources=dict(sources),
    )


def module_of(package: str) -> str:
    """The module of a package, by the convention that most follow: three parts, then a major version."""
    parts = package.split("/")
    length = 3 if parts[0] in ("github.com", "gitlab.com", "bitbucket.org") else 2
    if parts[length : length + 1] and re.fullmatch(r"v\d+", parts[length]):
        length += 1
    return "/".join(parts[:length])


def node_builds(version: str, sources: Mapping[str, str]) -> tuple[GoBuild, ...]:
    """Everything that goes into a node image, the longest first."""
    return (kubernetes(version), addons(sources), storage(), containerd(), cni())


def go_mod(module: GoModule, kubernetes_go_mod: str) -> str:
    """The text of go.mod. What Kubernetes' own go.mod takes from its ./staging is published beside it.

    kubernetes_go_mod is empty for a module without Kubernetes.
    """
    requires, replaces = dict(module.requires), dict(module.replaces)
    if module.kubernetes:
        published = "v0." + module.kubernetes.split(".", 1)[1]
        # Named by their true versions, which the programs then show in their logs.
        used = re.findall(r"^\s*(\S+) v0\.0\.0$", kubernetes_go_mod, re.MULTILINE)
        for path in staging_modules(kubernetes_go_mod):
            if is_sample(path):
                replaces[path] = f"./{sample_folder(path)}"
                continue
            replaces[path] = f"{path} {published}"
            if path in used:
                requires[path] = published
    lines = [f"module podpatterns.invalid/{module.name}", "", *_language(kubernetes_go_mod), "", "require ("]
    lines += [f"\t{path} {version}" for path, version in sorted(requires.items())]
    lines += [")"]
    if replaces:
        lines += [
            "",
            "replace (",
            *(f"\t{path} => {target}" for path, target in sorted(replaces.items())),
            ")",
        ]
    return "\n".join(lines) + "\n"


def refused_module(output: str) -> str | None:
    """The module that the module proxy does not have, by what the go command says; None for any other failure."""
    match = re.search(r"(\S+@v\S+): reading \S+: (?:403 Forbidden|404 Not Found|410 Gone)", output)
    return match[1] if match else None


def is_sample(path: str) -> bool:
    """Kubernetes' go.mod names its samples, but no program holds anything of them: an empty module stands in."""
    return path.startswith("k8s.io/sample-")


def sample_folder(path: str) -> str:
    """Where the empty module lies that stands in for a sample."""
    return f"samples/{path.rsplit('/', 1)[1]}"


def staging_modules(kubernetes_go_mod: str) -> list[str]:
    return re.findall(r"^\s*(?:replace\s+)?(\S+) => \./staging/", kubernetes_go_mod, re.MULTILINE)


def _language(kubernetes_go_mod: str) -> list[str]:
    """Kubernetes' own choice of Go's language version and compatibility settings."""
    lines = re.findall(r"^(?:go|godebug) \S+$", kubernetes_go_mod, re.MULTILINE)
    return lines or [f"go {versions.OLDEST_GO}.0"]


@dataclass(frozen=True)
class Workload:
    """An image that the mirror offers, described by its Containerfile's labels."""

    folder: str
    names: tuple[str, ...]  #: complete image names, such as docker.io/library/nginx:latest
    origin: str  #: what it is really built from
    go: tuple[str, ...] = ()  #: "package@version" whose program the Containerfile copies
    go_tags: tuple[str, ...] = ()  #: build tags for these programs
    go_modules: tuple[str, ...] = ()  #: "module@version" that the folder's own go/main.go is built from
    go_instead: tuple[str, ...] = ()  #: "module@version" taken in another version than is asked for
    go_files: tuple[str, ...] = ()  #: "module@version/path" of files that the Containerfile copies
    wheels: tuple[str, ...] = ()  #: "name==version" of PyPI that the Containerfile unpacks
    suite: tuple[
        str, ...
    ] = ()  #: extras of the repository's own Python package, which the Containerfile installs
    kubectl: bool = False  #: whether the Containerfile copies one
    only_by_name: bool = False  #: too long in the making for a cluster that asks for all images


def programs(described: Workload) -> tuple[GoBuild, ...]:
    """What is built from Go modules for an image, its folder's own program aside."""
    named = (package.partition("@") for package in described.go)
    return tuple(
        single_program(path, version, described.go_tags, described.go_instead) for path, _at, version in named
    )


NAMES_LABEL = "org.podpatterns.names"
ORIGIN_LABEL = "org.opencontainers.image.description"
GO_LABEL = "org.podpatterns.go"
GO_TAGS_LABEL = "org.podpatterns.go.tags"
GO_MODULES_LABEL = "org.podpatterns.go.modules"
GO_INSTEAD_LABEL = "org.podpatterns.go.instead"
GO_FILES_LABEL = "org.podpatterns.go.files"
WHEELS_LABEL = "org.podpatterns.wheels"
SUITE_LABEL = "org.podpatterns.suite"
KUBECTL_LABEL = "org.podpatterns.kubectl"
ONLY_BY_NAME_LABEL = "org.podpatterns.only-by-name"


def workload(folder: str, containerfile: str) -> Workload:
    """Read a Containerfile's labels; ValueError where one is missing."""
    joined = re.sub(r"\\\n\s*", " ", containerfile)
    labels = dict(
        re.findall(r'([\w.-]+)="([^"]*)"', " ".join(re.findall(r"^LABEL (.*)$", joined, re.MULTILINE)))
    )
    for label in (NAMES_LABEL, ORIGIN_LABEL):
        if not labels.get(label):
            raise ValueError(f"{folder}/Containerfile has no label {label}")

    def words(label: str) -> tuple[str, ...]:
        return tuple(labels.get(label, "").split())

    return Workload(
        folder,
        words(NAMES_LABEL),
        labels[ORIGIN_LABEL],
        go=words(GO_LABEL),
        go_tags=words(GO_TAGS_LABEL),
        go_modules=words(GO_MODULES_LABEL),
        go_instead=words(GO_INSTEAD_LABEL),
        go_files=words(GO_FILES_LABEL),
        wheels=words(WHEELS_LABEL),
        suite=words(SUITE_LABEL),
        kubectl=labels.get(KUBECTL_LABEL) == "true",
        only_by_name=labels.get(ONLY_BY_NAME_LABEL) == "true",
    )
