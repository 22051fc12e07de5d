"""The suite where it is installed: python -m conformance, with the options of pytest and its own."""

from __future__ import annotations

import sys

import pytest


def main() -> int:
    """Run it and return its exit code."""
    plugins = ["-p", "conformance.workers", "-p", "conformance.plugin"]
    return pytest.main([*plugins, "-o", "junit_family=xunit1", "--pyargs", "conformance", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
