"""The cluster of scripts/test: made once by Molecule's scenario `default`, used by every part, removed at the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import artefact
from environment import ROOT
from steps import Runner, Step

SCENARIOS_AT_ONCE = 4


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
                create = self._molecule("cluster", ["create", "--scenario-name", "default"], self.state)
                self._up = self.run.show(create)
        return self._up

    def scenarios(self) -> tuple[bool, int]:
        """Every scenario on the cluster that is up: whether all succeeded, and how many there were."""
        folders = sorted(path.parent for path in (ROOT / "molecule").glob("*/molecule.yml"))
        steps = [self._scenario(folder.name) for folder in folders if folder.name != "default"]
        # Most of a scenario is waiting for the kubelet: a few more than there are cores run at a time.
        return self.run.together(steps, at_once=SCENARIOS_AT_ONCE), len(steps)

    def _scenario(self, name: str) -> Step:
        state = self.state.with_name(f"molecule-{name}")
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(self.state, state)  # Molecule reads there that the cluster has been created
        command = ["test", "--scenario-name", name, "--destroy", "never"]
        return self._molecule(f"molecule {name}", command, state)

    def down(self, *, keep: bool) -> bool:
        """Remove the cluster; true when none is left that this run made."""
        if self._up is None:
            return True
        if keep:
            print(
                f"\nThe cluster stays: PODPATTERNS_CLUSTER={self.name}; without KEEP=1 the next run removes it"
            )
            return True
        destroy = self._molecule("remove the cluster", ["destroy", "--scenario-name", "default"], self.state)
        return self.run.show(destroy)

    def env(self) -> dict[str, str]:
        """What leads a tool to the cluster, and Ansible to the artefact."""
        return {
            "KUBECONFIG": str(self.state / "kubeconfig"),
            "PODPATTERNS_KUBECONFIG": str(self.state / "kubeconfig"),
            "PODPATTERNS_CLUSTER": self.name,
            "ANSIBLE_COLLECTIONS_PATH": str(self.tree),
        }

    def _molecule(self, title: str, command: list[str], state: Path) -> Step:
        env = {
            **self.env(),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(state),
            "MOLECULE_GLOB": "molecule/*/molecule.yml",
        }
        return Step(title, ["molecule", *command], env)
