"""What apps find after role `fetch_config`, and which Pods it kept from starting."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from tests.watching import Namespace, labelled

KUBECONFIG = os.environ["KUBECONFIG"]
NAMESPACE = "podpatterns-fetch-config"
HERE = Namespace(NAMESPACE, patience=90)

kubectl = HERE.kubectl


def pod(name: str) -> dict[str, Any]:
    return dict(json.loads(kubectl("get pod", name, "--output json")))


@pytest.fixture(scope="module")
def sources() -> Host:
    return testinfra.get_host(
        f"kubectl://sources?container=app&namespace={NAMESPACE}&kubeconfig={KUBECONFIG}"
    )


def test_nginx_serves_with_the_settings_that_were_fetched() -> None:
    page = kubectl("exec deploy/web --container web -- curl --silent http://127.0.0.1:8080/")
    assert page == "fetched"


def test_a_private_repositorys_directory_is_there(sources: Host) -> None:
    assert sources.file("/srv/git/app.ini").content_string == "[from-git]\n"
    assert not sources.file("/srv/git/other.txt").exists


def test_only_the_wanted_key_of_the_secret_is_there_in_memory_and_for_the_app_alone(sources: Host) -> None:
    assert sources.check_output("cat /srv/secret/key.pem") == "molecule-key"
    assert not sources.file("/srv/secret/other").exists
    assert sources.check_output("stat -L -c '%a %u' /srv/secret/key.pem") == "400 1234"
    assert "tmpfs" in sources.check_output("grep ' /srv/secret ' /proc/mounts")


def test_the_app_cannot_change_what_was_fetched(sources: Host) -> None:
    tried = sources.run("touch /srv/git/new")
    assert "Read-only file system" in tried.stderr


def test_the_app_has_neither_the_token_nor_the_helpers_files(sources: Host) -> None:
    mounts = sources.check_output("cat /proc/mounts")
    assert "/podpatterns/" not in mounts
    assert "molecule-token" not in sources.check_output("env")


def test_a_watch_brings_a_change_of_the_config_map(sources: Host) -> None:
    wanted = f"debug-{time.time_ns()}"
    patch = json.dumps({"data": {"level": wanted}})
    kubectl("patch configmap live --patch", f"'{patch}'")
    # The kubelet looks at a Pod's volumes about once a minute, and at once when the Pod itself changes.
    kubectl("annotate pod sources --overwrite", f"podpatterns.test/look={wanted}")

    def found() -> str:
        return str(sources.check_output("cat /srv/live/level"))

    HERE.until(lambda: found() == wanted, lambda: f"{found()!r} is still there, {wanted!r} never came")


def test_git_is_read_by_ssh_from_the_server_that_is_known_and_from_no_other() -> None:
    HERE.needs_its_image(
        labelled("app=ssh-git"), "docker.io/podpatterns/git-ssh-example:1, in the mirror only,"
    )
    ended = "wait --for=jsonpath='{.status.phase}'"
    kubectl(f"{ended}=Succeeded pod/ssh-reader --timeout={HERE.patience}s")
    assert kubectl("logs ssh-reader --container app") == "by-ssh"
    kubectl(f"{ended}=Failed pod/ssh-misled --timeout={HERE.patience}s")
    (fetch,) = pod("ssh-misled")["status"]["initContainerStatuses"]
    assert "Host key verification failed" in fetch["state"]["terminated"]["message"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("changed-checksum", "it must have"),
        ("missing-key", "ConfigMap live lacks key colour"),
        ("wrong-token", "Authentication failed"),
    ],
)
def test_an_app_whose_files_are_not_right_never_started(name: str, sentence: str) -> None:
    status = pod(name)["status"]
    (fetch,) = status["initContainerStatuses"]
    (app,) = status["containerStatuses"]
    assert fetch["state"]["terminated"]["exitCode"] == 1
    assert sentence in fetch["state"]["terminated"]["message"]
    assert app["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert not app.get("containerID")


def test_the_settings_were_there_before_the_server_on_a_volume_of_both(
    lifecycle_assert: Callable[..., None],
) -> None:
    lifecycle_assert(
        {"outcome": {"container": "fetch-config", "exit_code": 0}},
        {"before": ["fetch-config.finished", "web.started"]},
        {"shares_volume": ["fetch-config", "web"]},
        kind="Deployment",
        name="web",
        namespace=NAMESPACE,
    )
