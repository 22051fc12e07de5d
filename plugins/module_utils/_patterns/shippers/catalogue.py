# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shippers there are, by the name that an option gives."""

from __future__ import annotations

from . import filebeat, fluent_bit, fluentd, otel, tail
from .plan import Shipper

SHIPPERS: dict[str, Shipper] = {
    one.SHIPPER.name: one.SHIPPER for one in (tail, otel, fluentd, fluent_bit, filebeat)
}
