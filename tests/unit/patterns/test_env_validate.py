"""Pattern env_validate: what it finds wrong in an environment, and what it makes of a workload."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._programs import env_validate as program
from ansible_collections.podpatterns.core.plugins.module_utils._programs.source import source_of

from .workloads import KINDS, names, put_on, refusal, spec_of, workload

# --- the program --------------------------------------------------------------------------------


def found(environment: dict[str, str] | None = None, **config: Any) -> list[str]:
    return list(program.findings(config, environment or {}))


@pytest.mark.parametrize(
    ("value", "wanted", "finding"),
    [
        (None, {}, "A is not set"),
        ("", {}, "A is empty"),
        (None, {"required": False}, None),
        ("", {"required": False, "type": "integer"}, None),
        ("x", {}, None),
        ("12", {"type": "integer"}, None),
        ("-3", {"type": "integer"}, None),
        ("1.5", {"type": "integer"}, "A is not a whole number"),
        ("١٢", {"type": "integer"}, "A is not a whole number"),
        ("1.5", {"type": "number"}, None),
        ("1e3", {"type": "number"}, None),
        ("nan", {"type": "number"}, "A is not a number"),
        ("inf", {"type": "number"}, "A is not a number"),
        ("many", {"type": "number"}, "A is not a number"),
        ("True", {"type": "boolean"}, None),
        ("on", {"type": "boolean"}, "A is not true or false"),
        ("8080", {"type": "port"}, None),
        ("0", {"type": "port"}, "A is not a port number from 1 to 65535"),
        ("65536", {"type": "port"}, "A is not a port number from 1 to 65535"),
        ("²", {"type": "port"}, "A is not a port number from 1 to 65535"),
        ("postgres://db:5432/shop", {"type": "url"}, None),
        ("db:5432", {"type": "url"}, "A is not a URL with scheme and host"),
        ("http://:80", {"type": "url"}, "A is not a URL with scheme and host"),
        ("http://[::1", {"type": "url"}, "A is not a URL with scheme and host"),
        ("http://db:port/", {"type": "url"}, "A is not a URL with scheme and host"),
        ("v1.2", {"pattern": r"v\d+\.\d+"}, None),
        ("v1.2-rc", {"pattern": r"v\d+\.\d+"}, r"A does not match v\d+\.\d+"),
        ("prod", {"enum": ["dev", "prod"]}, None),
        ("test", {"enum": ["dev", "prod"]}, "A is none of dev, prod"),
        ("ChangeMe", {}, "A still holds a placeholder"),
        (" todo\n", {}, "A still holds a placeholder"),
    ],
)
def test_a_variable_is_checked(value: str | None, wanted: dict[str, Any], finding: str | None) -> None:
    environment = {} if value is None else {"A": value}
    said = found(environment, variables={"A": wanted}, placeholders=["changeme", "todo"])
    assert said == ([] if finding is None else [finding])


def test_one_value_may_be_wrong_in_several_ways() -> None:
    wanted = {"type": "integer", "pattern": "[0-9]{3}", "enum": ["100", "200"]}
    assert len(found({"A": "x"}, variables={"A": wanted})) == 3


def test_no_finding_shows_a_value() -> None:
    secret = "hunter2-very-secret"
    checks = {"type": "port", "pattern": "x", "enum": ["y"]}
    said = found({"A": secret, "B": secret}, variables={"A": checks, "B": {}}, placeholders=[secret])
    assert said
    assert secret not in " ".join(said)


def test_a_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_text("hello")
    digest = hashlib.sha256(b"hello").hexdigest()
    good = {"path": str(path), "sha256": digest, "min_size": 5, "max_size": 5}
    assert found(files=[good]) == []
    assert found(files=[{**good, "sha256": "0" * 64}]) == [f"{path} does not have the sha256 {'0' * 64}"]
    assert found(files=[{**good, "min_size": 6}]) == [f"{path} has 5 bytes, it needs at least 6"]
    assert found(files=[{**good, "max_size": 4}]) == [f"{path} has 5 bytes, it may have at most 4"]


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert found(files=[{"path": str(missing)}, {"path": str(tmp_path)}]) == [
        f"{missing}: No such file or directory",
        f"{tmp_path}: Is a directory",
    ]


def test_a_file_may_be_larger_than_the_memory(tmp_path: Path) -> None:
    """A sparse file of 64 GiB: its size is asked for, its content is not read into memory."""
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(1 << 36)
    assert found(files=[{"path": str(path), "max_size": 1}]) == [
        f"{path} has {1 << 36} bytes, it may have at most 1"
    ]


def test_names_are_resolved() -> None:
    assert found(dns=["localhost"]) == []
    (said,) = found(dns=["no-such-host.invalid"])
    assert said.startswith("the name no-such-host.invalid does not resolve: ")
    assert found(dns=["a..b"]) == ["the name 'a..b' is none that DNS can have"]


def test_writable_paths_are_tried(tmp_path: Path) -> None:
    assert found(writable=[str(tmp_path)]) == []
    assert found(writable=[str(tmp_path / "missing")]) == [
        f"{tmp_path / 'missing'}: No such file or directory"
    ]


def test_a_path_that_cannot_be_written_to_is_told() -> None:
    was = os.getuid()
    user = was or 65534
    os.setreuid(user, -1)  # access checks ask the real user
    try:
        said = found(writable=["/", "/etc/hostname"])
    finally:
        os.setreuid(was, -1)
    assert said == [f"{path} is not writable for user {user}" for path in ("/", "/etc/hostname")]


def test_free_space_is_measured(tmp_path: Path) -> None:
    assert found(free_space=[{"path": str(tmp_path), "bytes": 1}]) == []
    (said,) = found(free_space=[{"path": str(tmp_path), "bytes": 1 << 60}])
    assert said.endswith(f"it needs {1 << 60}")
    missing = str(tmp_path / "missing")
    assert found(free_space=[{"path": missing, "bytes": 1}]) == [f"{missing}: No such file or directory"]


def test_the_user_is_compared() -> None:
    assert found(uid=os.getuid()) == []
    assert found(uid=os.getuid() + 1) == [f"the user is {os.getuid()}, it must be {os.getuid() + 1}"]


def run(config: dict[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
    """The program as a container runs it, from the text that travels in the Pod."""
    return subprocess.run(
        [sys.executable, "-I", "-c", source_of(program)],
        env={"PODPATTERNS_CONFIG": json.dumps(config), **environment},
        text=True,
        capture_output=True,
        check=False,
    )


def test_the_program_tells_all_findings_at_once_and_fails() -> None:
    ended = run({"variables": {"A": {}, "B": {}, "C": {}}}, B="here")
    assert (ended.returncode, ended.stdout) == (1, "A is not set\nC is not set\n"), ended.stderr


def test_the_program_says_that_all_is_well() -> None:
    ended = run({"variables": {"A": {}}}, A="here", PYTHONHOME="/nowhere", PYTHONPATH="/nowhere")
    assert (ended.returncode, ended.stdout) == (0, "environment is valid\n"), ended.stderr


def test_the_command_finds_python_and_leaves_the_environment_as_it_is() -> None:
    made = validator(workload(), required=["A"])
    ended = subprocess.run(
        [*made["command"], "import os; print(sorted(os.environ.items()))"],
        env={"PATH": "/nowhere"},
        text=True,
        capture_output=True,
        check=False,
    )
    if ended.returncode == 127:
        pytest.skip("this machine has no python3 where a container has it")
    variables = dict(ast.literal_eval(ended.stdout))
    assert variables["PATH"] == "/nowhere"


# --- the pattern --------------------------------------------------------------------------------

MINIMAL = {"env_validate": {"required": ["A"]}}
SECRET = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}


def validator(manifest: dict[str, Any], **options: Any) -> dict[str, Any]:
    (made,) = spec_of(put_on(manifest, {"env_validate": options}).manifest)["initContainers"]
    return dict(made)


def config_of(made: dict[str, Any]) -> dict[str, Any]:
    (text,) = [one["value"] for one in made["env"] if one["name"] == "PODPATTERNS_CONFIG"]
    return dict(json.loads(text))


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_goes_and_stays_the_same_on_every_workload_kind(kind: str) -> None:
    bare = workload(kind)
    once = put_on(bare, MINIMAL).manifest
    assert names(spec_of(once)["initContainers"]) == ["env-validate"]
    assert put_on(once, MINIMAL).manifest == once
    assert put_on(once).manifest == bare


def test_it_has_what_the_app_has() -> None:
    app = {
        "name": "web",
        "image": "nginx",
        "env": [{"name": "A", "value": "b"}, SECRET],
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}],
    }
    made = validator(workload(containers=[app]), required=["A"])
    assert made["env"][:2] == app["env"]
    assert made["envFrom"] == app["envFrom"]
    assert made["volumeMounts"] == app["volumeMounts"]


def test_it_checks_the_container_that_is_named() -> None:
    apps = [{"name": "web", "env": [{"name": "A"}]}, {"name": "worker", "env": [{"name": "B"}]}]
    assert validator(workload(containers=apps), required=["A"])["env"][0] == {"name": "A"}
    assert validator(workload(containers=apps), required=["A"], container="worker")["env"][0] == {"name": "B"}


@pytest.mark.parametrize(
    ("pod", "app", "user", "group", "non_root"),
    [
        ({}, {}, 65532, 65532, True),
        ({"runAsUser": 7}, {}, 7, None, True),
        ({"runAsUser": 7, "runAsGroup": 8}, {}, 7, 8, True),
        ({"runAsUser": 7, "runAsGroup": 8}, {"runAsUser": 9}, 9, 8, True),
        ({}, {"runAsUser": 0}, 0, None, False),
    ],
)
def test_it_runs_as_the_user_that_the_app_runs_as(
    pod: dict[str, Any], app: dict[str, Any], user: int, group: int | None, non_root: bool
) -> None:
    given = workload(securityContext=pod, containers=[{"name": "web", "securityContext": app}])
    security = validator(given, required=["A"])["securityContext"]
    assert (security["runAsUser"], security.get("runAsGroup"), security["runAsNonRoot"]) == (
        user,
        group,
        non_root,
    )


def test_writable_without_a_known_user_is_checked_with_a_warning() -> None:
    mounted = {"name": "web", "volumeMounts": [{"name": "d", "mountPath": "/data"}]}
    entry = {"env_validate": {"writable": ["/data"]}}
    (warning,) = put_on(workload(containers=[mounted]), entry).warnings
    assert "is checked as user 65532" in warning
    known = workload(containers=[mounted], securityContext={"runAsUser": 7})
    assert put_on(known, entry).warnings == []


def test_a_file_that_an_earlier_pattern_brings_can_be_checked() -> None:
    mounted = {"name": "web", "volumeMounts": [{"name": "d", "mountPath": "/data/"}]}
    made = validator(workload(containers=[mounted]), files=[{"path": "/data/a", "sha256": "A" * 64}])
    assert config_of(made)["files"][0]["sha256"] == "a" * 64


def test_the_apps_own_image_may_be_asked_about_its_files() -> None:
    made = validator(workload(), files=[{"path": "/app/settings"}], image="shop:1")
    assert made["image"] == "shop:1"


def test_variables_and_required_come_together() -> None:
    made = validator(workload(), required=["A"], variables={"B": {"type": "port"}, "C": None})
    assert config_of(made)["variables"] == {"A": {}, "B": {"type": "port"}, "C": {}}


SHA = "0" * 64


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "patterns[0].env_validate checks nothing; give at least one of required, variables, files"),
        ({"requird": ["A"]}, "patterns[0].env_validate.requird is no option; did you mean required?"),
        ({"required": [""]}, ".required[0] is ''; it must be the name of a variable"),
        ({"required": ["A=B"]}, ".required[0] is 'A=B'; it must be the name of a variable"),
        ({"required": {"A": 1}}, "patterns[0].env_validate: "),
        ({"variables": {True: {}}}, ".variables key is True; it must be the name of a variable, in quotes"),
        (
            {"variables": {"A": "integer"}},
            ".variables.A is 'integer'; it must be a mapping with required, type",
        ),
        ({"variables": {"A": {"typ": "port"}}}, ".variables.A.typ is no check; there are required, type"),
        (
            {"variables": {"A": {"type": "int"}}},
            ".variables.A.type is 'int'; it must be one of string, integer",
        ),
        ({"variables": {"A": {"pattern": "("}}}, ".variables.A.pattern is '(', no regular expression: "),
        ({"variables": {"A": {"pattern": 3}}}, ".variables.A.pattern is 3, no regular expression: "),
        ({"variables": {"A": {"enum": [1, 2]}}}, ".variables.A.enum is [1, 2]; it must be a list of texts"),
        ({"variables": {"A": {"enum": []}}}, ".variables.A.enum is []; it must be a list of texts"),
        (
            {"variables": {"A": {"enum": ["a"], "type": "port"}}},
            ".variables.A.enum allows 'a', which is not a port number from 1 to 65535 as its type demands",
        ),
        (
            {"variables": {"A": {"enum": ["a"], "pattern": "b"}}},
            ".variables.A.enum allows 'a', which its pattern does not",
        ),
        ({"variables": {"A": {"required": "no"}}}, ".variables.A.required is 'no'; it must be true or false"),
        (
            {"required": ["A"], "variables": {"A": {"required": False}}},
            ".variables.A.required is false, but required names A as well; keep one of the two",
        ),
        ({"files": [{"sha256": SHA}]}, "patterns[0].env_validate: missing required arguments: path"),
        (
            {"files": [{"path": "/dev/x", "md5": SHA}]},
            ".files[0].md5 is no option; it has max_size, min_size",
        ),
        (
            {"files": [{"path": "/dev/x", "sha256": "12"}]},
            ".files[0].sha256 is '12'; it must be 64 hexadecimal",
        ),
        ({"files": [{"path": "dev/x"}]}, ".files[0].path is 'dev/x'; it must be an absolute path without .."),
        ({"files": [{"path": "/dev/../x"}]}, ".files[0].path is '/dev/../x'; it must be an absolute path"),
        (
            {"files": [{"path": "/etc/app"}]},
            ".files[0].path is '/etc/app', which no volume mount of container web",
        ),
        (
            {"files": [{"path": "/dev/x", "min_size": 3, "max_size": 2}]},
            ".files[0].min_size is 3, more than max_size 2; no file can have both",
        ),
        ({"files": [{"path": "/dev/x", "min_size": -1}]}, ".files[0].min_size is -1; it must be 0 or more"),
        ({"writable": ["/tmp"]}, ".writable[0] is '/tmp', which no volume mount of container web covers"),
        ({"writable": ["tmp"]}, ".writable[0] is 'tmp'; it must be an absolute path without .."),
        ({"dns": ["http://db"]}, ".dns[0] is 'http://db'; it must be a name such as db.shop.svc"),
        ({"dns": [""]}, ".dns[0] is ''; it must be a name such as db.shop.svc"),
        ({"free_space": [{"path": "/data", "bytes": "1Gi"}]}, "patterns[0].env_validate: "),
        (
            {"free_space": [{"path": "/data", "bytes": -1}]},
            ".free_space[0].bytes is -1; it must be 0 or more",
        ),
        ({"uid": 1000}, ".uid is 1000, but neither the Pod nor container web sets runAsUser"),
        ({"uid": "root"}, "patterns[0].env_validate: "),
        ({"required": ["A"], "container": "wb"}, ".container is 'wb'; the workload has web"),
        ({"required": ["A"], "mode": "native"}, "patterns[0].env_validate.mode is no option; "),
    ],
)
def test_a_wrong_option_gets_one_sentence(options: dict[str, Any], sentence: str) -> None:
    said = refusal(workload(), {"env_validate": options})
    wanted = sentence if sentence.startswith("patterns") else f"patterns[0].env_validate{sentence}"
    assert said.startswith(wanted), said
    assert "\n" not in said


def test_a_negative_uid_is_refused() -> None:
    given = workload(securityContext={"runAsUser": 1})
    assert refusal(given, {"env_validate": {"uid": -1}}).endswith(".uid is -1; it must be 0 or more")
