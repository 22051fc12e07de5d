"""What reaches running apps after role `config_sync`: commits, and neither a bad one nor a server's absence."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.watching import Namespace, called

NAMESPACE = "podpatterns-config-sync"
HERE = Namespace(NAMESPACE, patience=120)
SYNC, WEB = "deploy/web --container config-sync", "deploy/web --container web"

kubectl = HERE.kubectl


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


def served(*options: str) -> str:
    """What the running nginx answers."""
    return kubectl("exec deploy/web --container web -- curl --silent", *options, "http://127.0.0.1:8080/")


def await_served(page: str) -> None:
    HERE.until(lambda: served() == page, lambda: f"nginx never served {page!r}, but {served()!r}")


def sync_log() -> str:
    return kubectl("logs", SYNC)


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
    await_served(page)


def test_nginx_runs_with_new_settings_without_a_restart() -> None:
    value = f"v{time.time_ns()}"
    commit(f"sed -i 's/X-Settings .*;/X-Settings {value};/' nginx.conf")
    HERE.until(lambda: f"X-Settings: {value}" in served("--head"), lambda: f"nginx never served with {value}")
    assert "sent HUP to nginx" in sync_log()


def test_a_commit_without_a_required_file_is_not_published_and_the_next_one_is() -> None:
    commit("git rm --quiet nginx.conf; echo bad > html/index.html")
    bad = kubectl("exec deploy/git --container git -- git -C /srv/work rev-parse --short=12 HEAD")
    HERE.logged(SYNC, f"version {bad} lacks nginx.conf; what was published stays")
    assert served() != "bad"
    page = f"good again {time.time_ns()}"
    commit(f"git checkout --quiet HEAD~1 nginx.conf; echo '{page}' > html/index.html")
    await_served(page)


def test_settings_that_nginx_refuses_leave_it_running_with_the_old_ones() -> None:
    page = f"beside bad settings {time.time_ns()}"
    commit(
        f"cp nginx.conf /srv/nginx.conf; echo 'no such directive;' >> nginx.conf; echo '{page}' > html/index.html"
    )
    await_served(page)
    HERE.logged(WEB, "unknown directive")
    commit("cp /srv/nginx.conf nginx.conf")


def test_while_the_server_is_away_nginx_goes_on_and_catches_up_afterwards() -> None:
    before = served()
    away = json.dumps({"spec": {"selector": {"app": "nobody"}}})
    kubectl(f"patch service git --patch '{away}'")
    since = kubectl("exec deploy/git --container git -- date -u +%Y-%m-%dT%H:%M:%SZ").strip()
    try:
        page = f"made while away {time.time_ns()}"
        commit(f"echo '{page}' > html/index.html")
        HERE.logged(SYNC, "what was published stays", since=f"--since-time {since}")
        assert served() == before
    finally:
        back = json.dumps({"spec": {"selector": {"app": "git"}}})
        kubectl(f"patch service git --patch '{back}'")
    await_served(page)
    assert "well again after" in sync_log()


# --- an app that is told by a request, with each tool -------------------------------------------


def shown(pod: str) -> str:
    ask = 'import urllib.request; print(urllib.request.urlopen(\\"http://127.0.0.1:8080/\\").read().decode())'
    return kubectl(f"exec {pod} --container app -- sh -c 'python3 -c \"{ask}\"'")


def ready(pod: str) -> None:
    """Wait until the Pod is ready; skip where no registry in reach has the tool's image."""
    HERE.needs_its_image(called(pod), f"the image of {pod.removeprefix('by-')}")
    kubectl(f"wait --for=condition=Ready pod/{pod} --timeout={HERE.patience}s")


def await_shown(pod: str, page: str) -> None:
    HERE.until(lambda: shown(pod).strip() == page, lambda: f"{pod} never showed {page!r}")


@pytest.mark.parametrize("pod", ["by-git", "by-git-sync"])
def test_an_app_that_is_told_shows_a_commit(pod: str) -> None:
    ready(pod)
    page = f"told {time.time_ns()}"
    commit(f"echo '{page}' > html/index.html")
    await_shown(pod, page)


def test_an_app_that_is_told_shows_a_labelled_config_map() -> None:
    ready("by-k8s-sidecar")
    page = f"told {time.time_ns()}"
    patch = json.dumps({"data": {"index.html": page}})
    kubectl(f"patch configmap told --patch '{patch}'")
    await_shown("by-k8s-sidecar", page)


def test_the_copy_was_kept_beside_the_server_on_a_volume_of_both(
    lifecycle_assert: Callable[..., None],
) -> None:
    lifecycle_assert(
        {"before": ["config-sync.started", "web.started"]},
        {"before_ready": "config-sync"},
        {"overlap": ["config-sync", "web"]},
        {"shares_volume": ["config-sync", "web"]},
        {"restarts": {"container": "web", "exactly": 0}},
        kind="Deployment",
        name="web",
        namespace=NAMESPACE,
    )
