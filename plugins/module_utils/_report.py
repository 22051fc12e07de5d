# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes a report beside the result; whole or not at all."""

from __future__ import annotations

import os
import tempfile
from typing import Any


def write_report(module: Any, path: str, text: str) -> None:
    """Put the text at the path in one step. Fails the module, with the reason, where that cannot be."""
    target = os.path.abspath(path)
    try:
        handle, draft = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".podpatterns-report-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        module.fail_json(
            msg=f"report names {path!r}: {error.strerror}; give a path in a folder that exists and can be written to"
        )
    module.atomic_move(draft, target)
