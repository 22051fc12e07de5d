# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter podpatterns.core.compose: patterns on a workload, rendered without a cluster."""

from __future__ import annotations

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
    native: bool = True,
    image_map: Mapping[str, str] | None = None,
    kinds: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Every object of the definition, patterns on its workloads, each workload after the objects that it needs."""
    try:
        manifests = parse(definition)
        check(manifests)
        server = Server(NATIVE if native else BEFORE_NATIVE, frozenset(kinds))
        return composer.compose_all(
            manifests, patterns, namespace=namespace, server=server, image_map=image_map
        ).manifests
    except (BadDefinition, BadPattern) as error:
        raise AnsibleFilterError(f"podpatterns.core.compose: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"compose": compose}
