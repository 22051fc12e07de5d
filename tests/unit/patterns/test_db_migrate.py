"""Pattern db_migrate: who migrates, who waits, under which lock, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .workloads import KINDS, names, one, put_on, refusal, spec_of, workload

KEY = {"name": "db", "key": "password"}
DATABASE = {"host": "db", "name": "shop", "user": "shop", "password_secret": KEY}
URL = {"url_secret": {"name": "db", "key": "url"}}
FILES = {"1_goods.up.sql": "create table goods ();", "2_orders.up.sql": "create table orders ();"}
GOLANG: dict[str, Any] = {"tool": "golang-migrate", "database": DATABASE, "files": FILES}
ALEMBIC: dict[str, Any] = {"tool": "alembic", "database": URL, "image": "shop:1"}
FLYWAY: dict[str, Any] = {"tool": "flyway", "database": DATABASE, "files": {"V1__goods.sql": "select 1"}}
LIQUIBASE: dict[str, Any] = {"tool": "liquibase", "database": DATABASE, "version": "orders"}
CUSTOM: dict[str, Any] = {"tool": "custom", "database": URL, "image": "shop:1", "command": ["./migrate"]}
TOOLS = {
    "golang-migrate": GOLANG,
    "alembic": ALEMBIC,
    "flyway": FLYWAY,
    "liquibase": LIQUIBASE,
    "django": {"tool": "django", "database": URL, "image": "shop:1"},
    "custom": {**CUSTOM, "ready_query": "select true"},
}


def deployment(replicas: int = 1, **spec: Any) -> dict[str, Any]:
    made = workload(**spec)
    made["spec"]["replicas"] = replicas
    return made


def entry(base: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"db_migrate": {**base, **options}}


def inits(manifest: dict[str, Any], base: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    return list(spec_of(put_on(manifest, entry(base, **options)).manifest)["initContainers"])


def job_of(base: dict[str, Any], replicas: int = 3, **options: Any) -> dict[str, Any]:
    (job,) = put_on(deployment(replicas), entry(base, **options)).objects
    return job


def config_of(container: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(one(container["env"], "PODPATTERNS_CONFIG")["value"]))


def value_of(container: dict[str, Any], name: str) -> Any:
    return one(container["env"], name).get("value")


# --- who migrates -------------------------------------------------------------------------------


# A DaemonSet has a Pod for each node, so mode init is refused on it.
PLACES = [
    (kind, mode)
    for kind in KINDS
    for mode in ("init", "init_with_lock", "job")
    if (kind, mode) != ("DaemonSet", "init")
]


@pytest.mark.parametrize(("kind", "mode"), PLACES)
@pytest.mark.parametrize("tool", TOOLS)
def test_it_comes_goes_and_stays_the_same_on_every_workload_kind(kind: str, mode: str, tool: str) -> None:
    bare = workload(kind)
    pattern = entry(TOOLS[tool], mode=mode)
    once = put_on(bare, pattern)
    assert "db-migrate" in names(spec_of(once.manifest)["initContainers"])
    again = put_on(once.manifest, pattern)
    assert (again.manifest, again.objects) == (once.manifest, once.objects)
    assert put_on(once.manifest).manifest == bare


def test_one_pod_migrates_in_its_init_container() -> None:
    made = put_on(deployment(1), entry(GOLANG))
    assert made.objects == []
    assert names(spec_of(made.manifest)["initContainers"]) == ["db-migrate-tool", "db-migrate"]


def parallel(kind: str) -> dict[str, Any]:
    """A Job or CronJob that runs several Pods at once."""
    made = workload(kind)
    (made["spec"] if kind == "Job" else made["spec"]["jobTemplate"]["spec"])["parallelism"] = 4
    return made


SEVERAL = [deployment(2), workload("DaemonSet"), parallel("Job"), parallel("CronJob")]


@pytest.mark.parametrize("manifest", SEVERAL, ids=[manifest["kind"] for manifest in SEVERAL])
def test_several_pods_leave_it_to_a_job_and_wait(manifest: dict[str, Any]) -> None:
    made = put_on(manifest, entry(GOLANG))
    (job,) = made.objects
    (waits,) = spec_of(made.manifest)["initContainers"]
    assert job["kind"] == "Job"
    assert config_of(job["spec"]["template"]["spec"]["containers"][0])["action"] == "migrate"
    assert config_of(waits)["action"] == "wait"
    assert config_of(waits)["version"] == "2"
    assert config_of(waits)["job"] == f"Job {job['metadata']['name']}"


def test_in_mode_job_the_workloads_pods_carry_no_migrations_that_they_do_not_need() -> None:
    made = put_on(deployment(3), entry(GOLANG))
    assert "volumes" not in spec_of(made.manifest)


def test_the_name_of_a_job_tells_its_migrations() -> None:
    name = job_of(GOLANG)["metadata"]["name"]
    assert name.startswith("shop-db-migrate-")
    assert job_of(GOLANG, replicas=5)["metadata"]["name"] == name
    changed = {**FILES, "3_more.up.sql": "select 1;"}
    assert job_of(GOLANG, files=changed)["metadata"]["name"] != name
    assert job_of(GOLANG, revision="again")["metadata"]["name"] != name


def test_a_jobs_name_fits_however_long_the_workloads_is() -> None:
    manifest = workload(name="a" * 63)
    manifest["spec"]["replicas"] = 2
    (job,) = put_on(manifest, entry(GOLANG)).objects
    assert len(job["metadata"]["name"]) <= 63
    assert all(len(value) <= 63 for value in job["metadata"]["labels"].values())


def test_a_job_ends_in_time_and_does_not_try_again_what_is_wrong() -> None:
    spec = job_of(GOLANG, deadline=100, retries=4, job_ttl=60)["spec"]
    assert (spec["activeDeadlineSeconds"], spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (
        160,
        4,
        60,
    )
    final, evicted = spec["podFailurePolicy"]["rules"]
    assert final["action"] == "FailJob"
    assert final["onExitCodes"]["containerName"] == "db-migrate"
    assert evicted["action"] == "Ignore"


def test_a_job_runs_where_the_workload_may() -> None:
    shared = {
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"operator": "Exists"}],
        "volumes": [{"name": "ca", "secret": {"secretName": "ca"}}, {"name": "data", "emptyDir": {}}],
    }
    mounts = [{"name": "ca", "mountPath": "/ca"}]
    made = put_on(deployment(2, **shared), entry(GOLANG, mounts=mounts, image_pull_secrets=["pull"]))
    spec = made.objects[0]["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == shared["nodeSelector"]
    assert spec["tolerations"] == shared["tolerations"]
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert "ca" in names(spec["volumes"])
    assert "data" not in names(spec["volumes"])
    assert spec["automountServiceAccountToken"] is False


def test_the_containers_keep_their_order_wherever_they_are_put() -> None:
    own = [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]
    for position, wanted in {
        None: ["db-migrate-tool", "db-migrate", "a", "b"],
        "first": ["db-migrate-tool", "db-migrate", "a", "b"],
        "last": ["a", "b", "db-migrate-tool", "db-migrate"],
        "after:a": ["a", "db-migrate-tool", "db-migrate", "b"],
        "before:b": ["a", "db-migrate-tool", "db-migrate", "b"],
    }.items():
        assert names(inits(deployment(initContainers=own), GOLANG, position=position)) == wanted


# --- migrations, tools, lock --------------------------------------------------------------------


def test_files_travel_with_the_pod_template() -> None:
    made = put_on(deployment(1), entry(GOLANG)).manifest
    annotations = made["spec"]["template"]["metadata"]["annotations"]
    assert annotations["podpatterns.core/db-migrate.0"] == FILES["1_goods.up.sql"]
    items = one(spec_of(made)["volumes"], "db-migrate-files")["downwardAPI"]["items"]
    assert [item["path"] for item in items] == list(FILES)
    assert items[0]["fieldRef"]["fieldPath"] == "metadata.annotations['podpatterns.core/db-migrate.0']"


def test_a_config_map_of_the_users_is_mounted_instead() -> None:
    made = put_on(deployment(3), entry(GOLANG, files={}, config_map="sql-7", version="7"))
    spec = made.objects[0]["spec"]["template"]["spec"]
    assert one(spec["volumes"], "db-migrate-files")["configMap"] == {"name": "sql-7"}
    assert "new content of ConfigMap sql-7 makes no new Job" in made.warnings[0]


def test_migrations_of_golang_migrates_own_image_are_copied_with_it() -> None:
    tool, runner = inits(deployment(1), GOLANG, files={}, image="shop/migrations:7", directory="/sql")
    assert tool["image"] == "shop/migrations:7"
    assert tool["command"][2:] == ["/usr/local/bin/migrate", "/sql", "/podpatterns/tool/"]
    assert config_of(runner)["directory"] == "/podpatterns/tool/sql"


@pytest.mark.parametrize(
    ("image", "warned"), [("shop", True), ("shop:latest", True), ("r:5000/shop:7", False)]
)
def test_an_image_without_a_tag_is_warned_of(image: str, warned: bool) -> None:
    assert bool(put_on(deployment(3), entry(ALEMBIC, image=image)).warnings) is warned
    assert put_on(deployment(3), entry(ALEMBIC, image=image, revision="7")).warnings == []


@pytest.mark.parametrize(
    ("base", "mode", "lock", "advisory"),
    [
        (GOLANG, "job", "auto", True),
        (GOLANG, "init_with_lock", "auto", True),
        (GOLANG, "init_with_lock", "tool", False),
        (GOLANG, "init", "auto", False),
        (ALEMBIC, "job", "auto", True),
        (ALEMBIC, "job", "none", False),
        (CUSTOM, "init_with_lock", "auto", True),
    ],
)
def test_the_lock_is_taken_where_it_is_due(
    base: dict[str, Any], mode: str, lock: str, advisory: bool
) -> None:
    made = put_on(deployment(1), entry(base, mode=mode, lock=lock, lock_timeout=7))
    containers = (
        made.objects[0]["spec"]["template"]["spec"]["containers"]
        if mode == "job"
        else spec_of(made.manifest)["initContainers"]
    )
    taken = config_of(containers[-1])["lock"]
    assert (taken is not None) is advisory
    assert taken is None or taken["timeout"] == 7


def test_who_share_a_versions_table_share_a_lock() -> None:
    def lock(**options: Any) -> str:
        return str(
            config_of(inits(deployment(3), GOLANG, mode="init_with_lock", **options)[-1])["lock"]["name"]
        )

    assert lock() == lock(files={}, version="2", config_map="x")
    assert lock() != lock(table="other.schema_migrations")
    assert lock(lock_name="mine") == "mine"


def test_the_python_tools_run_and_wait_in_the_projects_image() -> None:
    made = put_on(deployment(3), entry(ALEMBIC))
    assert spec_of(made.manifest)["initContainers"][0]["image"] == "shop:1"
    assert made.objects[0]["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:1"


def test_flyway_runs_as_its_image_has_it_with_a_deadline() -> None:
    (made,) = inits(deployment(1), FLYWAY, deadline=90, lock_timeout=40)
    assert made["command"] == ["timeout", "-k", "10", "90", "flyway", "migrate"]
    assert value_of(made, "FLYWAY_URL") == "jdbc:postgresql://db:5432/shop"
    assert value_of(made, "FLYWAY_LOCATIONS") == "filesystem:/migrations"
    assert value_of(made, "FLYWAY_POSTGRESQL_TRANSACTIONAL_LOCK") == "false"
    assert value_of(made, "FLYWAY_LOCK_RETRY_COUNT") == "40"


def test_liquibase_runs_as_its_image_has_it() -> None:
    (made,) = inits(deployment(1), LIQUIBASE, entry_file="main.yaml", directory="/sql", lock_timeout=120)
    assert made["command"][-2:] == ["liquibase", "update"]
    assert value_of(made, "LIQUIBASE_COMMAND_CHANGELOG_FILE") == "main.yaml"
    assert value_of(made, "LIQUIBASE_SEARCH_PATH") == "/sql"
    assert value_of(made, "LIQUIBASE_CHANGELOG_LOCK_WAIT_TIME_IN_MINUTES") == "2"


def test_flyways_newest_version_is_told_by_its_files() -> None:
    files = {f"V{one}__x.sql": "select 1" for one in ("1", "1_9", "1.10")}
    waits = inits(deployment(2), FLYWAY, files=files)[0]
    assert config_of(waits)["version"] == "1.10"


# --- secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("mode", ["init", "job"])
def test_who_logs_in_comes_from_secrets_by_reference(tool: str, mode: str) -> None:
    made = put_on(deployment(1), entry(TOOLS[tool], mode=mode))
    pods = [spec_of(made.manifest), *(job["spec"]["template"]["spec"] for job in made.objects)]
    containers = [
        one
        for pod in pods
        for one in [*(pod.get("initContainers") or ()), *pod["containers"]]
        if one.get("env")
    ]
    for container in containers:
        by_reference = [variable for variable in container["env"] if "valueFrom" in variable]
        assert [variable["valueFrom"]["secretKeyRef"]["name"] for variable in by_reference] == ["db"]


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tool": None}, ": missing required arguments: tool"),
        ({"tool": "flyweight"}, ": value of tool must be one of: golang-migrate, flyway, liquibase, alembic"),
        ({"database": None}, ": missing required arguments: database"),
        ({"databse": {}}, ".databse is no option; did you mean database?"),
        (
            {"database": {}},
            ".database.host is missing; give host, name, user and password_secret, or the whole URL",
        ),
        (
            {"database": {**DATABASE, "password": "x"}},
            ".database.password is no option; did you mean password_secret?",
        ),
        ({"database": {**DATABASE, "password_secret": {"name": "db"}}}, ": missing required arguments: key"),
        (
            {"database": {**DATABASE, "password_secret": None}},
            ".database.password_secret is missing; give host",
        ),
        ({"database": {**DATABASE, **URL}}, ".database has both url_secret and host; give one of them"),
        (
            {"database": {**DATABASE, "user": None}},
            ".database has neither user nor user_secret; give one of them",
        ),
        ({"database": {**DATABASE, "user_secret": KEY}}, ".database has both user and user_secret; give one"),
        (
            {"database": {**DATABASE, "host": "postgresql://shop:hush@db"}},
            ".database.host is no host's name; a URL belongs into a Secret",
        ),
        ({"database": {**DATABASE, "port": 99999}}, ".database.port is 99999; it must be from 1 to 65535"),
        (
            {"database": {**DATABASE, "variable": "A-B"}},
            ".database.variable is 'A-B'; it must be a variable's name",
        ),
        ({"database": {**DATABASE, "sslmode": "on"}}, ": value of sslmode must be one of: disable, prefer"),
        (
            {"files": {"goods.sql": "x"}},
            ".files names 'goods.sql', which golang-migrate would ignore; it takes 1_name",
        ),
        (
            {"files": {"../1_x.up.sql": "x"}},
            ".files names '../1_x.up.sql'; a file's path is below the directory",
        ),
        ({"files": {"/1_x.up.sql": "x"}}, ".files names '/1_x.up.sql'; a file's path is below the directory"),
        ({"files": {"1_x.up.sql": ""}}, ".files['1_x.up.sql'] is ''; it must be the text of a file"),
        ({"files": {"1_x.up.sql": ["x"]}}, ".files['1_x.up.sql'] is ['x']; it must be the text of a file"),
        (
            {"files": {"1_x.up.sql": "x" * 300000}},
            ".files has 300010 bytes, a Pod carries at most 204800; put the",
        ),
        ({"config_map": "sql"}, " has both files and config_map; give one of them"),
        ({"files": {}, "mode": "job"}, ".version is missing; in mode job the app waits for that version"),
        ({"version": "head"}, ".version is 'head'; golang-migrate has numbers for versions, such as 3"),
        ({"table": "x; drop table goods"}, ".table is 'x; drop table goods'; it must be a table's name"),
        ({"directory": "sql"}, ".directory is 'sql'; it must begin with /"),
        ({"command": ["migrate", "up"]}, ".command is given, but golang-migrate's is made from the options"),
        (
            {"ready_query": "select true"},
            ".ready_query is for tool custom; golang-migrate knows its own version",
        ),
        ({"deadline": 0}, ".deadline is 0; it must be 1 or more"),
        ({"lock_timeout": -1}, ".lock_timeout is -1; it must be 1 or more"),
        ({"retries": -1}, ".retries is -1; it must be 0 or more"),
        ({"mode": "native"}, ": value of mode must be one of: auto, job, init, init_with_lock"),
        (
            {"mode": "init", "lock": "advisory"},
            ".lock is advisory, but mode is init; use mode: init_with_lock",
        ),
        (
            {"mode": "init_with_lock", "lock": "none"},
            ".lock is none, but mode is init_with_lock; use advisory",
        ),
        (
            {**ALEMBIC, "files": {}, "image": None},
            ".image is missing; alembic runs in an image of your own, the one",
        ),
        (
            {**ALEMBIC, "files": {}, "lock": "tool"},
            ".lock is tool, but alembic has no lock of its own; use advisory",
        ),
        (
            {**FLYWAY, "table": "a.b"},
            ".table is 'a.b'; flyway takes a table's name alone, give the schema by",
        ),
        (
            {**FLYWAY, "lock": "advisory"},
            ".lock is advisory, but the image of flyway has no Python to hold it",
        ),
        (
            {**FLYWAY, "files": {"1.sql": "x"}},
            ".files names '1.sql', which flyway would ignore; it takes V1__name.sql",
        ),
        (
            {**LIQUIBASE, "files": {}, "version": None, "mode": "job"},
            ".version is missing; in mode job the app waits",
        ),
        (
            {**CUSTOM, "files": {}, "command": None},
            ".command is missing; tool custom runs nothing without one",
        ),
        (
            {**CUSTOM, "files": {}, "mode": "job"},
            ".ready_query is missing; in mode job the app waits until this SQL",
        ),
        (
            {**CUSTOM, "files": {}, "version": "3"},
            ".version is given, but custom has no single version; remove it",
        ),
    ],
)
def test_a_wrong_option_gets_one_sentence(options: dict[str, Any], sentence: str) -> None:
    given = {key: value for key, value in {**GOLANG, **options}.items() if value is not None}
    said = refusal(deployment(1), {"db_migrate": given})
    assert said.startswith(f"patterns[0].db_migrate{sentence}"), said
    assert "\n" not in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("manifest", "words"), [(deployment(3), "3 Pods"), (workload("DaemonSet"), "a Pod for each node")]
)
def test_init_without_a_lock_is_refused_for_several_pods(manifest: dict[str, Any], words: str) -> None:
    said = refusal(manifest, entry(GOLANG, mode="init"))
    assert f"shop has {words}, which would all migrate at once; use job or init_with_lock" in said
