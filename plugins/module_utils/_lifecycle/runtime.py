# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The runtime's own record of its containers, as containerd keeps it on a node: in its journal, and in files.

The journal tells of each attempt of each container, of Pods that are gone, too, but of a start only between which lines
it was. A file of each container that is still there has the very nanoseconds that a status is cut from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

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
    """One attempt of a container, by its id. In the journal, created is when its making was done."""

    id: str
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
                created[4],
                sandboxes[created[1]],
                created[2],
                int(created[3] or 0),
                Instant(at, at, Source.RUNTIME),
            )
        else:
            _go_on(found, said, at)
    return tuple(found.values())


def exactly(recorded: Iterable[Recorded], files: Iterable[str]) -> tuple[Recorded, ...]:
    """The same with the nanoseconds of the containers' files; each line of these is an id and the file's JSON."""
    told = {}
    for line in files:
        name, _space, text = line.partition(" ")
        told[name] = json.loads(text)
    return tuple(_exact(one, told.get(one.id, {})) for one in recorded)


def _exact(one: Recorded, told: Mapping[str, Any]) -> Recorded:
    """A moment that has not come is 0 in the file."""
    known = {"created": one.created, "started": one.started, "finished": one.finished}
    for name, key in (("created", "CreatedAt"), ("started", "StartedAt"), ("finished", "FinishedAt")):
        if nanoseconds := told.get(key):
            at = nanoseconds / 1_000_000_000
            known[name] = Instant(at, at, Source.RUNTIME)
    return replace(
        one, created=known["created"] or one.created, started=known["started"], finished=known["finished"]
    )


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
