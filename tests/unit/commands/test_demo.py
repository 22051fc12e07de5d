"""scripts/demo: which playbooks it runs where, and what it says at the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import demo
import pytest

Call = tuple[str, str | None, Mapping[str, Any] | None]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The playbooks that are run: name, context, variables; each of them fails."""
    made: list[Call] = []

    def run(name: str, env: Mapping[str, str], variables: Mapping[str, Any] | None = None) -> int:
        made.append((name, env.get("K8S_AUTH_CONTEXT"), variables))
        return 3

    monkeypatch.setattr(demo, "_playbook", run)
    monkeypatch.setattr(demo, "environment", lambda _name: Path())
    monkeypatch.delenv("K8S_AUTH_CONTEXT", raising=False)
    return made


def asked(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["demo", *words])
    return demo.main()


def test_the_first_failure_ends_it_with_its_code(monkeypatch: pytest.MonkeyPatch, calls: list[Call]) -> None:
    assert asked(monkeypatch) == 3
    assert [name for name, _context, _variables in calls] == ["cluster"]


def test_a_users_own_cluster_gets_no_cluster_beside_it(
    monkeypatch: pytest.MonkeyPatch, calls: list[Call]
) -> None:
    asked(monkeypatch, "--context", "mine")
    assert [(name, context) for name, context, _variables in calls] == [("demo", "mine")]


def test_what_is_removed_is_the_cluster_or_what_was_deployed_to_the_users_own(
    monkeypatch: pytest.MonkeyPatch, calls: list[Call]
) -> None:
    asked(monkeypatch, "--remove")
    asked(monkeypatch, "--remove", "--context", "mine")
    assert calls == [
        ("teardown", None, {"kind_cluster_name": "podpatterns-demo"}),
        ("demo_remove", "mine", None),
    ]


def test_the_summary_says_what_each_step_took_and_what_the_client_counted() -> None:
    counted = {"requests": 10, "failed": 0, "answers_by_release": {"1": 4, "2": 6}, "pods": 6}
    told = demo.summary(
        [("the shop", 61.26)], {"steps": [{"step": "release 1", "seconds": 12.04}], "counted": counted}
    )
    assert [line.split() for line in told.splitlines()[1:3]] == [
        ["the", "shop", "61.3", "s"],
        ["release", "1", "12.0", "s"],
    ]
    assert told.endswith("10, of which 0 failed (answered: 4 by release 1, 6 by release 2; by 6 Pods)")
