"""What a cluster made of a Pod otherwise than it was asked for, field by field: an admission webhook may do that.

A cluster may add what it likes; only what was asked for and is not there is told, and of that only what decides how
containers live together. An image is not among it: a mirror's name in its place changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._pod.container import SPEC_LISTS
from conformance.pods import Manifest

OF_POD = ("restartPolicy", "terminationGracePeriodSeconds")
OF_CONTAINER = (
    "args",
    "command",
    "lifecycle",
    "livenessProbe",
    "readinessProbe",
    "restartPolicy",
    "startupProbe",
    "volumeMounts",
)


def alterations(asked: Manifest, made: Manifest) -> tuple[str, ...]:
    """The fields of a Pod's spec that are not as asked for, by their paths; none for other kinds."""
    if asked.get("kind") != "Pod":
        return ()
    return tuple(_of_spec(asked["spec"], made["spec"]))


def _of_spec(asked: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"spec.{name}" for name in OF_POD if name in asked and asked[name] != made.get(name))
    for spec_list in SPEC_LISTS:
        ours, theirs = asked.get(spec_list) or [], made.get(spec_list) or []
        found = {one["name"]: one for one in theirs}
        names = [one["name"] for one in ours]
        if [one["name"] for one in theirs if one["name"] in names] != names:
            yield f"the order of spec.{spec_list}"
        for one in ours:
            other = found.get(one["name"], {})
            yield from (
                f"spec.{spec_list}[{one['name']}].{name}"
                for name in OF_CONTAINER
                if name in one and not _holds(one[name], other.get(name))
            )


def _holds(asked: Any, made: Any) -> bool:
    """Whether all that was asked for is there; the server adds its defaults, and others their own."""
    if isinstance(asked, Mapping):
        return isinstance(made, Mapping) and all(_holds(value, made.get(key)) for key, value in asked.items())
    if isinstance(asked, Sequence) and not isinstance(asked, str):
        if not isinstance(made, Sequence):
            return False
        if all(isinstance(one, Mapping) for one in asked):
            return all(any(_holds(one, other) for other in made) for one in asked)
        return list(asked) == list(made)
    return bool(asked == made)
