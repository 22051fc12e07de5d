# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our own shipper: reads log files to their end and beyond, in Python's standard library."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..._programs import log_tail
from ..helper import program
from .plan import CA_FILE, COMPRESSED, POD_FIELDS, STATE, Plan, Shipper


def render(plan: Plan) -> str:
    """The program's configuration as JSON."""
    output = plan.output
    return json.dumps(
        {
            "pattern": plan.pattern,
            "exclude": list(COMPRESSED),
            "state": STATE,
            "parser": plan.parser,
            "expression": plan.expression,
            "multiline": plan.multiline,
            "multiline_seconds": plan.multiline_seconds,
            "fields": dict(plan.fields),
            "pod_fields": POD_FIELDS,
            "discover_seconds": plan.discover_seconds,
            "drain_seconds": plan.drain_seconds,
            "flush_seconds": plan.flush_seconds,
            "output": {
                "type": output.type,
                "url": output.url,
                "path": output.path,
                "login": output.login,
                "ca": CA_FILE if output.ca else None,
                "verify": output.verify,
            },
        },
        sort_keys=True,
    )


def _command(_config: str) -> Sequence[str]:
    return program(log_tail)


SHIPPER = Shipper(
    name="tail",
    image="python",
    outputs=("stdout", "file", "http"),
    render=render,
    command=_command,
    ready_file=f"{STATE}/{log_tail.READY}",
    drains_by_itself=True,
)
