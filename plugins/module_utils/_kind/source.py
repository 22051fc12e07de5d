# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which source a cluster comes from, and why, in words for one line on the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import KindClusterError, failed
from .facts import SourceFacts


@dataclass(frozen=True)
class Choice:
    source: str  #: existing, published, packages
    reason: str

    @property
    def line(self) -> str:
        titles = {
            "existing": "the cluster that is already there",
            "published": "kind with the published node image",
            "packages": "kind with a node image built from packages",
        }
        return f"source: {titles[self.source]} ({self.reason})"


def choose(wanted: str, facts: SourceFacts) -> Choice:
    """The wanted source if it is possible, else the first possible one; what is nearest to hand goes first.

    Raises KindClusterError where nothing is possible, saying why for each.
    """
    if wanted == "existing":
        return _existing(facts, forced=True)
    if wanted == "published":
        return _published(facts, forced=True)
    if wanted == "packages":
        return _packages(facts, forced=True)
    if facts.existing is not None:
        # Somebody named a cluster: to make another one instead would surprise them.
        return _existing(facts, forced=False)
    if facts.published is not None and facts.published.present:
        return _published(facts, forced=False)
    if facts.built is not None:
        return _packages(facts, forced=False)
    if facts.published is not None and facts.published.reachable:
        return _published(facts, forced=False)
    return _packages(facts, forced=False)


def short_reason(output: str) -> str:
    """The point of what an engine says about a registry: its last line, from the network's own words on."""
    line = (output.strip().splitlines() or ["no answer"])[-1].removeprefix("Error: ")
    for mark in ("dial tcp: ", "dial tcp "):
        if mark in line:
            return line.rsplit(mark, 1)[1]
    return line


def _existing(facts: SourceFacts, forced: bool) -> Choice:
    answer = facts.existing
    if answer is None:
        raise KindClusterError(
            "Failed to use an existing cluster: neither existing_kubeconfig nor context nor KUBECONFIG names one"
        )
    if answer.version is None:
        raise failed("use", f"existing cluster of {_place(answer.kubeconfig, answer.context)}", answer.reason)
    named = f"{_place(answer.kubeconfig, answer.context)} answers"
    return Choice("existing", f"asked for; {named}" if forced else named)


def _place(kubeconfig: str, context: str) -> str:
    return f"{kubeconfig or 'the default kubeconfig'}, context {context or '(current)'}"


def _published(facts: SourceFacts, forced: bool) -> Choice:
    answer = facts.published
    if answer is None:
        raise failed("find", "the published node image", "no container engine could ask for it")
    if answer.present:
        where = f"{answer.reference} is on this machine"
    elif answer.reachable:
        where = f"a registry offers {answer.reference}"
    else:
        raise failed("find", f"node image {answer.reference}", answer.reason)
    return Choice("published", f"asked for; {where}" if forced else where)


def _packages(facts: SourceFacts, forced: bool) -> Choice:
    if facts.built is not None:
        return Choice("packages", "asked for; already built" if forced else "already built on this machine")
    if facts.blockers:
        why = "; ".join(facts.blockers)
        if facts.published is not None and facts.published.reason and not forced:
            why = f"no registry offers {facts.published.reference} ({facts.published.reason}), and {why}"
        raise failed("build", "a node image from packages", why)
    if forced:
        return Choice("packages", "asked for")
    if facts.published is None:
        return Choice("packages", "no image registry was asked")
    return Choice("packages", f"no registry offers {facts.published.reference}: {facts.published.reason}")
