"""What the server says to objects that it is asked to take and not to keep: a dry run of a strict create.

The question goes straight to the server. The road of the modules would answer some of them before they get there.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    Refusal,
    explain,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import Resources
from conformance.claims import ACCEPTED, Life
from conformance.pods import Manifest

NAMESPACE = "default"
QUESTION = {"dryRun": "All", "fieldValidation": "Strict"}
# What the server says to the object; any other status tells of the server, and is no answer.
ANSWERS = (400, 403, 422)


def asked(api: Api, manifests: Sequence[Manifest]) -> Life:
    """What the server answers, an object a line; nothing where it cannot answer."""
    resources = Resources(api)
    try:
        return Life(answer="\n".join(_answer(api, resources, manifest) for manifest in manifests))
    except ClusterError as error:
        return Life(shortfall=str(error))


def _answer(api: Api, resources: Resources, manifest: Manifest) -> str:
    who = f"{manifest['kind']} {manifest['metadata']['name']}"
    try:
        path = resources.of(manifest).path(NAMESPACE)
        api.request("post", path, query=QUESTION, body=dict(manifest))
    except Refusal as refused:
        if refused.status not in ANSWERS:
            raise
        return f"{who}: {explain(refused)}"
    return f"{who}: {ACCEPTED}"
