"""The engine on a log in memory: every message goes on, and no camera is in another's way."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.mux.yard import SMALL, Yard, film, values

from sightline import Frame, Size
from sightline.bus import Message
from sightline.bus.memory import MemoryBus
from sightline.bus.memory_log import MemoryConsumer
from sightline.errors import BufferFull, BusError, Closed, ConfigError
from sightline.mux import CameraSettings, Engine, Place, headers_of
from sightline.mux.course import Picture
from sightline.mux.forward import Answer
from sightline.mux.poller import Poller
from sightline.scene import read_mark

LIMIT_S = 20.0


def wish(name: str, *, topic: str | None = None, **settings: Any) -> tuple[CameraSettings, Place]:
    """A camera that leaves nothing out, where not said otherwise."""
    how: dict[str, Any] = {"max_offset_diff": None} | settings
    place = Place(topic=topic or f"raw_{name}", out_topic=f"stream_{name}")
    return CameraSettings(camera_id=name, **how), place


@pytest.fixture
def engine(yard: Yard) -> Iterator[Engine]:
    with Engine(yard.log) as engine:
        engine.send_to(yard.log)
        yield engine


def see(engine: Engine, until: Callable[[], bool]) -> list[Picture]:
    """Takes pictures and answers each with the number that stands in it."""
    seen: list[Picture] = []
    while not until():
        for picture in engine.take(0.1):
            seen.append(picture)
            shown = read_mark(picture.image) if isinstance(picture, Frame) else None
            if shown is not None:
                engine.answer(picture.camera_id, picture.epoch, picture.index, {"shows": shown.frame})
    return seen


def shown(messages: Sequence[Message]) -> list[int | None]:
    return [headers_of(message).get("shows") for message in messages]


@pytest.mark.parametrize("plain", [False, True])
def test_every_message_goes_on_in_order_with_the_number_of_its_own_picture(
    engine: Engine, yard: Yard, plain: bool
) -> None:
    engine.add_all([wish("cam0"), wish("cam1")])
    for camera in (0, 1):
        yard.send(film(camera), plain=plain)
        yard.end(f"cam{camera}")
    see(engine, lambda: engine.ended)
    engine.close()
    for camera in (0, 1):
        out = yard.sent_on(f"stream_cam{camera}")[:-1]  # the last says that it is over
        assert values(out) == [packet.data for packet in film(camera)]
        order = {pts: number for number, pts in enumerate(sorted(packet.pts or 0 for packet in film(camera)))}
        assert shown(out) == [order[packet.pts or 0] for packet in film(camera)]
        assert all(message.key == b"k" for message in out)


def test_what_is_changed_at_one_camera_costs_another_nothing(engine: Engine, yard: Yard) -> None:
    engine.add_all([wish("cam0"), wish("cam1")])
    packets = list(zip(film(0), film(1), strict=True))
    seen: list[Picture] = []
    for number, both in enumerate(packets):
        yard.send(both)
        if number % 5 == 0:
            engine.update(*wish("cam1", size=Size(64 + number % 20, 48), rate=10.0 if number % 2 else None))
        if number == 22:
            engine.update(*wish("cam1", topic="elsewhere"))
        seen += engine.take(0.01)
    yard.end("cam0")
    for picture in seen:
        engine.answer(picture.camera_id, picture.epoch, picture.index, None)
    while not engine.stats()["cam0"].camera.heard.over or engine.stats()["cam0"].camera.held:
        seen += engine.take(0.1)
    indices = [picture.index for picture in seen if picture.camera_id == "cam0"]
    assert sorted(indices) == [*range(40)]


def test_a_camera_that_is_removed_lets_its_messages_go_and_may_come_back(
    engine: Engine, yard: Yard, wait_for: WaitFor
) -> None:
    engine.add(*wish("cam0"))
    yard.send(film(0)[:20])
    assert engine.take(LIMIT_S)
    wait_for(lambda: engine.positions().get("raw_cam0") == 20, LIMIT_S, "all to be read")
    engine.remove("cam0")
    wait_for(lambda: yard.count("stream_cam0") == 20, LIMIT_S, "its messages to go on")
    with pytest.raises(ConfigError, match="unknown camera cam0"):
        engine.remove("cam0")
    engine.add(*wish("cam0"))
    yard.send(film(0)[20:])
    assert engine.take(LIMIT_S)[0].index >= 20


def test_a_picture_of_a_camera_that_was_replaced_is_nothing_to_the_new_one(
    engine: Engine, yard: Yard, wait_for: WaitFor
) -> None:
    engine.add(*wish("cam0"))
    yard.send(film(0))
    (old,) = engine.take(LIMIT_S)
    engine.remove("cam0")
    engine.add(*wish("cam0"))
    assert engine.answer("cam0", old.epoch, old.index, {"shows": 1}) is Answer.UNKNOWN
    assert engine.stats()["cam0"].camera.balanced
    assert engine.stats()["cam0"].camera.held == 0


def test_a_paused_camera_stays_at_the_broker_until_it_is_resumed(engine: Engine, yard: Yard) -> None:
    engine.add(*wish("cam0"), paused=True)
    engine.add(*wish("cam1"))
    yard.send(film(0))
    yard.send(film(1))
    assert engine.take_one("cam1", LIMIT_S) is not None
    assert engine.stats()["cam0"].camera.packets == 0
    assert engine.stats()["cam0"].state == "paused"
    engine.resume("cam0")
    assert engine.take_one("cam0", LIMIT_S) is not None
    engine.pause("cam0")
    assert engine.is_paused("cam0")


def test_a_camera_without_room_is_left_at_the_broker_and_others_go_on(
    engine: Engine, yard: Yard, wait_for: WaitFor
) -> None:
    """Nobody takes pictures: a camera that leaves nothing out must stand still, and within its bounds."""
    engine.add_all([wish("cam0"), wish("cam1", max_offset_diff=20)])
    for _ in range(40):
        yard.send(film(0))
    yard.send(film(1))
    wait_for(lambda: yard.count("stream_cam1") >= 30, LIMIT_S, "the other to go on")
    wait_for(lambda: engine.stats()["cam0"].camera.waiting.held >= 1024, LIMIT_S, "a full line")
    assert engine.stats()["cam0"].camera.waiting.held < 1024 + 256 + 1
    wait_for(lambda: engine.stats()["cam0"].lag > 0, LIMIT_S, "what waits at the broker to be seen")
    see(engine, lambda: yard.count("stream_cam0") >= 1400)


def test_threads_do_not_grow_with_cameras(engine: Engine, yard: Yard) -> None:
    before = threading.active_count()
    engine.add_all([wish(f"cam{number}") for number in range(50)])
    assert threading.active_count() == before


def test_a_topic_has_one_camera_and_a_camera_one_name(engine: Engine) -> None:
    engine.add(*wish("cam0"))
    with pytest.raises(ConfigError, match="not there yet, got cam0"):
        engine.add(*wish("cam0"))
    with pytest.raises(ConfigError, match="topic of its own for camera cam1, got raw_cam0, which is cam0's"):
        engine.add_all([wish("cam2"), wish("cam1", topic="raw_cam0")])
    assert engine.camera_ids == ("cam0",)
    with pytest.raises(ConfigError, match="topic"):
        engine.add(*wish("cam3", topic="not a topic"))


def test_closing_wakes_who_waits_and_is_allowed_again(yard: Yard) -> None:
    engine = Engine(yard.log)
    engine.add(*wish("cam0"))
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            engine.take(None)
        except Closed as error:
            outcome.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    engine.close()
    waiting.join(LIMIT_S)
    assert outcome
    engine.close()
    with pytest.raises(Closed):
        engine.add(*wish("cam1"))


# In a group


def test_of_a_group_one_goes_on_where_another_stopped(yard: Yard, wait_for: WaitFor) -> None:
    with Engine(yard.log, start="earliest", group="g") as first:
        first.send_to(yard.log)
        first.add(*wish("cam0"))
        yard.send(film(0)[:20])
        see(first, lambda: yard.count("stream_cam0") >= 15)
    assert yard.count("stream_cam0") == 20
    assert yard.log.committed("g", "raw_cam0")["raw_cam0"].offset == 20
    yard.send(film(0)[20:])
    with Engine(yard.log, start="earliest", group="g") as second:
        second.send_to(yard.log)
        second.add(*wish("cam0"))
        see(second, lambda: yard.count("stream_cam0") >= 35)
    assert values(yard.sent_on("stream_cam0")) == [packet.data for packet in film(0)]


def test_a_camera_that_another_of_the_group_reads_is_elsewhere(yard: Yard, wait_for: WaitFor) -> None:
    names = ("cam0", "cam1")
    for camera in (0, 1):
        yard.send(film(camera))
    with Engine(yard.log, start="earliest", group="g") as first, ExitStack() as others:
        first.add_all([wish(name) for name in names])
        wait_for(lambda: states(first) == ["running", "running"], LIMIT_S, "both to be had")
        second = others.enter_context(Engine(yard.log, start="earliest", group="g"))
        second.add_all([wish(name) for name in names])
        wait_for(lambda: states(first) == ["elsewhere", "running"], LIMIT_S, "one to be given away")
        wait_for(lambda: states(second) == ["elsewhere", "running"], LIMIT_S, "one to be got")
        others.close()
        wait_for(lambda: states(first) == ["running", "running"], LIMIT_S, "both to be had again")


def states(engine: Engine) -> list[str]:
    """Of its cameras, in no order of theirs."""
    while engine.take(0):
        pass
    return sorted(stats.state for stats in engine.stats().values())


def test_what_has_not_gone_on_is_not_committed(
    yard: Yard, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.mux.poller._COMMIT_S", 0.01)
    with Engine(yard.log, start="earliest", group="g") as engine:
        engine.send_to(yard.log)
        engine.add(*wish("cam0", max_wait_s=1000.0))
        yard.send(film(0)[:5])
        (picture,) = engine.take(LIMIT_S)
        wait_for(lambda: engine.positions().get("raw_cam0") == 5, LIMIT_S, "all to be read")
        assert yard.log.committed("g", "raw_cam0")["raw_cam0"].offset == 0
        engine.answer("cam0", picture.epoch, picture.index, {"a": 1})
        wait_for(lambda: yard.log.committed("g", "raw_cam0")["raw_cam0"].offset, LIMIT_S, "a commit")


# Trouble


class Troubled(MemoryBus):
    """A log whose consumers fail as they are told."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.errors: list[BusError] = []
        self.made = 0

    def consume(self, *args: Any, **more: Any) -> MemoryConsumer:
        consumer = super().consume(*args, **more)
        poll = consumer.poll
        self.made += 1

        def fail_first(most: int, timeout_s: float) -> list[Message]:
            if self.errors:
                raise self.errors.pop(0)
            return poll(most, min(timeout_s, 0.01))

        consumer.poll = fail_first  # type: ignore[assignment, method-assign]
        return consumer


@pytest.fixture
def troubled(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Iterator[Troubled]:
    monkeypatch.setattr("sightline.mux.poller._AGAIN_S", 0.01)
    monkeypatch.setattr("sightline.mux.poller._REFUSED_S", 0.01)
    with Troubled(yard.url) as log:
        yield log


def test_one_topics_trouble_is_that_cameras_alone(yard: Yard, troubled: Troubled, wait_for: WaitFor) -> None:
    with Engine(troubled) as engine:
        engine.add_all([wish("cam0"), wish("cam1")])
        yard.send(film(0)[:5])
        assert engine.take(LIMIT_S)
        troubled.errors.append(BusError("topic raw_cam1 at nowhere: no access"))
        wait_for(lambda: engine.stats()["cam1"].state == "failing", LIMIT_S, "the camera's trouble")
        assert "no access" in engine.stats()["cam1"].reason
        assert "no access" in str(engine.failure_once())
        assert engine.failure_once() is None
        yard.send(film(0)[5:10])
        assert engine.take(LIMIT_S)
        wait_for(lambda: engine.stats()["cam1"].state == "running", LIMIT_S, "it to be asked for again")
        assert troubled.made == 1


def test_a_consumer_that_fails_for_good_is_made_anew_and_misses_nothing(
    yard: Yard, troubled: Troubled, wait_for: WaitFor
) -> None:
    with Engine(troubled) as engine:
        engine.add(*wish("cam0"))
        yard.send(film(0)[:10])
        seen = [*engine.take(LIMIT_S)]
        wait_for(lambda: engine.positions().get("raw_cam0") == 10, LIMIT_S, "all to be read")
        troubled.errors += [BusError("gone")] * 3
        wait_for(lambda: not troubled.errors, LIMIT_S, "all to be raised")
        yard.send(film(0)[10:])
        yard.end("cam0")
        while not engine.ended:
            seen += engine.take(0.1)
        assert sorted(picture.index for picture in seen) == [*range(40)]
        assert troubled.made == 2
        assert engine.stats()["cam0"].state == "running"


class Refusing(MemoryBus):
    """A bus that takes no message for which a function has an error."""

    def __init__(self, url: str, refuse: Callable[[dict[str, Any]], Exception | None]) -> None:
        super().__init__(url)
        self._refuse = refuse

    def publish(self, topic: str, value: bytes, **more: Any) -> None:
        error = self._refuse({"value": value, **more})
        if error is not None:
            raise error
        super().publish(topic, value, **more)


def run_through(yard: Yard, out: MemoryBus) -> Any:
    with out, Engine(yard.log) as engine:
        engine.send_to(out)
        engine.add(*wish("cam0"))
        yard.send(film(0))
        yard.end("cam0")
        see(engine, lambda: engine.ended)
        engine.close()
        return engine.stats()["cam0"], engine.failure_once()


def test_a_message_that_does_not_fit_with_its_result_goes_without(yard: Yard) -> None:
    def refuse(message: dict[str, Any]) -> Exception | None:
        return BufferFull("too large") if any(name == "shows" for name, _ in message["headers"]) else None

    stats, failure = run_through(yard, Refusing(yard.url, refuse))
    assert values(yard.sent_on("stream_cam0")[:-1]) == [packet.data for packet in film(0)]
    assert (stats.too_large, stats.unsent, stats.sent) == (40, 0, 41)
    assert isinstance(failure, BufferFull)


def test_a_message_that_does_not_fit_at_all_is_left_behind_alone(yard: Yard) -> None:
    third = film(0)[3].data

    def refuse(message: dict[str, Any]) -> Exception | None:
        return BufferFull("too large") if message["value"] == third else None

    stats, _ = run_through(yard, Refusing(yard.url, refuse))
    assert values(yard.sent_on("stream_cam0")[:-1]) == [p.data for p in film(0) if p.data != third]
    assert (stats.unsent, stats.sent) == (1, 40)


def test_word_of_an_earlier_message_that_was_lost_costs_not_the_next_one(yard: Yard) -> None:
    errors: list[Exception | None] = [None] * 5 + [BusError("an earlier one was lost")]

    def refuse(_message: object) -> Exception | None:
        return errors.pop(0) if errors else None

    stats, failure = run_through(yard, Refusing(yard.url, refuse))
    assert values(yard.sent_on("stream_cam0")[:-1]) == [packet.data for packet in film(0)]
    assert stats.unsent == 1
    assert isinstance(failure, BusError)


def test_a_poller_of_nothing_ends_at_once(yard: Yard, engine: Engine) -> None:
    poller = Poller(yard.log, engine)
    poller.close()
    poller.close()
    with pytest.raises(Closed):
        poller.want(frozenset({"a"}), frozenset())


def test_pictures_have_the_size_that_was_asked_for(engine: Engine, yard: Yard) -> None:
    engine.add(*wish("cam0", size=Size(64, 48)))
    engine.add(*wish("cam1"))
    yard.send(film(0)[:10])
    yard.send(film(1)[:10])
    sizes: dict[str, Size] = {}
    while len(sizes) < 2:
        sizes |= {p.camera_id: p.size for p in engine.take(LIMIT_S) if isinstance(p, Frame)}
    assert sizes == {"cam0": Size(64, 48), "cam1": SMALL}
