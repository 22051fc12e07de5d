"""Pattern wait_for: what its options make of a workload, and which of them are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._patterns.compose import compose

from .workloads import KINDS, names, one, put_on, refusal, spec_of, workload

TCP = {"tcp": {"host": "db", "port": 5432}}
MINIMAL = {"wait_for": {"targets": [TCP]}}


def waiter(*targets: Any, manifest: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    made = put_on(manifest or workload(), {"wait_for": {"targets": list(targets), **options}})
    return dict(one(spec_of(made.manifest)["initContainers"], "wait-for"))


def config_of(made: Mapping[str, Any]) -> dict[str, Any]:
    (text,) = [entry["value"] for entry in made["env"] if entry["name"] == "PODPATTERNS_CONFIG"]
    return dict(json.loads(text))


def target_of(target: Any, **options: Any) -> dict[str, Any]:
    (found,) = config_of(waiter(target, **options))["targets"]
    return dict(found)


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_goes_and_stays_the_same_on_every_workload_kind(kind: str) -> None:
    entry = {
        "wait_for": {
            "targets": [TCP, {"service": {"name": "web"}}, {"postgresql": {"host": "db", "user": "app"}}],
            "on_timeout": "continue",
        }
    }
    bare = workload(kind)
    once = put_on(bare, entry).manifest
    assert names(spec_of(once)["initContainers"]) == ["wait-for"]
    assert put_on(once, entry).manifest == once
    assert put_on(once).manifest == bare


def test_it_needs_no_rights_where_it_asks_no_api() -> None:
    made = put_on(workload(), MINIMAL)
    assert made.objects == []
    assert "serviceAccountName" not in spec_of(made.manifest)
    assert "volumeMounts" not in waiter(TCP)


def test_a_service_needs_the_right_to_list_endpoint_slices_and_no_other() -> None:
    made = put_on(workload(), {"wait_for": {"targets": [{"service": {"name": "web"}}]}})
    (role,) = [item for item in made.objects if item["kind"] == "Role"]
    assert role["rules"] == [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]}
    ]


def test_a_job_needs_the_right_to_get_just_this_job_where_it_is() -> None:
    targets = [{"job": {"name": "migrate", "namespace": "db"}}, {"job": {"name": "seed"}}]
    made = compose(workload(), [{"wait_for": {"targets": targets}}], namespace="shop")
    rules = {item["metadata"]["namespace"]: item["rules"] for item in made.objects if item["kind"] == "Role"}
    right = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}
    assert rules == {
        "db": [{**right, "resourceNames": ["migrate"]}],
        "shop": [{**right, "resourceNames": ["seed"]}],
    }


def test_a_target_is_named_as_a_person_would() -> None:
    targets = [
        TCP,
        {"http": {"url": "https://shop/health"}},
        {"dns": {"name": "shop.prod.svc."}},
        {"service": {"name": "web", "port": "http"}},
        {"job": {"name": "migrate"}},
        {"postgresql": {"host": "db", "user": "app"}},
        {"file": {"path": "/data/ready"}},
    ]
    mounting = workload(containers=[{"name": "web", "volumeMounts": [{"name": "d", "mountPath": "/data"}]}])
    made = waiter(*targets, manifest=mounting)
    assert [target["name_shown"] for target in config_of(made)["targets"]] == [
        "tcp db:5432",
        "https://shop/health",
        "dns shop.prod.svc.",
        "Service default/web:http",
        "Job default/migrate",
        "postgresql app@db:5432/app",
        "file /data/ready",
    ]


@pytest.mark.parametrize(
    ("codes", "ranges"),
    [(None, [[200, 299]]), ([204], [[204, 204]]), (["200-399", "404"], [[200, 399], [404, 404]])],
)
def test_codes_may_be_ranges(codes: Any, ranges: list[list[int]]) -> None:
    given = {"url": "http://shop"} | ({} if codes is None else {"code": codes})
    assert target_of({"http": given})["codes"] == ranges


def test_a_password_comes_as_a_file_from_its_secret_and_is_nowhere_else() -> None:
    secret = {"name": "db-login", "key": "pass"}
    made = put_on(
        workload(),
        {"wait_for": {"targets": [{"postgresql": {"host": "db", "user": "app", "password_secret": secret}}]}},
    )
    spec = spec_of(made.manifest)
    helper = one(spec["initContainers"], "wait-for")
    (target,) = config_of(helper)["targets"]
    (volume,) = spec["volumes"]
    assert volume["projected"]["sources"] == [
        {"secret": {"name": "db-login", "items": [{"key": "pass", "path": "db-login/pass"}]}}
    ]
    (mount,) = helper["volumeMounts"]
    assert target["password_file"] == f"{mount['mountPath']}/db-login/pass"
    assert names(one(spec["containers"], "web").get("volumeMounts")) == []


def test_authorities_of_several_targets_do_not_hide_each_other() -> None:
    first = target_of({"http": {"url": "https://a", "tls_ca": {"name": "a"}}})["ca_file"]
    second = target_of({"http": {"url": "https://b", "tls_ca": {"name": "b"}}})["ca_file"]
    assert first != second
    assert first.endswith("/ca.crt")


def test_a_file_is_seen_through_the_closest_mount_of_the_app() -> None:
    mounts = [
        {"name": "outer", "mountPath": "/data"},
        {"name": "inner", "mountPath": "/data/in", "subPath": "x"},
        {"name": "beside", "mountPath": "/data/inner"},
    ]
    given = workload(containers=[{"name": "web", "volumeMounts": mounts}])
    made = waiter({"file": {"path": "/data/in/ready"}}, manifest=given)
    assert made["volumeMounts"] == [
        {"name": "inner", "mountPath": "/data/in", "subPath": "x", "readOnly": True}
    ]


def test_two_files_of_one_volume_need_one_mount() -> None:
    given = workload(containers=[{"name": "web", "volumeMounts": [{"name": "d", "mountPath": "/data"}]}])
    made = waiter({"file": {"path": "/data/a"}}, {"file": {"path": "/data/b"}}, manifest=given)
    assert names(made["volumeMounts"]) == ["d"]


def test_a_file_may_be_seen_through_a_mount_of_its_own() -> None:
    mount = {"name": "shared", "mountPath": "/shared"}
    assert waiter({"file": {"path": "/shared/ready"}}, mounts=[mount])["volumeMounts"] == [mount]


def test_the_app_may_read_the_marker_but_not_write_it() -> None:
    made = put_on(workload(), {"wait_for": {"targets": [TCP], "on_timeout": "continue"}}).manifest
    helper = one(spec_of(made)["initContainers"], "wait-for")
    assert config_of(helper)["marker"] == "/run/podpatterns/wait-for/timed-out"
    volume = {"name": "wait-for-marker", "mountPath": "/run/podpatterns/wait-for"}
    assert helper["volumeMounts"] == [volume]
    assert one(spec_of(made)["containers"], "web")["volumeMounts"] == [{**volume, "readOnly": True}]


def test_two_waits_have_markers_of_their_own() -> None:
    entry = {"wait_for": {"targets": [TCP], "on_timeout": "continue"}}
    made = put_on(workload(), entry, entry).manifest
    folders = [mount["mountPath"] for mount in one(spec_of(made)["containers"], "web")["volumeMounts"]]
    assert folders == ["/run/podpatterns/wait-for", "/run/podpatterns/wait-for-2"]


def test_an_ipv6_address_is_a_host() -> None:
    assert target_of({"tcp": {"host": "fd00::1", "port": 1}})["host"] == "fd00::1"


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ({}, " names no kind of target; give exactly one of tcp, http, dns, service, job, postgresql, file"),
        ({**TCP, "dns": {"name": "db"}}, " names tcp and dns; give exactly one of"),
        ({"tpc": {"host": "db", "port": 1}}, ".tpc is no option; did you mean tcp?"),
        (
            {"tcp": {"host": "db"}},
            "patterns[0].wait_for: missing required arguments: port found in targets -> tcp",
        ),
        ({"tcp": {"host": "db", "port": 0}}, ".tcp.port is 0; it must be a port number from 1 to 65535"),
        ({"tcp": {"host": "db", "port": "http"}}, "patterns[0].wait_for: "),
        (
            {"tcp": {"host": "db:5432", "port": 1}},
            ".tcp.host is 'db:5432'; it must be a name such as db.shop.svc",
        ),
        ({"tcp": {"host": "", "port": 1}}, ".tcp.host is ''; it must be a name"),
        ({"dns": {"name": "http://db"}}, ".dns.name is 'http://db'; it must be a name such as db or"),
        ({"dns": {"name": "a..b"}}, ".dns.name is 'a..b'; it must be a name such as db or"),
        (
            {"http": {"url": "shop/health"}},
            ".http.url is 'shop/health'; it must begin with http:// or https://",
        ),
        (
            {"http": {"url": "ftp://shop"}},
            ".http.url is 'ftp://shop'; it must begin with http:// or https://",
        ),
        ({"http": {"url": "http://me:hunter2@shop"}}, ".http.url holds credentials; put them into a Secret"),
        (
            {"http": {"url": "http://shop:0/"}},
            ".http.url is 'http://shop:0/', whose port is 0; it must be a port",
        ),
        (
            {"http": {"url": "http://shop:99999"}},
            ".http.url is 'http://shop:99999', whose port is 99999; it must",
        ),
        (
            {"http": {"url": "http://shop/a b"}},
            ".http.url is 'http://shop/a b'; it must be a URL without blanks",
        ),
        (
            {"http": {"url": "http://a", "code": ["ok"]}},
            ".http.code[0] is 'ok'; it must be a status such as 204",
        ),
        (
            {"http": {"url": "http://a", "code": ["299-200"]}},
            ".http.code[0] is '299-200'; it must be a status",
        ),
        ({"http": {"url": "http://a", "body": "("}}, ".http.body is '(', no regular expression: "),
        (
            {"http": {"url": "http://a", "body": "x", "method": "HEAD"}},
            ".http.method is 'HEAD', whose answers have",
        ),
        (
            {"http": {"url": "http://a", "method": "POST"}},
            "patterns[0].wait_for: value of method must be one of",
        ),
        (
            {"http": {"url": "http://a", "tls_ca": {"name": "ca"}}},
            ".http.tls_ca is given, but url is 'http://a'",
        ),
        (
            {"http": {"url": "http://a", "tls_verify": False}},
            ".http.tls_verify is given, but url is 'http://a'",
        ),
        (
            {"http": {"url": "https://a", "tls_verify": False, "tls_ca": {"name": "ca"}}},
            ".http.tls_verify is false, but tls_ca is given to verify with; keep one of the two",
        ),
        (
            {"http": {"url": "http://a", "headers": {"Authorization": "Bearer hunter2"}}},
            ".http.headers.Authorization would put a secret into the manifest",
        ),
        (
            {"http": {"url": "http://a", "headers": {"A": "b\r\nC: d"}}},
            ".http.headers.A is 'b\\r\\nC: d'; it must be",
        ),
        (
            {"http": {"url": "http://a", "headers": {"A B": "c"}}},
            ".http.headers has the name 'A B'; it must be",
        ),
        ({"service": {"name": "Web"}}, ".service.name is 'Web'; it must be a name of lower-case letters"),
        ({"service": {"name": "web", "min_ready": 0}}, ".service.min_ready is 0; it must be 1 or more"),
        ({"service": {"name": "web", "ready": 2}}, ".service.ready is no option; did you mean min_ready?"),
        ({"job": {"name": "a/b"}}, ".job.name is 'a/b'; it must be a name of lower-case letters"),
        (
            {"job": {"name": "a"}, "invert": True},
            ".invert is true, but a Job that is not complete may yet be",
        ),
        ({"postgresql": {"host": "db"}}, "patterns[0].wait_for: missing required arguments: user found in"),
        ({"postgresql": {"host": "db", "user": ""}}, ".postgresql.user is ''; it must be the name of a user"),
        (
            {"postgresql": {"host": "db", "user": "a", "password": "hunter2"}},
            ".postgresql.password is no option; did you mean password_secret?",
        ),
        (
            {"postgresql": {"host": "db", "user": "a", "password_secret": {"name": "No_Name"}}},
            ".postgresql.password_secret.name is 'No_Name'; it must be the name of an object",
        ),
        (
            {"postgresql": {"host": "db", "user": "a", "tls_ca": {"name": "ca"}}},
            ".postgresql.tls_ca is given, but sslmode is prefer, which trusts any server; use verify-ca or",
        ),
        (
            {"postgresql": {"host": "db", "user": "a", "sslmode": "allow"}},
            "patterns[0].wait_for: value of sslmode",
        ),
        (
            {"file": {"path": "ready"}},
            ".file.path is 'ready'; it must be the absolute path of a file, without ..",
        ),
        ({"file": {"path": "/data/"}}, ".file.path is '/data/'; it must be the absolute path of a file"),
        (
            {"file": {"path": "/data/ready"}},
            ".file.path is '/data/ready', which no volume mount of the workload's",
        ),
        ({"file": {"path": "/data/ready", "min_size": -1}}, ".file.min_size is -1; it must be 0 or more"),
        ({**TCP, "timeout": 0}, ".timeout is 0; it must be above 0 and at most the deadline, 120"),
        ({**TCP, "timeout": 121}, ".timeout is 121; it must be above 0 and at most the deadline, 120"),
    ],
)
def test_a_wrong_target_gets_one_sentence(target: Any, sentence: str) -> None:
    said = refusal(workload(), {"wait_for": {"targets": [target]}})
    wanted = sentence if sentence.startswith("patterns") else f"patterns[0].wait_for.targets[0]{sentence}"
    assert said.startswith(wanted), said
    assert "\n" not in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"targets": []}, ".targets is empty; give at least one of tcp, http"),
        ({}, "patterns[0].wait_for: missing required arguments: targets"),
        ({"targets": "db"}, "patterns[0].wait_for: "),
        ({"targets": [TCP], "match": "some"}, "patterns[0].wait_for: value of match must be one of"),
        ({"targets": [TCP], "interval": 0}, ".interval is 0; it must be a number of seconds above 0"),
        ({"targets": [TCP], "deadline": -1}, ".deadline is -1; it must be a number of seconds above 0"),
        ({"targets": [TCP], "deadline": "nan"}, ".deadline is nan; it must be a number of seconds above 0"),
        (
            {"targets": [TCP], "attempt_timeout": "inf"},
            ".attempt_timeout is inf; it must be a number of seconds",
        ),
        ({"targets": [TCP], "backoff": 0.5}, ".backoff is 0.5; it must be 1 or more, 1 for an even interval"),
        ({"targets": [TCP], "interval": 11}, ".interval is 11, longer than max_interval 10"),
        (
            {"targets": [TCP], "interval": 5, "deadline": 5},
            ".interval is 5, but the deadline 5 passes before",
        ),
        (
            {"targets": [TCP], "marker": "/run/x/y"},
            ".marker is '/run/x/y', but on_timeout is fail; set it to",
        ),
        (
            {"targets": [TCP], "on_timeout": "continue", "marker": "/late"},
            ".marker is '/late'; its folder becomes a volume of its own, so it needs one",
        ),
        (
            {"targets": [TCP], "on_timeout": "ignore"},
            "patterns[0].wait_for: value of on_timeout must be one of",
        ),
        ({"targets": [TCP], "mode": "native"}, ".mode is no option; "),
    ],
)
def test_a_wrong_option_gets_one_sentence(options: dict[str, Any], sentence: str) -> None:
    said = refusal(workload(), {"wait_for": options})
    wanted = sentence if sentence.startswith("patterns") else f"patterns[0].wait_for{sentence}"
    assert said.startswith(wanted), said
    assert "\n" not in said


def test_a_job_does_not_wait_for_itself() -> None:
    entry = {"wait_for": {"targets": [{"job": {"name": "shop"}}]}}
    assert refusal(workload("Job"), entry).endswith(
        ".job.name is 'shop', the Job that is to wait; it would wait for itself"
    )
    assert put_on(workload("Deployment"), entry)
