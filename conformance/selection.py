"""Which of the behaviours are run: by their ids, by their tiers, and by the share that falls to one of several runs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from conformance.registry import TIERS, Area, Behaviour


class BadChoice(Exception):
    """An option that chooses nothing sensible; the text is a whole sentence."""


@dataclass(frozen=True)
class Shard:
    """One of several equal shares, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def split(self, number: int, of: int) -> Shard:
        """A share of this share; number counts from 1."""
        return Shard((self.number - 1) * of + number, self.of * of)


WHOLE = Shard(1, 1)


def shard_of(text: str) -> Shard:
    """The share that is written as i/n. Raises BadChoice."""
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise BadChoice(f"--shard is {text!r}; give which share of how many, such as 1/3")
    return Shard(int(found[1]), int(found[2]))


def check_tiers(tiers: Collection[str]) -> None:
    """Raises BadChoice where one is unknown."""
    for tier in tiers:
        if tier not in TIERS:
            raise BadChoice(f"--tier is {tier!r}; it must be one of {', '.join(TIERS)}")


def check_ids(wanted: Collection[str], known: Collection[str]) -> None:
    """Raises BadChoice where an id is none of the known ones, with the nearest."""
    for name in sorted(set(wanted) - set(known)):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadChoice(f"--behaviour is {name!r}, which is no behaviour of what was collected{hint}")


def share(found: Sequence[tuple[Area, Behaviour]], shard: Shard) -> set[str]:
    """The ids that fall to a share. Behaviours that look at the same scene stay together, so that it runs once."""
    groups: list[set[tuple[str, str]]] = []
    for area, behaviour in found:
        scenes = {(area.name, one.name) for one in behaviour.scenes}
        touching = [group for group in groups if group & scenes]
        for group in touching:
            groups.remove(group)
        groups.append(scenes.union(*touching))
    number_of = {scene: number for number, group in enumerate(groups) for scene in group}
    return {
        behaviour.id
        for area, behaviour in found
        if number_of[area.name, behaviour.scene.name] % shard.of == shard.number - 1
    }
