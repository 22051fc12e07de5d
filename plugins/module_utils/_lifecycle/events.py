# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Events, which tell what a status does not, and which outlive what they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def event_time(event: Mapping[str, Any]) -> str:
    """The latest stamp of an event, whichever of its fields carries it."""
    series = event.get("series") or {}
    return (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )
