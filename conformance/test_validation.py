"""Validation: what the server takes and what it refuses, asked by creates that it does not keep.

A twin differs in nothing but the fault, so the server must take it; where the promise is that it takes something,
the twin has a fault that it must refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conformance.claims import Claim, Judgement, accepts, looks, refuses
from conformance.deeds import Patch
from conformance.pods import Manifest, Scene, Speaker, app, hook, init, mount, pod, probe, scene, sidecar
from conformance.registry import (
    EPHEMERAL_DOCS,
    INIT_DOCS,
    JOB_DOCS,
    KEP_753,
    KEP_5307,
    LIFECYCLE_DOCS,
    POD_DOCS,
    PROBE_DOCS,
    RESIZE_DOCS,
    SIDECAR_DOCS,
    VOLUME_DOCS,
    Area,
    Behaviour,
    KnownBug,
)
from conformance.verdicts import catch, hold
from conformance.workloads import daemon_set, deployment, job, stateful_set

API_DOCS = "Kubernetes documentation, API Concepts"

POLICIES = ("Always", "OnFailure", "Never")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
PROBED = {
    "lifecycle": {"postStart": hook("say hello")},
    **{name: probe("true") for name in PROBES},
}
SELECTING = (deployment, stateful_set, daemon_set)
DEBUG = {"ephemeralContainers": [app("debug").spec()]}
MISSPELT = {"restartPolicies": "Always"}


def asks(
    name: str,
    statement: str,
    *,
    asked: tuple[Manifest, ...],
    shows: tuple[Claim, ...],
    twin: tuple[Manifest, ...],
    source: str,
    since: str,
    known: tuple[KnownBug, ...] = (),
) -> Behaviour:
    """A behaviour of the server alone."""
    return Behaviour(
        name,
        statement,
        source,
        since,
        scene(*asked, dry=True),
        shows,
        scene(*twin, dry=True),
        tier="api",
        known=known,
    )


def _by_policy(container: Callable[..., Speaker], *policies: str) -> tuple[Manifest, ...]:
    """A Pod for each policy, which is that of one container."""
    others = () if container is app else (app("main"),)
    return tuple(
        pod(f"{container.__name__}-{policy.lower()}", container("early", restartPolicy=policy), *others)
        for policy in policies
    )


def changed(name: str, more: Mapping[str, Any], less: Mapping[str, Any]) -> Scene:
    """A Pod that lives, and is to be changed in two ways."""
    deeds = (Patch("Pod", name, more, note="one more"), Patch("Pod", name, less, note="one less"))
    return scene(pod(name, init("first"), app("main")), deeds=deeds)


def resized(resource: str) -> dict[str, Any]:
    """The field that says what a resize does."""
    return {"resizePolicy": [{"resourceName": resource, "restartPolicy": "NotRequired"}]}


def _mounting(name: str, *mounts: Mapping[str, Any]) -> Manifest:
    notes = {"name": "notes", "emptyDir": {}}
    return pod(name, init("early", volumeMounts=[*mounts]), app("main"), volumes=[notes])


def _restarting(manifest: Manifest, policy: str) -> Manifest:
    """The workload with this policy for its Pods."""
    template = manifest["spec"]["template"]
    changed = {**template, "spec": {**template["spec"], "restartPolicy": policy}}
    return {**manifest, "spec": {**manifest["spec"], "template": changed}}


AREA = Area(
    "validation",
    (
        asks(
            "api-probe-on-plain-init",
            "An init container that runs to its end can have neither probes nor lifecycle hooks; a sidecar can.",
            source=f"{INIT_DOCS}; {SIDECAR_DOCS}",
            since="1.28",
            asked=(pod("probed-init", init("early", **PROBED), app("main")),),
            shows=tuple(
                refuses(f"spec.initContainers[0].{field}: ", "may not be set")
                for field in ("lifecycle", *PROBES)
            ),
            twin=(pod("probed-sidecar", sidecar("early", **PROBED), app("main")),),
        ),
        asks(
            "api-duplicate-names",
            "No two containers of a Pod have the same name, whichever list they are in.",
            source=POD_DOCS,
            since="1.6",
            asked=(
                pod("name-of-two-inits", init("same"), init("same"), app("main")),
                pod("name-of-sidecar-and-init", sidecar("same"), init("same"), app("main")),
                pod("name-of-init-and-app", init("same"), app("same")),
                pod("name-of-two-apps", app("same"), app("same")),
            ),
            shows=(
                refuses("name-of-two-inits", 'spec.initContainers[1].name: Duplicate value: "same"'),
                refuses("name-of-sidecar-and-init", 'spec.initContainers[1].name: Duplicate value: "same"'),
                refuses("name-of-init-and-app", 'spec.initContainers[0].name: Duplicate value: "same"'),
                refuses("name-of-two-apps", 'spec.containers[1].name: Duplicate value: "same"'),
            ),
            twin=(pod("names-of-their-own", sidecar("one"), init("two"), app("three")),),
        ),
        asks(
            "api-no-app-container",
            "A Pod has at least one app container; sidecars alone are no Pod.",
            source=f"{POD_DOCS}; {SIDECAR_DOCS}",
            since="1.28",
            asked=(pod("sidecars-alone", sidecar("helper")),),
            shows=(refuses("spec.containers: Required value"),),
            twin=(pod("sidecar-and-app", sidecar("helper"), app("main")),),
        ),
        *(
            asks(
                name,
                statement,
                source=KEP_5307,
                since="1.35",
                asked=_by_policy(container, *POLICIES),
                shows=tuple(accepts(f"Pod {container.__name__}-{policy.lower()}") for policy in POLICIES),
                twin=_by_policy(container, "Sometimes"),
            )
            for name, container, statement in (
                (
                    "api-init-restartpolicy-values",
                    init,
                    "An init container may be restarted always, on failure or never.",
                ),
                (
                    "api-app-restartpolicy",
                    app,
                    "An app container may have a restart policy of its own: always, on failure or never.",
                ),
            )
        ),
        asks(
            "api-unknown-value",
            "A restart policy that is none is refused, with those that are.",
            source=KEP_753,
            since="1.28",
            asked=_by_policy(init, "Seldom"),
            shows=(refuses('spec.initContainers[0].restartPolicy: Unsupported value: "Seldom"', '"Always"'),),
            twin=_by_policy(sidecar, "Always"),
            # Where container policies are off, 1.34 drops whatever is not Always before it looks.
            known=(KnownBug(132642, ">=1.34,<1.35"),),
        ),
        asks(
            "api-field-dropped-on-old",
            "A server that does not know a container's field, as old ones do not know a sidecar's, says so to who asks"
            " it to be strict.",
            source=f"{KEP_753}; {API_DOCS}",
            since="1.25",
            asked=(pod("unknown-field", init("early", **MISSPELT), app("main")),),
            shows=(refuses("spec.initContainers[0].restartPolicies", "no field"),),
            twin=(pod("known-field", sidecar("early"), app("main")),),
        ),
        asks(
            "api-init-resizepolicy",
            "What a resize of its CPU or memory does to it can be said of an app and of a sidecar.",
            source=RESIZE_DOCS,
            since="1.33",
            asked=(pod("resizable", sidecar("helper", **resized("cpu")), app("main", **resized("memory"))),),
            shows=(accepts(),),
            twin=(pod("resizable-disk", sidecar("helper", **resized("ephemeral-storage")), app("main")),),
        ),
        asks(
            "api-job-restartpolicy",
            "The Pods of a Job restart on failure or never, those of Deployments, StatefulSets and DaemonSets always.",
            source=f"{JOB_DOCS}; {LIFECYCLE_DOCS}",
            since="1.9",
            asked=(
                _restarting(job(pod("lasting-job", app("main"))), "Always"),
                *(_restarting(made(pod("passing", app("main"))), "Never") for made in SELECTING),
            ),
            shows=(
                refuses("Job lasting-job", "spec.template.spec.restartPolicy: Required value"),
                *(
                    refuses(f"{kind} passing", 'spec.template.spec.restartPolicy: Unsupported value: "Never"')
                    for kind in ("Deployment", "StatefulSet", "DaemonSet")
                ),
            ),
            twin=(
                job(pod("passing-job", app("main"))),
                *(made(pod("lasting", app("main"))) for made in SELECTING),
            ),
        ),
        asks(
            "api-mounts",
            "An init container mounts volumes that its Pod has, each at a place of its own, and no path that leads out"
            " of one.",
            source=f"{VOLUME_DOCS}; {INIT_DOCS}",
            since="1.6",
            asked=(
                _mounting(
                    "mounts-of-no-good",
                    mount("none", "/none"),
                    mount("notes", "/notes"),
                    mount("notes", "/notes"),
                    mount("notes", "/out", subPath="../out"),
                ),
            ),
            shows=(
                refuses('spec.initContainers[0].volumeMounts[1].name: Not found: "none"'),
                refuses('spec.initContainers[0].volumeMounts[3].mountPath: Invalid value: "/notes"'),
                refuses('spec.initContainers[0].volumeMounts.subPath: Invalid value: "../out"'),
            ),
            twin=(
                _mounting(
                    "mounts-of-good", mount("notes", "/notes"), mount("notes", "/in", subPath="in/here")
                ),
            ),
        ),
        asks(
            "api-ephemeral-not-in-template",
            "Ephemeral containers are for Pods that run: neither a new Pod nor a template can have them.",
            source=EPHEMERAL_DOCS,
            since="1.25",
            asked=(
                pod("new-with-ephemeral", app("main"), **DEBUG),
                deployment(pod("template-with-ephemeral", app("main"), **DEBUG)),
            ),
            shows=(
                refuses("spec.ephemeralContainers: Forbidden"),
                refuses("spec.template.spec.ephemeralContainers: Forbidden"),
            ),
            twin=(pod("new-without", app("main")), deployment(pod("template-without", app("main")))),
        ),
        Behaviour(
            "api-immutable-lists",
            "A Pod keeps its containers for life: no init container can be added to it, and none taken away.",
            source=POD_DOCS,
            since="1.6",
            scene=changed(
                "change-of-containers",
                {"spec": {"initContainers": [{"name": "late", "image": "busybox"}]}},
                {"spec": {"initContainers": [{"name": "first", "$patch": "delete"}]}},
            ),
            shows=(looks("one more", "refused with HTTP 422"), looks("one less", "refused with HTTP 422")),
            twin=changed(
                "change-of-labels",
                {"metadata": {"labels": {"new": ""}}},
                {"metadata": {"labels": {"new": None}}},
            ),
        ),
        asks(
            "api-readiness-grace",
            "A readiness probe has no grace period, as it ends nothing; liveness and startup probes count one success.",
            source=PROBE_DOCS,
            since="1.25",
            asked=(
                pod(
                    "probes-of-no-good",
                    sidecar(
                        "helper",
                        readinessProbe=probe("true", terminationGracePeriodSeconds=5),
                        livenessProbe=probe("true", successThreshold=2),
                        startupProbe=probe("true", successThreshold=2),
                    ),
                    app("main"),
                ),
            ),
            shows=(
                refuses("spec.initContainers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value"),
                refuses("spec.initContainers[0].livenessProbe.successThreshold: Invalid value: 2"),
                refuses("spec.initContainers[0].startupProbe.successThreshold: Invalid value: 2"),
            ),
            twin=(
                pod(
                    "probes-of-good",
                    sidecar(
                        "helper",
                        readinessProbe=probe("true", successThreshold=2),
                        livenessProbe=probe("true", terminationGracePeriodSeconds=5),
                        startupProbe=probe("true", terminationGracePeriodSeconds=5),
                    ),
                    app("main"),
                ),
            ),
        ),
    ),
)


def test_promise(behaviour: Behaviour, verdict: Judgement) -> None:
    hold(AREA, behaviour, verdict)


def test_wrong_twin_is_caught(behaviour: Behaviour, twin_verdict: Judgement) -> None:
    catch(AREA, behaviour, twin_verdict)
