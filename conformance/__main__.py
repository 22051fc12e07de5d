"""The suite where it is installed: python -m conformance, with the options of pytest and its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def main() -> int:
    """Run it and return its exit code."""
    plugins = ["-p", "conformance.plugin"]
    # Else pytest takes the place of a kubeconfig that is named for the root of all.
    settings = [f"--rootdir={Path.cwd()}", "-o", "junit_family=xunit1"]
    return pytest.main([*plugins, *settings, "--pyargs", "conformance", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
