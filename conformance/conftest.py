"""The suite is its own first user of its pytest plugin."""

from __future__ import annotations

pytest_plugins = ("conformance.plugin",)
