"""Stands in for the pip bootstrap script that ansible-test would download: Python brings pip along.

ansible-test runs it with a new environment's Python: `get_pip.py [options] [packages] [--no-setuptools] [--no-wheel]`.
"""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: ensurepip switches pip's configuration off for the process that it runs in.
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
packages = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
if any(not word.startswith("-") for word in packages):
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *packages], check=True)
