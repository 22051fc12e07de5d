# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a pattern is: a name, its options, and a pure function from options to a fragment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .fragment import Fragment, Target
from .helper import Context
from .options import Rules, Spec

Build = Callable[[Mapping[str, Any], Target, Context], Fragment]


@dataclass(frozen=True)
class Pattern:
    """One pattern. options: its argument spec, the common ones included."""

    name: str
    options: Spec
    build: Build
    rules: Rules = field(default_factory=Rules)
