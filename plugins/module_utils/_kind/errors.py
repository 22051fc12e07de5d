# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the user is told when a cluster cannot be had: one sentence each."""

from __future__ import annotations


class KindClusterError(Exception):
    """One sentence: "Failed to <verb> <what>: <reason>", with what would help."""


def failed(verb: str, what: str, reason: str) -> KindClusterError:
    return KindClusterError(f"Failed to {verb} {what}: {reason}")
