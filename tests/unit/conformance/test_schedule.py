"""Scenes take their turns within the room that there is, disruptive ones last and alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from conformance.claims import Life
from conformance.deeds import Delete
from conformance.pods import app, pod, scene
from conformance.schedule import Room, Schedule, Turn, in_order

SECONDS = 30.0


def turn(name: str, *, disruptive: bool = False, dry: bool = False) -> Turn:
    return Turn("an area", scene(pod(name, app("main")), dry=dry), disruptive)


class Theatre:
    """Where turns are played as far as they are let."""

    def __init__(self) -> None:
        self.on: list[str] = []
        self.together: list[set[str]] = []
        self.let: dict[str, threading.Event] = {}
        self.changed = threading.Condition()

    def play(self, one: Turn) -> Life:
        name = one.scene.name
        with self.changed:
            self.on.append(name)
            self.together.append(set(self.on))
            self.changed.notify_all()
        assert self.let.setdefault(name, threading.Event()).wait(SECONDS)
        with self.changed:
            self.on.remove(name)
        return Life(answer=name)

    def end(self, name: str) -> None:
        self.let.setdefault(name, threading.Event()).set()

    def await_on(self, *names: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: set(names) <= set(self.on), SECONDS)


@pytest.fixture
def started() -> Iterator[Callable[..., tuple[Schedule, Theatre]]]:
    made: list[tuple[Schedule, Theatre]] = []

    def start(*turns: Turn, pods: int = 2) -> tuple[Schedule, Theatre]:
        theatre = Theatre()
        schedule = Schedule(turns, theatre.play, Room(pods))
        made.append((schedule, theatre))
        schedule.start()
        return schedule, theatre

    yield start
    for schedule, theatre in made:
        schedule.stop()
        for one in schedule.order:
            theatre.end(one.scene.name)


Start = Callable[..., tuple[Schedule, Theatre]]


def test_as_many_are_on_as_there_is_room_for_and_the_next_one_follows(started: Start) -> None:
    schedule, theatre = started(turn("a"), turn("b"), turn("c"))
    theatre.await_on("a", "b")
    assert not schedule.is_over([("an area", "c")])
    theatre.end("a")
    theatre.await_on("c")
    theatre.end("b")
    theatre.end("c")
    assert schedule.life(("an area", "c")).answer == "c"
    assert schedule.room.most == 2


def test_what_is_over_is_there_while_others_are_on(started: Start) -> None:
    schedule, theatre = started(turn("a"), turn("b"))
    theatre.end("b")
    assert schedule.life(("an area", "b")).answer == "b"
    assert not schedule.is_over([("an area", "a"), ("an area", "b")])


def test_a_disruptive_scene_is_on_last_and_alone(started: Start) -> None:
    schedule, theatre = started(turn("quake", disruptive=True), turn("a"), turn("b"), turn("c"))
    for name in ("a", "b", "c", "quake"):
        theatre.end(name)
    schedule.life(("an area", "quake"))
    assert theatre.together[-1] == {"quake"}
    assert sum("quake" in names for names in theatre.together) == 1


def test_a_question_needs_no_room(started: Start) -> None:
    schedule, theatre = started(turn("a"), turn("asks", dry=True), pods=1)
    theatre.await_on("a", "asks")
    assert schedule.room.taken == 1


def test_an_error_is_for_the_test_that_waits() -> None:
    def fail(_turn: Turn) -> Life:
        raise RuntimeError("a bug")

    schedule = Schedule([turn("a")], fail, Room(1))
    schedule.start()
    with pytest.raises(RuntimeError, match="a bug"):
        schedule.life(("an area", "a"))


def test_who_wants_more_room_than_there_is_gets_all_of_it() -> None:
    room = Room(3)
    assert room.take(10)
    assert room.taken == 3
    room.give(10)
    assert room.taken == 0


def test_a_closed_room_lets_nobody_in() -> None:
    room = Room(1)
    assert room.take(1)
    room.close()
    assert not room.take(1)


def test_what_lasted_longest_comes_first_and_what_is_new_by_what_is_done_in_it() -> None:
    busy = Turn("an area", scene(pod("busy", app("main")), deeds=(Delete("busy"),)))
    order = in_order(
        [turn("quick"), turn("new"), busy, turn("slow")], {("an area", "quick"): 1, ("an area", "slow"): 90}
    )
    assert [one.scene.name for one in order] == ["slow", "busy", "new", "quick"]


def test_the_room_of_a_scene_is_that_of_all_its_pods() -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 3, "template": template},
    }
    assert Turn("an area", scene(pod("one", app("main")), web)).pods == 4
    assert turn("asks", dry=True).pods == 0
