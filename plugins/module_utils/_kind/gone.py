# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking a cluster away, and what was built for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import cluster as clusters
from . import mirror
from .cache import read_json
from .cluster import Folder
from .errors import failed
from .way import Outcome, Way


class Gone(Way):
    """state absent and purge"""

    def run(self) -> Outcome:
        with self.lock():
            removed = self._remove()
        if self.options.state == "absent":
            name = self.options.name
            would = "Would remove" if self.check else "Removed"
            return Outcome(removed, f"{would} cluster {name}" if removed else f"There is no cluster {name}")
        purged = self._purge()
        if not (removed or purged):
            return Outcome(False, "There is nothing to purge")
        return Outcome(True, "Would purge the cache" if self.check else "Purged the cache")

    def _remove(self) -> bool:
        recorded = clusters.recorded(self.folder)
        engine = self.engine() if self.engine_is_there() else None
        found = clusters.look(self.options.name, self.folder, engine)
        ours = found.making or clusters.is_ours(self.folder)
        if engine is None or not found.nodes or not ours:
            there = self.folder.root.exists()
            if there and not self.check:
                shutil.rmtree(self.folder.root)
            # Forgetting somebody else's cluster is no change to it.
            return there and ours
        if not self.check:
            self.report(f"cluster {self.options.name}: removing it")
            merged = (recorded or {}).get("merged_into")
            kubeconfig = (recorded or read_json(self.folder.making) or {}).get("kubeconfig", self.kubeconfig)
            cluster = self.cluster(engine, Path(kubeconfig))
            cluster.delete(Path(merged) if merged else None)
            cluster.forget()
            if not self._others():
                mirror.remove(engine)
        return True

    def _others(self) -> list[str]:
        """Other clusters that this role made."""
        return [
            path.parent.name
            for path in sorted((self.state / "clusters").glob("*/facts.json"))
            if path.parent != self.folder.root and clusters.is_ours(Folder(path.parent))
        ]

    def _purge(self) -> bool:
        others = self._others()
        if others:
            raise failed(
                "purge", f"cache {self.cache.root}", f"cluster {others[0]} still uses it; remove it first"
            )
        if self.check:
            return bool(self.cache.parts)
        purged = bool(self.cache.parts)
        if self.engine_is_there():
            engine = self.engine()
            purged = mirror.remove(engine) or purged
            purged = bool(engine.remove_images()) or purged
        self.report(f"cache {self.cache.root}: removing what was built and downloaded")
        self.cache.remove()
        return purged
