"""Runs scenes, each in the namespace of its area, and removes them again.

Scenes are made by the road of the modules, `_run.run`; one watch a namespace serves all who wait in it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ansible_collections.podpatterns.core.plugins.module_utils._cluster.api import Api
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotConnected,
)
from ansible_collections.podpatterns.core.plugins.module_utils._pod.definition import BadDefinition
from ansible_collections.podpatterns.core.plugins.module_utils._run import Request, look, run
from conformance.acting import act
from conformance.asking import NAMESPACE, asked
from conformance.claims import Life
from conformance.evidence import Witness, continued
from conformance.finalizer import kept, with_finalizer
from conformance.following import Following
from conformance.making import clear, workloads_of
from conformance.needs import unmet
from conformance.performance import Performance
from conformance.plays import play, run_play
from conformance.pods import Manifest, Scene, dressed
from conformance.premises import LABEL, Pulse, base, namespace, remove
from conformance.schedule import Turn
from conformance.script import WILL
from conformance.stage import Stage

THREADS = 8
# How long a server may be out of reach in the middle of a run.
OUTAGE_SECONDS = 90.0
# Why a container does not get its image.
NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})

Report = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What the user may choose. timeout_factor stretches every deadline and every window for a slow cluster."""

    image: str = "busybox"
    timeout_factor: float = 1.0
    kubeconfig: str | None = None
    context: str | None = None

    @property
    def timeout(self) -> float:
        """Seconds for one scene."""
        return 300.0 * self.timeout_factor

    @property
    def patience(self) -> int:
        """Seconds that a container waits for what must come."""
        return math.ceil(120 * self.timeout_factor)

    @property
    def window(self) -> int:
        """Seconds that a container gives to what must not come."""
        return math.ceil(3 * self.timeout_factor)


@dataclass
class Place:
    """A namespace of the run. kinds: the workloads that are seen in it; turns: how many are still to be played."""

    name: str
    restricted: bool
    kinds: set[str] = field(default_factory=set)
    turns: int = 0
    stage: Stage | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Lab:
    """One run of the suite on one cluster. run_id is in the name and the label of all it makes.

    closed: why no scene with Pods can be played any more. spent: seconds by what was done in them.
    """

    api: Api
    settings: Settings
    run_id: str
    report: Report
    closed: str = ""
    spent: dict[str, float] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)
    _needs: dict[str, str] = field(default_factory=dict)
    _removers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=THREADS))
    _leaving: list[Future[str]] = field(default_factory=list)
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _rules: set[str] = field(default_factory=set)
    _ruling: threading.Lock = field(default_factory=threading.Lock)
    _makes: bool = False
    _image_works: bool = False

    def __post_init__(self) -> None:
        self.api = self.api.patient(OUTAGE_SECONDS * self.settings.timeout_factor)
        self._pulse = Pulse(self.api, self.run_id)

    @property
    def witness(self) -> Witness:
        """Who gathers the evidence."""
        return Witness(self.api, self.settings.kubeconfig, self.settings.context)

    def unmet(self, needs: Iterable[str]) -> str:
        """Which of the needs this cluster does not meet, and why, as it says when asked; empty where it meets all."""
        for need in needs:
            if need not in self._needs:
                self._needs[need] = unmet(self.api, need)
            if self._needs[need]:
                return f"{need} is needed, but {self._needs[need]}"
        return ""

    # --- places ---------------------------------------------------------------------------------

    def expect(self, turns: Iterable[Turn]) -> None:
        """Know what is going to be played: a place is left when its last turn is over."""
        for turn in turns:
            self._makes |= not turn.scene.dry or bool(turn.scene.rules)
            if not turn.scene.dry:
                name = self._namespace_of(turn)
                place = self._places.setdefault(name, Place(name, turn.scene.restricted))
                place.kinds |= {str(one["kind"]) for one in workloads_of(turn.scene)}
                place.turns += 1

    def open(self) -> None:
        """Say that the run is alive, if it is going to make anything; where it may not, no scene can be played."""
        if not self._makes or self.closed:
            return
        try:
            self._make_namespace(base(self.run_id))
            self._pulse.start()
        except ClusterError as error:
            self.closed = str(error)

    def _namespace_of(self, turn: Turn) -> str:
        kind = turn.scene.alone or ("" if turn.scene.restricted else "open")
        return "-".join(part for part in ("conf", self.run_id, turn.area.replace(" ", "-"), kind) if part)

    @contextmanager
    def _at(self, place: Place) -> Iterator[Stage]:
        """The stage of a place, which is made for the first turn and left after the last. Raises ClusterError."""
        try:
            with place.lock:
                if place.stage is None:
                    if self.closed:
                        raise ClusterError(self.closed)
                    self._make(place)
                    place.stage = Stage(self.api, place.name, place.kinds).__enter__()
            yield place.stage
        finally:
            with place.lock:
                place.turns -= 1
                if not place.turns:
                    self._leave(place)

    def _make(self, place: Place) -> None:
        with self._phase("namespaces"):
            self._make_namespace(place.name, place.restricted)

    def _make_namespace(self, name: str, restricted: bool = True) -> None:
        request = Request([namespace(name, self.run_id, restricted)], timeout=self.settings.timeout)
        run(self.api, request)

    # --- scenes ---------------------------------------------------------------------------------

    def _ask(self, one: Scene) -> Life:
        """What the server answers to a scene that it is only asked about."""
        try:
            return asked(self.api, self._manifests([one]), self._ruled(one.rules))
        except ClusterError as error:
            return Life(shortfall=str(error))

    def _ruled(self, rules: Sequence[Manifest]) -> str:
        """The namespace in which these rules hold, made for the first who asks there."""
        if not rules:
            return NAMESPACE
        name = f"conf-{self.run_id}-{rules[0]['metadata']['name']}"
        with self._ruling:
            if name not in self._rules:
                self._rules.add(name)
                manifests = [namespace(name, self.run_id), *rules]
                run(self.api, Request(manifests, namespace=name, timeout=self.settings.timeout))
        return name

    def perform(self, turn: Turn) -> Life:
        """Play one turn and tell what was seen; why not, where the cluster does not let it."""
        scene = turn.scene
        if scene.dry:
            with self._phase("questions"):
                return self._ask(scene)
        if self.closed:
            return Life(shortfall=self.closed)
        try:
            with self._at(self._places[self._namespace_of(turn)]) as stage:
                try:
                    life = self._way(scene)(stage, scene)
                finally:
                    with self._phase("clearing"):
                        clear(self.api, stage.namespace, scene)
        except (ClusterError, BadDefinition) as error:
            if isinstance(error, NotConnected):
                self.closed = str(error)
            return Life(shortfall=str(error))
        self._heed_image(life)
        return life

    def _heed_image(self, life: Life) -> None:
        """Where nobody gets the image that all scenes run, there is no need to wait for each of them."""
        mine = [
            one
            for timeline in life.timelines
            for one in timeline.pod.containers
            # The runtime spells the name of an image that it has got out: docker.io/library/busybox:latest.
            if self.settings.image in (one.image or "")
        ]
        self._image_works |= any(one.image_id for one in mine)
        reason = next((one.reason for one in mine if one.reason in NO_IMAGE), None)
        if reason and not self._image_works:
            self.closed = (
                f"image {self.settings.image!r} cannot be pulled ({reason}); give one that the nodes can pull"
                " with --image"
            )

    def _way(self, scene: Scene) -> Callable[[Stage, Scene], Life]:
        if scene.play:
            return self._play
        return self._act if scene.deeds else self._follow

    def _play(self, stage: Stage, scene: Scene) -> Life:
        """Let Ansible play it, and tell what became of all Pods of the namespace, whoever made them."""
        settings = self.settings
        tasks = play(scene.play, stage.namespace, settings.timeout, self._clothed)
        with self._phase("plays"):
            done = run_play(tasks, settings.kubeconfig, settings.context, settings.timeout, stage.ending)
        outcome = look(self.api, "Pod", stage.namespace, None, ())
        timelines = [stage.with_states_of(line) for one in outcome.results for line in one.timelines]
        shortfall = "" if scene.stuck else done.error
        return self.witness.life_of(scene, timelines, shortfall, {"play": done.output})

    def _act(self, stage: Stage, scene: Scene) -> Life:
        deadline = time.monotonic() + self.settings.timeout
        prepare = partial(self._prepared, scene)
        performance = Performance(self.api, stage, self.witness, scene, self._clothed, prepare, deadline)
        with self._phase("deeds"):
            return act(performance, self._manifests([scene]))

    def _follow(self, stage: Stage, scene: Scene) -> Life:
        manifests = self._manifests([scene])
        first = self._part(stage, scene, manifests, scene.grace * self.settings.timeout_factor)
        if not scene.then:
            return first
        # The trouble that the first part ran into may take its time to heal.
        second = self._part(stage, scene, [*manifests, *scene.then], self.settings.timeout)
        return continued(first, second)

    def _part(self, stage: Stage, scene: Scene, manifests: Sequence[Manifest], grace: float) -> Life:
        following = Following(self.api, stage, scene.goal, time.monotonic() + self.settings.timeout)
        with self._phase("applying"):
            following.make(manifests)
        with self._phase("Pods"):
            results = following.follow(grace)
        with self._phase("evidence"):
            return replace(self.witness.life(scene, results), altered=following.altered)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        """Add the time of what is done in it to what is spent on this."""
        began = time.monotonic()
        try:
            yield
        finally:
            with self._counting:
                self.spent[name] = self.spent.get(name, 0.0) + time.monotonic() - began

    def _manifests(self, scenes: Iterable[Scene]) -> list[dict[str, Any]]:
        return [self._prepared(one, manifest) for one in scenes for manifest in one.manifests]

    def _prepared(self, one: Scene, manifest: Manifest) -> dict[str, Any]:
        if one.alone:
            return dict(manifest)  # somebody else's, to be run as it is
        is_kept = manifest["kind"] == "Pod" and manifest["metadata"]["name"] in kept(one)
        leaves_will = is_kept or (bool(one.deeds) and manifest["kind"] != "Pod")
        clothed = self._clothed(manifest, **({"WILL": WILL} if leaves_will else {}))
        labels = {**clothed["metadata"].get("labels", {}), LABEL: self.run_id}
        labelled = {**clothed, "metadata": {**clothed["metadata"], "labels": labels}}
        return with_finalizer(labelled) if is_kept else labelled

    def _clothed(self, manifest: Manifest, **more: str) -> dict[str, Any]:
        settings = self.settings
        return dressed(manifest, settings.image, settings.patience, settings.window, **more)

    # --- the end --------------------------------------------------------------------------------

    def _leave(self, place: Place) -> None:
        """Begin to delete a namespace, with all that is in it."""
        if place.stage is not None:
            place.stage.__exit__()
        self._leaving.append(self._removers.submit(self._remove, place.name))

    def close(self) -> None:
        """Leave every place, wait until all that was made is gone, and tell what stays behind."""
        self.closed = self.closed or "the run was ended"
        for place in self._places.values():
            with place.lock:
                if place.turns and place.stage is not None:
                    self._leave(place)
        self._leaving += [self._removers.submit(self._remove, name) for name in sorted(self._rules)]
        self._pulse.stop()
        if self._makes:
            self._leaving.append(self._removers.submit(self._remove, base(self.run_id)))
        for removal in self._leaving:
            if problem := removal.result():
                self.report(problem)
        self._removers.shutdown()

    def _remove(self, namespace: str) -> str:
        return remove(self.api, namespace, self.run_id, self.settings.timeout)
