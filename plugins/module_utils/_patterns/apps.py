# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The app containers that a pattern is for, and what the workload says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .fragment import BadPattern, Target


def first_app(target: Target, wanted: Sequence[str], where: str) -> Mapping[str, Any]:
    """The first of the wanted app containers, of all where none is named. Raises BadPattern where one is missing."""
    apps: dict[str, Mapping[str, Any]] = {one["name"]: one for one in target.pod_spec["containers"]}
    others = [one["name"] for one in target.pod_spec.get("initContainers") or ()]
    for name in wanted:
        if name not in apps and name not in others:
            raise BadPattern(f"{where} names {name!r}; the workload has {', '.join([*apps, *others])}")
    return next((apps[name] for name in wanted if name in apps), next(iter(apps.values())))


def pre_stop_seconds(app: Mapping[str, Any]) -> int | None:
    """How long a container's own hook keeps TERM from it: None without one, 0 where only the hook itself knows."""
    hook = (app.get("lifecycle") or {}).get("preStop")
    if hook is None:
        return None
    seconds = (hook.get("sleep") or {}).get("seconds") if isinstance(hook, Mapping) else None
    return seconds if isinstance(seconds, int) else 0


def known_user(app: Mapping[str, Any], target: Target) -> int | None:
    """The user number of a container, where it or the Pod sets one; an image's own user is not known."""
    own = (app.get("securityContext") or {}).get("runAsUser")
    shared = (target.pod_spec.get("securityContext") or {}).get("runAsUser")
    found: int | None = own if own is not None else shared
    return found
