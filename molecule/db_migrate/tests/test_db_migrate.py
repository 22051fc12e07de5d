"""What role `db_migrate` left in the database and in the cluster; then a migration is killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.watching import Items, Namespace, labelled

NAMESPACE = "podpatterns-db-migrate"
HERE = Namespace(NAMESPACE, patience=300)
EXAMPLE = "docker.io/podpatterns/migrations-example:1, which is in the mirror only,"

kubectl, listed, sql = HERE.kubectl, HERE.listed, HERE.sql


def rolled_out(name: str) -> None:
    """Wait for a Deployment of the image that only the project's own mirror has."""
    HERE.needs_its_image(labelled(f"app={name}"), EXAMPLE)
    kubectl(f"rollout status deployment {name} --timeout {HERE.patience}s")


def status(name: str) -> dict[str, Any]:
    return dict(json.loads(kubectl("get deployment", name, "--output json"))["status"])


def test_the_migrations_of_golang_migrate_were_applied_once() -> None:
    assert sql("select name from goods order by name") == ["apple", "bread"]


def test_no_app_started_before_its_schema_was_there() -> None:
    """The app of the example asks for the table as its first act, and would have failed."""
    old = [
        pod
        for pod in listed("pod", "app=shop")
        if pod["status"].get("containerStatuses", [{}])[0].get("ready")
    ]
    assert len(old) == 3
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in old] == [0, 0, 0]
    log = kubectl("logs", old[0]["metadata"]["name"], "--container shop")
    assert "apple" in log


def test_a_broken_migration_keeps_the_new_pods_back_and_the_old_ones_go_on() -> None:
    pods = listed("pod", "app=shop")
    waiting = [pod for pod in pods if pod["status"]["phase"] == "Pending"]
    assert len(waiting) == 1, "one Pod of the new template waits, and with it the rollout"
    assert status("shop")["availableReplicas"] == 3
    assert sql("select version, dirty from schema_migrations") == ["3|t"]


def test_an_old_pod_that_is_replaced_after_that_starts_as_before() -> None:
    """Its template wants version 2; that version 3 was tried and is dirty is not its affair."""
    old = next(pod["metadata"] for pod in listed("pod", "app=shop") if pod["status"]["phase"] == "Running")
    kubectl("delete pod", old["name"])
    mine = f"app=shop,pod-template-hash={old['labels']['pod-template-hash']}"

    def replaced(pods: Items) -> bool:
        others = [pod["status"] for name, pod in pods.items() if name != old["name"]]
        return [one.get("containerStatuses", [{}])[0].get("ready") for one in others] == [True] * 3

    HERE.pods(labelled(mine), replaced, "three Pods of the old template are ready")


def test_the_job_before_is_gone_and_the_broken_one_says_why_it_failed() -> None:
    (job,) = listed("job", "podpatterns.core/db-migrate=shop")
    conditions = {one["type"]: one for one in job["status"]["conditions"] if one["status"] == "True"}
    assert conditions["Failed"]["reason"] == "PodFailurePolicy", "what is wrong is not tried again"
    (pod,) = listed("pod", f"job-name={job['metadata']['name']}")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == 3
    assert "TABEL" in ended["message"]


def test_three_replicas_waited_for_djangos_one_job() -> None:
    rolled_out("goods")
    assert sql("select migration from django_applied") == ["0001"]
    assert len(listed("job", "podpatterns.core/db-migrate=goods")) == 1


@pytest.mark.parametrize(("app", "tool"), [("stock", "flyway"), ("bills", "liquibase")])
def test_replicas_waited_for_the_one_job_of_a_tool_in_java(app: str, tool: str) -> None:
    (job,) = listed("job", f"podpatterns.core/db-migrate={app}")
    HERE.needs_its_image(labelled(f"job-name={job['metadata']['name']}"), f"the image of {tool}")
    kubectl(f"rollout status deployment {app} --timeout {HERE.patience}s")
    assert sql(f"select name from {app}") == ["one"]
    assert sql(f"select count(*) from pg_indexes where indexname = '{app}_names'") == ["1"]


def test_a_killed_migration_is_left_to_people_and_the_apps_go_on_waiting() -> None:
    """golang-migrate marks a version before it begins it: whoever comes next finds the mark, and stops."""
    (job,) = listed("job", "podpatterns.core/db-migrate=parcels")
    pods = f"job-name={job['metadata']['name']}"
    working = "select count(*) from pg_stat_activity where query like 'insert into parcels%'"
    marked = "select version, dirty from parcels_migrations"
    if sql(working) == ["0"] and sql("select to_regclass('parcels_migrations')") != [""]:
        assert sql(marked) == ["2|t"], "an earlier run of this test has killed it"
    else:
        HERE.until(lambda: sql(working) == ["1"], lambda: "no migration is at work")
        (pod,) = listed("pod", pods)
        kubectl(f"delete pod {pod['metadata']['name']} --force --grace-period=0")
    kubectl(f"wait --for=condition=Failed job/{job['metadata']['name']} --timeout={HERE.patience}s")
    assert sql(working) == ["0"], "the server has given up what was killed"
    assert sql(marked) == ["2|t"]
    assert sql("select count(*) from parcels") == ["0"], "nothing of it is there"
    last = max(listed("pod", pods), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    ended = last["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == 3, "what a person must mend is not tried again"
    assert "left version 2 dirty (see what of it is there, mend that by hand, then tell" in ended["message"]
    apps = [pod["status"]["phase"] for pod in listed("pod", "app=parcels")]
    assert apps == ["Pending", "Pending"]


def test_no_manifest_holds_the_password() -> None:
    told = kubectl("get deployments,jobs,pods --output json")
    assert "only-an-example" not in told.replace('SECRET_KEY = \\"only-an-example\\"', "")


def test_five_at_once_applied_each_migration_once_and_a_killed_one_was_done_by_the_next() -> None:
    """The update's first Pod hangs in its migration; it is killed, and the other one does it whole."""
    hanging = "select count(*) from pg_stat_activity where query like 'select pg_sleep(case%'"
    HERE.needs_its_image(labelled("app=orders"), EXAMPLE)
    HERE.until(lambda: sql(hanging) == ["1"], lambda: "no migration hangs")
    assert Counter(sql("select migration from applied")) == Counter(["one", "two"])
    (holder,) = sql(
        "select distinct application_name from pg_stat_activity join pg_locks using (pid)"
        " where locktype = 'advisory' and granted"
    )
    sql("insert into attempts values (1)")
    kubectl("delete pod", holder, "--force --grace-period=0")
    rolled_out("orders")
    assert status("orders")["updatedReplicas"] == 5
    assert Counter(sql("select migration from applied")) == Counter(["one", "two", "three"])
    assert sql(hanging) == ["0"], "the server has given up what was killed"


def test_a_rollback_of_the_app_starts_on_the_newer_schema() -> None:
    """The scripts that come back do not know the revision that the database has: it is newer than they are."""
    rolled_out("orders")
    kubectl("scale deployment orders --replicas 1")
    kubectl("rollout undo deployment orders")
    kubectl("rollout status deployment orders", f"--timeout {HERE.patience}s")
    told = kubectl("logs --selector app=orders --container db-migrate --tail -1 --prefix=false")
    assert "the schema is at revision three, newer than two" in told
    assert Counter(sql("select migration from applied")) == Counter(["one", "two", "three"])


def test_each_replica_started_on_the_schema_that_it_waited_for(lifecycle_assert: Callable[..., None]) -> None:
    running = [
        pod["metadata"]["name"] for pod in listed("pod", "app=shop") if pod["status"]["phase"] == "Running"
    ]
    assert len(running) == 3, "another one waits for the broken migration"
    for pod in running:
        lifecycle_assert(
            {"outcome": {"container": "db-migrate", "exit_code": 0}},
            {"before": ["db-migrate.finished", "shop.started"]},
            {"before_ready": "db-migrate"},
            name=pod,
            namespace=NAMESPACE,
        )
