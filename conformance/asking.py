"""What the server says to objects that it is asked to take and not to keep: a dry run of a strict create.

The question goes straight to the server. The road of the modules would answer some of them before they get there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    Refusal,
    explain,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import Resources
from conformance.claims import ACCEPTED, Life
from conformance.pods import Manifest

# Where the server is asked, unless rules of ours are to hold: objects that are not kept need no place of their own.
NAMESPACE = "default"
QUESTION = {"dryRun": "All", "fieldValidation": "Strict"}
# What the server says to the object; any other status tells of the server, and is no answer.
ANSWERS = (400, 403, 422)


def asked(api: Api, manifests: Sequence[Manifest], namespace: str = NAMESPACE) -> Life:
    """What the server answers, an object a line, and what it would keep by name; nothing where it cannot answer."""
    resources = Resources(api)
    lines: list[str] = []
    kept: dict[str, Mapping[str, Any]] = {}
    try:
        for manifest in manifests:
            name = manifest["metadata"]["name"]
            said = _answer(api, resources.of(manifest).path(namespace), manifest)
            lines.append(f"{manifest['kind']} {name}: {said if isinstance(said, str) else ACCEPTED}")
            if not isinstance(said, str):
                kept[name] = said
    except ClusterError as error:
        return Life(shortfall=str(error))
    return Life(answer="\n".join(lines), workloads=kept)


def _answer(api: Api, path: str, manifest: Manifest) -> Mapping[str, Any] | str:
    """The object as it would be kept, or why it would not be."""
    try:
        return api.request("post", path, query=QUESTION, body=dict(manifest))
    except Refusal as refused:
        if refused.status not in ANSWERS:
            raise
        return explain(refused)
