"""Following a collection through everything that breaks a watch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.podpatterns.core.plugins.module_utils._cluster import watch as room
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.errors import (
    NotAllowed,
    NotConnected,
    Refusal,
)
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.resources import PODS
from ansible_collections.podpatterns.core.plugins.module_utils._cluster.watch import (
    Broken,
    Changed,
    Collection,
    Listed,
    News,
    Watch,
    wait_until,
)
from tests.awaiting import await_that

from .fake_api import (
    Act,
    FakeApi,
    drops,
    forbidden,
    refuses,
    says,
    stops_in_the_middle,
    watch_ends,
    watch_says,
)

POD = "/api/v1/namespaces/shop/pods/web"
PODS_OF_SHOP = Collection(PODS, "shop")
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAUSE_SECONDS", 0.01)


def phases(news: News) -> str:
    """Short words for what came: L and the number of items, + or - and the phase, ! for a break."""
    if isinstance(news, Listed):
        return f"L{len(news.items)}"
    if isinstance(news, Changed):
        return ("-" if news.gone else "+") + str(news.item["status"]["phase"])
    return "!"


def following(watch: Watch) -> Iterator[News]:
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        yield from watch.next(left)
    raise AssertionError(f"nothing more came within {PATIENCE} s")


def pod(phase: str) -> dict[str, Any]:
    return {"status": {"phase": phase}}


def test_a_list_comes_first_then_every_change(server: FakeApi) -> None:
    server.put(POD, pod("Pending"))
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        news = following(watch)
        seen = [phases(next(news))]
        server.put(POD, pod("Running"))
        seen.append(phases(next(news)))
        server.drop(POD)
        seen.append(phases(next(news)))
    assert seen == ["L1", "+Running", "-Running"]


def test_items_carry_their_kind_though_a_list_leaves_it_out(server: FakeApi) -> None:
    server.put(POD, pod("Pending"))
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        listed = next(following(watch))
    assert isinstance(listed, Listed)
    assert (listed.items[0]["kind"], listed.items[0]["apiVersion"]) == ("Pod", "v1")


TOO_OLD = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (2)"}


@pytest.mark.parametrize(
    ("act", "error"),
    [
        pytest.param(watch_says({"type": "ERROR", "object": TOO_OLD}), Refusal, id="410 in the stream"),
        pytest.param(refuses(410, "Expired", "too old resource version"), Refusal, id="410 as the answer"),
        pytest.param(
            watch_says('{"type": "ADDED", "obj'), NotConnected, id="a line that stops in the middle"
        ),
        pytest.param(watch_says("<html>\n"), NotConnected, id="a line that is no JSON"),
        pytest.param(watch_says("[]\n"), NotConnected, id="a line that is no event"),
        pytest.param(watch_says(), NotConnected, id="a stream that breaks at once"),
        pytest.param(drops, NotConnected, id="no answer"),
        pytest.param(says(503, ""), Refusal, id="503"),
    ],
)
def test_a_watch_that_breaks_begins_again_with_a_list(
    server: FakeApi, act: Act, error: type[Exception]
) -> None:
    server.put(POD, pod("Pending"))
    server.fault("WATCH", "pods", act, times=1)
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        news = following(watch)
        assert phases(next(news)) == "L1"
        broken = next(news)
        assert isinstance(broken, Broken)
        assert isinstance(broken.error, error)
        assert not broken.final
        assert phases(next(news)) == "L1"
        server.put(POD, pod("Running"))
        assert phases(next(news)) == "+Running"


def test_what_happens_while_a_watch_is_broken_is_in_the_next_list(server: FakeApi) -> None:
    server.put(POD, pod("Pending"))

    def changes_unseen(handler: Any) -> None:
        server.drop(POD)
        drops(handler)

    server.fault("WATCH", "pods", changes_unseen, times=1)
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        news = following(watch)
        assert [phases(next(news)) for _step in range(3)] == ["L1", "!", "L0"]


def test_a_watch_that_the_server_ends_goes_on_where_it_was(server: FakeApi) -> None:
    server.put(POD, pod("Pending"))
    server.fault("WATCH", "pods", watch_ends, times=2)
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        news = following(watch)
        assert phases(next(news)) == "L1"
        server.put(POD, pod("Running"))
        assert phases(next(news)) == "+Running"
    assert len(server.calls("GET", "pods")) == 4
    assert len([one for one in server.calls("GET", "pods") if not one.query.get("watch")]) == 1


def test_bookmarks_move_the_place_from_which_a_watch_goes_on(server: FakeApi) -> None:
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "41"}}}

    def bookmarks(handler: Any) -> None:
        handler.begin_stream()
        handler.chunk(bookmark)
        handler.wfile.write(b"0\r\n\r\n")

    server.fault("WATCH", "pods", bookmarks, times=1)
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        next(following(watch))
        await_that(
            lambda: len(server.calls("GET", "pods")) >= 3,
            lambda: f"it was listed {len(server.calls('GET', 'pods'))} times",
        )
    assert [one.query.get("resourceVersion") for one in server.calls("GET", "pods")] == [None, "2", "41"]


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (forbidden("list", "pods"), NotAllowed),
        (refuses(401, "Unauthorized", "Unauthorized"), NotAllowed),
        (refuses(403, "Forbidden", "a webhook says no"), Refusal),
        (refuses(404, "NotFound", "the server could not find the requested resource"), Refusal),
    ],
)
@pytest.mark.parametrize("method", ["GET", "WATCH"])
def test_a_refusal_that_time_does_not_change_is_final(
    server: FakeApi, act: Act, kind: type[Exception], method: str
) -> None:
    server.fault(method, "pods", act)
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        news = following(watch)
        if method == "WATCH":
            assert phases(next(news)) == "L0"
        broken = next(news)
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, kind)
    assert broken.final


def test_who_was_allowed_to_follow_may_be_refused_for_a_moment(server: FakeApi) -> None:
    server.fault("WATCH", "pods", watch_ends, times=1)
    server.fault("WATCH", "pods", forbidden("watch", "pods"), times=1)
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        news = following(watch)
        first, broken, again = next(news), next(news), next(news)
    assert (phases(first), phases(again)) == ("L0", "L0")
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, NotAllowed)
    assert not broken.final


def test_a_list_that_breaks_is_tried_again(server: FakeApi) -> None:
    server.fault("GET", "pods", stops_in_the_middle, times=1)
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        news = following(watch)
        assert [phases(next(news)) for _step in range(2)] == ["!", "L0"]


def test_collections_are_followed_side_by_side(server: FakeApi) -> None:
    server.fault("GET", "shop/pods", forbidden("list", "pods"))
    with Watch(server.client(), [PODS_OF_SHOP, Collection(PODS, "other")]) as watch:
        news = following(watch)
        found = {
            one.namespace: phases(one) for one in (next(news), next(news)) if not isinstance(one, Changed)
        }
    assert found == {"shop": "!", "other": "L0"}


def test_a_closed_watch_leaves_no_thread_behind(server: FakeApi) -> None:
    with Watch(server.client(), [PODS_OF_SHOP]) as watch:
        next(following(watch))
    for thread in vars(watch)["_threads"]:
        thread.join(PATIENCE)
        assert not thread.is_alive()


# --- waiting for one object ---------------------------------------------------------------------


def wait(server: FakeApi, holds: Any, seconds: float = PATIENCE, alive: Any = lambda: None) -> bool:
    return wait_until(server.client(), PODS, "shop", "web", holds, time.monotonic() + seconds, alive)


def test_a_wait_ends_when_the_object_is_as_wanted(server: FakeApi) -> None:
    server.put(POD, pod("Running"))
    assert wait(server, lambda item: item is not None and item["status"]["phase"] == "Running")


def test_a_wait_for_an_object_to_go_ends_at_once_where_there_is_none(server: FakeApi) -> None:
    assert wait(server, lambda item: item is None)


def test_a_wait_that_takes_too_long_says_so(server: FakeApi) -> None:
    assert not wait(server, lambda item: item is not None, seconds=0.2)


def test_a_wait_shows_that_it_is_alive(server: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PROGRESS_SECONDS", 0.02)
    signs: list[None] = []
    wait(server, lambda item: item is not None, seconds=0.3, alive=lambda: signs.append(None))
    assert signs


def test_a_wait_survives_a_break(server: FakeApi) -> None:
    server.fault("WATCH", "pods", drops, times=3)
    server.fault("GET", "pods", drops, times=1)
    assert wait(server, lambda item: item is None)


def test_a_wait_that_is_forbidden_fails(server: FakeApi) -> None:
    server.fault("GET", "pods", forbidden("list", "pods"))
    with pytest.raises(NotAllowed):
        wait(server, lambda item: item is None)
