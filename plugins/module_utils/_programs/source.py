# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The source of a program as text: it runs in a container, where this collection is not."""

from __future__ import annotations

import inspect
from functools import cache
from types import ModuleType


@cache
def source_of(module: ModuleType) -> str:
    """The program's source without the comment lines at its top."""
    lines = inspect.getsource(module).splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(lines[first:]) + "\n"
