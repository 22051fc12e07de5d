# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way through: options in, a cluster (or none) and what is known about it out."""

from __future__ import annotations

from .gone import Gone
from .options import Options
from .present import Present
from .progress import Report
from .way import Outcome, Way


def run(options: Options, report: Report, check: bool) -> Outcome:
    """Bring the cluster into the state asked for; with check, only say what would be done.

    Raises KindClusterError with one sentence.
    """
    kind: type[Way] = Present if options.state == "present" else Gone
    way = kind(options, report, check)
    way.log.unlink(missing_ok=True)
    return way.run()
