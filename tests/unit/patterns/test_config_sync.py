"""Pattern config_sync: what it makes of a workload with each tool, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .workloads import APP, KINDS, names, one, put_on, refusal, spec_of, workload

REPOSITORY = {"url": "https://git.example.org/shop.git", "branch": "main"}
TOOLS: dict[str, dict[str, Any]] = {
    "git": {"git": REPOSITORY},
    "git_sync": {"git": REPOSITORY},
    "k8s_sidecar": {"select": {"label": "shop-config"}},
}


def entry(tool: str = "git", **options: Any) -> dict[str, Any]:
    return {"config_sync": {"target": "/srv/site", "tool": tool, **TOOLS[tool], **options}}


def helper(spec: dict[str, Any], name: str = "config-sync") -> dict[str, Any]:
    return dict(one(spec["initContainers"] + spec["containers"], name))


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


def told(container: dict[str, Any]) -> dict[str, Any]:
    """The configuration that our own program gets."""
    return dict(json.loads(variables(container)["PODPATTERNS_CONFIG"]))


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_put_on_and_taken_off_any_workload(kind: str, tool: str) -> None:
    plain = workload(kind, **({"restartPolicy": "Never"} if kind in ("Job", "CronJob") else {}))
    once = put_on(plain, entry(tool))
    assert names(spec_of(once.manifest)["initContainers"]) == ["config-sync"]
    assert put_on(once.manifest, entry(tool)).manifest == once.manifest
    assert put_on(once.manifest).manifest == plain


@pytest.mark.parametrize("tool", TOOLS)
def test_the_app_starts_when_the_first_version_is_there(tool: str) -> None:
    made = helper(spec_of(put_on(workload(), entry(tool, deadline=60)).manifest))
    assert made["restartPolicy"] == "Always"
    assert made["startupProbe"]["failureThreshold"] * made["startupProbe"]["periodSeconds"] > 60


@pytest.mark.parametrize("tool", TOOLS)
def test_in_classic_mode_an_init_container_brings_the_first_version(tool: str) -> None:
    spec = spec_of(put_on(workload(), entry(tool, mode="classic")).manifest)
    assert names(spec["initContainers"]) == ["config-sync-first"]
    assert names(spec["containers"]) == ["web", "config-sync"]
    first, sidecar = helper(spec, "config-sync-first"), helper(spec)
    ends = {
        "git": lambda one: told(one)["watch"] is False,
        "git_sync": lambda one: "--one-time" in one["args"],
        "k8s_sidecar": lambda one: variables(one)["METHOD"] == "LIST",
    }[tool]
    assert (ends(first), ends(sidecar)) == (True, False)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_job_refuses_the_classic_form_with_the_reason(tool: str) -> None:
    said = refusal(workload("Job", restartPolicy="Never"), entry(tool, mode="classic"))
    assert "would keep it from ever completing; use mode native" in said


@pytest.mark.parametrize("tool", TOOLS)
def test_nothing_keeps_ending_a_sidecar_or_the_pod_from_being_ready(tool: str) -> None:
    """A source that is away for a while is no reason to take the app out of service."""
    made = helper(spec_of(put_on(workload(), entry(tool)).manifest))
    assert not {"livenessProbe", "readinessProbe"} & set(made)


def test_git_sync_gets_a_root_of_its_own_and_tries_for_ever() -> None:
    token = {"name": "access", "username": "reader"}
    wanted = entry(
        "git_sync", git={**REPOSITORY, "token_secret": token}, reload={"url": "http://127.0.0.1:8080/r"}
    )
    made = helper(spec_of(put_on(workload(), wanted).manifest))
    assert {
        "--root=/podpatterns/content/.git-sync",
        "--link=/podpatterns/content/current",
        "--ref=main",
        "--max-failures=-1",
        "--username=reader",
        "--password-file=/podpatterns/access/token",
        "--webhook-url=http://127.0.0.1:8080/r",
        "--http-bind=:9419",
    } <= set(made["args"])
    assert "command" not in made


def test_k8s_sidecar_does_not_wait_for_an_app_that_waits_for_it() -> None:
    wanted = entry("k8s_sidecar", reload={"url": "http://127.0.0.1:3000/reload"})
    seen = variables(helper(spec_of(put_on(workload(), wanted).manifest)))
    assert (seen["REQ_URL"], seen["REQ_METHOD"], seen["REQ_SKIP_INIT"]) == (
        "http://127.0.0.1:3000/reload",
        "POST",
        "true",
    )


@pytest.mark.parametrize(
    ("kind", "resources"),
    [("configmap", ["configmaps"]), ("secret", ["secrets"]), ("both", ["configmaps", "secrets"])],
)
def test_k8s_sidecar_may_read_what_it_selects_and_only_it_has_a_token(
    kind: str, resources: list[str]
) -> None:
    made = put_on(workload(), entry("k8s_sidecar", select={"label": "a", "kind": kind}))
    (role,) = [item for item in made.objects if item["kind"] == "Role"]
    assert role["rules"] == [{"apiGroups": [""], "resources": resources, "verbs": ["get", "list", "watch"]}]
    spec = spec_of(made.manifest)
    assert "podpatterns-token" in names(helper(spec)["volumeMounts"])
    assert "podpatterns-token" not in names(one(spec["containers"], "web")["volumeMounts"])


@pytest.mark.parametrize("tool", ["git", "git_sync"])
def test_tools_that_need_no_cluster_get_no_token(tool: str) -> None:
    made = put_on(workload(), entry(tool))
    assert not made.objects
    assert "serviceAccountName" not in spec_of(made.manifest)


def test_our_own_loop_is_told_what_to_check_and_whom_to_tell() -> None:
    wanted = entry(
        required_files=["index.html"],
        check=["grep", "-q", "html", "index.html"],
        reload={"signal": "HUP", "process": "nginx"},
        period=5,
    )
    spec = spec_of(put_on(workload(securityContext={"runAsUser": 101}), wanted).manifest)
    seen = told(helper(spec))
    assert seen["reload"] == {"signal": "HUP", "process": "nginx"}
    assert (seen["period"], seen["max_failures"], seen["link"]) == (5, -1, "current")
    assert spec["shareProcessNamespace"] is True
    assert helper(spec)["securityContext"]["runAsUser"] == 101


GIT_URL = REPOSITORY["url"]
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no repository", {"git": None}, ".git is missing; tool git must know what to synchronise"),
    ("no label", {"tool": "k8s_sidecar", "git": None}, ".select is missing; tool k8s_sidecar must know"),
    (
        "an unknown tool",
        {"tool": "gitsync"},
        "value of tool must be one of: git, git_sync, k8s_sidecar, got: gitsync",
    ),
    ("a misspelt option", {"perod": 5}, ".perod is no option; did you mean period?"),
    ("a wrong type", {"period": "often"}, "argument 'period' is of type str"),
    (
        "a repository for k8s-sidecar",
        {"tool": "k8s_sidecar"},
        ".git is given, but tool k8s_sidecar has none; it is for git",
    ),
    (
        "a label for git",
        {"select": {"label": "a"}},
        ".select is given, but tool git has none; it is for k8s_sidecar",
    ),
    (
        "a check for git-sync",
        {"tool": "git_sync", "check": ["true"]},
        ".check is given, but tool git_sync has none",
    ),
    (
        "required files for git-sync",
        {"tool": "git_sync", "required_files": ["a"]},
        ".required_files is given, but tool",
    ),
    (
        "a port for git",
        {"port": 80},
        ".port is given, but tool git has none; it is for git_sync and k8s_sidecar",
    ),
    (
        "a port beyond ports",
        {"tool": "git_sync", "port": 70000},
        ".port is 70000; it must be from 1 to 65535",
    ),
    (
        "a port that is taken",
        {"tool": "git_sync", "port": 8080},
        ".port is 8080, which a container of the workload has",
    ),
    (
        "a commit",
        {"git": {"url": GIT_URL, "commit": "a" * 40}},
        ".git.commit names a commit, which never changes",
    ),
    (
        "a directory for git-sync",
        {"tool": "git_sync", "git": {**REPOSITORY, "subdirectory": "a"}},
        "publishes whole repos",
    ),
    (
        "a signal by git-sync",
        {"tool": "git_sync", "reload": {"signal": "HUP", "process": "a"}},
        "tool git_sync sends none",
    ),
    ("a link with a way", {"link": "a/b"}, ".link is 'a/b'; it must be a plain name, such as current"),
    (
        "a link that is hidden",
        {"link": "..data"},
        ".link is '..data'; it must be a plain name, such as current",
    ),
    (
        "a label that is none",
        {"tool": "k8s_sidecar", "git": None, "select": {"label": "a b"}},
        ".select.label is 'a b'",
    ),
    (
        "a kind that is none",
        {"tool": "k8s_sidecar", "git": None, "select": {"label": "a", "kind": "pod"}},
        "kind must be",
    ),
    (
        "a mode in which k8s-sidecar cannot write",
        {"tool": "k8s_sidecar", "git": None, "select": {"label": "a"}, "file_mode": "0444"},
        ".file_mode is '0444', but k8s-sidecar writes into the files that are there",
    ),
    (
        "nothing that vouches",
        {"git": {"url": "http://git/a.git"}},
        ".git.url is 'http://git/a.git', where nothing vouches",
    ),
    ("a period of nothing", {"period": 0}, ".period is 0; it must be 1 second or more"),
    ("an unknown container", {"containers": ["wbe"]}, ".containers names 'wbe'; the workload has web"),
    (
        "a target inside the system",
        {"target": "/usr"},
        ".target is '/usr'; it must be the absolute path of a directory",
    ),
]


@pytest.mark.parametrize(
    ("options", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_wrong_is_told_in_one_sentence(options: dict[str, Any], sentence: str) -> None:
    app = {**APP, "ports": [{"containerPort": 8080}]}
    wanted = {"target": "/srv/site", "git": REPOSITORY, **options}
    given = {key: value for key, value in wanted.items() if value is not None}
    said = refusal(workload(containers=[app]), {"config_sync": given})
    assert said.startswith("patterns[0].config_sync")
    assert sentence in said
    assert "\n" not in said
