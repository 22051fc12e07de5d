"""Module workload with options that cannot be meant: one sentence, and no request to any server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.podpatterns.core.plugins.modules import workload

from ..cluster.fake_api import FakeApi

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "app", "image": "busybox"}]},
}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
GOALS = "auto, exists, started, initialized, ready, completed"


def failure(capsys: pytest.CaptureFixture[str], **arguments: Any) -> str:
    """The sentence with which the module ends."""
    with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
        workload.main()
    assert ended.value.code == 1
    return str(json.loads(capsys.readouterr().out)["msg"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"goal": "done"}, f"goal is 'done'; it must be one of {GOALS}"),
        ({"timeout": -1}, "timeout is -1; it must be a number of seconds, more than 0"),
        ({"timeout": 0}, "timeout is 0; it must be a number of seconds, more than 0"),
        ({"timeout": "soon"}, "timeout is 'soon'; it must be a number of seconds, more than 0"),
        ({"timeout": True}, "timeout is True; it must be a number of seconds, more than 0"),
        ({"timeout": "inf"}, "timeout is 'inf'; it must be a number of seconds, more than 0"),
        ({"timeout": [5]}, "timeout is [5]; it must be a number of seconds, more than 0"),
        ({"grace": -0.5}, "grace is -0.5; it must be a number of seconds, 0 or more"),
        ({"grace": "5m"}, "grace is '5m'; it must be a number of seconds, 0 or more"),
        ({"log_lines": -1}, "log_lines is -1; it must be 0 or more"),
        ({"definition": "a: [", "goal": "ready"}, "definition is not YAML: "),
        (
            {"definition": "a: 1\na: 2"},
            "definition: key 'a' is given twice in one mapping, the second time in line 2;",
        ),
        ({"definition": []}, "definition is empty; give at least one Kubernetes object"),
        ({"definition": {"metadata": {"name": "x"}}}, "object 1 of the definition has no apiVersion;"),
        (
            {"goal": "completed"},
            "Pod web: goal is 'completed', but a Pod that always restarts never completes;",
        ),
        (
            {"definition": CONFIG_MAP, "recreate": True},
            "recreate is true, but every field of ConfigMap can be changed in place; remove recreate (it is for kinds"
            " with fields that they keep for life, such as Pod and Job)",
        ),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(
    server: FakeApi, capsys: pytest.CaptureFixture[str], options: dict[str, Any], sentence: str
) -> None:
    arguments = {"definition": POD, "host": server.url, **options}
    assert failure(capsys, **arguments).startswith(sentence)
    assert server.asked == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.yml", None, "No such file or directory"),
        ("latin.yml", b"\xe9\xff", "it is not UTF-8 text"),
        (".", None, "Is a directory"),
    ],
)
def test_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert failure(capsys, src=str(path)) == (
        f"src names {str(path)!r}: {reason}; give the path of a YAML or JSON file"
    )


def test_a_file_is_named_where_its_content_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.yml"
    path.write_text("kind: [")
    assert failure(capsys, src=str(path)).startswith("src is not YAML: ")


def test_no_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert failure(capsys, definition=POD).startswith("no kubeconfig: set the kubeconfig option, ")


def test_what_is_secret_is_not_repeated(server: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "hunter2"}}
    arguments = {
        "definition": secret,
        "host": server.url,
        "api_key": "token-of-mine",
        "password": "pass-of-mine",
        "namespace": "shop",
    }
    with patch_module_args(arguments), pytest.raises(SystemExit):
        workload.main()
    said = capsys.readouterr()
    for value in ("hunter2", "token-of-mine", "pass-of-mine"):
        assert value not in said.out + said.err
