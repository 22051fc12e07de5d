"""What reaches running apps after role `config_sync`: commits, and neither a bad one nor a server's absence."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import testinfra

KUBECONFIG = os.environ["KUBECONFIG"]
NAMESPACE = "podpatterns-config-sync"
PATIENCE = 120
CANNOT_BE_PULLED = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")


def kubectl(*words: str) -> str:
    command = " ".join(["kubectl", "--kubeconfig", KUBECONFIG, "--namespace", NAMESPACE, *words])
    return str(testinfra.get_host("local://").check_output(command))


def commit(script: str) -> None:
    """Change the repository's working copy by a script, commit, push."""
    steps = [
        "cd /srv/work",
        script,
        "git add --all",
        "git commit --quiet --message change",
        "git push --quiet",
    ]
    whole = "\n".join(steps)
    encoded = base64.b64encode(whole.encode()).decode()
    kubectl(f"exec deploy/git --container git -- sh -euc 'echo {encoded} | base64 -d | sh -eu'")


def await_that(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.3)


def served(*options: str) -> str:
    """What the running nginx answers."""
    return kubectl("exec deploy/web --container web -- curl --silent", *options, "http://127.0.0.1:8080/")


def sync_log() -> str:
    return kubectl("logs deploy/web --container config-sync")


def running() -> list[tuple[str, int, str]]:
    """Each container of the web server: when it was started, how often anew, and its id."""
    (pod,) = json.loads(kubectl("get pods --selector app=web --output json"))["items"]
    status = pod["status"]
    return [
        (one["state"]["running"]["startedAt"], one["restartCount"], one["containerID"])
        for one in [*status["initContainerStatuses"], *status["containerStatuses"]]
    ]


@pytest.fixture(autouse=True)
def nothing_was_started_anew() -> Iterator[None]:
    before = running()
    yield
    assert running() == before


def test_a_commit_reaches_the_running_nginx() -> None:
    page = f"page {time.time_ns()}"
    commit(f"echo '{page}' > html/index.html")
    await_that(lambda: served() == page, f"nginx never served {page!r}")


def test_nginx_runs_with_new_settings_without_a_restart() -> None:
    value = f"v{time.time_ns()}"
    commit(f"sed -i 's/X-Settings .*;/X-Settings {value};/' nginx.conf")
    await_that(lambda: f"X-Settings: {value}" in served("--head"), f"nginx never served with {value}")
    assert "sent HUP to nginx" in sync_log()


def test_a_commit_without_a_required_file_is_not_published_and_the_next_one_is() -> None:
    commit("git rm --quiet nginx.conf; echo bad > html/index.html")
    bad = kubectl("exec deploy/git --container git -- git -C /srv/work rev-parse --short=12 HEAD")
    await_that(lambda: f"version {bad} lacks nginx.conf; what was published stays" in sync_log(), sync_log())
    assert served() != "bad"
    page = f"good again {time.time_ns()}"
    commit(f"git checkout --quiet HEAD~1 nginx.conf; echo '{page}' > html/index.html")
    await_that(lambda: served() == page, f"nginx never served {page!r}")


def test_settings_that_nginx_refuses_leave_it_running_with_the_old_ones() -> None:
    page = f"beside bad settings {time.time_ns()}"
    commit(
        f"cp nginx.conf /srv/nginx.conf; echo 'no such directive;' >> nginx.conf; echo '{page}' > html/index.html"
    )
    await_that(lambda: served() == page, f"nginx never served {page!r}")
    await_that(
        lambda: "unknown directive" in kubectl("logs deploy/web --container web"), "nginx never complained"
    )
    commit("cp /srv/nginx.conf nginx.conf")


def test_while_the_server_is_away_nginx_goes_on_and_catches_up_afterwards() -> None:
    before = served()
    away = json.dumps({"spec": {"selector": {"app": "nobody"}}})
    kubectl(f"patch service git --patch '{away}'")
    lines = len(sync_log().splitlines())
    try:
        page = f"made while away {time.time_ns()}"
        commit(f"echo '{page}' > html/index.html")
        await_that(
            lambda: any("what was published stays" in line for line in sync_log().splitlines()[lines:]),
            "the sidecar never noticed that the server is away",
        )
        assert served() == before
    finally:
        back = json.dumps({"spec": {"selector": {"app": "git"}}})
        kubectl(f"patch service git --patch '{back}'")
    await_that(lambda: served() == page, f"nginx never served {page!r}")
    assert "well again after" in sync_log()


# --- an app that is told by a request, with each tool -------------------------------------------


def shown(pod: str) -> str:
    ask = 'import urllib.request; print(urllib.request.urlopen(\\"http://127.0.0.1:8080/\\").read().decode())'
    return kubectl(f"exec {pod} --container app -- sh -c 'python3 -c \"{ask}\"'")


def needs_its_image(pod: str) -> None:
    """Wait until the Pod is ready; skip where no registry in reach has the tool's image."""

    def decided() -> bool:
        status: dict[str, Any] = json.loads(kubectl("get pod", pod, "--output json"))["status"]
        states = [one["state"] for one in status.get("initContainerStatuses", ())]
        reasons = [one.get("waiting", {}).get("reason") for one in states]
        if any(reason in CANNOT_BE_PULLED for reason in reasons):
            pytest.skip(f"the image of {pod.removeprefix('by-')} cannot be pulled here")
        return any(one["type"] == "Ready" and one["status"] == "True" for one in status["conditions"])

    await_that(decided, f"{pod} is not ready")


@pytest.mark.parametrize("pod", ["by-git", "by-git-sync"])
def test_an_app_that_is_told_shows_a_commit(pod: str) -> None:
    needs_its_image(pod)
    page = f"told {time.time_ns()}"
    commit(f"echo '{page}' > html/index.html")
    await_that(lambda: shown(pod).strip() == page, f"{pod} never showed {page!r}")


def test_an_app_that_is_told_shows_a_labelled_config_map() -> None:
    needs_its_image("by-k8s-sidecar")
    page = f"told {time.time_ns()}"
    patch = json.dumps({"data": {"index.html": page}})
    kubectl(f"patch configmap told --patch '{patch}'")
    await_that(lambda: shown("by-k8s-sidecar").strip() == page, f"by-k8s-sidecar never showed {page!r}")
