"""What is done to the Pods of a scene once they are there, declared; acting.py has it done.

note: the name among the scene's looks under which the answer is kept, be it the server's, which may then refuse,
or what a command printed. Without it a refusal ends the scene.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts

OURS = "the image of this run"
RENAMED = "the image of this run by another name"


@dataclass(frozen=True)
class Delete:
    """Delete a Pod, the newest one where name is that of a workload that makes Pods, in grace seconds where given.

    kept: by a finalizer of ours, until its end has been seen. Without it the Pod is followed until it is gone, and
    what its containers said at the last is lost.
    """

    name: str
    grace: int | None = None
    kept: bool = True
    note: str = ""

    def __str__(self) -> str:
        return f"delete {self.name}" + ("" if self.grace is None else f" in {self.grace} s")


@dataclass(frozen=True)
class Evict:
    """Ask for the eviction of a Pod, in grace seconds where given; it is kept as a deleted one is."""

    name: str
    grace: int | None = None
    note: str = ""

    def __str__(self) -> str:
        return f"evict {self.name}"


@dataclass(frozen=True)
class Patch:
    """Merge the body into an object, or into its subresource, by its kind's own rules for lists.

    An image that is OURS is that of the run, one that is RENAMED the same by another name.
    Containers that a patch of ephemeralcontainers adds are clothed as those of the scene are.
    """

    kind: str
    name: str
    body: Mapping[str, Any]
    subresource: str = ""
    note: str = ""

    def __str__(self) -> str:
        what = f"the {self.subresource} of " if self.subresource else ""
        return f"patch {what}{self.kind} {self.name}"


@dataclass(frozen=True)
class Apply:
    """Make one more object, or change one, as the scene's own were made. dry: the server is only asked."""

    manifest: Mapping[str, Any]
    dry: bool = False
    note: str = ""

    def __str__(self) -> str:
        return f"apply {self.manifest['kind']} {self.manifest['metadata']['name']}"


@dataclass(frozen=True)
class Tell:
    """Run a line of shell in a running container."""

    pod: str
    container: str
    command: str
    note: str = ""

    def __str__(self) -> str:
        return f"run {self.command!r} in {self.container} of {self.pod}"


@dataclass(frozen=True)
class Read:
    """Read an object, or the list of a kind where no name is given, as JSON.

    selecting: which fields the objects of a list must have. as_row: what a client is to print for it, cell by cell.
    """

    kind: str
    name: str
    note: str
    selecting: str = ""
    as_row: bool = False

    def __str__(self) -> str:
        return f"read {self.kind} {self.name or self.selecting}"


@dataclass(frozen=True)
class OnNode:
    """Run shell on the node of a Pod, which must be a kind node on this machine; on_nodes.py has the words for it.

    what: the deed, for people. note: keeps what it prints. undo: shell that is run at the scene's end, come what may.
    """

    what: str
    pod: str
    command: str
    note: str = ""
    undo: str = ""

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class CutPower:
    """Take the power from the node of a Pod, which must be a kind node on this machine, and give it back.

    All that ran there has ended without a signal, and what was in memory is gone; the node boots anew.
    """

    pod: str

    def __str__(self) -> str:
        return f"cut the power of the node of {self.pod}"


@dataclass(frozen=True)
class PutOnNode:
    """Write a manifest, prepared as the scene's own, to a folder on the node of a Pod; it is removed at the end.

    The file has the name of the scene's namespace before its own.
    """

    pod: str
    folder: str
    manifest: Mapping[str, Any]

    def __str__(self) -> str:
        return f"put {self.manifest['kind']} {self.manifest['metadata']['name']} on the node of {self.pod}"


@dataclass(frozen=True)
class Until:
    """Wait until a Pod, the scene's first one where none is named, is as wanted."""

    what: str
    test: Callable[[PodFacts], bool] = field(compare=False)
    pod: str = ""

    def __str__(self) -> str:
        return f"wait until {self.what}"


@dataclass(frozen=True)
class UntilPods:
    """Wait until all Pods that a workload has made so far, those that are gone included, are as wanted together.

    They come in the order in which they were first seen. workload: the scene's first one where none is named.
    """

    what: str
    test: Callable[[Sequence[PodFacts]], bool] = field(compare=False)
    workload: str = ""

    def __str__(self) -> str:
        return f"wait until {self.what}"


@dataclass(frozen=True)
class UntilState:
    """Wait until a workload itself is as wanted; the test gets None once it is gone.

    workload: the scene's first one where none is named.
    """

    what: str
    test: Callable[[Mapping[str, Any] | None], bool] = field(compare=False)
    workload: str = ""

    def __str__(self) -> str:
        return f"wait until {self.what}"


@dataclass(frozen=True)
class UntilListed:
    """Wait until the objects of a kind that have this label are as wanted, and keep what is told of them.

    They are those of the scene's namespace; label: as a selector, `app=shop`.
    """

    what: str
    api_version: str
    kind: str
    label: str
    test: Callable[[Sequence[Mapping[str, Any]]], bool] = field(compare=False)
    told: Callable[[Sequence[Mapping[str, Any]]], str] = field(compare=False)
    note: str

    def __str__(self) -> str:
        return f"wait until {self.what}"


Wait: TypeAlias = "Until | UntilListed | UntilPods | UntilState"
Deed: TypeAlias = "Apply | CutPower | Delete | Evict | OnNode | Patch | PutOnNode | Read | Tell | Wait"
WAITS = (Until, UntilListed, UntilPods, UntilState)
ON_NODES = (CutPower, OnNode, PutOnNode)
# What a scene may end with that has Pods which do not end.
LASTS = (*WAITS, Read)


@dataclass(frozen=True)
class Done:
    """A deed that was done. at: our monotonic seconds, those of timeline.Seen, when the answer to it was there."""

    deed: Deed
    at: float
