"""What every scenario's tests may ask for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def lifecycle_assert() -> Callable[..., None]:
    """Module lifecycle_assert on a workload, by assertions and further options; fails as the module does."""

    def judge(*that: dict[str, Any], **options: Any) -> None:
        given = {"kubeconfig": os.environ["KUBECONFIG"], "that": list(that), **options}
        ansible = str(Path(sys.executable).with_name("ansible"))
        command = [ansible, "localhost", "-m", "podpatterns.core.lifecycle_assert", "-a", json.dumps(given)]
        interpreter = ["-e", f"ansible_python_interpreter={sys.executable}"]
        done = subprocess.run([*command, *interpreter], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return judge
