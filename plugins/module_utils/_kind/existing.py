# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster that is there already, made by somebody else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from . import cluster as clusters
from . import kubectl, recipe, source
from .facts import ClusterAnswer, SourceFacts
from .way import Outcome, Way


def use(way: Way) -> Outcome | None:
    """Take note of the cluster that is meant; None where none is."""
    if way.options.source not in ("auto", "existing"):
        return None
    answer = _ask(way)
    if answer is None:
        return None
    choice = source.choose(way.options.source, SourceFacts(existing=answer))
    way.report(choice.line)
    facts: dict[str, Any] = {
        "name": way.options.name,
        "source": choice.source,
        "reason": choice.reason,
        "engine": None,
        "engine_environment": {},
        "kubeconfig": answer.kubeconfig or str(Path.home() / ".kube" / "config"),
        "context": answer.context,
        "kubernetes_version": answer.version,
        "kubectl": _any_kubectl(way),
        "node_image": None,
        "images": [],
        "mirror": None,
    }
    message = f"Cluster {answer.context} is there"
    if way.check or clusters.is_ours(way.folder):
        return Outcome(False, message, facts)
    clusters.record(way.folder, facts)
    return Outcome(False, message, facts, str(way.folder.facts))


def _ask(way: Way) -> ClusterAnswer | None:
    """Ask the cluster that an option or KUBECONFIG names.

    KUBECONFIG alone may be left over from something else: it counts if its cluster answers and is not one that
    this role made.
    """
    options = way.options
    named = os.environ.get("KUBECONFIG")
    if options.existing_kubeconfig or options.context or options.source == "existing":
        return kubectl.ask_existing(_any_kubectl(way), options.existing_kubeconfig or named, options.context)
    ours = (way.kubeconfig, *clusters.kubeconfigs(way.state))
    if not named or not Path(named).exists() or Path(named) in ours:
        return None
    answer = kubectl.ask_existing(_any_kubectl(way), named, None)
    if answer.version is None:
        way.report(f"KUBECONFIG {named} names no cluster that answers: {answer.reason}")
        return None
    return answer


def _any_kubectl(way: Way) -> str:
    """A kubectl for a cluster whose version is not known yet."""
    on_path = shutil.which("kubectl")
    if on_path:
        return on_path
    with way.cache.in_use():
        return str(way.go().build(recipe.kubectl()) / "bin" / "kubectl")
