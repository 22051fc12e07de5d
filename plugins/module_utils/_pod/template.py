# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the Pod template sits inside each workload kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The keys that lead from a manifest's root to the mapping that holds the Pod's `metadata` and `spec`.
TEMPLATE_PATHS: dict[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}

API_GROUPS: dict[str, str] = {
    "Pod": "",
    "Deployment": "apps",
    "ReplicaSet": "apps",
    "StatefulSet": "apps",
    "DaemonSet": "apps",
    "Job": "batch",
    "CronJob": "batch",
}


def group_of(api_version: str) -> str:
    """The API group of `group/version`; the core group is the empty string."""
    return api_version.rpartition("/")[0]


def is_workload(manifest: Mapping[str, Any]) -> bool:
    """Whether the manifest is one of the kinds that hold a Pod template."""
    kind = manifest.get("kind")
    return kind in TEMPLATE_PATHS and group_of(str(manifest.get("apiVersion"))) == API_GROUPS[kind]


def template_path(kind: str) -> str:
    """The template's place as a user writes it: `spec.template`, or an empty string for a Pod."""
    return ".".join(TEMPLATE_PATHS[kind])


def pod_template(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The mapping with the Pod's `metadata` and `spec`; empty where the manifest is not a workload or lacks it."""
    if not is_workload(manifest):
        return {}
    found: Any = manifest
    for key in TEMPLATE_PATHS[manifest["kind"]]:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def pod_spec(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The Pod's spec inside any workload; empty where there is none."""
    spec = pod_template(manifest).get("spec")
    return spec if isinstance(spec, Mapping) else {}


# Most of any manifest, told by their very type, as that is by far the quickest question.
_ATOMS = frozenset((str, int, float, bool, type(None)))


def plain_copy(value: Any) -> Any:
    """A copy of JSON-like data that shares no mapping or list with the original; tuples become lists.

    For such data this is several times faster than copy.deepcopy.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    # A call for each atom would cost more than all the rest.
    if kind is dict or (kind is not list and isinstance(value, Mapping)):
        return {key: one if type(one) in _ATOMS else plain_copy(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [one if type(one) in _ATOMS else plain_copy(one) for one in value]
    return value
