# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The runtime's own record of its containers, as containerd keeps it in a node's journal.

It has nanoseconds for each attempt of each container, of Pods that are gone, too. Who may read it is on the node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .instant import Instant, Source, unix_seconds

_LINE = re.compile(r'time="([^"]+)" level=\w+ msg="(.*?)(?<!\\)"(?: |$)')
_SANDBOX = re.compile(r'RunPodSandbox for name:"[^"]*" uid:"([^"]*)".* returns sandbox id "(\w+)"')
_CREATED = re.compile(
    r'CreateContainer within sandbox "(\w+)" for name:"([^"]*)"(?: attempt:(\d+))? returns container id "(\w+)"'
)
_STARTING = re.compile(r'StartContainer for "(\w+)"$')
_STARTED = re.compile(r'StartContainer for "(\w+)" returns successfully')
_EXITED = re.compile(
    r'container exit event container_id:"(\w+)" id:"([^"]+)" pid:\d+(?: exit_status:(\d+))?'
    r" exited_at:\{seconds:(\d+)(?: nanos:(\d+))?\}"
)


@dataclass(frozen=True)
class Recorded:
    """One attempt of a container. created is when its making was done; started lies between the call and its end."""

    pod_uid: str
    container: str
    attempt: int
    created: Instant
    starting: float | None = None
    started: Instant | None = None
    finished: Instant | None = None
    exit_code: int | None = None


def recorded_in(journal: Iterable[str]) -> tuple[Recorded, ...]:
    """Every attempt that lines of containerd's journal tell of, in the order of their making."""
    sandboxes: dict[str, str] = {}
    found: dict[str, Recorded] = {}
    for line in journal:
        matched = _LINE.match(line)
        at = unix_seconds(matched[1]) if matched else None
        if matched is None or at is None:
            continue
        said = matched[2].replace('\\"', '"')
        if sandbox := _SANDBOX.match(said):
            sandboxes[sandbox[2]] = sandbox[1]
        elif (created := _CREATED.match(said)) and created[1] in sandboxes:
            found[created[4]] = Recorded(
                sandboxes[created[1]], created[2], int(created[3] or 0), Instant(at, at, Source.RUNTIME)
            )
        else:
            _go_on(found, said, at)
    return tuple(found.values())


def _go_on(found: dict[str, Recorded], said: str, at: float) -> None:
    """Take what a line tells of a container that is known already."""
    if (starting := _STARTING.match(said)) and starting[1] in found:
        found[starting[1]] = replace(found[starting[1]], starting=at)
    elif (started := _STARTED.match(said)) and started[1] in found:
        known = found[started[1]]
        begin = known.created.earliest if known.starting is None else known.starting
        found[started[1]] = replace(known, started=Instant(begin, at, Source.RUNTIME))
    elif (exited := _EXITED.search(said)) and exited[1] in found and exited[1] == exited[2]:
        end = int(exited[4]) + int(exited[5] or 0) / 1_000_000_000
        known = found[exited[1]]
        found[exited[1]] = replace(
            known, finished=Instant(end, end, Source.RUNTIME), exit_code=int(exited[3] or 0)
        )
