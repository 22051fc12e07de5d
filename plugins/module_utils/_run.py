# Copyright: (c) 2026, The podpatterns developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way through: definition -> dry run -> apply -> watch -> verdicts, for modules and conformance alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ._cluster.api import Api
from ._cluster.apply import CHANGED_IN_PLACE, Applier, Change, Options, Target
from ._cluster.capabilities import api_groups, optional_kinds, version
from ._cluster.errors import ClusterError, NotAllowed
from ._cluster.logs import events_of, first_stamp, last_words
from ._cluster.resources import BY_KIND, EVENTS, JOBS, PODS, REPLICA_SETS
from ._cluster.watch import (
    PROGRESS_SECONDS,
    Broken,
    Changed,
    Collection,
    Listed,
    News,
    Watch,
    list_once,
)
from ._lifecycle.events import event_time
from ._lifecycle.facts import PodFacts
from ._lifecycle.goals import Standing, UnfitGoal, Verdict, goal_for, standing
from ._lifecycle.injection import Injection, injection, shortcomings
from ._lifecycle.instant import from_log
from ._lifecycle.joining import with_lines
from ._lifecycle.stamps import Line
from ._lifecycle.text import pending_reason, progress
from ._lifecycle.timeline import Timeline, attempts_in
from ._lifecycle.trouble import Trouble
from ._lifecycle.view import View, Workload
from ._patterns.composition import Composed, noted_objects
from ._patterns.fragment import BadPattern, ExpectedProxy, Server
from ._pod.definition import BadDefinition, check
from ._pod.template import group_of, is_workload, pod_spec

# How long a server may be out of sight before a wait gives up, where the grace is shorter.
OUT_OF_SIGHT_SECONDS = 5.0

Report = Callable[[str], None]
ExpectedProxies = Mapping[tuple[str, str, str], Sequence[ExpectedProxy]]


def _unheard(_line: str) -> None:
    """Where nobody watches."""


@dataclass(frozen=True)
class Request:
    """What is wanted. timeout and grace are seconds; log_lines is how much of a failed container's log to show.

    to_the_end: follow the other workloads on after one has failed.
    """

    manifests: Sequence[Mapping[str, Any]]
    namespace: str | None = None
    present: bool = True
    create_namespace: bool = False
    goal: str = "auto"
    timeout: float = 300.0
    grace: float = 30.0
    recreate: bool = False
    force_conflicts: bool = False
    patterns: Sequence[Any] = ()
    image_map: Mapping[str, str] = field(default_factory=dict)
    check_mode: bool = False
    log_lines: int = 10
    to_the_end: bool = False


@dataclass(frozen=True)
class Result:
    """One workload at the end of the wait. elapsed: seconds from the start of the run to its verdict."""

    workload: Workload
    standing: Standing
    elapsed: float
    timelines: tuple[Timeline, ...]
    injections: tuple[Injection, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """Why a workload failed: the trouble, and what its container and the events about it say."""

    workload: Workload
    trouble: Trouble
    logs: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """All that a run did and saw. message is one sentence where it failed, None where it did not."""

    changes: tuple[Change, ...] = ()
    results: tuple[Result, ...] = ()
    message: str | None = None
    diagnosis: Diagnosis | None = None
    elapsed: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was, or in check mode would be, written."""
        return any(change.changed for change in self.changes)


@dataclass
class _Wait:
    """A wait under way: what is waited for, what was seen, and how each workload stands.

    unseen: collections of which nothing was heard yet; without them a verdict has no timeline.
    """

    view: View
    started: float
    unseen: set[tuple[str, str]] = field(default_factory=set)
    standings: dict[Workload, Standing] = field(default_factory=dict)
    reached_at: dict[Workload, float] = field(default_factory=dict)
    troubled_since: dict[tuple[Workload, tuple[str | None, str | None, str]], float] = field(
        default_factory=dict
    )
    warnings: dict[str, None] = field(default_factory=dict)
    out_of_sight: dict[tuple[str, str], tuple[float, ClusterError]] = field(default_factory=dict)


def run(api: Api, request: Request, report: Report = _unheard) -> Outcome:
    """Do what the request says and wait for the end of it.

    Raises BadDefinition or ClusterError where nothing, or nothing more, could be applied. A workload that
    fails or is not there in time is no exception: the outcome says so.
    """
    started = time.monotonic()
    manifests = [dict(manifest) for manifest in request.manifests]
    check(manifests, identity_only=not request.present)
    composed = _compose(api, manifests, request)
    manifests, warnings = composed.manifests, composed.warnings
    if not request.present:
        return _remove(api, request, manifests, started, report)
    goals = _goals(manifests, request)
    _check_recreate(manifests, request)
    deadline = started + request.timeout
    options = Options(deadline, request.recreate, request.force_conflicts)
    applier = Applier(api.until(deadline), options, report)
    targets = applier.place(manifests, request.namespace)
    _check_places(targets)
    changes = _apply(applier, request, targets)
    if request.check_mode:
        return Outcome(tuple(changes), elapsed=time.monotonic() - started, warnings=warnings)
    workloads = _workloads([change for change in changes if change.target in targets], goals)
    outcome = await_goals(api, workloads, request, started, tuple(changes), report, composed.expected_proxies)
    return replace(outcome, warnings=(*warnings, *outcome.warnings))


def _compose(api: Api, manifests: list[dict[str, Any]], request: Request) -> Composed:
    """The manifests with the patterns on every workload, and the objects that these need."""
    if not request.patterns:
        return Composed(manifests)
    # A module runs out of an archive, which compiles all that is imported on every run: the patterns when needed.
    from ._patterns.compose import compose_all

    if not any(is_workload(manifest) for manifest in manifests):
        raise BadPattern("patterns are given, but the definition has no workload to put them on")
    # What is missing on the server is no reason to keep what is to go.
    groups = api_groups(api) if request.present else None
    return compose_all(
        manifests,
        request.patterns,
        namespace=request.namespace or "default",
        server=Server(version(api), optional_kinds(api), groups),
        image_map=request.image_map,
    )


def _goals(manifests: Sequence[Mapping[str, Any]], request: Request) -> list[str]:
    goals = []
    for manifest in manifests:
        known = is_workload(manifest)
        try:
            goals.append(goal_for(manifest["kind"], pod_spec(manifest), request.goal) if known else "exists")
        except UnfitGoal as error:
            raise BadDefinition(f"{manifest['kind']} {manifest['metadata']['name']}: {error}") from error
    return goals


def _check_recreate(manifests: Sequence[Mapping[str, Any]], request: Request) -> None:
    if not request.recreate:
        return
    kinds = {
        str(manifest["kind"])
        for manifest in manifests
        if manifest["kind"] not in CHANGED_IN_PLACE or manifest.get("immutable")
    }
    if not kinds:
        held = sorted({str(manifest["kind"]) for manifest in manifests})
        raise BadDefinition(
            f"recreate is true, but every field of {', '.join(held)} can be changed in place; remove recreate"
            " (it is for kinds with fields that they keep for life, such as Pod and Job)"
        )


def _check_places(targets: Sequence[Target]) -> None:
    """The same object may be in the definition with its namespace and without."""
    seen: set[tuple[str, str, str]] = set()
    for target in targets:
        key = (f"{group_of(str(target.manifest['apiVersion']))}/{target.kind}", target.namespace, target.name)
        if key in seen:
            raise BadDefinition(f"{target} is in the definition twice; keep one of the two")
        seen.add(key)


def _remove(
    api: Api, request: Request, manifests: list[dict[str, Any]], started: float, report: Report
) -> Outcome:
    deadline = started + request.timeout
    applier = Applier(api.until(deadline), Options(deadline), report)
    targets = applier.place(manifests, request.namespace)
    live = [applier.existing(target) for target in targets if is_workload(target.manifest)]
    changes = applier.remove(
        [*targets, *_left_over(applier, live, targets)],
        dry=request.check_mode,
    )
    return Outcome(tuple(changes), elapsed=time.monotonic() - started)


def _apply(applier: Applier, request: Request, targets: Sequence[Target]) -> list[Change]:
    """Plan all, then write all; a namespace made for the occasion does not outlive a definition that is refused."""
    in_definition = {target.name for target in targets if target.kind == "Namespace"}
    missing: set[str] = set()
    if request.create_namespace or in_definition:
        missing = applier.missing_namespaces(targets)
    to_make = sorted(missing - in_definition) if request.create_namespace else []
    namespaces = [Target(_namespace(name), "") for name in to_make]
    planned = applier.plan([*namespaces, *targets], set(to_make) | (missing & in_definition))
    stale = _left_over(applier, [change.before for change in planned], targets)
    written = planned if request.check_mode else applier.apply(planned)
    return written + [one for one in applier.remove(stale, dry=request.check_mode) if one.changed]


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _left_over(
    applier: Applier, before: Sequence[Mapping[str, Any] | None], targets: Sequence[Target]
) -> list[Target]:
    """Objects that patterns once needed, by the note on their workloads, and that the definition no longer holds."""
    noted = [item for workload in before if workload is not None for item in noted_objects(workload)]
    held = {(target.kind, target.namespace, target.name) for target in targets}
    return [
        target
        for target in applier.place(noted, None)
        if (target.kind, target.namespace, target.name) not in held
    ]


def _workloads(changes: Sequence[Change], goals: Sequence[str]) -> list[Workload]:
    return [
        Workload(
            change.target.kind,
            change.target.namespace,
            change.target.name,
            change.after["metadata"]["uid"],
            goal,
        )
        for change, goal in zip(changes, goals, strict=True)
        if change.after is not None and is_workload(change.target.manifest)
    ]


# --- waiting ------------------------------------------------------------------------------------


def await_goals(
    api: Api,
    workloads: Sequence[Workload],
    request: Request,
    started: float,
    changes: tuple[Change, ...] = (),
    report: Report = _unheard,
    expected_proxies: ExpectedProxies = MappingProxyType({}),
) -> Outcome:
    """Follow the workloads until each has reached its goal, one has failed, or the deadline has passed.

    started: the monotonic moment that the timeout counts from. expected_proxies: what the Pods of a workload, by
    kind, namespace and name, are to have got from an injector.
    """
    wait = _Wait(View(), started)
    waiting = [workload for workload in workloads if workload.goal != "exists"]
    if waiting:
        collections = _collections(waiting)
        wait.unseen.update(
            (one.resource.kind, one.namespace) for one in collections if one.resource is not EVENTS
        )
        with Watch(api, collections) as watch:
            _follow(wait, watch, waiting, request, report)
    message, diagnosis = _conclude(api, wait, request)
    results = tuple(_result(wait, workload, expected_proxies) for workload in waiting)
    message = message or _unmet(results, expected_proxies)
    elapsed = time.monotonic() - started
    return Outcome(changes, results, message, diagnosis, elapsed, tuple(wait.warnings))


def _collections(workloads: Sequence[Workload]) -> list[Collection]:
    found: dict[Collection, None] = {}
    for workload in workloads:
        found[Collection(PODS, workload.namespace)] = None
        found[Collection(EVENTS, workload.namespace)] = None
        if workload.kind != "Pod":
            found[Collection(BY_KIND[workload.kind], workload.namespace)] = None
        if workload.kind == "Deployment":
            found[Collection(REPLICA_SETS, workload.namespace)] = None
        if workload.kind == "CronJob":
            found[Collection(JOBS, workload.namespace)] = None
    return list(found)


def _follow(
    wait: _Wait, watch: Watch, workloads: Sequence[Workload], request: Request, report: Report
) -> None:
    deadline = wait.started + request.timeout
    next_report = time.monotonic() + PROGRESS_SECONDS
    now = time.monotonic()
    while True:
        _judge(wait, workloads, now)
        if now >= deadline or (not wait.unseen and _is_over(wait, request, now)):
            return
        if now >= next_report:
            report(progress(wait.standings, wait.view, now))
            next_report = now + PROGRESS_SECONDS
        for news in watch.next(min(deadline, next_report, _next_overdue(wait, request.grace, now)) - now):
            _take(wait, news, time.monotonic())
        now = time.monotonic()


def _take(wait: _Wait, news: News, now: float) -> None:
    if not isinstance(news, Changed):
        wait.unseen.discard((news.resource.kind, news.namespace))
    if isinstance(news, Listed):
        wait.out_of_sight.pop((news.resource.kind, news.namespace), None)
        wait.view.replace(news.resource.kind, news.namespace, news.items, now)
    elif isinstance(news, Changed):
        if news.gone:
            wait.view.remove(news.item)
        else:
            wait.view.put(news.item, now)
    elif news.resource is not EVENTS:
        where = (news.resource.kind, news.namespace)
        since, _error = wait.out_of_sight.get(where, (now, None))
        wait.out_of_sight[where] = (-math.inf if news.final else since, news.error)
    elif news.final:
        wait.warnings[f"events cannot be read, so causes may be missing: {news.error}"] = None


def _judge(wait: _Wait, workloads: Sequence[Workload], now: float) -> None:
    for workload in workloads:
        # Ready is a state, which a workload may lose while others are waited for; the other goals are deeds.
        if workload in wait.reached_at and workload.goal != "ready":
            continue
        found = standing(workload, wait.view)
        wait.standings[workload] = found
        if found.verdict is Verdict.PENDING:
            wait.reached_at.pop(workload, None)
        else:
            wait.reached_at.setdefault(workload, now)
        for trouble in found.troubles:
            wait.troubled_since.setdefault((workload, trouble.key), now)


def _present_troubles(wait: _Wait) -> list[tuple[float, Workload, Trouble]]:
    """Troubles of workloads that are still waited for, with the moment each was first seen, the oldest first."""
    found = [
        (wait.troubled_since[workload, trouble.key], workload, trouble)
        for workload, one in wait.standings.items()
        if one.verdict is Verdict.PENDING
        for trouble in one.troubles
    ]
    return sorted(found, key=lambda entry: entry[0])


def _is_over(wait: _Wait, request: Request, now: float) -> bool:
    """Whether all have a verdict, or one is lost and the others are not followed to the end."""
    overdue = {workload for workload, _trouble in _overdue(wait, request.grace, now)}
    lost = bool(overdue) or any(one.verdict is Verdict.FAILED for one in wait.standings.values())
    pending = [
        workload
        for workload, one in wait.standings.items()
        if one.verdict is Verdict.PENDING and workload not in overdue
    ]
    return not pending or (lost and not request.to_the_end) or _out_of_sight(wait, request, now) is not None


def _out_of_sight(wait: _Wait, request: Request, now: float) -> ClusterError | None:
    """Why nothing has been heard from the server for longer than is tolerable."""
    grace = max(request.grace, OUT_OF_SIGHT_SECONDS)
    return next((error for since, error in wait.out_of_sight.values() if now >= since + grace), None)


def _overdue(wait: _Wait, grace: float, now: float) -> list[tuple[Workload, Trouble]]:
    """What has not healed within the grace, the oldest first."""
    return [
        (workload, trouble) for since, workload, trouble in _present_troubles(wait) if now >= since + grace
    ]


def _next_overdue(wait: _Wait, grace: float, now: float) -> float:
    ahead = (since + grace for since, _workload, _trouble in _present_troubles(wait))
    return min((moment for moment in ahead if moment > now), default=float("inf"))


# --- what came of it ----------------------------------------------------------------------------


def _result(wait: _Wait, workload: Workload, expected_proxies: ExpectedProxies) -> Result:
    found = wait.standings[workload]
    at = wait.reached_at.get(workload, time.monotonic())
    pods = wait.view.pods_of(workload)
    injections = tuple(
        injection(pod, proxy.container)
        for proxy in expected_proxies.get(_key(workload), ())
        for pod in pods
        if not pod.deleting
    )
    timelines = tuple(wait.view.timeline(pod) for pod in pods)
    return Result(workload, found, at - wait.started, timelines, injections)


def _key(workload: Workload) -> tuple[str, str, str]:
    return workload.kind, workload.namespace, workload.name


def _unmet(results: Sequence[Result], expected_proxies: ExpectedProxies) -> str | None:
    """The first Pod whose proxy is not what it should be, as one sentence."""
    for result in results:
        wanted = {one.container: one.native for one in expected_proxies.get(_key(result.workload), ())}
        for seen in result.injections:
            for found in shortcomings(seen, wanted[seen.proxy]):
                return f"Failed to verify the proxy of {result.workload}: Pod {seen.pod} {found}"
    return None


def _conclude(api: Api, wait: _Wait, request: Request) -> tuple[str | None, Diagnosis | None]:
    for workload, one in wait.standings.items():
        if one.verdict is Verdict.FAILED:
            return _explain(api, wait, workload, one.troubles[0], request)
    now = time.monotonic()
    pending = {workload: one for workload, one in wait.standings.items() if one.verdict is Verdict.PENDING}
    if not pending:
        return None, None
    overdue = _overdue(wait, request.grace, now)
    if overdue:
        return _explain(api, wait, *overdue[0], request)
    said = "; ".join(
        f"{workload}: {pending_reason(workload, one, wait.view, now)}" for workload, one in pending.items()
    )
    goals = ", ".join(sorted({workload.goal for workload in pending}))
    message = f"Failed to wait for {len(pending)} of {len(wait.standings)} workloads to be {goals}"
    unseen = _out_of_sight(wait, request, now)
    if unseen is not None:
        return f"{message}: {unseen}", None
    return f"{message}: timeout of {request.timeout:g} s passed; {said}", None


def _explain(
    api: Api, wait: _Wait, workload: Workload, trouble: Trouble, request: Request
) -> tuple[str, Diagnosis]:
    pod = next((one for one in wait.view.pods_of(workload) if one.name == trouble.pod), None)
    if pod is None:
        pod = next((one for one in wait.view.pods.values() if one.name == trouble.pod), None)
    where = f"Pod {pod.name}: " if pod is not None and workload.kind != "Pod" else ""
    message = f"Failed to wait for {workload} to be {workload.goal}: {where}{trouble.sentence}"
    about = pod.uid if pod is not None else workload.uid
    events = _events(events_of(api, workload.namespace, about), trouble.container)
    return message, Diagnosis(workload, trouble, _logs(api, pod, trouble, request), events)


def _logs(api: Api, pod: PodFacts | None, trouble: Trouble, request: Request) -> tuple[str, ...]:
    if pod is None or trouble.container is None or trouble.exit_code is None or not request.log_lines:
        return ()
    return tuple(last_words(api, pod.namespace, pod.name, trouble.container, request.log_lines))


def _events(events: Sequence[Mapping[str, Any]], container: str | None) -> tuple[str, ...]:
    """Events about the Pod as a whole and about this container, the oldest first; others are left out."""
    lines = []
    for event in sorted(events, key=event_time):
        path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
        if container is not None and path.endswith("}") and not path.endswith(f"{{{container}}}"):
            continue
        times = f" ({event['count']} times)" if (event.get("count") or 1) > 1 else ""
        lines.append(f"{event.get('reason')}: {' '.join(str(event.get('message')).split())}{times}")
    return tuple(lines)


# --- looking without touching -------------------------------------------------------------------


def look(api: Api, kind: str, namespace: str, name: str | None, selectors: Sequence[str]) -> Outcome:
    """How the workloads of a kind stand now; nothing is waited for, each collection is listed once.

    name: just this one, all where None. selectors: label selectors that the workloads must match.
    """
    started = time.monotonic()
    resource = BY_KIND[kind]
    query = {"labelSelector": ",".join(selectors)} if selectors else {}
    if name is not None:
        query["fieldSelector"] = f"metadata.name={name}"
    found = api.request("get", resource.path(namespace), query=query).get("items") or ()
    workloads = [
        Workload(kind, namespace, item["metadata"]["name"], item["metadata"]["uid"], _own_goal(kind, item))
        for item in found
    ]
    wait = _Wait(View(), started)
    for collection in _collections(workloads):
        try:
            _take(wait, list_once(api, collection), time.monotonic())
        except NotAllowed as error:
            if collection.resource is not EVENTS:
                raise
            _take(wait, Broken(EVENTS, collection.namespace, error, final=True), time.monotonic())
    _judge(wait, workloads, time.monotonic())
    results = tuple(_result(wait, workload, {}) for workload in workloads)
    return Outcome(results=results, elapsed=time.monotonic() - started, warnings=tuple(wait.warnings))


def with_first_lines(api: Api, outcome: Outcome) -> Outcome:
    """The outcome with the runtime's stamp of the first line of every log that can be read: a request for each."""
    results = tuple(
        replace(
            one, timelines=tuple(with_lines(line, tuple(_first_lines(api, line))) for line in one.timelines)
        )
        for one in outcome.results
    )
    return replace(outcome, results=results)


def _first_lines(api: Api, timeline: Timeline) -> Iterator[Line]:
    pod = timeline.pod
    for container in pod.containers:
        for attempt in attempts_in(container):
            # The present log is that of the last attempt that began.
            previous = attempt.number < container.restarts
            stamp = first_stamp(api, pod.namespace, pod.name, container.name, previous=previous)
            if stamp is not None:
                yield Line(container.name, attempt.number, "", from_log(stamp))


def _own_goal(kind: str, item: Mapping[str, Any]) -> str:
    typed = {**item, "kind": kind, "apiVersion": BY_KIND[kind].api_version}
    return goal_for(kind, pod_spec(typed), "auto")
