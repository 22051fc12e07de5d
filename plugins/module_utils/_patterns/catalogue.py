# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The patterns there are, by the name that an entry of a `patterns` list gives."""

from __future__ import annotations

from . import env_validate
from .pattern import Pattern

CATALOGUE: dict[str, Pattern] = {one.name: one for one in (env_validate.PATTERN,)}

__all__ = ["CATALOGUE", "Pattern"]
