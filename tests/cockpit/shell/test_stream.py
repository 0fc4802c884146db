"""Server-sent events of a real server: what is said, to whom, from which number on, and until when."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.requests import Request
from tests.cockpit.security.rig import PASSWORD, logged_in
from tests.conftest import WaitFor

from sightline.cockpit import stream
from sightline.cockpit.app import cockpit_app
from sightline.cockpit.news import TOPICS, News
from sightline.cockpit.stream import HEARTBEAT_S
from sightline.cockpit.watching import Watching
from sightline.fleet.api import app, staying
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.people.principal import Principal, Role
from sightline.fleet.people.slots import Slots
from sightline.pages.guarded import Message
from sightline.testing import ManualClock

MOST = 3


class Event(NamedTuple):
    kind: str
    number: int | None
    topics: list[str]


class Site(NamedTuple):
    server: CoordinatorServer
    clock: ManualClock


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    clock = ManualClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "EVERY_S", 0.05)  # the looks' alone: beats go by the clock
        patch.setattr(app, "MOST_LISTENERS", MOST)
        patch.setattr(app, "MOST_OF_ONE", MOST - 1)
        with CoordinatorServer(
            bus="memory://stream",
            database=tmp_path_factory.mktemp("stream") / "fleet.db",
            pages=partial(cockpit_app, clock=clock),
        ) as server:
            for name in ("viewer", "another"):
                server.entrance.users.add(name, Role.VIEWER, PASSWORD)
            yield Site(server, clock)


@pytest.fixture
def viewer(site: Site) -> Iterator[httpx.Client]:
    with logged_in(site.server.url, "viewer") as viewer:
        yield viewer


def events(answer: httpx.Response) -> Iterator[Event]:
    said: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            said[name] = value
        elif "event" in said:
            number = int(said["id"]) if "id" in said else None
            yield Event(said["event"], number, json.loads(said["data"]).get("topics", []))
            said = {}


@contextmanager
def listening(client: httpx.Client, *, last: int | str | None = None) -> Iterator[Iterator[Event]]:
    headers = {} if last is None else {"last-event-id": str(last)}
    with client.stream("GET", "/stream", headers=headers) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        yield events(answer)


def begin(client: httpx.Client) -> int:
    """The number of now."""
    with listening(client) as said:
        first = next(said)
        assert first.number is not None
        return first.number


def test_who_says_no_number_hears_of_all_and_then_of_what_changes(site: Site, viewer: httpx.Client) -> None:
    with listening(viewer) as said:
        first = next(said)
        assert (first.kind, tuple(first.topics)) == ("news", TOPICS)
        site.server.entrance.users.add("newcomer", Role.VIEWER)
        second = next(said)
        assert "users" in second.topics
        assert not {"cameras", "instances"} & set(second.topics)
        assert (second.number or 0) > (first.number or 0)


def test_after_a_break_what_changed_meanwhile_is_told(site: Site, viewer: httpx.Client) -> None:
    number = begin(viewer)
    site.server.entrance.users.add("late", Role.VIEWER)
    with listening(viewer, last=number) as said:
        assert "users" in next(said).topics


@pytest.mark.parametrize("last", ["99999999999999999", "-1", "0", "x", "9" * 400, "١٢"])
def test_a_number_that_is_none_of_ours_is_told_all(viewer: httpx.Client, last: str) -> None:
    begin(viewer)
    with viewer.stream("GET", "/stream", params={"last": last}) as answer:
        assert tuple(next(events(answer)).topics) == TOPICS


def test_where_nothing_changes_it_says_that_it_is_still_there(site: Site, viewer: httpx.Client) -> None:
    with listening(viewer, last=begin(viewer)) as said:
        for _ in range(3):
            assert next(said) == Event("still", None, [])
            site.clock.move(HEARTBEAT_S)


def test_a_stream_ends_with_its_session(
    site: Site, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staying, "ASK_AGAIN_S", 0.05)
    with listening(viewer) as said:
        next(said)
        site.server.entrance.logout(viewer.cookies["sightline_session"])
        assert {event.kind for event in said} <= {"news", "still"}  # and then it is over
    assert viewer.get("/stream").headers["location"].startswith("/login")


def test_one_too_many_of_a_user_or_of_all_is_told_to_come_again(
    site: Site, viewer: httpx.Client, wait_for: WaitFor
) -> None:
    def is_let_in() -> bool:
        with viewer.stream("GET", "/stream") as answer:
            return answer.status_code == httpx.codes.OK

    all_said = []

    def listens(client: httpx.Client) -> None:
        all_said.append(opened.enter_context(listening(client)))
        assert next(all_said[-1]).kind == "news"

    def refused(client: httpx.Client) -> str:
        answer = client.get("/stream")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        return answer.text

    with logged_in(site.server.url, "another") as another, ExitStack() as opened:
        for _ in range(MOST - 1):
            listens(viewer)
        assert "viewer has 2 of the 3 that listen for news" in refused(viewer)
        listens(another)
        assert "3 listen for news already" in refused(another)
        counts = viewer.get("/api/v1/status").json()["counts"]
        assert (counts["news_listeners"], counts["news_refused"]) == (3, 2)
    wait_for(is_let_in, 10, "those who went to have given back their places")


def test_who_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SLOW_S", 0.05)

    async def scene() -> None:
        watching = Watching(News(0), lambda: {"cameras": 1}, Slots(9, "listen"), every_s=0.01)
        shell: Any = SimpleNamespace(clock=ManualClock())
        said = []

        async def send(message: Message) -> None:
            said.append(message["type"])
            if len(said) > 1:
                await asyncio.Event().wait()

        async def receive() -> Message:
            return await asyncio.Future()

        request = Request({"type": "http", "method": "GET", "headers": [], "query_string": b""})
        who = Principal(name="ada", role=Role.VIEWER, how="session")
        async with asyncio.timeout(5):
            await stream._Stream(shell, watching, request, who)({}, receive, send)
        assert said == ["http.response.start", "http.response.body"]
        assert watching.listeners == 0

    asyncio.run(scene())
