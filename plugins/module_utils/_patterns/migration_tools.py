# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The migration tools that db_migrate knows: what each keeps in the database, and how its files are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .fragment import BadPattern


def _golang_version(names: Iterable[str]) -> str | None:
    found = [int(match[1]) for name in names if (match := re.fullmatch(r"(\d+)_.*\.up\.\w+", name))]
    return str(max(found)) if found else None


def _flyway_version(names: Iterable[str]) -> str | None:
    found = [match[1] for name in names if (match := re.fullmatch(r"V([\d._]+)__.*\.sql", name))]
    dotted = [one.replace("_", ".") for one in found]
    return max(dotted, key=lambda one: [int(part) for part in one.split(".") if part]) if dotted else None


@dataclass(frozen=True)
class Tool:
    """A migration tool.

    image: key of its default image; None where it is the project's own image. table: where it keeps the version.
    directory: where its image expects the migrations. entry_file: what the tool reads first.
    names: how files must be named, as a pattern and in words. version_of: the newest version among such names.
    has_python: whether its image has Python, as a project's image for a Python tool has.
    knows_itself: whether its own scripts tell which version is wanted.
    has_lock: whether several of it may run at once.
    """

    table: str | None
    image: str | None = None
    directory: str | None = None
    entry_file: str | None = None
    names: tuple[str, str] | None = None
    version_of: Callable[[Iterable[str]], str | None] | None = None
    has_python: bool = False
    knows_itself: bool = False
    has_lock: bool = False
    memory: str = "128Mi"


TOOLS: dict[str, Tool] = {
    "golang-migrate": Tool(
        "schema_migrations",
        image="golang-migrate",
        directory="/migrations",
        names=(r"\d+_.+\.(up|down)\.\w+", "1_name.up.sql or 1_name.down.sql"),
        version_of=_golang_version,
        has_lock=True,
    ),
    "flyway": Tool(
        "flyway_schema_history",
        image="flyway",
        directory="/flyway/sql",
        names=(r"([VU][\d._]+|R)__.+\.\w+", "V1__name.sql"),
        version_of=_flyway_version,
        has_lock=True,
        memory="512Mi",
    ),
    "liquibase": Tool(
        "databasechangelog",
        image="liquibase",
        directory="/liquibase/changelog",
        entry_file="changelog.sql",
        has_lock=True,
        memory="512Mi",
    ),
    "alembic": Tool(
        "alembic_version", entry_file="alembic.ini", has_python=True, knows_itself=True, memory="256Mi"
    ),
    "django": Tool(None, entry_file="manage.py", has_python=True, knows_itself=True, memory="512Mi"),
    "custom": Tool(None),
}

# What Kubernetes lets annotations hold in all is 256 KiB; others want some of it.
LONGEST_FILES = 200 * 1024


def checked_files(files: Mapping[str, Any], tool_name: str, where: str) -> dict[str, str]:
    """The migrations by their path. Raises BadPattern for a name or content that the tool could not read."""
    tool = TOOLS[tool_name]
    for path, content in files.items():
        # A Python project has empty files; for the others one is a mistake.
        if not isinstance(content, str) or (tool.names and not content.strip()):
            raise BadPattern(f"{where}[{path!r}] is {content!r}; it must be the text of a file")
        if path.startswith("/") or ".." in path.split("/") or not path.strip():
            raise BadPattern(f"{where} names {path!r}; a file's path is below the directory, without '..'")
        if tool.names and not re.fullmatch(tool.names[0], path):
            raise BadPattern(
                f"{where} names {path!r}, which {tool_name} would ignore; it takes {tool.names[1]}"
            )
    size = sum(len(path.encode()) + len(content.encode()) for path, content in files.items())
    if size > LONGEST_FILES:
        raise BadPattern(
            f"{where} has {size} bytes, a Pod carries at most {LONGEST_FILES}; put the migrations into the image, or"
            " into a ConfigMap and give its name as config_map"
        )
    return dict(files)


def files_as_annotations(files: Mapping[str, str], name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Annotations that hold the files, and the volume that shows them as files.

    So a Pod template carries its own migrations: a rollback or a replaced old Pod finds just its own.
    """
    keys = {path: f"podpatterns.core/{name}.{number}" for number, path in enumerate(sorted(files))}
    items = [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.annotations['{key}']"}}
        for path, key in keys.items()
    ]
    volume = {"name": f"{name}-files", "downwardAPI": {"items": items}}
    return {key: files[path] for path, key in keys.items()}, volume
