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
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import is_workload

NATIVE, BEFORE_NATIVE = (1, 29), (1, 28)


def compose(
    definition: Any,
    patterns: Sequence[Any],
    namespace: str = "default",
    native: bool = True,
    image_map: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Every object of the definition, patterns on its workloads, each workload after the objects that it needs."""
    try:
        manifests = parse(definition)
        check(manifests)
        return list(_composed(manifests, patterns, namespace, native, image_map or {}))
    except (BadDefinition, BadPattern) as error:
        raise AnsibleFilterError(f"podpatterns.core.compose: {error}") from error


def _composed(
    manifests: Sequence[dict[str, Any]],
    patterns: Sequence[Any],
    namespace: str,
    native: bool,
    image_map: Mapping[str, str],
) -> Any:
    server = Server(NATIVE if native else BEFORE_NATIVE)
    for manifest in manifests:
        if not is_workload(manifest):
            yield manifest
            continue
        made = composer.compose(manifest, patterns, namespace=namespace, server=server, image_map=image_map)
        yield from (*made.objects, made.manifest)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"compose": compose}
