"""What the server's own words must show: its answers to a dry run, and the objects that were read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order
from conformance.claims import ACCEPTED, Claim, Finding, Life

# A quota that is used up says what an object would have taken of it.
_REQUESTED = re.compile(r"requested: (?P<requested>\S+), used: ")


def charged(number: int, **amounts: str) -> Claim:
    """A quota that is used up refuses the scene's object of this number, from 1, as it would take just so much.

    amounts by the quota's names, with `_` for the dot: requests_cpu="300m".
    """
    wanted = {name.replace("_", "."): amount for name, amount in amounts.items()}
    told = f"object {number} is charged {', '.join(f'{name}={amount}' for name, amount in wanted.items())}"

    def claim(life: Life) -> Finding:
        line = _line(life, number)
        if line.endswith(ACCEPTED):
            return Finding(Order.NO, f"{told}: {line}")
        match = _REQUESTED.search(line)
        if match is None:
            return Finding(Order.TIE, f"{told}: {line or 'it was not asked'}")
        taken = dict(entry.split("=", maxsplit=1) for entry in match["requested"].split(","))
        holds = wanted.items() <= taken.items()
        return Finding(Order.YES if holds else Order.NO, f"{told}: it is charged {match['requested']}")

    return claim


def would_be(number: int, path: str, wanted: Any) -> Claim:
    """The server would keep the scene's object of this number, from 1, with this value at a path of its fields."""
    told = f"object {number} would have {path} {wanted!r}"

    def claim(life: Life) -> Finding:
        line = _line(life, number)
        if not line.endswith(ACCEPTED):
            return Finding(Order.NO if line else Order.TIE, f"{told}: {line or 'it was not asked'}")
        name = line.removesuffix(f": {ACCEPTED}").partition(" ")[2]
        found = value_at(life.workloads[name], path)
        return Finding(Order.YES if found == wanted else Order.NO, f"{told}: it is {found!r}")

    return claim


def reads(note: str, wanted: str, test: Callable[[Any], bool | None]) -> Claim:
    """The object that was read under this note passes the test, which says None where there is no telling."""

    def claim(life: Life) -> Finding:
        found = life.looks.get(note)
        if found is None:
            return Finding(Order.TIE, f"{wanted}: it was not read")
        try:
            holds = test(json.loads(found))
        except (KeyError, IndexError):
            holds = False  # what is not there is not as wanted
        answer = Order.TIE if holds is None else Order.YES if holds else Order.NO
        return Finding(answer, f"{wanted}: {found}")

    return claim


def value_at(found: Any, path: str) -> Any:
    """The value at a path such as spec.containers.0.name; None where there is none."""
    for key in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _line(life: Life, number: int) -> str:
    lines = life.answer.splitlines()
    return lines[number - 1] if len(lines) >= number else ""
