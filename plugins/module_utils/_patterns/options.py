# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that all patterns share, and the check of a pattern's options against their declaration.

Declarations are Ansible argument specs; its validator does the checking, the sentences are ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .fragment import BadPattern

Spec = dict[str, dict[str, Any]]

COMMON_OPTIONS: Spec = {
    "name": {"type": "str"},
    "image": {"type": "raw"},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"]},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": []},
    "resources": {"type": "dict"},
    "env": {"type": "list", "elements": "dict", "default": []},
    "mounts": {"type": "list", "elements": "dict", "default": []},
    "security_context": {"type": "dict", "default": {}},
    "position": {"type": "str"},
}

# What only a helper that stays has.
SIDECAR_OPTIONS: Spec = {
    "mode": {"type": "str", "choices": ["auto", "native", "classic"], "default": "auto"},
    "probes": {"type": "bool", "default": True},
}


@dataclass(frozen=True)
class Rules:
    """Constraints between options, as Ansible's argument specs state them."""

    mutually_exclusive: list[list[str]] = field(default_factory=list)
    required_together: list[list[str]] = field(default_factory=list)
    required_one_of: list[list[str]] = field(default_factory=list)
    required_if: list[list[Any]] = field(default_factory=list)


def checked(options: Any, spec: Spec, rules: Rules, where: str) -> dict[str, Any]:
    """The options with defaults and types as declared. Raises BadPattern with one sentence."""
    if options is None:
        options = {}
    if not isinstance(options, Mapping):
        raise BadPattern(f"{where} is {options!r}; it must be a mapping of options")
    _refuse_unknown(options, spec, where)
    result = ArgumentSpecValidator(
        spec,
        mutually_exclusive=rules.mutually_exclusive,
        required_together=rules.required_together,
        required_one_of=rules.required_one_of,
        required_if=rules.required_if,
    ).validate(dict(options))
    if result.error_messages:
        raise BadPattern(f"{where}: {result.error_messages[0].rstrip('.')}")
    validated: dict[str, Any] = result.validated_parameters
    return validated


def _refuse_unknown(options: Mapping[str, Any], spec: Spec, where: str) -> None:
    for key, value in options.items():
        if key not in spec:
            near = difflib.get_close_matches(str(key), spec, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(spec))}"
            raise BadPattern(f"{where}.{key} is no option; {hint}")
        inner = spec[key].get("options")
        if inner is None:
            continue
        if isinstance(value, Mapping):
            _refuse_unknown(value, inner, f"{where}.{key}")
        elif isinstance(value, list):
            for number, entry in enumerate(value):
                if isinstance(entry, Mapping):
                    _refuse_unknown(entry, inner, f"{where}.{key}[{number}]")
