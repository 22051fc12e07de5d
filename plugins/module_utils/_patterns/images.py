# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every image that a pattern uses by default, declared once; each can be replaced, all can be moved to a mirror."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .fragment import BadPattern

# Tags, not digests: an air-gapped site mirrors by tag, and every entry can be pinned by the `image` option.
DEFAULT_IMAGES: dict[str, str] = {
    # Runs the programs of the room _programs, which need nothing but Python's standard library.
    "python": "docker.io/library/python:3-slim",
    "golang-migrate": "docker.io/migrate/migrate:v4.20.1",
    "flyway": "docker.io/flyway/flyway:12",
    # The last one under an open-source licence.
    "liquibase": "docker.io/liquibase/liquibase:4.33",
    "otel-collector": "docker.io/otel/opentelemetry-collector-contrib:0.165.0",
    "fluentd": "docker.io/fluent/fluentd:v1.19.3-debian-2.2",
    "fluent-bit": "docker.io/fluent/fluent-bit:5.1.1",
    "filebeat": "docker.elastic.co/beats/filebeat:9.5.4",
    "envoy": "docker.io/envoyproxy/envoy:v1.40.0",
    "nginx-exporter": "docker.io/nginx/nginx-prometheus-exporter:1.5.3",
    # The same programs where they need git and ssh: Debian with both, and the Python that comes with mercurial.
    "git": "docker.io/library/buildpack-deps:bookworm-scm",
    "git-sync": "registry.k8s.io/git-sync/git-sync:v4.7.1",
    "k8s-sidecar": "ghcr.io/kiwigrid/k8s-sidecar:2.10.1",
}


def reference(option: Any, default: str, image_map: Mapping[str, str], where: str) -> str:
    """The image to use: the option's (text, or registry, repository, tag and digest), else the default, mapped.

    image_map: prefixes of references and what replaces them; the longest that fits wins.
    """
    return _mapped(_chosen(option, default, where), image_map)


def _chosen(option: Any, default: str, where: str) -> str:
    if option is None:
        return default
    if isinstance(option, str):
        if not option or option != option.strip() or " " in option:
            raise BadPattern(f"{where} is {option!r}; it must be an image reference such as {default}")
        return option
    if not isinstance(option, Mapping):
        raise BadPattern(f"{where} is {option!r}; it must be an image reference or a mapping of its parts")
    return _assembled(option, default, where)


_PARTS = ("registry", "repository", "tag", "digest")


def _assembled(parts: Mapping[str, Any], default: str, where: str) -> str:
    for part in parts:
        if part not in _PARTS:
            raise BadPattern(f"{where}.{part} is no part of an image; those are {', '.join(_PARTS)}")
    registry, repository, tag = split(default)
    digest = parts.get("digest")
    if digest is not None and not str(digest).startswith("sha256:"):
        raise BadPattern(f"{where}.digest is {digest!r}; it must begin with sha256:")
    name = f"{parts.get('registry', registry)}/{parts.get('repository', repository)}"
    if digest:
        return f"{name}@{digest}"
    return f"{name}:{parts.get('tag', tag)}"


def split(image: str) -> tuple[str, str, str]:
    """Registry, repository and tag of a full reference."""
    name, _at, _digest = image.partition("@")
    registry, _slash, rest = name.partition("/")
    repository, _colon, tag = rest.partition(":")
    return registry, repository, tag or "latest"


def _mapped(image: str, image_map: Mapping[str, str]) -> str:
    for prefix in sorted(image_map, key=len, reverse=True):
        if image == prefix or image.startswith((f"{prefix}/", f"{prefix}:", f"{prefix}@")):
            return image_map[prefix] + image[len(prefix) :]
    return image
