"""What role `db_migrate` left in the database and in the cluster; then a migration is killed."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import testinfra

KUBECONFIG = os.environ["KUBECONFIG"]
NAMESPACE = "podpatterns-db-migrate"
PATIENCE = 300
CANNOT_BE_PULLED = ("ErrImagePull", "ImagePullBackOff")


def kubectl(*words: str) -> str:
    command = " ".join(["kubectl", "--kubeconfig", KUBECONFIG, "--namespace", NAMESPACE, *words])
    return str(testinfra.get_host("local://").check_output(command))


def sql(statement: str) -> list[str]:
    """The lines that the database answers."""
    told = kubectl(
        "exec deploy/db -- psql --username shop --no-align --tuples-only --quiet --command", f'"{statement}"'
    )
    return told.splitlines()


def listed(kind: str, selector: str) -> list[dict[str, Any]]:
    return list(json.loads(kubectl("get", kind, "--selector", selector, "--output json"))["items"])


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not so after {PATIENCE} s"
        time.sleep(0.5)


def statuses(name: str) -> list[dict[str, Any]]:
    return [
        status
        for pod in listed("pod", f"app={name}")
        for status in pod["status"].get("initContainerStatuses", ())
    ]


def rolled_out(name: str) -> None:
    """Wait for a Deployment of the image that only the project's own mirror has."""

    def ready() -> bool:
        reasons = {one["state"].get("waiting", {}).get("reason") for one in statuses(name)}
        if reasons & set(CANNOT_BE_PULLED):
            pytest.skip(
                "docker.io/podpatterns/migrations-example:1 cannot be pulled, it is in the mirror only"
            )
        return status(name).get("readyReplicas") == status(name)["replicas"]

    until(ready, f"Deployment {name} ready")


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

    def replaced() -> bool:
        pods = [pod for pod in listed("pod", mine) if pod["metadata"]["name"] != old["name"]]
        return [pod["status"]["containerStatuses"][0]["ready"] for pod in pods] == [True] * 3

    until(replaced, "three Pods of the old template are ready")


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


def test_no_manifest_holds_the_password() -> None:
    told = kubectl("get deployments,jobs,pods --output json")
    assert "only-an-example" not in told.replace('SECRET_KEY = \\"only-an-example\\"', "")


def test_five_at_once_applied_each_migration_once_and_a_killed_one_was_done_by_the_next() -> None:
    """The update's first Pod hangs in its migration; it is killed, and the other one does it whole."""
    hanging = "select count(*) from pg_stat_activity where query like 'select pg_sleep(case%'"
    if any(one["state"].get("waiting", {}).get("reason") in CANNOT_BE_PULLED for one in statuses("orders")):
        pytest.skip("docker.io/podpatterns/migrations-example:1 cannot be pulled, it is in the mirror only")
    until(lambda: sql(hanging) == ["1"], "a migration hangs")
    assert Counter(sql("select migration from applied")) == Counter(["one", "two"])
    (holder,) = sql(
        "select distinct application_name from pg_stat_activity join pg_locks using (pid)"
        " where locktype = 'advisory' and granted"
    )
    sql("insert into attempts values (1)")
    kubectl("delete pod", holder, "--force --grace-period=0")
    rolled_out("orders")
    until(lambda: status("orders").get("updatedReplicas") == 5, "all five are of the new template")
    rolled_out("orders")
    assert Counter(sql("select migration from applied")) == Counter(["one", "two", "three"])
    assert sql(hanging) == ["0"], "the server has given up what was killed"


def test_a_rollback_of_the_app_starts_on_the_newer_schema() -> None:
    """The scripts that come back do not know the revision that the database has: it is newer than they are."""
    rolled_out("orders")
    kubectl("scale deployment orders --replicas 1")
    kubectl("rollout undo deployment orders")
    kubectl("rollout status deployment orders", f"--timeout {PATIENCE}s")
    told = kubectl("logs --selector app=orders --container db-migrate --tail -1 --prefix=false")
    assert "the schema is at revision three, newer than two" in told
    assert Counter(sql("select migration from applied")) == Counter(["one", "two", "three"])
