"""A cluster of scripts/test: made once by Molecule's scenario `default`, used by every part, removed at the end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import artefact
from environment import ROOT
from steps import Runner, Step


class Cluster:
    """A kind cluster of its own name, made when a part first asks for it."""

    def __init__(self, run: Runner, state: Path, tree: Path, name: str, images: str = "all") -> None:
        self.run = run
        self.state = state
        self.tree = tree
        self.name = name
        self.images = images
        self._up: bool | None = None

    def up(self) -> bool:
        """Make the cluster, or the one that an earlier run left ready; false when there is none to be had."""
        if self._up is None and artefact.install(self.run, self.tree):
            # What Molecule remembers of a run before may be gone.
            shutil.rmtree(self.state, ignore_errors=True)
            self._up = False
            create = self._molecule(
                f"cluster {self.name}", ["create", "--scenario-name", "default"], self.state
            )
            self._up = self.run.show(create)
        return bool(self._up)

    def scenarios(self) -> list[Step]:
        """A step for every scenario of Molecule, to run on the cluster that is up."""
        folders = sorted(path.parent for path in (ROOT / "molecule").glob("*/molecule.yml"))
        return [self._scenario(folder.name) for folder in folders if folder.name != "default"]

    def deployment(self, venv: Path) -> Step:
        """The deployment of scenario `deploy` by the ansible-core and the client of another environment."""
        name = venv.name.rpartition("-")[0]
        env = {
            **self.env(),
            "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
            "NAMESPACE_PREFIX": name.replace(".", "-"),
        }
        command = [str(venv / "bin" / "ansible-playbook"), "molecule/deploy/converge.yml"]
        return Step(f"deploy, {name}", command, env)

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
                f"\nCluster {self.name} is left as it is; the next run without KEEP=1 removes it", flush=True
            )
            return True
        destroy = self._molecule(
            f"remove cluster {self.name}", ["destroy", "--scenario-name", "default"], self.state
        )
        return self.run.show(destroy)

    def env(self) -> dict[str, str]:
        """What leads a tool to the cluster, and Ansible to the artefact."""
        return {
            "PATH": os.pathsep.join([str(self.state / "bin"), self.run.env["PATH"]]),
            "KUBECONFIG": str(self.state / "kubeconfig"),
            "PODPATTERNS_CLUSTER": self.name,
            "ANSIBLE_COLLECTIONS_PATH": str(self.tree),
        }

    def _molecule(self, title: str, command: list[str], state: Path) -> Step:
        env = {
            **self.env(),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(state),
            "MOLECULE_GLOB": "molecule/*/molecule.yml",
            "PODPATTERNS_IMAGES": self.images,
        }
        return Step(title, ["molecule", *command], env)
