"""The suite where it is installed: python -m conformance, with the options of pytest and its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest


def main() -> int:
    """Run it and return its exit code."""
    return run_suite(sys.argv[1:])


def run_suite(arguments: Sequence[str], plugins: Sequence[object] = ()) -> int:
    """Run it with these arguments, and objects as further plugins of pytest; its exit code."""
    own = ["-p", "conformance.plugin"]
    # Else pytest takes the place of a kubeconfig that is named for the root of all.
    settings = [f"--rootdir={Path.cwd()}", "-o", "junit_family=xunit1"]
    # Whoever calls this has imported the package already, and none of its modules asserts anything.
    settings += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return pytest.main([*own, *settings, "--pyargs", "conformance", *arguments], list(plugins))


if __name__ == "__main__":
    sys.exit(main())
