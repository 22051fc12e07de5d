"""Pattern fetch_config: what it makes of a workload, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .workloads import APP, KINDS, WITHOUT_NATIVE, names, one, put_on, refusal, spec_of, workload

DIGEST = "0" * 64
COMMIT = "a" * 40
PASSWORD = "hunter2-very-secret"
FILE = {"url": "https://files.example.org/app.conf", "sha256": DIGEST}
REPOSITORY = {"url": "https://git.example.org/shop.git"}


def entry(**options: Any) -> dict[str, Any]:
    """An entry of the pattern; a file by https unless the options name a source."""
    given = any(name in options for name in ("http", "git", "config_map", "secret"))
    source = {} if given else {"http": [FILE]}
    return {"fetch_config": {"target": "/srv/config", **source, **options}}


def helper(spec: dict[str, Any], name: str = "fetch-config") -> dict[str, Any]:
    return dict(one(spec["initContainers"] + spec["containers"], name))


def told(container: dict[str, Any]) -> dict[str, Any]:
    """The configuration that the program gets."""
    (variable,) = [entry for entry in container["env"] if entry["name"] == "PODPATTERNS_CONFIG"]
    return dict(json.loads(variable["value"]))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_put_on_and_taken_off_any_workload(kind: str) -> None:
    ends = {"restartPolicy": "Never"} if kind in ("Job", "CronJob") else {}
    plain = workload(kind, **ends)
    more = entry(name="more", target="/srv/more", watch=True, config_map={"name": "app"})
    once = put_on(plain, entry(), more)
    assert names(spec_of(once.manifest)["initContainers"]) == ["fetch-config", "more"]
    assert put_on(once.manifest, entry(), more).manifest == once.manifest
    assert put_on(once.manifest).manifest == plain


def test_the_app_can_read_the_files_and_not_change_them() -> None:
    spec = spec_of(put_on(workload(), entry()).manifest)
    assert one(spec["containers"], "web")["volumeMounts"] == [
        {"name": "fetch-config", "mountPath": "/srv/config", "readOnly": True}
    ]


def test_only_the_named_containers_get_the_files() -> None:
    two = [dict(APP), {"name": "other", "image": "busybox"}]
    spec = spec_of(put_on(workload(containers=two), entry(containers=["other"])).manifest)
    assert ["volumeMounts" in container for container in spec["containers"]] == [False, True]


def test_once_is_an_init_container_and_a_watch_a_sidecar_whose_first_round_holds_the_app() -> None:
    once = helper(spec_of(put_on(workload(), entry()).manifest))
    watch = helper(spec_of(put_on(workload(), entry(http=[{"url": FILE["url"]}], watch=True)).manifest))
    assert ("restartPolicy" in once, "startupProbe" in once) == (False, False)
    assert watch["restartPolicy"] == "Always"
    assert watch["startupProbe"]["exec"]["command"] == ["test", "-e", "/tmp/synced"]
    assert told(once)["watch"] is False
    assert told(watch)["watch"] is True


@pytest.mark.parametrize("options", [{"mode": "classic"}, {"probes": False}])
def test_where_no_probe_can_hold_the_app_an_init_container_fetches_first(options: dict[str, Any]) -> None:
    spec = spec_of(put_on(workload(), entry(config_map={"name": "app"}, watch=True, **options)).manifest)
    assert names(spec["initContainers"])[0] == "fetch-config-first"
    assert told(helper(spec, "fetch-config-first"))["watch"] is False
    assert told(helper(spec))["watch"] is True


def test_an_old_server_gets_the_classic_form() -> None:
    made = put_on(workload(), entry(config_map={"name": "app"}, watch=True), server=WITHOUT_NATIVE)
    assert names(spec_of(made.manifest)["containers"]) == ["web", "fetch-config"]


def test_only_git_needs_the_image_with_git() -> None:
    images = [
        helper(spec_of(put_on(workload(), entry(**source)).manifest))["image"]
        for source in ({"http": [FILE]}, {"config_map": {"name": "app"}}, {"git": REPOSITORY})
    ]
    assert [image.partition("/library/")[2].partition(":")[0] for image in images] == [
        "python",
        "python",
        "buildpack-deps",
    ]


def test_a_secret_is_kept_in_memory_and_is_the_apps_own_where_its_user_is_known() -> None:
    app = {**APP, "securityContext": {"runAsUser": 101}}
    spec = spec_of(put_on(workload(containers=[app]), entry(secret={"name": "keys"})).manifest)
    assert one(spec["volumes"], "fetch-config")["emptyDir"] == {"medium": "Memory", "sizeLimit": "32Mi"}
    made = helper(spec)
    assert made["securityContext"]["runAsUser"] == 101
    assert told(made)["file_mode"] == 0o400


@pytest.mark.parametrize("user", [None, 0])
def test_a_secret_is_readable_where_the_apps_user_is_not_known_or_root(user: int | None) -> None:
    app = {**APP, **({} if user is None else {"securityContext": {"runAsUser": user}})}
    made = helper(spec_of(put_on(workload(containers=[app]), entry(secret={"name": "keys"})).manifest))
    assert (told(made)["file_mode"], made["securityContext"]["runAsUser"]) == (0o444, 65532)


def test_owner_group_mode_and_size_are_as_wanted() -> None:
    wanted = entry(owner=1000, group=2000, file_mode="0640", memory=True, size_limit="8Mi")
    spec = spec_of(put_on(workload(), wanted).manifest)
    security = helper(spec)["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], told(helper(spec))["file_mode"]) == (
        1000,
        2000,
        0o640,
    )
    assert one(spec["volumes"], "fetch-config")["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Mi"}


def test_keys_and_tokens_are_files_that_only_the_helper_sees() -> None:
    token = {"name": "access", "key": "reader"}
    spec = spec_of(put_on(workload(), entry(git={**REPOSITORY, "token_secret": token})).manifest)
    made = helper(spec)
    assert told(made)["source"]["token_file"] == "/podpatterns/access/token"
    assert names(made["volumeMounts"]) == ["fetch-config", "fetch-config-work", "fetch-config-access"]
    assert names(one(spec["containers"], "web")["volumeMounts"]) == ["fetch-config"]


def test_ssh_finds_its_user_in_any_image() -> None:
    git = {"url": "git@git.example.org:shop/config.git", "branch": "main", "ssh_secret": "deploy-key"}
    manifest = put_on(workload(), entry(git=git, owner=1234)).manifest
    annotations = manifest["spec"]["template"]["metadata"]["annotations"]
    assert annotations["podpatterns.core/user-1234"].startswith("helper:x:1234:1234:")
    made = helper(spec_of(manifest))
    assert {
        "name": "fetch-config-access",
        "mountPath": "/etc/passwd",
        "subPath": "passwd",
        "readOnly": True,
    } in (made["volumeMounts"])
    assert told(made)["source"]["url"] == "ssh://git@git.example.org/shop/config.git"


def test_a_later_pattern_sees_the_files() -> None:
    wanted = [entry(), {"env_validate": {"files": [{"path": "/srv/config/app.conf"}]}}]
    checker = helper(spec_of(put_on(workload(), *wanted).manifest), "env-validate")
    assert "/srv/config" in [mount["mountPath"] for mount in checker["volumeMounts"]]


def git(**more: Any) -> dict[str, Any]:
    return {"git": {**REPOSITORY, **more}}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no source", {"http": None}, " has no source; give one of http, git, config_map, secret"),
    ("two sources", {**git(), "config_map": {"name": "a"}}, " has git and config_map; give one of"),
    ("no target", {"target": None}, "missing required arguments: target"),
    ("a relative target", {"target": "config"}, ".target is 'config'; it must be the absolute path"),
    (
        "a target that hides the system",
        {"target": "/etc/"},
        ".target is '/etc/'; it must be the absolute path",
    ),
    ("a misspelt option", {"targets": "/a"}, ".targets is no option; did you mean target?"),
    (
        "a misspelt inner option",
        {"git": {**REPOSITORY, "brnch": "a"}},
        ".git.brnch is no option; did you mean branch?",
    ),
    ("a wrong type", {"deadline": "soon"}, "argument 'deadline' is of type str"),
    ("an unknown container", {"containers": ["wbe"]}, ".containers names 'wbe'; the workload has web"),
    ("no files", {"http": []}, ".http is empty; give at least one file with its url"),
    ("no url", {"http": [{"path": "a"}]}, "missing required arguments: url found in http"),
    (
        "another scheme",
        {"http": [{"url": "ftp://a/b"}]},
        "[0].url is 'ftp://a/b'; it must begin with https://",
    ),
    (
        "a url with a password",
        {"http": [{"url": f"https://me:{PASSWORD}@a/b"}]},
        "[0].url holds credentials; put them",
    ),
    (
        "a repository with a password",
        git(url=f"https://me:{PASSWORD}@a/b"),
        ".git.url holds credentials; put them",
    ),
    ("no name for the file", {"http": [{"url": "https://a/"}]}, "[0].path must name the file"),
    (
        "a way out of the target",
        {"http": [{**FILE, "path": "../a"}]},
        "[0].path is '../a'; it must be a path within",
    ),
    (
        "two files of one name",
        {"http": [FILE, FILE]},
        "[1].path is 'app.conf', as that of another file; give each its own",
    ),
    (
        "a checksum that is none",
        {"http": [{**FILE, "sha256": "abc"}]},
        "[0].sha256 is 'abc'; it must be 64 hexadecimal",
    ),
    (
        "plain http without a checksum",
        {"http": [{"url": "http://a/b"}]},
        "[0].url is plain http, where nothing vouches",
    ),
    (
        "a token in the clear",
        {"http": [{"url": "http://a/b", "sha256": DIGEST, "token_secret": {"name": "t"}}]},
        "[0].url is plain http, where the token goes in the clear; use https, or set insecure to true",
    ),
    (
        "git without anything that vouches",
        git(url="git://a/b"),
        ".git.url is 'git://a/b', where nothing vouches",
    ),
    ("branch and tag", git(branch="a", tag="b"), ".git has branch and tag; give one of them"),
    ("a short commit", git(commit="abc123"), ".git.commit is 'abc123'; it must be a whole commit id"),
    (
        "a branch that is an option of git",
        git(branch="--upload-pack=x"),
        ".git.branch is '--upload-pack=x'; it must be",
    ),
    (
        "a directory outside",
        git(subdirectory="../a"),
        ".git.subdirectory is '../a'; it must be a path within the repos",
    ),
    (
        "ssh without a key",
        git(url="git@a:b/c"),
        ".git.ssh_secret is None, but url is 'ssh://git@a/b/c'; ssh needs",
    ),
    (
        "a key without ssh",
        git(ssh_secret="k"),
        ".git.ssh_secret is 'k', but url is 'https://git.example.org/shop.git'",
    ),
    (
        "a token with ssh",
        git(url="ssh://a/b", ssh_secret="k", token_secret={"name": "t"}),
        ".git.token_secret is given",
    ),
    (
        "a name that is none",
        {"config_map": {"name": "My Config"}},
        ".config_map.name is 'My Config'; it must be the name",
    ),
    (
        "a key that is none",
        {"secret": {"name": "a", "keys": ["a/b"]}},
        ".secret.keys is 'a/b'; it must be a key of",
    ),
    (
        "a mode that YAML read as a number",
        {"file_mode": 292},
        ".file_mode is '292'; it must be four octal digits in quotes",
    ),
    (
        "a mode for all to write",
        {"file_mode": "0666"},
        ".file_mode is '0666'; its owner must be able to read, and no",
    ),
    (
        "root as the owner",
        {"owner": 0},
        ".owner is 0; it must be 1 or more, since what fetches never runs as root",
    ),
    (
        "a size that is none",
        {"size_limit": "much"},
        ".size_limit is 'much'; it must be a quantity such as 64Mi",
    ),
    ("a time of nothing", {"deadline": 0}, ".deadline is 0; it must be 1 second or more"),
    (
        "a period without a watch",
        {"period": 5},
        ".period is 5, but watch is false: what fetches ends before the app",
    ),
    (
        "a reload without a watch",
        {"reload": {"url": "http://a"}},
        "watch is false: what fetches ends before the app",
    ),
    (
        "a watch of what cannot change",
        {"watch": True},
        ".watch is true, but https://files.example.org/app.conf has a sha256",
    ),
    (
        "a watch of a commit",
        {**git(commit=COMMIT), "watch": True},
        ".watch is true, but git.commit names a commit",
    ),
]


@pytest.mark.parametrize(
    ("options", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_wrong_is_told_in_one_sentence(options: dict[str, Any], sentence: str) -> None:
    wanted = {"target": "/srv/config"} | (
        {} if {"git", "config_map", "secret"} & set(options) else {"http": [FILE]}
    )
    said = refusal(
        workload(),
        {"fetch_config": {key: value for key, value in (wanted | options).items() if value is not None}},
    )
    assert said.startswith("patterns[0].fetch_config")
    assert sentence in said
    assert "\n" not in said
    assert PASSWORD not in said


RELOAD = {"signal": "HUP", "process": "nginx"}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({}, "neither the Pod nor container web sets runAsUser; set it there, or reload by url"),
        ({"securityContext": {"runAsUser": 0}}, "that of container web is root; let it run as another one"),
        (
            {"securityContext": {"runAsUser": 101}, "shareProcessNamespace": False},
            "Deployment shop sets shareProcessNamespace to false; remove that, or reload by url",
        ),
    ],
)
def test_a_signal_needs_the_apps_user_and_its_processes(spec: dict[str, Any], sentence: str) -> None:
    wanted = entry(config_map={"name": "app"}, watch=True, reload=RELOAD)
    assert sentence in refusal(workload(**spec), wanted)


def test_a_signal_comes_from_the_apps_user_in_a_shared_process_namespace() -> None:
    wanted = entry(config_map={"name": "app"}, watch=True, reload=RELOAD)
    spec = spec_of(put_on(workload(securityContext={"runAsUser": 101}), wanted).manifest)
    assert spec["shareProcessNamespace"] is True
    assert helper(spec)["securityContext"]["runAsUser"] == 101


def test_the_owner_cannot_be_another_than_who_signals() -> None:
    wanted = entry(config_map={"name": "app"}, watch=True, reload=RELOAD, owner=7)
    said = refusal(workload(securityContext={"runAsUser": 101}), wanted)
    assert "owner is 7, but reload.signal must come from the app's user, 101" in said


@pytest.mark.parametrize(
    "reload",
    [
        {},
        {"url": "http://a", "signal": "HUP", "process": "a"},
        {"signal": "HUP"},
        {"url": "a", "process": "b"},
    ],
)
def test_a_reload_is_a_request_or_a_signal(reload: dict[str, str]) -> None:
    assert ".reload" in refusal(workload(), entry(config_map={"name": "app"}, watch=True, reload=reload))


def test_what_is_kept_in_memory_is_not_on_a_disk_on_its_way_there() -> None:
    spec = spec_of(put_on(workload(), entry(git=REPOSITORY, memory=True)).manifest)
    media = [
        one(spec["volumes"], name)["emptyDir"]["medium"] for name in ("fetch-config", "fetch-config-work")
    ]
    assert media == ["Memory", "Memory"]
