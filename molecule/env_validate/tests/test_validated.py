"""What the init containers of role `env_validate` found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.watching import Namespace

NAMESPACE = "podpatterns-env-validate"
kubectl = Namespace(NAMESPACE, patience=60).kubectl


def status(pod: str) -> dict[str, Any]:
    return dict(json.loads(kubectl("get", "pod", pod, "--output", "json"))["status"])


def findings(pod: str) -> list[str]:
    (validator,) = status(pod)["initContainerStatuses"]
    return str(validator["state"]["terminated"].get("message", "")).split("; ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert findings("wrong") == [
        "DATABASE_URL is not set",
        "LOG_LEVEL does not match debug|info|error",
        "PORT is not a port number from 1 to 65535",
        "STAGE is none of test, production",
        "TOKEN still holds a placeholder",
        "/settings/shop.conf: No such file or directory",
    ]


def test_the_app_did_not_start_with_wrong_settings() -> None:
    assert status("wrong")["phase"] == "Failed"
    (app,) = status("wrong")["containerStatuses"]
    assert "waiting" in app["state"] or app["state"]["terminated"].get("startedAt") is None


@pytest.mark.parametrize("value", ["ChangeMe", "staging", "80800", "loud"])
def test_no_value_is_shown(value: str) -> None:
    said = kubectl("logs", "wrong", "--container", "env-validate") + json.dumps(status("wrong"))
    assert value not in said


def test_the_app_started_with_right_settings() -> None:
    assert kubectl("logs", "right", "--container", "env-validate").strip() == "environment is valid"
    assert kubectl("logs", "right", "--container", "shop").strip() == "started as production on port 8080"


def test_an_environment_that_is_made_for_another_image_does_not_break_the_check() -> None:
    said = kubectl("logs", "deployment/hostile", "--container", "env-validate")
    assert said.strip() == "environment is valid"


def test_the_app_started_after_its_validation_or_not_at_all(lifecycle_assert: Callable[..., None]) -> None:
    lifecycle_assert(
        {"outcome": {"container": "env-validate", "exit_code": 0}},
        {"before": ["env-validate.finished", "shop.started"]},
        {"outcome": {"container": "shop", "exit_code": 0}},
        name="right",
        namespace=NAMESPACE,
    )
    lifecycle_assert(
        {"outcome": {"container": "env-validate", "state": "terminated", "exit_code": 1}},
        {"outcome": {"container": "shop", "state": "waiting"}},
        name="wrong",
        namespace=NAMESPACE,
    )
