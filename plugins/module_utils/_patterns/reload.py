# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How an app learns that its files have changed: a request, or a signal in a shared process namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .access import checked_url
from .apps import known_user
from .fragment import BadPattern, Target

SIGNALS = ["HUP", "USR1", "USR2", "INT", "QUIT", "TERM", "WINCH"]

RELOAD_OPTION: dict[str, Any] = {
    "type": "dict",
    "options": {
        "url": {"type": "str"},
        "signal": {"type": "str", "choices": SIGNALS},
        "process": {"type": "str"},
    },
}


def checked_reload(options: Mapping[str, Any], where: str) -> dict[str, Any] | None:
    """The reload that the options ask for. Raises BadPattern."""
    wanted = options["reload"]
    if wanted is None:
        return None
    if (wanted["url"] is None) == (wanted["signal"] is None):
        raise BadPattern(f"{where}.reload must have either url, to be sent a POST, or signal and process")
    if (wanted["signal"] is None) != (wanted["process"] is None):
        raise BadPattern(f"{where}.reload.process must name the process that gets the signal, such as nginx")
    if wanted["url"]:
        checked_url(wanted["url"], ("http", "https"), f"{where}.reload.url")
    return {key: value for key, value in wanted.items() if value is not None}


def signalling_user(
    app: Mapping[str, Any], target: Target, options: Mapping[str, Any], where: str
) -> int | None:
    """The user that the helper must have to signal the app, None where the user of the pattern says it himself."""
    if target.pod_spec.get("shareProcessNamespace") is False:
        raise BadPattern(
            f"{where}.reload.signal needs a shared process namespace, but {target.kind} {target.name} sets"
            " shareProcessNamespace to false; remove that, or reload by url"
        )
    if "runAsUser" in options["security_context"]:
        return None
    user = known_user(app, target)
    if not user:
        raise BadPattern(
            f"{where}.reload.signal must come from the app's own user, but "
            + (
                f"neither the Pod nor container {app['name']} sets runAsUser; set it there"
                if user is None
                else f"that of container {app['name']} is root; let it run as another one"
            )
            + ", or reload by url"
        )
    return user
