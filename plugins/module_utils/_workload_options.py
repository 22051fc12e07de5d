# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of `workload` and `workload_info`, declared once; documentation and role are held to them."""

from __future__ import annotations

import math
from typing import Any

from ._lifecycle.goals import GOALS
from ._pod.definition import BadDefinition
from ._pod.template import TEMPLATE_PATHS

WORKLOAD_OPTIONS: dict[str, dict[str, Any]] = {
    "definition": {"type": "raw"},
    "src": {"type": "path"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "namespace": {"type": "str"},
    "create_namespace": {"type": "bool", "default": False},
    # goal, timeout and grace are checked by the functions below: Ansible's own words name neither value nor remedy.
    "goal": {"type": "str", "default": "auto"},
    "timeout": {"type": "raw", "default": 300},
    "grace": {"type": "raw", "default": 30},
    "recreate": {"type": "bool", "default": False},
    "force_conflicts": {"type": "bool", "default": False},
    "patterns": {"type": "list", "elements": "dict", "default": []},
    "image_map": {"type": "dict", "default": {}},
    "log_lines": {"type": "int", "default": 10},
    "report": {"type": "path"},
}


_LOOK_OPTIONS: dict[str, dict[str, Any]] = {
    "kind": {"type": "str", "choices": list(TEMPLATE_PATHS), "default": "Pod"},
    "name": {"type": "str"},
    "namespace": {"type": "str", "default": "default"},
    "label_selectors": {"type": "list", "elements": "str", "default": []},
    "report": {"type": "path"},
}

INFO_OPTIONS: dict[str, dict[str, Any]] = {**_LOOK_OPTIONS, "first_lines": {"type": "bool", "default": False}}

ASSERT_OPTIONS: dict[str, dict[str, Any]] = {
    **_LOOK_OPTIONS,
    "that": {"type": "list", "elements": "dict", "required": True},
    "tie": {"type": "str", "choices": ["fail", "warn", "pass"], "default": "warn"},
}


def check_goal(value: str) -> str:
    """The goal, or BadDefinition with those there are."""
    if value not in GOALS:
        raise BadDefinition(f"goal is {value!r}; it must be one of {', '.join(GOALS)}")
    return value


def count(option: str, value: int) -> int:
    """A number that may be 0 but no less, or BadDefinition."""
    if value < 0:
        raise BadDefinition(f"{option} is {value}; it must be 0 or more")
    return value


def seconds(option: str, value: Any, zero: bool = False) -> float:
    """A number of seconds from what a user wrote, or BadDefinition; zero tells whether 0 makes sense."""
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    least = "0 or more" if zero else "more than 0"
    if not math.isfinite(found) or found < 0 or (found == 0 and not zero):
        raise BadDefinition(f"{option} is {value!r}; it must be a number of seconds, {least}")
    return found
