# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter podpatterns.core.compose: patterns on a workload, rendered without a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.podpatterns.core.plugins.module_utils._patterns import compose as composer
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import BadPattern, Server
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import (
    BadDefinition,
    check,
    parse,
)

NATIVE = (1, 29)
BEFORE_NATIVE = (1, 28)


def compose(
    definition: Any,
    patterns: Sequence[Any],
    namespace: str = "default",
    native: bool | None = None,
    image_map: Mapping[str, str] | None = None,
    kinds: Sequence[str] = (),
    server_version: Any = None,
) -> list[dict[str, Any]]:
    """Every object of the definition, patterns on its workloads, each workload after the objects that it needs."""
    try:
        manifests = parse(definition)
        check(manifests)
        server = _server(server_version, native, kinds)
        return composer.compose_all(
            manifests, patterns, namespace=namespace, server=server, image_map=image_map
        ).manifests
    except (BadDefinition, BadPattern) as error:
        raise AnsibleFilterError(f"podpatterns.core.compose: {error}") from error


def _server(version: Any, native: bool | None, kinds: Sequence[str]) -> Server:
    if version is None:
        return Server(BEFORE_NATIVE if native is False else NATIVE, frozenset(kinds))
    server = Server(_release(version), frozenset(kinds))
    if native is not None and bool(native) is not server.native_sidecars:
        has = "has" if server.native_sidecars else "has no"
        raise BadPattern(
            f"native is {str(bool(native)).lower()}, but server_version is {version!r}, and that Kubernetes {has}"
            " native sidecars; leave native out"
        )
    return server


def _release(version: Any) -> tuple[int, int]:
    # A number would do for 1.28, but 1.30 without quotes is 1.3.
    match = re.fullmatch(r"v?1\.(\d{1,3})(\.\d+)?([-+].*)?", version) if isinstance(version, str) else None
    if not match:
        raise BadPattern(
            f"server_version is {version!r}; it must be a Kubernetes release in quotes, such as '1.28' or 'v1.33.2'"
        )
    return 1, int(match[1])


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"compose": compose}
