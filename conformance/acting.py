"""Does the deeds of scenes: the Pods reach their goal, the deeds are done in order, the Pods are seen to their end.

One watch of the namespace serves all its scenes, and each goes at its own pace. A Pod that is to be deleted carries a
finalizer of ours, so that its end can be read; it is taken off whatever happens, by the scene, and once more by the
lab before it deletes the namespace.
"""

from __future__ import annotations

import contextlib
import json
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from shlex import quote
from typing import Any, Self

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import JSON, Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    Failure,
    Refusal,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import (
    BY_KIND,
    EVENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    Resource,
    Resources,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.watch import (
    PROGRESS_SECONDS,
    Broken,
    Changed,
    Collection,
    Listed,
    News,
    Watch,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.goals import (
    Verdict,
    goal_for,
    standing,
)
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.joining import with_states
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.timeline import Timeline
from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.view import View, Workload
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition
from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import is_workload, pod_spec
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, run
from conformance.alterations import alterations
from conformance.claims import Life, states
from conformance.deeds import (
    LASTS,
    OURS,
    RENAMED,
    WAITS,
    Apply,
    Deed,
    Delete,
    Done,
    Evict,
    OnNode,
    Patch,
    PutOnNode,
    Read,
    Tell,
    Until,
    UntilListed,
    UntilPods,
    UntilState,
)
from conformance.evidence import Witness
from conformance.nodes import NotEntered, node
from conformance.on_nodes import script
from conformance.pods import Look, Manifest, Scene, another_name

FINALIZER = "podpatterns.core/conformance"
STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
TABLE = f"{JSON};as=Table;v=v1;g=meta.k8s.io"
ENDS = ("Succeeded", "Failed")
# What kubectl says of a command that never came to run, and of one that the kubelet may run yet.
NOT_REACHED = "error: unable to upgrade connection"
UNKNOWN_THERE = f"{NOT_REACHED}: pod does not exist"


class Missed(Exception):
    """Something that a scene needs did not come; the text says what, and how things stand instead."""


# --- what is seen -------------------------------------------------------------------------------


class Stage:
    """All that is seen of one namespace, for many who wait. Use as a context manager; leaving it ends every wait."""

    def __init__(self, api: Api, namespace: str, kinds: Iterable[str]) -> None:
        self.namespace = namespace
        self.view = View()
        self._changed = threading.Condition()
        self._closing = False
        self._broken: ClusterError | None = None
        self._watch = Watch(api, _collections(namespace, set(kinds)))
        self._thread = threading.Thread(target=self._follow, daemon=True, name=f"stage {namespace}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    @property
    def over(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._closing

    def wait(
        self,
        holds: Callable[[View], bool],
        deadline: float,
        what: Callable[[View], str],
        wake: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """Wait until it holds. Raises Missed, with `what` did not come, where it does not before the deadline.

        wake: when, in monotonic seconds, to look again though nothing was heard.
        """
        with self._changed:
            while not holds(self.view):
                left = deadline - time.monotonic()
                if self._closing:
                    raise Missed(f"{what(self.view)}: the run was ended")
                if self._broken is not None:
                    raise Missed(f"{what(self.view)}: {self._broken}")
                if left <= 0:
                    raise Missed(f"{what(self.view)}, and its time is over")
                self._changed.wait(min(left, max(wake() - time.monotonic(), 0.0)))

    def timelines(self, workloads: Iterable[Workload]) -> tuple[Timeline, ...]:
        """The timelines of the workloads' Pods, as far as seen."""
        with self._changed:
            return tuple(self.view.timeline(pod) for one in workloads for pod in pods_made(self.view, one))

    def with_states_of(self, timeline: Timeline) -> Timeline:
        """The timeline with what was seen of its Pod before the state that it is of."""
        uid = timeline.pod.uid
        with self._changed:
            seen = self.view.timeline(self.view.pods[uid]) if uid in self.view.pods else timeline
        attempts = {name: {one.number: one for one in found} for name, found in seen.attempts.items()}
        for name, found in timeline.attempts.items():
            attempts.setdefault(name, {}).update({one.number: one for one in found})
        joined = {
            name: tuple(one for _number, one in sorted(found.items())) for name, found in attempts.items()
        }
        versions = (*seen.versions, *timeline.versions)
        return with_states(replace(timeline, attempts=joined, versions=versions))

    def states(self, workloads: Iterable[Workload]) -> dict[str, Mapping[str, Any]]:
        """The last state of each workload that is no Pod, empty where none was seen."""
        with self._changed:
            ours = [one for one in workloads if one.kind != "Pod"]
            return {one.name: self.view.controllers.get(one.uid, {}) for one in ours}

    def _follow(self) -> None:
        with self._watch as watch:
            while not self._closing:
                if found := watch.next(PROGRESS_SECONDS):
                    with self._changed:
                        for news in found:
                            self._take(news)
                        self._changed.notify_all()

    def _take(self, news: News) -> None:
        now = time.monotonic()
        if isinstance(news, Listed):
            self.view.replace(news.resource.kind, news.namespace, news.items, now)
        elif isinstance(news, Changed):
            if news.gone:
                self.view.put(news.item, now)  # its end may be in its last state alone
                self.view.remove(news.item)
            else:
                self.view.put(news.item, now)
        elif isinstance(news, Broken) and news.final and news.resource is not EVENTS:
            self._broken = news.error


def pods_made(view: View, workload: Workload) -> list[PodFacts]:
    """Every Pod that was ever seen of the workload, by the label that its template gives them, the first seen first."""
    if workload.kind == "Pod":
        return view.pods_of(workload)
    found = [pod for pod in view.pods.values() if pod.labels.get("pod") == workload.name]
    return sorted(found, key=lambda pod: view.versions[pod.uid][0].at)


def _collections(namespace: str, kinds: set[str]) -> list[Collection]:
    resources = [BY_KIND[kind] for kind in sorted({"Pod", *kinds})]
    resources += [REPLICA_SETS] if "Deployment" in kinds and "ReplicaSet" not in kinds else []
    resources += [JOBS] if "CronJob" in kinds and "Job" not in kinds else []
    return [Collection(one, namespace) for one in (EVENTS, *resources)]


# --- what is done -------------------------------------------------------------------------------


def kept(scene: Scene) -> set[str]:
    """The Pods of the scene that must not vanish before their end has been read."""
    return {
        one.name for one in scene.deeds if isinstance(one, Evict) or (isinstance(one, Delete) and one.kept)
    }


def with_finalizer(manifest: Manifest) -> dict[str, Any]:
    """The manifest with our finalizer."""
    finalizers = [*manifest["metadata"].get("finalizers", ()), FINALIZER]
    return {**manifest, "metadata": {**manifest["metadata"], "finalizers": finalizers}}


def let_go(api: Api, namespace: str, name: str) -> None:
    """Take our finalizer off a Pod, which may be gone. Raises ClusterError."""
    body = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}
    try:
        api.request("patch", PODS.path(namespace, name), body=body, content_type=STRATEGIC)
    except Refusal as error:
        if error.status != 404:
            raise


def release(api: Api, namespace: str) -> None:
    """Take our finalizer off every Pod of a namespace that is to go. Raises ClusterError."""
    for item in api.request("get", PODS.path(namespace)).get("items") or ():
        if FINALIZER in (item["metadata"].get("finalizers") or ()):
            let_go(api, namespace, item["metadata"]["name"])


@dataclass
class Performance:
    """One scene, from its first Pod to its last. deadline, in monotonic seconds, is that of the whole.

    clothe: gives a container that a deed adds what the scene's own have; prepare: an object that a deed applies.
    """

    api: Api
    stage: Stage
    witness: Witness
    scene: Scene
    clothe: Callable[[Manifest], dict[str, Any]]
    prepare: Callable[[Manifest], dict[str, Any]]
    deadline: float
    workloads: dict[str, Workload] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    looks: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    undoing: list[Callable[[], str]] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)

    def life(self, manifests: Sequence[Manifest]) -> Life:
        """Make the scene's objects, do its deeds, and tell what was seen."""
        shortfall = ""
        try:
            try:
                self._make(manifests)
                self._act()
            except (ClusterError, BadDefinition, Missed) as error:
                shortfall = str(error)
            ours = self.workloads.values()
            timelines, last = self.stage.timelines(ours), self.stage.states(ours)
            told = self.witness.life_of(self.scene, timelines, shortfall, self.looks, tuple(self.done))
            return replace(told, workloads=last, altered=tuple(self.altered))
        finally:
            for undo in reversed(self.undoing):
                with contextlib.suppress(Missed):  # of a node that is gone nothing is left
                    undo()
            for name in kept(self.scene):
                with contextlib.suppress(ClusterError):  # the lab tries again at the end
                    let_go(self.api, self.stage.namespace, name)

    def _make(self, manifests: Sequence[Manifest]) -> None:
        left = max(self.deadline - time.monotonic(), 1.0)
        made = run(
            self.api, Request(manifests, namespace=self.stage.namespace, goal="exists", timeout=left)
        ).changes
        for change in made:
            target, live = change.target, change.after
            if live is not None and is_workload(target.manifest):
                self.altered += [f"{target.name} {path}" for path in alterations(target.manifest, live)]
                goal = "started" if self.scene.goal == "auto" else self.scene.goal
                if target.kind == "CronJob":
                    goal = "exists"
                goal = goal_for(target.kind, pod_spec(target.manifest), goal)
                uid = live["metadata"]["uid"]
                self.workloads[target.name] = Workload(target.kind, target.namespace, target.name, uid, goal)

    def _act(self) -> None:
        if not isinstance(self.scene.deeds[0], WAITS):
            for one in self.workloads.values():
                self._reach(one)
        for deed in self.scene.deeds:
            self._do(deed)
            self.done.append(Done(deed, time.monotonic()))
        ends = self.taken if isinstance(self.scene.deeds[-1], LASTS) else self.workloads.keys()
        for one in self.workloads.values():
            if one.kind == "Pod" and one.name in ends:
                self._see_end(one)

    def _reach(self, workload: Workload) -> None:
        def holds(view: View) -> bool:
            found = standing(workload, view)
            if found.verdict is Verdict.FAILED:
                raise Missed(f"{workload} is not {workload.goal}: {found.reason}")
            return found.verdict is Verdict.DONE

        self.stage.wait(
            holds,
            self.deadline,
            lambda view: f"{workload} is not {workload.goal}: {standing(workload, view).reason}",
        )

    def _see_end(self, workload: Workload) -> None:
        whole = workload.name in kept(self.scene) or workload.name not in self.taken

        def holds(view: View) -> bool:
            pod = view.pods.get(workload.uid)
            return workload.uid in view.gone or (whole and pod is not None and pod.phase in ENDS)

        self.stage.wait(
            holds,
            self.deadline,
            lambda view: f"{workload} has not come to its end: {_stand(view.pods_of(workload))}",
        )

    def _do(self, deed: Deed) -> None:
        match deed:
            case Until() | UntilListed() | UntilPods() | UntilState():
                self._wait_for(deed)
            case Apply():
                self._apply(deed)
            case Read():
                self._read(deed)
            case OnNode():
                self._on_node(deed)
            case PutOnNode():
                self._put_on_node(deed)
            case Tell():
                self._tell(deed)
            case Patch():
                self._ask(deed, "patch", self._path(deed), self._body(deed), _merge(deed.kind))
            case Delete():
                if self._ask(deed, "delete", self._path(deed), _delete_options(deed.grace)):
                    self.taken.add(deed.name)
            case Evict():
                body = {
                    "apiVersion": "policy/v1",
                    "kind": "Eviction",
                    "metadata": {"name": self._pod_name(deed.name), "namespace": self.stage.namespace},
                    "deleteOptions": _delete_options(deed.grace),
                }
                if self._ask(deed, "post", f"{self._path(deed)}/eviction", body):
                    self.taken.add(deed.name)

    def _on_node(self, deed: OnNode) -> None:
        run_there = self._node_of(deed.pod)
        if deed.undo:
            self.undoing.append(partial(run_there, deed.undo))
        said = run_there(deed.command)
        if deed.note:
            self.looks[deed.note] = said

    def _put_on_node(self, deed: PutOnNode) -> None:
        manifest = self.prepare(deed.manifest)
        placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": self.stage.namespace}}
        run_there = self._node_of(deed.pod)
        path = f"{deed.folder}/{self.stage.namespace}-{manifest['metadata']['name']}.json"
        self.undoing.append(partial(run_there, f"rm -f {path}"))
        # Who reads the folder must not find a half, and passes over what begins with a point.
        half = f"{deed.folder}/.{self.stage.namespace}-{manifest['metadata']['name']}"
        run_there(f"printf %s {quote(json.dumps(placed))} > {half} && mv {half} {path}")

    def _node_of(self, name: str) -> Callable[[str], str]:
        """A way to run shell on the node of the newest Pod of this name."""
        found = [one.pod for one in self.stage.timelines([self._workload(name)])]
        if not found or not found[-1].node:
            raise Missed(f"no node has a Pod of {name}")
        pod, left = found[-1], max(self.deadline - time.monotonic(), 1.0)

        def run_there(command: str) -> str:
            try:
                return node(str(pod.node)).run("sh", "-c", script(pod, int(left), command), timeout=left)
            except NotEntered as error:
                raise Missed(str(error)) from error

        return run_there

    def _wait_for(self, deed: Until | UntilListed | UntilPods | UntilState) -> None:
        match deed:
            case Until():
                self._await(deed)
            case UntilListed():
                self._await_listed(deed)
            case UntilPods():
                self._await_pods(deed)
            case UntilState():
                self._await_state(deed)

    def _ask(
        self, deed: Delete | Evict | Patch, method: str, path: str, body: Any, content_type: str | None = None
    ) -> bool:
        """Whether the server does it; a refusal that the scene does not ask about raises Missed."""
        api = self.api.until(self.deadline)
        try:
            api.request(method, path, body=body, content_type=content_type)
        except Refusal as error:
            self._refused(deed, error)
            return False
        self._accepted(deed)
        return True

    def _refused(self, deed: Apply | Delete | Evict | Patch, error: Refusal | Failure) -> None:
        if not deed.note:
            raise Missed(f"the server refuses to {deed}: {error}") from error
        status = f" with HTTP {error.status}" if isinstance(error, Refusal) else ""
        self.looks[deed.note] = f"refused{status}: {error}"

    def _accepted(self, deed: Apply | Delete | Evict | Patch) -> None:
        if deed.note:
            self.looks[deed.note] = "accepted"

    def _path(self, deed: Delete | Evict | Patch) -> str:
        kind = deed.kind if isinstance(deed, Patch) else "Pod"
        name = deed.name if isinstance(deed, Patch) else self._pod_name(deed.name)
        path = self._resource(kind).path(self.stage.namespace, name)
        return f"{path}/{deed.subresource}" if isinstance(deed, Patch) and deed.subresource else path

    def _pod_name(self, name: str) -> str:
        """The Pod of this name, or the newest one of the workload of this name."""
        if name not in self.workloads or self.workloads[name].kind == "Pod":
            return name
        living = [one.pod for one in self.stage.timelines([self.workloads[name]]) if not one.pod.deleting]
        if not living:
            raise Missed(f"there is no Pod of {self.workloads[name]}")
        return living[-1].name

    def _apply(self, deed: Apply) -> None:
        manifest = self.prepare(deed.manifest)
        left = max(self.deadline - time.monotonic(), 1.0)
        try:
            if deed.dry:
                path = Resources(self.api).of(manifest).path(self.stage.namespace)
                self.api.request("post", path, query={"dryRun": "All"}, body=manifest)
            else:
                run(
                    self.api, Request([manifest], namespace=self.stage.namespace, goal="exists", timeout=left)
                )
        except (Refusal, Failure) as error:
            self._refused(deed, error)
        else:
            self._accepted(deed)

    def _resource(self, kind: str) -> Resource:
        if kind in BY_KIND:
            return BY_KIND[kind]
        versions = {one["kind"]: one["apiVersion"] for one in self.scene.manifests}
        return Resources(self.api).of({"apiVersion": versions.get(kind, "v1"), "kind": kind})

    def _read(self, deed: Read) -> None:
        path = self._resource(deed.kind).path(self.stage.namespace, deed.name)
        query = {"fieldSelector": deed.selecting} if deed.selecting else {}
        found = self.api.until(self.deadline).request(
            "get", path, query=query, accept=TABLE if deed.as_row else JSON
        )
        said = " ".join(str(cell) for cell in found["rows"][0]["cells"]) if deed.as_row else json.dumps(found)
        self.looks[deed.note] = said

    def _body(self, deed: Patch) -> dict[str, Any]:
        if deed.subresource != "ephemeralcontainers":
            clothed = self.clothe({"kind": "Pod", "spec": {"containers": [{"name": "any"}]}})
            merged: dict[str, Any] = _with_image(deed.body, clothed["spec"]["containers"][0]["image"])
            return merged
        return {"spec": self.clothe({"kind": "Pod", "apiVersion": "v1", **deed.body})["spec"]}

    def _pods(self, name: str, view: View) -> list[PodFacts]:
        return view.pods_of(self._workload(name))

    def _workload(self, name: str) -> Workload:
        return self.workloads[name or next(iter(self.workloads))]

    def _await(self, deed: Until) -> None:
        def holds(view: View) -> bool:
            return any(deed.test(pod) for pod in self._pods(deed.pod, view))

        def what(view: View) -> str:
            return f"nobody has seen that {deed.what}: {_stand(self._pods(deed.pod, view))}"

        def holds_or_gone(view: View) -> bool:
            if holds(view):
                return True
            if self._workload(deed.pod).uid in view.gone:
                raise Missed(f"{what(view)}; it is gone")
            return False

        self.stage.wait(holds_or_gone, self.deadline, what)

    def _await_pods(self, deed: UntilPods) -> None:
        one = self._workload(deed.workload)
        self.stage.wait(
            lambda view: deed.test(pods_made(view, one)),
            self.deadline,
            lambda view: f"nobody has seen that {deed.what}: {_stand(pods_made(view, one))}",
        )

    def _await_state(self, deed: UntilState) -> None:
        one = self._workload(deed.workload)

        def holds(view: View) -> bool:
            known = one.uid in view.controllers
            return known and deed.test(None if one.uid in view.gone else view.controllers[one.uid])

        self.stage.wait(
            holds,
            self.deadline,
            lambda view: (
                f"nobody has seen that {deed.what}: {one} is {view.controllers.get(one.uid, {}).get('status')}"
            ),
        )

    def _await_listed(self, deed: UntilListed) -> None:
        resource = Resources(self.api).of({"apiVersion": deed.api_version, "kind": deed.kind})
        collection = Collection(resource, self.stage.namespace, (("labelSelector", deed.label),))
        found: dict[str, Mapping[str, Any]] = {}
        with Watch(self.api, [collection]) as watch:
            while not deed.test(list(found.values())):
                left = self.deadline - time.monotonic()
                if left <= 0 or self.stage.over:
                    raise Missed(f"nobody has seen that {deed.what}, and its time is over")
                for news in watch.next(min(left, PROGRESS_SECONDS)):
                    _know(found, news)
        self.looks[deed.note] = deed.told(list(found.values()))

    def _tell(self, deed: Tell) -> None:
        timelines = self.stage.timelines([self._workload(deed.pod)])
        if not timelines:
            raise Missed(f"there is no Pod of {deed.pod} to {deed}")
        answers: queue.Queue[str] = queue.Queue()

        def ask() -> None:
            answers.put(self._told(timelines[0], Look(deed.container, deed.command)))

        # A command that never answers must not hold the scene.
        threading.Thread(target=ask, daemon=True, name=str(deed)).start()
        try:
            said = answers.get(timeout=max(self.deadline - time.monotonic(), 0.1))
        except queue.Empty:
            raise Missed(f"there is no answer to: {deed}") from None
        if deed.note:
            self.looks[deed.note] = said
        elif said.startswith(NOT_REACHED):
            raise Missed(f"nobody could {deed}: {said}")

    def _told(self, timeline: Timeline, look: Look) -> str:
        """What a command says. A kubelet that was just started knows of no Pods; it tells nobody when it does."""
        said = self.witness.look(timeline, look)
        while said.startswith(UNKNOWN_THERE) and time.monotonic() < self.deadline:
            said = self.witness.look(timeline, look)
        return said


def _know(found: dict[str, Mapping[str, Any]], news: News) -> None:
    """Take news of objects, by their names."""
    if isinstance(news, Listed):
        found.clear()
        found.update({item["metadata"]["name"]: item for item in news.items})
    elif isinstance(news, Changed):
        found[news.item["metadata"]["name"]] = news.item
        if news.gone:
            del found[news.item["metadata"]["name"]]
    elif news.final:
        raise news.error


def _delete_options(grace: int | None) -> dict[str, Any]:
    given = {} if grace is None else {"gracePeriodSeconds": grace}
    return {"apiVersion": "v1", "kind": "DeleteOptions", **given}


def _with_image(body: Any, image: str) -> Any:
    """What is to be merged, with the image of the run in its places."""
    if isinstance(body, Mapping):
        return {key: _with_image(value, image) for key, value in body.items()}
    if isinstance(body, list):
        return [_with_image(one, image) for one in body]
    if body == RENAMED:
        try:
            return another_name(image)
        except ValueError as error:
            raise Missed(str(error)) from error
    return image if body == OURS else body


def _merge(kind: str) -> str:
    """Kinds of the server's own merge lists by their keys; of any other nothing is known."""
    return STRATEGIC if kind in BY_KIND else MERGE


def _stand(pods: Iterable[PodFacts]) -> str:
    return "; ".join(_said(pods)) or "there is no Pod of it"


def _said(pods: Iterable[PodFacts]) -> Iterator[str]:
    for pod in pods:
        yield f"{pod.name} is {states(pod)}{', deleting' if pod.deleting else ''}"
