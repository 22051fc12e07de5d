# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The patterns there are, by the name that an entry of a `patterns` list gives."""

from __future__ import annotations

from . import config_sync, db_migrate, env_validate, fetch_config, logging, metrics, proxy, wait_for
from .pattern import Pattern

CATALOGUE: dict[str, Pattern] = {
    one.name: one
    for one in (
        config_sync.PATTERN,
        db_migrate.PATTERN,
        env_validate.PATTERN,
        fetch_config.PATTERN,
        logging.PATTERN,
        metrics.PATTERN,
        proxy.PATTERN,
        wait_for.PATTERN,
    )
}

__all__ = ["CATALOGUE", "Pattern"]
