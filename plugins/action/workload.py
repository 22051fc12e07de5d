# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module workload with signs of life on the terminal."""

from __future__ import annotations

from ansible_collections.podpatterns.core.plugins.plugin_utils.progress_relay import ProgressAction


class ActionModule(ProgressAction):
    """Runs module workload."""
