# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An outcome as the modules return it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._cluster.apply import Change
from ._lifecycle.assertions import Judged, having
from ._lifecycle.injection import Injection
from ._lifecycle.instant import Order
from ._lifecycle.shape import as_dict
from ._lifecycle.text import table
from ._pod.comparison import shown
from ._run import Diagnosis, Outcome, Result


def as_result(outcome: Outcome, show_diff: bool) -> dict[str, Any]:
    """The module's result; the diff only where it was asked for."""
    result: dict[str, Any] = {
        "changed": outcome.changed,
        "objects": [_object(change) for change in outcome.changes],
        "workloads": [_workload(one) for one in outcome.results],
        "timeline": [
            line for one in outcome.results for timeline in one.timelines for line in table(timeline)
        ],
        "elapsed": round(outcome.elapsed, 3),
    }
    if show_diff:
        result["diff"] = [_diff(change) for change in outcome.changes if change.changed]
    if outcome.diagnosis is not None:
        result["diagnosis"] = _diagnosis(outcome.diagnosis)
    return result


def failure_text(outcome: Outcome) -> str:
    """The sentence of a failure, then what the container and the events about it said last."""
    lines = [outcome.message or ""]
    found = outcome.diagnosis
    if found is not None and found.logs:
        lines += [f"Last log lines of {found.trouble.container}:", *(f"  {line}" for line in found.logs)]
    if found is not None and found.events:
        lines += [
            f"Events about {found.trouble.container or found.workload}:",
            *(f"  {line}" for line in found.events),
        ]
    return "\n".join(lines)


def as_report(outcome: Outcome, path: str) -> str:
    """Every timeline of the outcome: drawings alone for a path that ends in .svg, else a self-contained page."""
    from ._lifecycle.drawing import sheet  # only here: see _run on what an import costs
    from ._lifecycle.page import page

    timelines = [timeline for one in outcome.results for timeline in one.timelines]
    return sheet(timelines) if path.endswith(".svg") else page(timelines, "What every container did")


def as_information(outcome: Outcome) -> dict[str, Any]:
    """The result of a look that changed nothing."""
    whole = as_result(outcome, show_diff=False)
    return {"changed": False, "workloads": whole["workloads"], "timeline": whole["timeline"]}


def as_judgement(judged: Sequence[Judged]) -> dict[str, Any]:
    """What Pods say to assertions; nothing was changed."""
    return {
        "changed": False,
        "findings": [
            {
                "namespace": one.timeline.pod.namespace,
                "pod": one.timeline.pod.name,
                "assertion": finding.asserted,
                "answer": finding.answer.value,
                "evidence": finding.evidence,
            }
            for one in judged
            for finding in one.findings
        ],
        "timeline": [line for one in judged for line in table(one.timeline)],
    }


def refutation(judged: Sequence[Judged], answers: Sequence[Order]) -> str:
    """The findings with one of these answers, the first in a sentence of its own, then the timelines of their Pods."""
    said = [f"{_VERBS[answer]} {sentence}" for answer in answers for sentence in having(judged, answer)]
    pods = [one for one in judged if any(finding.answer in answers for finding in one.findings)]
    more = [f"and {sentence[0].lower()}{sentence[1:]}" for sentence in said[1:]]
    return "\n".join([said[0], *more, *(line for one in pods for line in table(one.timeline))])


_VERBS = {Order.NO: "Failed to assert on", Order.TIE: "Failed to tell of"}


def sayable(params: Mapping[str, Any]) -> dict[str, Any]:
    """A module's arguments without what may hold Secrets: Ansible shows them with -vvv."""
    hidden = ("definition", "kubeconfig", "api_key", "password")
    return {name: "(not shown)" if name in hidden and value else value for name, value in params.items()}


def _object(change: Change) -> dict[str, Any]:
    target = change.target
    return {
        "api_version": target.manifest["apiVersion"],
        "kind": target.kind,
        "namespace": target.namespace,
        "name": target.name,
        "action": change.action.value,
    }


def _workload(one: Result) -> dict[str, Any]:
    return {
        "kind": one.workload.kind,
        "namespace": one.workload.namespace,
        "name": one.workload.name,
        "goal": one.workload.goal,
        "verdict": one.standing.verdict.value,
        "reason": one.standing.reason,
        "elapsed": round(one.elapsed, 3),
        "pods": [as_dict(timeline) for timeline in one.timelines],
        "injections": [_injection(seen) for seen in one.injections],
    }


def _injection(seen: Injection) -> dict[str, Any]:
    return {
        "pod": seen.pod,
        "proxy": seen.proxy,
        "there": seen.there,
        "native": seen.native,
        "before_init_containers": seen.before_init_containers.value,
        "outlives_app": seen.outlives_app.value,
    }


def _diff(change: Change) -> dict[str, Any]:
    target = change.target
    header = (
        f"{target.kind} {target.namespace}/{target.name}"
        if target.namespace
        else f"{target.kind} {target.name}"
    )
    before, after = shown(change.before, change.after)
    return {"before": before, "after": after, "before_header": header, "after_header": header}


def _diagnosis(found: Diagnosis) -> dict[str, Any]:
    trouble = found.trouble
    return {
        "workload": str(found.workload),
        "pod": trouble.pod,
        "container": trouble.container,
        "role": trouble.role.value if trouble.role else None,
        "reason": trouble.reason,
        "exit_code": trouble.exit_code,
        "logs": list(found.logs),
        "events": list(found.events),
    }
