"""The collection as its users get it: built, and installed offline into a tree of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from environment import ROOT
from steps import Runner, Step

COLLECTION = Path("ansible_collections") / "podpatterns" / "core"
RUNTIME = {"meta", "playbooks", "plugins", "roles"}
BESIDE_RUNTIME = {
    *("CHANGELOG.rst", "LICENSE", "README.md", "changelogs", "docs", "requirements.txt"),
    *("FILES.json", "MANIFEST.json"),
}


def install(run: Runner, tree: Path) -> bool:
    """Build the artefact and install it below `tree`, replacing what was there."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    galaxy = ["ansible-galaxy", "collection"]
    built = run.together(
        [Step("build the artefact", [*galaxy, "build", "--output-path", str(tree), str(ROOT)])]
    )
    if not built:
        return False
    artefact = next(tree.glob("podpatterns-core-*.tar.gz"))
    command = [*galaxy, "install", str(artefact), "--collections-path", str(tree), "--offline"]
    # The checkout on the path would pass for the artefact, installed already.
    return run.together([Step("install the artefact", command, {"ANSIBLE_COLLECTIONS_PATH": str(tree)})])


def check_content(tree: Path) -> bool:
    """Whether the installed artefact holds what runs and its papers, and nothing of the workshop."""
    strangers = sorted({entry.name for entry in (tree / COLLECTION).iterdir()} - RUNTIME - BESIDE_RUNTIME)
    if strangers:
        print(
            f"  The artefact also holds {', '.join(strangers)}; name them in build_ignore of galaxy.yml",
            flush=True,
        )
    return not strangers


def check_use(run: Runner, tree: Path) -> bool:
    """Documentation and playbooks of the installed artefact, read from a folder that is not the checkout."""
    env = {"ANSIBLE_COLLECTIONS_PATH": str(tree)}
    playbooks = sorted((tree / COLLECTION / "playbooks").glob("*.yml"))
    names = [f"podpatterns.core.{playbook.stem}" for playbook in playbooks]
    return run.together(
        [
            Step("plugins of the artefact", ["ansible-doc", "--list", "podpatterns.core"], env, tree),
            Step(
                "roles of the artefact",
                ["ansible-doc", "--type", "role", "--list", "podpatterns.core"],
                env,
                tree,
            ),
            Step("playbooks of the artefact", ["ansible-playbook", "--syntax-check", *names], env, tree),
        ]
    )
