"""Controllers: what init containers and sidecars mean to rollouts, to the order of replicas, and to successors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import (
    PodFacts,
    conditions_of,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.instant import Order, unix_seconds
from conformance.claims import (
    Finding,
    Judgement,
    Life,
    always,
    before,
    end,
    looks,
    mark,
    restarted,
    says,
    succeeded,
    the,
    whenever,
)
from conformance.deeds import (
    Apply,
    Deed,
    Delete,
    Evict,
    OnNode,
    Patch,
    PutOnNode,
    Tell,
    Until,
    UntilListed,
    UntilPods,
    UntilState,
)
from conformance.ending import at_last, deleting, settled
from conformance.on_nodes import STATIC_PODS
from conformance.pods import (
    Manifest,
    Scene,
    Speaker,
    app,
    from_field,
    init,
    mount,
    pod,
    probe,
    resident,
    scene,
    sidecar,
    value,
)
from conformance.registry import DEPLOYMENT_DOCS, INIT_DOCS, KEP_753, SIDECAR_DOCS, Area, Behaviour
from conformance.verdicts import catch, hold
from conformance.workload_claims import condition, first, in_each, in_pod, made, pods_of, state_before
from conformance.workloads import budget, cron_job, daemon_set, deployment, stateful_set

STATEFUL_SET_DOCS = "Kubernetes documentation, StatefulSets"
DAEMON_SET_DOCS = "Kubernetes documentation, Perform a Rolling Update on a DaemonSet"
CRON_JOB_DOCS = "Kubernetes documentation, CronJob"
STATIC_POD_DOCS = "Kubernetes documentation, Create static Pods"
DISRUPTION_DOCS = "Kubernetes documentation, Disruptions"

# A name in a domain that is reserved to have no hosts.
NO_IMAGE = {"image": "registry.invalid/no/such:image"}
NEW_FIRST = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
OLD_FIRST = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def _ready(seen: PodFacts) -> bool:
    return seen.ready


def _template(name: str, version: str, **of_helper: Any) -> Manifest:
    """A Pod with one container of each kind; another version is another template."""
    early = init("early", "say version $VERSION", env=[value("VERSION", version)])
    return pod(name, early, sidecar("helper", **of_helper), resident("main"))


def _number_ready(number: int) -> UntilPods:
    return UntilPods(f"Pod {number} is ready", lambda pods: len(pods) >= number and pods[number - 1].ready)


def _is_deleted(number: int) -> UntilPods:
    return UntilPods(
        f"Pod {number} is deleted", lambda pods: len(pods) >= number and pods[number - 1].deleting
    )


# --- rollouts -----------------------------------------------------------------------------------


def _rollout(name: str, strategy: dict[str, Any]) -> Scene:
    return scene(
        deployment(_template(name, "old"), strategy=strategy),
        goal="ready",
        deeds=(
            Apply(deployment(_template(name, "new"), strategy=strategy)),
            _number_ready(2),
            _is_deleted(1),
        ),
    )


NEW_BEFORE_OLD_GOES = state_before(first("is ready", 2, _ready), first("is being deleted", 1, deleting))


def _unready_rollout(name: str, last: Deed, **of_helper: Any) -> Scene:
    """The new template has another sidecar, and a few seconds to get on."""
    new = deployment(_template(name, "new", **of_helper), strategy=NEW_FIRST, progressDeadlineSeconds=5)
    main_ready = the("main", lambda one: one.ready)
    up = UntilPods("main of Pod 2 is ready", lambda pods: len(pods) >= 2 and main_ready(pods[1]))
    return scene(
        deployment(_template(name, "old"), strategy=NEW_FIRST), goal="ready", deeds=(Apply(new), up, last)
    )


def _is_late(found: Mapping[str, Any] | None) -> bool:
    progress = conditions_of((found or {}).get("status") or {}).get("Progressing")
    return progress is not None and progress.reason == "ProgressDeadlineExceeded"


def _images(name: str) -> Scene:
    """A Deployment whose template gets an image that is not to be had, first for one container, then for another."""

    def changed(of_init: dict[str, Any], of_sidecar: dict[str, Any]) -> Manifest:
        made = pod(name, init("early", **of_init), sidecar("helper", **of_sidecar), resident("main"))
        return deployment(made, strategy=NEW_FIRST)

    return scene(
        changed({}, {}),
        goal="ready",
        deeds=(
            Apply(changed(NO_IMAGE, {})),
            UntilPods("there is a second Pod", lambda pods: len(pods) >= 2),
            Apply(changed({}, NO_IMAGE)),
            UntilPods("there is a third Pod", lambda pods: len(pods) >= 3),
        ),
    )


def _replicas(name: str) -> Scene:
    """The same template throughout, and more Pods of it."""

    def of(replicas: int) -> Manifest:
        template = pod(name, init("early"), sidecar("helper"), resident("main"))
        return deployment(template, strategy=NEW_FIRST, replicas=replicas)

    three = UntilPods("there are three Pods", lambda pods: len(pods) >= 3)
    return scene(of(1), goal="ready", deeds=(Apply(of(3)), three))


def _own_templates(life: Life) -> Finding:
    hashes = [one.pod.labels.get("pod-template-hash", "") for one in pods_of(life, 1)]
    wanted = "each Pod is of another ReplicaSet"
    if len(hashes) < 3:
        return Finding(Order.TIE, f"{wanted}: there are {len(hashes)}")
    return Finding(
        Order.YES if len(set(hashes)) == len(hashes) else Order.NO, f"{wanted}: {', '.join(hashes)}"
    )


def _min_ready(name: str, seconds: int) -> Scene:
    late = {"readinessProbe": probe("marked open")}
    template = pod(
        name, sidecar("helper", "await main", "linger never", "mark open", **late), resident("main")
    )
    return scene(deployment(template, minReadySeconds=seconds), goal="ready")


SECONDS = 3


def _available_late(life: Life) -> Finding:
    """The controller adds the seconds to the Pod's own stamp before it looks at its clock, so clocks may differ."""
    wanted = f"it is available {SECONDS} s after its Pod is ready, no sooner"
    found = next(iter(life.workloads.values()), {})
    available = conditions_of(found.get("status") or {}).get("Available")
    pods = pods_of(life, 1)
    ready = pods[0].pod.conditions.get("Ready") if pods else None
    since = unix_seconds(ready.since) if ready and ready.true else None
    until = unix_seconds(available.since) if available and available.true else None
    if since is None or until is None:
        return Finding(Order.TIE, f"{wanted}: it was not seen to be both")
    answer = Order.YES if until - since >= SECONDS else Order.NO
    return Finding(answer, f"{wanted}: after {until - since:g} s")


def _available_at_once(life: Life) -> Life:
    """As if it had been available from its start."""

    def dated(name: str, found: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        start = found["metadata"]["creationTimestamp"]
        conditions = [{**one, "lastTransitionTime": start} for one in found["status"]["conditions"]]
        return name, {**found, "status": {**found["status"], "conditions": conditions}}

    return replace(life, workloads=dict(dated(*item) for item in life.workloads.items()))


# --- StatefulSets and DaemonSets ----------------------------------------------------------------


def _ordered(name: str, management: str) -> Scene:
    helper = sidecar("helper", readinessProbe=probe("marked helper"))
    template = pod(name, init("early"), helper, resident("main"))
    return scene(stateful_set(template, replicas=2, podManagementPolicy=management))


def _broken_and_mended(name: str, controller: Callable[[Manifest], dict[str, Any]], *by_hand: Deed) -> Scene:
    """An update to an init container without an image, then one to a good one; what is then done by hand."""

    def version(text: str, **of_init: Any) -> Manifest:
        early = init("early", env=[value("VERSION", text)], **of_init)
        return controller(pod(name, early, resident("main")))

    def has_seen_third(found: Mapping[str, Any] | None) -> bool:
        return int(((found or {}).get("status") or {}).get("observedGeneration", 0)) >= 3

    lacks_image = the(
        "early", lambda one: one.state == "waiting" and one.reason in ("ErrImagePull", "ImagePullBackOff")
    )
    return scene(
        version("old"),
        goal="ready",
        deeds=(
            Apply(version("broken", **NO_IMAGE)),
            UntilPods("Pod 2 lacks its image", lambda pods: len(pods) >= 2 and lacks_image(pods[1])),
            Apply(version("mended")),
            UntilState("the controller knows of the mended template", has_seen_third),
            *by_hand,
            _number_ready(3),
        ),
    )


def _waited_for_a_hand(life: Life) -> Finding:
    """The controller had seen the mended template before the hand came: it would have deleted the Pod by then."""
    wanted = "the broken Pod stays until somebody deletes it"
    pods = pods_of(life, 1)
    known = next((one.at for one in life.done if isinstance(one.deed, UntilState)), None)
    gone = next((one.at for one in pods[1].versions if one.pod.deleting), None) if len(pods) > 1 else None
    if known is None or gone is None:
        return Finding(Order.TIE, f"{wanted}: that was not seen")
    by_hand = any(isinstance(one.deed, Delete) for one in life.done)
    answer = Order.YES if by_hand and gone > known else Order.NO
    return Finding(answer, f"{wanted}: it was deleted {gone - known:.2f} s after its controller knew better")


def _on_every_node(name: str, strategy: dict[str, Any]) -> Scene:
    def of(version: str) -> Manifest:
        return daemon_set(_template(name, version), updateStrategy=strategy)

    def renewed(pods: Sequence[PodFacts]) -> bool:
        standing = [one for one in pods if not one.deleting]
        return len(standing) * 2 == len(pods) and all(one.ready for one in standing)

    return scene(
        of("old"), goal="ready", deeds=(Apply(of("new")), UntilPods("all Pods are new and ready", renewed))
    )


def _new_before_old_on_every_node(life: Life) -> Finding:
    findings = list(_node_by_node(life))
    worst = next((one for one in findings if one.answer is Order.NO), None)
    nothing = Finding(Order.TIE, "no node has an old Pod and a new one")
    return worst or next((one for one in findings if one.answer is Order.TIE), (findings or [nothing])[0])


def _node_by_node(life: Life) -> Iterator[Finding]:
    pods = pods_of(life, 1)
    for node in sorted({one.pod.node or "" for one in pods}):
        found = NEW_BEFORE_OLD_GOES(
            replace(life, timelines=tuple(one for one in pods if one.pod.node == node))
        )
        yield replace(found, evidence=f"on {node}: {found.evidence}")


# --- successors ---------------------------------------------------------------------------------

BEEN = "marked been && say been before || say been never; mark been"


def _succeeded_by(name: str, *deeds: Deed) -> Scene:
    # It hears that it is to stop from its first word on.
    main = resident("main", BEEN, startupProbe=probe("marked main"))
    return scene(
        deployment(pod(name, init("early", BEEN), sidecar("helper"), main)),
        goal="ready",
        deeds=deeds,
    )


def _again_and_again(name: str, helper: Speaker, *until: Deed) -> Scene:
    return scene(
        cron_job(pod(name, helper, app("main", "await helper")), "@every 5s", concurrencyPolicy="Forbid"),
        deeds=(*until, Patch("CronJob", name, {"spec": {"suspend": True}})),
    )


def _allows(name: str, number: int) -> UntilListed:
    def allowed(found: Sequence[Mapping[str, Any]]) -> list[int]:
        # A status of an older spec allows nothing.
        return [
            one["status"]["disruptionsAllowed"]
            for one in found
            if (one.get("status") or {}).get("observedGeneration") == one["metadata"]["generation"]
            and one["status"].get("currentHealthy") == 1
        ]

    return UntilListed(
        f"the budget allows {number}",
        "policy/v1",
        "PodDisruptionBudget",
        f"budget={name}",
        lambda found: allowed(found) == [number],
        lambda found: str(allowed(found)),
        f"allowed {number}",
    )


def _drained(name: str, helper: Speaker) -> Scene:
    """An eviction that a budget forbids, and one that it allows."""
    main = resident("main", at_term=("linger helper-told", "tick"), startupProbe=probe("marked main"))
    return scene(
        budget(name),
        deployment(pod(name, helper, main)),
        goal="ready",
        deeds=(
            _allows(name, 0),
            Evict(name, note="guarded"),
            Patch("PodDisruptionBudget", name, {"spec": {"minAvailable": 0}}),
            _allows(name, 1),
            Evict(name),
            UntilPods("the Pod has ended", lambda pods: settled(pods[0])),
        ),
    )


# It hears that it is to stop from its first word on.
TOLD = {"at_term": ("mark helper-told",), "startupProbe": probe("marked helper")}

# --- static Pods --------------------------------------------------------------------------------

# Where static Pods write on their node; nothing of them is left on the server when they are taken away.
STAGE = "/var/tmp/podpatterns"
ROOT = {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}}


def _static(name: str, make_helper: Callable[..., Speaker]) -> Scene:
    """A static Pod on the node of another one, taken away again when it is up."""
    static, log = f"{name}-static", f"{STAGE}/$NAMESPACE/{name}"
    here = {
        "volumeMounts": [mount("stage", "/stage", subPathExpr="$(SPACE)")],
        "env": [from_field("SPACE", "metadata.namespace")],
    }
    tells = f'say() {{ echo "$NAME $*" >> /stage/{name}; }}'
    manifest = pod(
        static,
        init("early", tells, **here),
        make_helper("helper", tells, "say up", **TOLD, **here),
        resident("main", tells, "say up", at_term=("linger helper-told", "tick"), **here),
        volumes=[{"name": "stage", "hostPath": {"path": STAGE, "type": "DirectoryOrCreate"}}],
        **ROOT,
    )
    return scene(
        pod(name, resident("guide")),
        deeds=(
            PutOnNode(name, STATIC_PODS, manifest),
            OnNode("see it come up", name, f"soon grep -qs 'main up' {log}", undo=f"rm -f {log}"),
            OnNode("take it away", name, f"rm {STATIC_PODS}/$NAMESPACE-{static}.json"),
            OnNode(
                "see its end",
                name,
                f"soon grep -q 'helper end' {log}; soon grep -q 'main end' {log}; cat {log}",
                note="static",
            ),
            Until("the other Pod is there", lambda _seen: True),
        ),
        restricted=False,
    )


def _told_in_order(life: Life) -> Finding:
    """Lines that are added to one file stand in the order in which they were written."""
    lines = life.looks.get("static", "").splitlines()
    expected = ("early end", "helper up", "main up", "main end", "helper term")
    wanted = f"the static Pod tells {', '.join(expected)}, in this order"
    if any(line not in lines for line in expected):
        return Finding(Order.TIE, f"{wanted}: it told {', '.join(lines) or 'nothing'}")
    places = [lines.index(line) for line in expected]
    return Finding(
        Order.YES if places == sorted(places) else Order.NO, f"{wanted}: it told {', '.join(lines)}"
    )


AREA = Area(
    "controllers",
    (
        Behaviour(
            "ctl-deploy-new-pods-init",
            "In a rolling update every new Pod runs its init containers; an old one stays until a new one is ready.",
            source=f"{DEPLOYMENT_DOCS}; {INIT_DOCS}",
            since="1.9",
            scene=_rollout("rolling", NEW_FIRST),
            shows=(
                made(2),
                in_each(succeeded("early")),
                in_pod(2, says("early", "version", "new")),
                NEW_BEFORE_OLD_GOES,
            ),
            twin=_rollout("recreated", {"type": "Recreate"}),
        ),
        Behaviour(
            "ctl-deploy-sidecar-not-ready-blocks",
            "A sidecar that never becomes ready stops a rollout: the new Pod is not ready, the old one stays.",
            source=f"{DEPLOYMENT_DOCS}; {SIDECAR_DOCS}",
            since="1.29",
            scene=_unready_rollout(
                "stopped-rollout",
                UntilState("its progress is late", _is_late),
                readinessProbe=probe("false"),
            ),
            shows=(
                condition("Progressing", "ProgressDeadlineExceeded", "False"),
                in_pod(1, always("main", "the old Pod is not deleted", lambda seen: not seen.deleting)),
                in_pod(2, at_last("main", "main is ready", the("main", lambda one: one.ready))),
                in_pod(2, always("main", "the new Pod is not ready", lambda seen: not seen.ready)),
            ),
            twin=_unready_rollout("rollout", _is_deleted(1)),
        ),
        Behaviour(
            "ctl-deploy-init-image-change",
            "Another image of an init container or of a sidecar is another template: a new ReplicaSet, with new Pods.",
            source=DEPLOYMENT_DOCS,
            since="1.9",
            scene=_images("other-images"),
            shows=(_own_templates,),
            twin=_replicas("more-replicas"),
        ),
        Behaviour(
            "ctl-statefulset-ordered",
            "A StatefulSet makes its next Pod when the one before is ready, with its init containers done and its"
            " sidecars ready.",
            source=STATEFUL_SET_DOCS,
            since="1.9",
            scene=_ordered("one-by-one", "OrderedReady"),
            shows=(
                made(2),
                state_before(first("is ready", 1, _ready), first("is there", 2)),
                in_pod(
                    1,
                    whenever(
                        "helper",
                        "the Pod is ready",
                        _ready,
                        "helper is",
                        the("helper", lambda one: one.ready),
                    ),
                ),
            ),
            twin=_ordered("at-once", "Parallel"),
        ),
        Behaviour(
            "ctl-statefulset-stuck-init",
            "A StatefulSet that was updated to a broken init container stays so when its template is mended, until"
            " somebody deletes the broken Pod.",
            source=f"{STATEFUL_SET_DOCS}; kubernetes/kubernetes#67250",
            since="1.9",
            scene=_broken_and_mended("stuck", stateful_set, Delete("stuck", kept=False)),
            shows=(_waited_for_a_hand, made(3), in_pod(3, at_last("main", "the Pod is ready", _ready))),
            twin=_broken_and_mended("not-stuck", deployment),
        ),
        Behaviour(
            "ctl-daemonset",
            "A DaemonSet runs its init containers on every node, and in a rolling update with a surge an old Pod stays"
            " until the new one of its node is ready.",
            source=DAEMON_SET_DOCS,
            since="1.25",
            scene=_on_every_node("surge", NEW_FIRST),
            shows=(in_each(succeeded("early")), _new_before_old_on_every_node),
            twin=_on_every_node("no-surge", OLD_FIRST),
        ),
        Behaviour(
            "ctl-min-ready",
            "minReadySeconds count from when a Pod is ready, apps and sidecars alike.",
            source=DEPLOYMENT_DOCS,
            since="1.29",
            scene=_min_ready("late-available", SECONDS),
            shows=(
                whenever(
                    "helper",
                    "the Pod is ready",
                    _ready,
                    "helper and main are",
                    lambda seen: all(one.ready for one in seen.containers),
                ),
                _available_late,
            ),
            twin=_available_at_once,
        ),
        Behaviour(
            "ctl-replacement-reruns-init",
            "A Pod that is replaced is another Pod: its init containers run again, and its emptyDir is empty.",
            source=f"{INIT_DOCS}; {DEPLOYMENT_DOCS}",
            since="1.6",
            scene=_succeeded_by("replaced", Delete("replaced", kept=False), _number_ready(2)),
            shows=(
                made(2),
                in_each(says("early", "been", "never")),
                in_each(restarted("early", 0)),
                in_each(restarted("main", 0)),
            ),
            # A container that ends is not replaced by another Pod.
            twin=_succeeded_by(
                "restarted",
                Tell("restarted", "main", "kill 1"),
                UntilPods(
                    "main runs again", lambda pods: any(map(the("main", lambda one: one.restarts > 0), pods))
                ),
            ),
        ),
        Behaviour(
            "ctl-cronjob",
            "A CronJob's Job ends although it has a sidecar, so that the next one may come where only one may run.",
            source=f"{CRON_JOB_DOCS}; {SIDECAR_DOCS}",
            since="1.29",
            scene=_again_and_again(
                "again",
                sidecar("helper"),
                UntilPods("there is a second Pod", lambda pods: len(pods) >= 2),
            ),
            shows=(
                in_pod(1, at_last("main", "the Pod has succeeded", lambda seen: seen.phase == "Succeeded")),
                in_pod(2, at_last("main", "it is there", lambda _seen: True)),
            ),
            twin=_again_and_again(
                "once-for-all",
                resident("helper"),
                UntilPods(
                    "main has ended", lambda pods: any(map(the("main", lambda one: one.succeeded), pods))
                ),
            ),
        ),
        Behaviour(
            "ctl-pdb-disruptions",
            "A budget guards a Pod against eviction; where it allows one, the Pod is stopped in order, apps first, then"
            " sidecars.",
            source=f"{DISRUPTION_DOCS}; {KEP_753}",
            since="1.29",
            scene=_drained("drained", sidecar("helper", **TOLD)),
            shows=(
                looks("guarded", "refused with HTTP 429"),
                in_pod(1, before(end("main"), mark("helper", "term"))),
            ),
            twin=_drained("drained-at-once", resident("helper", **TOLD)),
        ),
        Behaviour(
            "ctl-static-pod",
            "A static Pod has init containers and sidecars too, which start in order, and stop in order when its"
            " manifest is taken away.",
            source=f"{STATIC_POD_DOCS}; {KEP_753}",
            since="1.29",
            tier="node",
            scene=_static("guide", sidecar),
            shows=(_told_in_order,),
            twin=_static("guide-at-once", resident),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
