# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a server can do that patterns depend on, found by asking it."""

from __future__ import annotations

import re

from .api import Api
from .errors import Refusal

# Optional API groups whose kinds patterns may make use of.
OPTIONAL_GROUPS = ("monitoring.coreos.com/v1",)


def version(api: Api) -> tuple[int, int]:
    """Major and minor version of the API server. Some vendors write the minor as `33+`."""
    told = api.request("get", "/version")
    minor = re.match(r"\d+", str(told.get("minor", "0")))
    return int(told.get("major", 0)), int(minor.group() if minor else 0)


def api_groups(api: Api) -> frozenset[str]:
    """Names of the API groups that the server serves."""
    listed = api.request("get", "/apis").get("groups") or ()
    return frozenset(group["name"] for group in listed)


def optional_kinds(api: Api) -> frozenset[str]:
    """Kinds of the optional groups that this server serves."""
    found: set[str] = set()
    for group in OPTIONAL_GROUPS:
        try:
            listed = api.request("get", f"/apis/{group}")
        except Refusal:
            continue
        found.update(entry["kind"] for entry in listed.get("resources") or ())
    return frozenset(found)
