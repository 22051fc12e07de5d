"""What is wrong with a Pod, which container it is about, and whether it may heal by itself."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import pod_facts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.trouble import (
    Trouble,
    event_troubles,
    pod_troubles,
)

from .statuses import after, ended, event, facts, pod, running, waiting


def troubles(**arguments: Any) -> list[Trouble]:
    return list(pod_troubles(facts(**arguments)))


PULL = 'Back-off pulling image "nope:1"'
ONE_TROUBLE = [
    pytest.param(
        {"init": {"migrate": ended(3)}, "policy": "Never"},
        ("Error", "init container migrate failed with exit code 3", False, 3),
        id="an init container that nobody starts again",
    ),
    pytest.param(
        {"init": {"migrate": after(ended(3), ended(3), 1)}},
        ("Error", "init container migrate failed 2 times, last with exit code 3", True, 3),
        id="a repeated crash",
    ),
    pytest.param(
        {"app": {"app": after(ended(137, reason="OOMKilled"), waiting("CrashLoopBackOff"), 4)}},
        ("OOMKilled", "app container app failed 5 times, last with exit code 137 (OOMKilled)", True, 137),
        id="out of memory again and again",
    ),
    pytest.param(
        {"sidecar": {"proxy": after(ended(1), waiting("CrashLoopBackOff"), 1)}, "policy": "Never"},
        ("Error", "sidecar container proxy failed 2 times, last with exit code 1", True, 1),
        id="a sidecar that crashes under Never",
    ),
    pytest.param(
        {"app": {"app": after(ended(0), waiting("CrashLoopBackOff"), 2)}},
        (
            "CrashLoopBackOff",
            "app container app has run to its end 3 times with exit code 0 and is restarted each time;"
            " let it stay up, or run it in a Job",
            True,
            0,
        ),
        id="a command that ends in a Pod that always restarts",
    ),
    pytest.param(
        {"app": {"app": waiting("ErrImagePull", PULL)}},
        ("ImagePull", f"app container app cannot start: ErrImagePull: {PULL}", True, None),
        id="an image that cannot be pulled",
    ),
    pytest.param(
        {"app": {"app": waiting("InvalidImageName", "invalid reference format")}},
        (
            "InvalidImageName",
            "app container app cannot start: InvalidImageName: invalid reference format",
            False,
            None,
        ),
        id="an image that has no valid name",
    ),
    pytest.param(
        {"init": {"a": waiting("CreateContainerConfigError", "couldn't find key k\n in ConfigMap shop/c")}},
        (
            "CreateContainerConfigError",
            "init container a cannot start: CreateContainerConfigError: couldn't find key k in ConfigMap shop/c",
            True,
            None,
        ),
        id="a ConfigMap without the key",
    ),
    pytest.param(
        {"app": {"app": ended(1)}, "phase": "Failed", "policy": "Never"},
        ("Error", "app container app failed with exit code 1", False, 1),
        id="a Pod that has failed",
    ),
    pytest.param(
        {"app": {"app": {}}, "phase": "Failed", "reason": "NodeAffinity", "message": "Pod was rejected"},
        ("NodeAffinity", "the Pod failed (NodeAffinity): Pod was rejected", False, None),
        id="a Pod that its node has refused",
    ),
    pytest.param(
        {"app": {"app": {}}, "phase": "Failed"},
        ("Failed", "the Pod failed: no reason is given", False, None),
        id="a Pod that has failed without a word",
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), ONE_TROUBLE)
def test_a_trouble_says_what_is_wrong(arguments: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (found,) = troubles(**arguments)
    assert (found.reason, found.sentence, found.heals, found.exit_code) == expected
    assert found.pod == "web"


NO_TROUBLE = [
    pytest.param(
        {"init": {"a": running()}, "app": {"app": waiting("PodInitializing")}}, id="it is on its way"
    ),
    pytest.param({"app": {"app": ended(1)}}, id="a first crash that is followed by another attempt"),
    pytest.param(
        {"app": {"app": after(ended(1), waiting("CrashLoopBackOff"), 0)}}, id="waits for the second attempt"
    ),
    pytest.param({"app": {"app": after(ended(1), running(), 3)}}, id="the present attempt runs"),
    pytest.param({"app": {"app": ended(0)}, "policy": "Never"}, id="it has ended well"),
    pytest.param(
        {"app": {"app": ended(1)}, "policy": "Never", "own": {"app": {"restartPolicyRules": [{}]}}},
        id="a rule may restart it",
    ),
    pytest.param(
        {"app": {"app": {}}, "node": None, "conditions": {"PodScheduled": False}}, id="scheduling gates"
    ),
]


@pytest.mark.parametrize("arguments", NO_TROUBLE)
def test_what_is_usual_is_no_trouble(arguments: dict[str, Any]) -> None:
    assert troubles(**arguments) == []


def test_a_pod_that_no_node_takes_may_still_be_taken() -> None:
    item = pod(app={"app": {}}, node=None)
    item["status"]["conditions"] = [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient cpu.",
        }
    ]
    (found,) = pod_troubles(pod_facts(item))
    assert (found.reason, found.heals) == ("Unschedulable", True)
    assert found.sentence == "no node takes it: 0/1 nodes are available: 1 Insufficient cpu."


def test_an_ephemeral_container_that_fails_is_nobodys_trouble() -> None:
    item = pod(app={"app": running()}, policy="Never")
    item["spec"]["ephemeralContainers"] = [{"name": "debug"}]
    item["status"]["ephemeralContainerStatuses"] = [{"name": "debug", **ended(1)}]
    assert list(pod_troubles(pod_facts(item))) == []


def test_of_a_pod_that_failed_the_first_failure_is_the_cause() -> None:
    found = troubles(
        app={"late": ended(137, finish=9), "early": ended(2, finish=4)}, phase="Failed", policy="Never"
    )
    assert [one.container for one in found] == ["early", "late"]


def test_a_sidecar_killed_at_the_end_is_never_the_cause() -> None:
    found = troubles(
        sidecar={"proxy": ended(137, finish=4)},
        app={"app": ended(2, finish=4)},
        phase="Failed",
        policy="Never",
    )
    assert [one.container for one in found] == ["app", "proxy"]


def test_a_pod_that_somebody_else_ended_says_so_before_its_containers() -> None:
    found = troubles(
        app={"app": ended(137)},
        phase="Failed",
        policy="Never",
        reason="DeadlineExceeded",
        message="Pod was active on the node longer than the specified deadline",
    )
    assert [(one.reason, one.container) for one in found] == [("DeadlineExceeded", "app"), ("Error", "app")]
    assert found[0].sentence == (
        "the Pod failed (DeadlineExceeded): Pod was active on the node longer than the specified deadline"
    )


def test_a_crash_is_the_same_trouble_at_every_look() -> None:
    """So that a grace counts from the first look, however the container flips meanwhile."""
    (first,) = troubles(app={"app": after(ended(1), ended(1), 1)})
    (second,) = troubles(app={"app": after(ended(1), waiting("CrashLoopBackOff"), 2)})
    assert first.key == second.key
    (pulling,) = troubles(app={"app": waiting("ErrImagePull")})
    (backing_off,) = troubles(app={"app": waiting("ImagePullBackOff")})
    assert pulling.key == backing_off.key


def test_a_long_message_is_cut_and_on_one_line() -> None:
    (found,) = troubles(app={"app": waiting("CreateContainerError", "a\n" * 600)})
    assert "\n" not in found.sentence
    assert len(found.sentence) < 500


MOUNT = event("FailedMount", 'configmap "c" not found', "uid-web", 5)


def test_events_tell_what_the_status_does_not() -> None:
    (found,) = pod_troubles(facts(app={"app": waiting()}), [MOUNT])
    assert (found.sentence, found.heals, found.pod) == ('configmap "c" not found (FailedMount)', True, "web")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"app": {"app": running()}}, id="a container has started"),
        pytest.param(
            {"app": {"app": waiting()}, "conditions": {"PodReadyToStartContainers": True}},
            id="the sandbox is up",
        ),
    ],
)
def test_an_event_that_the_pod_has_overcome_is_no_trouble(arguments: dict[str, Any]) -> None:
    assert list(pod_troubles(facts(**arguments), [MOUNT])) == []


def test_what_happened_once_or_twice_in_passing_is_no_trouble() -> None:
    passing = event("FailedMount", "failed to sync configmap cache", "x", count=2)
    assert list(event_troubles([passing])) == []
    again = event("FailedMount", "failed to sync secret cache", "x", second=3, count=1)
    assert [one.reason for one in event_troubles([passing, again])] == ["FailedMount"]


def test_only_the_latest_event_of_a_reason_counts() -> None:
    older, newer = event("FailedCreate", "older", "x", 1), event("FailedCreate", "newer", "x", 2)
    assert [one.sentence for one in event_troubles([older, newer])] == ["newer (FailedCreate)"]


def test_events_that_tell_of_no_trouble_are_passed_over() -> None:
    assert list(event_troubles([event("BackOff", "Back-off restarting failed container", "x")])) == []
