# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about a cluster of some name, from what is there under that name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import failed

CREATE = "create"
REPLACE = "replace"
START = "start"
KEEP = "keep"


@dataclass(frozen=True)
class Found:
    """What is there under a name."""

    nodes: Mapping[str, bool]  #: container -> is it running
    recorded: Mapping[str, Any] | None  #: the facts file; written once a cluster is complete
    making: bool  #: a run that began to make it left its mark and did not finish
    lost: Sequence[str] = ()  #: nodes that the engine believes to run, and whose processes are gone


@dataclass(frozen=True)
class Action:
    verb: str  #: CREATE, REPLACE, START, KEEP
    reason: str = ""


def decide(name: str, found: Found, differences: Sequence[str], recreate: bool) -> Action:
    """Raises KindClusterError where the cluster is not ours, or not the one asked for."""
    if not found.nodes:
        return Action(CREATE)
    if found.making:
        return Action(REPLACE, "an earlier run was stopped while making it")
    if found.recorded is None:
        raise failed(
            "use",
            f"cluster {name}",
            "a kind cluster of this name exists that this role did not make; choose another name, "
            "or use it as it is with source 'existing'",
        )
    if found.lost:
        return Action(REPLACE, f"the processes of {', '.join(found.lost)} were killed")
    if recreate:
        return Action(REPLACE, "recreate is set")
    if differences:
        raise failed(
            "use",
            f"cluster {name}",
            f"it is another one than asked for: {'; '.join(differences)}; set recreate to replace it",
        )
    stopped = [node for node, running in found.nodes.items() if not running]
    if stopped:
        return Action(START, f"{', '.join(sorted(stopped))} stopped")
    return Action(KEEP)
