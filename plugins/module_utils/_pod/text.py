# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML and JSON text as Kubernetes reads it, so that a file means here what it means to kubectl."""

from __future__ import annotations

import json
import re
from typing import Any

try:
    import yaml
except ImportError:  # reported by load(), with the way to mend it
    yaml = None  # type: ignore[assignment]


class Unreadable(Exception):
    """The text is neither YAML nor JSON; the message says what is wrong, and where."""


class Refused(Exception):
    """The text cannot be taken for another reason, such as a key that is given twice."""


_TAG = "tag:yaml.org,2002:"
# What plain words mean to Kubernetes' own YAML reader, where that differs from PyYAML's.
_PLAIN_WORDS = (
    (
        "bool",
        r"y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF",
        "yYnNtTfFoO",
    ),
    ("int", r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
)
_NO_JSON = ("binary", "timestamp", "omap", "pairs", "set")


def load(text: str | bytes) -> list[Any]:
    """The documents of the text, without empty ones. Raises Unreadable or Refused."""
    if yaml is None:
        raise Refused(
            "the Python library PyYAML is missing where the module runs; install it with: pip install PyYAML"
        )
    try:
        documents = _load_json(text) or list(yaml.load_all(text, Loader=_KubernetesLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Unreadable(f"{getattr(error, 'problem', None) or 'unreadable text'}{where}") from error
    return [document for document in documents if document is not None]


def _load_json(text: str | bytes) -> list[Any]:
    """JSON may be indented by tabs, which YAML forbids; empty where it is not JSON."""
    if text.lstrip()[:1] not in ("{", "[", b"{", b"["):
        return []
    try:
        return [json.loads(text, object_pairs_hook=_unique)]
    except ValueError:
        return []


def _twice(key: str, where: str = "") -> str:
    return f"key {key!r} is given twice in one mapping{where}; keep one of the two"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _value in pairs]
        raise Refused(_twice(next(key for key in keys if keys.count(key) > 1)))
    return found


if yaml is not None:

    class _KubernetesLoader(yaml.SafeLoader):
        """YAML as Kubernetes reads it, so that a file means here what it means to kubectl.

        No dates and no sexagesimal numbers, `y` and `n` are booleans, and a key given twice is an error.
        """

        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
            first: [entry for entry in entries if entry[0] in (f"{_TAG}null", f"{_TAG}merge")]
            for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }
        yaml_constructors = {  # noqa: RUF012
            tag: function
            for tag, function in yaml.SafeLoader.yaml_constructors.items()
            if tag not in [f"{_TAG}{name}" for name in _NO_JSON]
        }

        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            """Here and not where values are made: by then merged mappings have become one."""
            node: yaml.MappingNode = super().compose_mapping_node(anchor)
            seen: set[tuple[str, str]] = set()
            for key, _value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge":
                    if (key.tag, key.value) in seen:
                        raise Refused(
                            _twice(key.value, f", the second time in line {key.start_mark.line + 1}")
                        )
                    seen.add((key.tag, key.value))
            return node

        def construct_yaml_bool(self, node: yaml.ScalarNode) -> bool:
            return str(node.value).lower() in ("y", "yes", "true", "on")

        def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
            digits = str(node.value).replace("_", "")
            octal = re.fullmatch(r"([-+]?)0o?([0-7]+)", digits)
            return int(f"{octal[1]}{octal[2]}", 8) if octal else int(digits, 0)

    for name, words, first in _PLAIN_WORDS:
        _KubernetesLoader.add_implicit_resolver(f"{_TAG}{name}", re.compile(f"^(?:{words})$"), list(first))
    _KubernetesLoader.add_constructor(f"{_TAG}bool", _KubernetesLoader.construct_yaml_bool)
    _KubernetesLoader.add_constructor(f"{_TAG}int", _KubernetesLoader.construct_yaml_int)
