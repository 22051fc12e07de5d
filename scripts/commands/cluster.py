"""The cluster of scripts/test: made once by Molecule's scenario `default`, used by every part, removed at the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import artefact
from environment import ROOT
from steps import Runner, Step


class Cluster:
    """A kind cluster of its own name, made when a part first asks for it."""

    def __init__(self, run: Runner, state: Path, tree: Path, name: str) -> None:
        self.run = run
        self.state = state
        self.tree = tree
        self.name = name
        self._up: bool | None = None

    def up(self) -> bool:
        """Make the cluster, or the one that an earlier run left ready; false when there is none to be had."""
        if self._up is None:
            shutil.rmtree(
                self.state, ignore_errors=True
            )  # what Molecule remembers of a run before may be gone
            self._up = False
            if artefact.install(self.run, self.tree):
                self._up = self._molecule("cluster", ["create", "--scenario-name", "default"])
        return self._up

    def scenarios(self) -> bool:
        """Every scenario, one after the other, on the cluster that is up."""
        return self._molecule("molecule scenarios", ["test", "--all", "--destroy", "never"])

    def down(self, *, keep: bool) -> bool:
        """Remove the cluster; true when none is left that this run made."""
        if self._up is None:
            return True
        if keep:
            print(
                f"\nThe cluster stays: PODPATTERNS_CLUSTER={self.name}; without KEEP=1 the next run removes it"
            )
            return True
        return self._molecule("remove the cluster", ["destroy", "--scenario-name", "default"])

    def env(self) -> dict[str, str]:
        """What leads a tool to the cluster, and Ansible to the artefact."""
        return {
            "KUBECONFIG": str(self.state / "kubeconfig"),
            "PODPATTERNS_CLUSTER": self.name,
            "ANSIBLE_COLLECTIONS_PATH": str(self.tree),
        }

    def _molecule(self, title: str, command: list[str]) -> bool:
        env = {
            **self.env(),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(self.state),
            "MOLECULE_GLOB": "molecule/*/molecule.yml",
        }
        return self.run.show(Step(title, ["molecule", *command], env, ROOT))
