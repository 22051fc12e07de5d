"""Shards of a run joined again, and how what a shard has to report travels through the log of its container.

The log is all that is left of a container that has ended, and who may read it needs no other right. So a report goes
into it as lines of text; each says of which shard it is and which of how many, as several logs may come mixed.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from conformance.record import Run, as_data, from_data, joined
from conformance.recording import in_place
from conformance.selection import Shard

# Far below the length at which a runtime cuts a line of a log in two.
LINE_LENGTH = 4000
_LINE = re.compile(r"report of shard (\d+)/(\d+), line (\d+)/(\d+): (\S+)$")


class BadParcel(Exception):
    """What the logs hold is not the reports of one run's shards; the text is a whole sentence."""


@dataclass(frozen=True)
class Parcel:
    """What one shard has to report.

    drawings: of its behaviours' Pods, as SVG by id. junit: the text of its XML file.
    """

    shard: Shard
    run: Run
    drawings: Mapping[str, Sequence[str]]
    junit: str


def lines_of(parcel: Parcel) -> Iterator[str]:
    """The parcel as lines of a log."""
    content = {"run": as_data(parcel.run), "drawings": dict(parcel.drawings), "junit": parcel.junit}
    text = base64.b64encode(gzip.compress(json.dumps(content).encode())).decode()
    parts = [text[at : at + LINE_LENGTH] for at in range(0, len(text), LINE_LENGTH)]
    for number, part in enumerate(parts, 1):
        yield f"report of shard {parcel.shard}, line {number}/{len(parts)}: {part}"


def parcels_in(lines: Iterable[str]) -> list[Parcel]:
    """The parcels in lines of logs, among whatever else they hold. Raises BadParcel where one is not whole."""
    found: dict[Shard, dict[int, str]] = {}
    lengths: dict[Shard, int] = {}
    for line in lines:
        if match := _LINE.search(line):
            shard = Shard(int(match[1]), int(match[2]))
            lengths[shard] = int(match[4])
            found.setdefault(shard, {})[int(match[3])] = match[5]
    for shard, parts in found.items():
        if len(parts) != lengths[shard]:
            raise BadParcel(
                f"of the report of shard {shard} the log has {len(parts)} of {lengths[shard]} lines"
            )
    shards = sorted(found, key=lambda one: one.number)
    return [
        _parcel(shard, "".join(found[shard][number + 1] for number in range(lengths[shard])))
        for shard in shards
    ]


def _parcel(shard: Shard, text: str) -> Parcel:
    try:
        content = json.loads(gzip.decompress(base64.b64decode(text)))
        return Parcel(shard, from_data(content["run"]), content["drawings"], content["junit"])
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise BadParcel(f"the report of shard {shard} cannot be read: {error}") from error


def whole(parcels: Sequence[Parcel]) -> Parcel:
    """All shards of a run as one. Raises BadParcel where they are not of one run."""
    if len({one.shard.of for one in parcels}) > 1:
        raise BadParcel(f"shards {', '.join(str(one.shard) for one in parcels)} are not of one run")
    if len(versions := {one.run.version for one in parcels if one.run.version}) > 1:
        raise BadParcel(
            f"the shards ran on {' and '.join(sorted(versions))}: compare them, they are no one run"
        )
    entries = [entry for one in parcels for entry in one.run.entries]
    first = parcels[0].run
    return Parcel(
        Shard(1, 1),
        Run(
            min(one.run.started for one in parcels),
            "".join(versions),
            {**first.options, "shard": f"{len(parcels)} of {parcels[0].shard.of}, joined"},
            joined(one.run.figures for one in parcels),
            in_place(entries),
        ),
        {name: drawn for one in parcels for name, drawn in one.drawings.items()},
        _one_document([one.junit for one in parcels]),
    )


def _one_document(texts: Iterable[str]) -> str:
    """JUnit documents as one; an empty one is of a shard that ended before its tests."""
    root = ET.Element("testsuites", name="conformance")
    for text in filter(None, texts):
        found = ET.fromstring(text)  # our own pytest wrote it
        root.extend([found] if found.tag == "testsuite" else list(found))
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
