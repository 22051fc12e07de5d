"""Which scenes are on when: as many side by side as there is room for their Pods, disruptive ones last and alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from ansible_collections.podpatterns.core.plugins.module_utils._pod.template import is_workload
from conformance.claims import Life
from conformance.pods import Manifest, Scene

# How many scenes that only ask the server are on at once.
QUESTIONS = 4
# What a scene is taken to last that nobody has seen yet, and how much longer for each thing that is done in it.
GUESS_SECONDS, DEED_SECONDS = 20.0, 10.0

Key = tuple[str, str]


@dataclass(frozen=True)
class Turn:
    """A scene of an area that is to be run."""

    area: str
    scene: Scene
    disruptive: bool = False

    @property
    def key(self) -> Key:
        """What tells it from all others of a run."""
        return self.area, self.scene.name

    @property
    def pods(self) -> int:
        """How many Pods it makes at once, as far as its manifests tell; none where the server is only asked."""
        return 0 if self.scene.dry else max(sum(map(_pods, self.scene.pods)), 1)


def _pods(manifest: Manifest) -> int:
    spec = manifest["spec"] if is_workload(manifest) else {}
    return int(spec.get("replicas", spec.get("parallelism", 1)))


def once_each(found: Iterable[Turn]) -> list[Turn]:
    """Each scene once, which is disruptive where it is so for anybody."""
    made: dict[Key, Turn] = {}
    for turn in found:
        known = made.get(turn.key, turn)
        made[turn.key] = replace(turn, disruptive=turn.disruptive or known.disruptive)
    return list(made.values())


def in_order(found: Sequence[Turn], seconds: Mapping[Key, float]) -> list[Turn]:
    """Those that last longest first, so that none is waited for at the end; seconds are what they took before."""
    return sorted(found, key=lambda turn: -seconds.get(turn.key, _guess(turn.scene)))


def _guess(scene: Scene) -> float:
    return GUESS_SECONDS + DEED_SECONDS * (len(scene.deeds) + bool(scene.then))


class Room:
    """Room for so many Pods at once. most is how many there were."""

    def __init__(self, pods: int) -> None:
        self.limit = max(pods, 1)
        self.taken = 0
        self.most = 0
        self._changed = threading.Condition()
        self._closed = False

    def take(self, pods: int) -> bool:
        """Wait for the room; False where it is closed meanwhile. Who wants more than there is gets it all."""
        wanted = min(pods, self.limit)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.taken + wanted <= self.limit)
            if self._closed:
                return False
            self.taken += wanted
            self.most = max(self.most, self.taken)
            return True

    def give(self, pods: int) -> None:
        """Give back what was taken."""
        with self._changed:
            self.taken -= min(pods, self.limit)
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


@dataclass
class Schedule:
    """The turns of one run. perform plays one and tells what was seen.

    waited is the seconds that turns waited for room, lasted those that each took from then on.
    """

    order: Sequence[Turn]
    perform: Callable[[Turn], Life]
    room: Room
    waited: float = 0.0
    lasted: dict[Key, float] = field(default_factory=dict)
    _on: dict[Key, float] = field(default_factory=dict)
    _lives: dict[Key, Future[Life]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lives = {turn.key: Future() for turn in self.order}
        self._stages = ThreadPoolExecutor(self.room.limit, thread_name_prefix="scene")
        self._questions = ThreadPoolExecutor(QUESTIONS, thread_name_prefix="question")
        self._caller = threading.Thread(target=self._call, daemon=True, name="schedule")

    def start(self) -> None:
        """Begin, and return at once."""
        self._caller.start()

    def life(self, key: Key) -> Life:
        """The evidence of a scene, once it is there."""
        return self._lives[key].result()

    def is_over(self, keys: Iterable[Key]) -> bool:
        """Whether the evidence of all these scenes is there."""
        return all(self._lives[key].done() for key in keys if key in self._lives)

    def await_news(self, seconds: float) -> None:
        """Wait until one more scene is over, or for so many seconds."""
        wait(
            [one for one in self._lives.values() if not one.done()],
            timeout=seconds,
            return_when=FIRST_COMPLETED,
        )

    def progress(self) -> str:
        """How far it is, in a line."""
        over = sum(one.done() for one in self._lives.values())
        now = time.monotonic()
        oldest = sorted(self._on.copy().items(), key=lambda item: item[1])[:3]
        told = ", ".join(f"{name} {now - since:.0f} s" for (_area, name), since in oldest)
        waits = f"; longest under way: {told}" if told else ""
        return f"{over} of {len(self._lives)} scenes over, {self.room.taken} Pods at work{waits}"

    def stop(self) -> None:
        """Call no more turns; those under way are left alone."""
        self.room.close()
        self._stages.shutdown(wait=False, cancel_futures=True)
        self._questions.shutdown(wait=False, cancel_futures=True)

    def _call(self) -> None:
        called = time.monotonic()
        for turn in self.order:
            if turn.scene.dry:
                self._questions.submit(self._play, turn)
        for turn in self._with_pods(disruptive=False):
            if not self.room.take(turn.pods):
                return
            self.waited += time.monotonic() - called
            self._stages.submit(self._play, turn)
        for turn in self._with_pods(disruptive=True):
            if not self.room.take(self.room.limit):
                return
            self._stages.submit(self._play, turn)

    def _with_pods(self, disruptive: bool) -> Iterator[Turn]:
        return (turn for turn in self.order if turn.disruptive is disruptive and not turn.scene.dry)

    def _play(self, turn: Turn) -> None:
        began = self._on[turn.key] = time.monotonic()
        future = self._lives[turn.key]
        try:
            future.set_result(self.perform(turn))
        except Exception as error:  # noqa: BLE001  # it is for the test that waits to raise it
            future.set_exception(error)
        finally:
            self.lasted[turn.key] = time.monotonic() - began
            self._on.pop(turn.key, None)
            if not turn.scene.dry:
                self.room.give(self.room.limit if turn.disruptive else turn.pods)
