"""The suite is its own first user of its pytest plugin."""

from __future__ import annotations

from conformance.workers import pytest_configure_node, pytest_xdist_make_scheduler

__all__ = ["pytest_configure_node", "pytest_xdist_make_scheduler"]

pytest_plugins = ("conformance.plugin",)
