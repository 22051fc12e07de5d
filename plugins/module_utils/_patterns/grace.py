# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether everything that must happen at a Pod's end fits into its grace period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .fragment import BadPattern, Helper, Mode

DEFAULT_GRACE_SECONDS = 30


def check_grace(pod_spec: Mapping[str, Any], helpers: Sequence[Helper], where: str) -> None:
    """Raise BadPattern where hooks and shutdown need longer than terminationGracePeriodSeconds, saying by how much.

    All hooks begin at once. Native sidecars are stopped one after another when the apps have ended; classic ones
    together with them.
    """
    grace = _whole(
        pod_spec.get("terminationGracePeriodSeconds"),
        DEFAULT_GRACE_SECONDS,
        f"{where}: terminationGracePeriodSeconds",
    )
    hooks = max((_hook_seconds(one, where) for one in _staying(pod_spec)), default=0)
    classic = max((one.shutdown_seconds for one in helpers if one.mode is Mode.CLASSIC), default=0)
    native = [one for one in helpers if one.mode is Mode.NATIVE and one.shutdown_seconds]
    needed = max(hooks, classic) + sum(one.shutdown_seconds for one in native)
    if needed <= grace:
        return
    parts = [f"{max(hooks, classic)} s for apps and hooks"] if max(hooks, classic) else []
    parts += [f"{one.shutdown_seconds} s for {one.spec['name']}" for one in native]
    raise BadPattern(
        f"{where}: terminationGracePeriodSeconds is {grace}, but the shutdown needs {needed} s ({', '.join(parts)}),"
        f" {needed - grace} s more; set it to {needed} or more"
    )


def _staying(pod_spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers that are there at the Pod's end."""
    inits = [one for one in pod_spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return [*inits, *(pod_spec.get("containers") or ())]


def _hook_seconds(container: Mapping[str, Any], where: str) -> int:
    found: Any = container
    for key in ("lifecycle", "preStop", "sleep", "seconds"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return _whole(found, 0, f"{where}: lifecycle.preStop.sleep.seconds of container {container.get('name')}")


def _whole(value: Any, default: int, where: str) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadPattern(f"{where} is {value!r}; it must be a whole number of seconds, 0 or more")
    return value
