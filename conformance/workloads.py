"""Workloads other than Pods, declared: a Pod of pods.py becomes the template of a controller of its name."""

from __future__ import annotations

from typing import Any

from conformance.pods import Manifest


def job(template: Manifest, **spec: Any) -> dict[str, Any]:
    """A Job that gives up at the first failure, unless spec says another backoffLimit."""
    return _workload("batch/v1", "Job", template, {"backoffLimit": 0, **spec})


def cron_job(
    template: Manifest, schedule: str, job: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """A CronJob whose Jobs have these fields of their own, beside the template."""
    jobs = {"spec": {"template": _template(template), "backoffLimit": 0, **(job or {})}}
    return _object("batch/v1", "CronJob", template, {"schedule": schedule, "jobTemplate": jobs, **spec})


def deployment(template: Manifest, **spec: Any) -> dict[str, Any]:
    """A Deployment of one Pod, unless spec says how many."""
    return _selecting("Deployment", template, spec)


def daemon_set(template: Manifest, **spec: Any) -> dict[str, Any]:
    """A DaemonSet."""
    return _selecting("DaemonSet", template, spec)


def stateful_set(template: Manifest, **spec: Any) -> dict[str, Any]:
    """A StatefulSet of one Pod, unless spec says how many; it has no Service, as nobody asks for its names."""
    return _selecting("StatefulSet", template, {"serviceName": "", **spec})


def budget(name: str) -> dict[str, Any]:
    """A budget by which one Pod with the label that Pods of this name have must always be there."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "labels": {"budget": name}},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"pod": name}}},
    }


def _selecting(kind: str, template: Manifest, spec: dict[str, Any]) -> dict[str, Any]:
    """A controller of the Pods with the template's labels, which such controllers always restart."""
    lasting = {**template, "spec": {**template["spec"], "restartPolicy": "Always"}}
    selector = {"matchLabels": dict(template["metadata"]["labels"])}
    return _workload("apps/v1", kind, lasting, {"selector": selector, **spec})


def _workload(api_version: str, kind: str, template: Manifest, spec: dict[str, Any]) -> dict[str, Any]:
    return _object(api_version, kind, template, {"template": _template(template), **spec})


def _object(api_version: str, kind: str, template: Manifest, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": template["metadata"]["name"]}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def _template(template: Manifest) -> dict[str, Any]:
    metadata = {key: value for key, value in template["metadata"].items() if key != "name"}
    return {"metadata": metadata, "spec": template["spec"]}
