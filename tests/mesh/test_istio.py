"""What role `proxy` promises of Istio, held against a real one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import BY_KIND, PODS
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.watch import (
    Collection,
    Watch,
    wait_until,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.injection import Order
from ansible_collections.podpatterns.core.plugins.module_utils._patterns.fragment import BadPattern
from tests.cluster.lab import PATIENCE, Manifest, Space, named

from .mesh import LAST_WORDS, asks, job, log, pod, program, stays, url

JOBS = BY_KIND["Job"]
ISTIO = [{"proxy": {"provider": "istio"}}]
CLASSIC = {"provider": "istio", "mode": "classic"}


def states(pod: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The state of each container, by its name."""
    status = pod["status"]
    return {
        one["name"]: one["state"]
        for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    }


def only_pod(space: Space) -> Mapping[str, Any]:
    (found,) = space.api.request("get", PODS.path(space.name))["items"]
    return dict(found)


def app_ended(space: Space, name: str) -> bool:
    """Whether the app of the Pod whose name begins so comes to its end."""

    def ended(item: Mapping[str, Any] | None) -> bool:
        return item is not None and "terminated" in states(item).get("app", {})

    deadline = time.monotonic() + PATIENCE
    (found,) = [one for one in space.names(PODS) if one.startswith(name)]
    return wait_until(space.api, PODS, space.name, found, ended, deadline, lambda: None)


def is_complete(space: Space, name: str) -> bool:
    found = space.get(JOBS, name)
    assert found is not None
    return any(
        one["type"] == "Complete" and one["status"] == "True" for one in found["status"].get("conditions", ())
    )


def test_the_proxy_is_native_and_there_before_the_apps_own_init_containers(
    space: Space, servers: Space
) -> None:
    """A server that wants an identity answers the first of them."""
    first = asks((url(servers, "strict"), "answered"), name="first")
    web = pod("web", stays(), initContainers=[first])
    (seen,) = space.ready(web, patterns=ISTIO).results[0].injections
    assert (seen.there, seen.native) == (True, True)
    assert seen.before_init_containers in (Order.YES, Order.TIE)
    assert seen.outlives_app is Order.PROMISED
    spec = only_pod(space)["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["istio-init", "istio-proxy", "first"]
    assert "answered through a proxy" in log(space, "web", "first")


def test_a_second_run_changes_nothing(space: Space) -> None:
    web = pod("web", stays())
    assert space.ready(web, patterns=ISTIO).changed
    assert not space.ready(web, patterns=ISTIO).changed


def test_strict_mtls_lets_in_who_has_an_identity_and_nobody_else(space: Space, servers: Space) -> None:
    """The server beside it, which has no such policy, answers both."""
    strict, unlike = url(servers, "strict"), url(servers, "open")
    space.ready(
        pod("plain", asks((strict, "refused"), (unlike, "answered")), restartPolicy="Never"), goal="completed"
    )
    told = log(space, "plain", "app").splitlines()
    assert "refused" in told[0], told
    assert "answered" in told[1], told
    meshed = job("meshed", asks((strict, "answered"), (unlike, "answered")))
    space.ready(meshed, patterns=ISTIO)
    (found,) = [name for name in space.names(PODS) if name.startswith("meshed-")]
    told = log(space, found, "app").splitlines()
    assert [line.split(" ", 1)[1] for line in told] == ["answered through a proxy"] * 2


def test_a_job_completes_and_its_proxy_ends_after_the_app(space: Space, servers: Space) -> None:
    (result,) = space.ready(job("asker", asks((url(servers, "open"), "answered"))), patterns=ISTIO).results
    (seen,) = result.injections
    assert seen.outlives_app in (Order.YES, Order.TIE)
    ends = {name: state["terminated"] for name, state in states(only_pod(space)).items()}
    assert ends["istio-proxy"]["exitCode"] == 0
    assert is_complete(space, "asker")


def test_a_job_with_a_classic_proxy_is_refused_with_the_reason(space: Space, servers: Space) -> None:
    with pytest.raises(BadPattern) as refused:
        space.deploy(job("asker", asks((url(servers, "open"), "answered"))), patterns=[{"proxy": CLASSIC}])
    assert "which means a classic proxy here, and that would keep Job asker from ever completing" in str(
        refused.value
    )
    assert space.names(JOBS) == []


def test_the_reason_is_true_such_a_job_goes_on_after_its_app(space: Space, servers: Space) -> None:
    """Deployed past the role. A native one that is begun after its app's end has ended long before."""
    ask = asks((url(servers, "open"), "answered"))
    classic = job("classic", ask)
    template = classic["spec"]["template"]["metadata"]
    template["labels"]["sidecar.istio.io/inject"] = "true"
    template["annotations"] = {"sidecar.istio.io/nativeSidecar": "false"}
    space.ready(classic, goal="exists")
    deadline = time.monotonic() + PATIENCE
    assert appears(space, "classic-", deadline)
    assert app_ended(space, "classic-")
    space.ready(job("native", ask), patterns=ISTIO)
    assert is_complete(space, "native")
    assert not is_complete(space, "classic")
    (found,) = [
        one
        for one in space.api.request("get", PODS.path(space.name))["items"]
        if one["metadata"]["name"].startswith("classic-")
    ]
    assert states(found)["app"]["terminated"]["exitCode"] == 0
    assert "running" in states(found)["istio-proxy"]


def appears(space: Space, prefix: str, deadline: float) -> bool:
    """Whether a Pod of this prefix comes."""
    with Watch(space.api, [Collection(PODS, space.name)]) as watch:
        while (left := deadline - time.monotonic()) > 0:
            watch.next(left)
            if any(name.startswith(prefix) for name in space.names(PODS)):
                return True
    return False


def test_a_job_whose_app_ends_the_classic_proxy_itself_completes(space: Space, servers: Space) -> None:
    ask = (
        "import sys, urllib.request as ask\n"
        "print(ask.urlopen(sys.argv[1], timeout=5).status)\n"
        "ask.urlopen(ask.Request('http://127.0.0.1:15020/quitquitquit', method='POST'), timeout=5)\n"
    )
    asker = job("asker", program("app", ask, url(servers, "open")))
    options = {**CLASSIC, "job_shutdown": "app"}
    (result,) = space.ready(asker, patterns=[{"proxy": options}]).results
    assert [seen.native for seen in result.injections] == [False]
    assert is_complete(space, "asker")


def test_a_classic_proxy_is_told_to_come_after_the_init_containers(space: Space, servers: Space) -> None:
    """The one of them that asks is past the mesh, and a server that wants an identity refuses it."""
    first = asks((url(servers, "strict"), "refused"), name="first")
    web = pod("web", stays(), initContainers=[first])
    (seen,) = space.ready(web, patterns=[{"proxy": CLASSIC}]).results[0].injections
    assert (seen.there, seen.native) == (True, False)
    assert seen.before_init_containers is Order.NO
    assert seen.outlives_app is Order.NO
    assert "refused" in log(space, "web", "first")


def test_a_pod_that_its_namespace_keeps_from_the_injector_is_found_out(space: Space) -> None:
    unlabelled: Manifest = named("Namespace", space.name, labels={"istio-injection": "disabled"})
    space.ready(unlabelled)
    outcome = space.deploy(pod("web", stays()), patterns=ISTIO)
    assert outcome.message == (
        f"Failed to verify the proxy of Pod {space.name}/web: Pod web has no container istio-proxy; the injector did"
        " not take it up: is it running, and does the namespace let it?"
    )


def test_the_apps_last_requests_go_through_the_proxy_when_its_pod_is_deleted(
    space: Space, servers: Space
) -> None:
    web = pod("web", program("app", LAST_WORDS, url(servers, "strict")), terminationGracePeriodSeconds=60)
    space.ready(web, patterns=ISTIO)
    space.api.request("delete", PODS.path(space.name, "web"))
    assert space.gone(PODS, "web")
    asked = log(servers, "strict", "app")
    assert [f"/last-{number}" in asked for number in range(6)] == [True] * 6
