"""`Comux` where things go otherwise than in its document: wrong calls, failures, and what wakes who waits."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conftest import WaitFor
from tests.mux.yard import Yard, film, values

from sightline import Size
from sightline.bus import open_log, publish_packet
from sightline.errors import BusError, Closed, ConfigError, WireError
from sightline.hub import StreamServer
from sightline.mux import Comux, Index, Item, headers_of
from sightline.mux.batch import Failure

LIMIT_S = 20.0


@pytest.fixture
def mux(yard: Yard) -> Iterator[Comux]:
    with Comux(["cam0", "cam1"], bus=yard.url, out_bus=yard.url, max_offset_diff=None) as mux:
        yield mux


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def begun(elsewhere: ThreadPoolExecutor, work: Callable[[], Any]) -> "Future[Any]":
    """Work that waits, begun."""
    has_begun = threading.Event()

    def run() -> Any:
        has_begun.set()
        return work()

    outcome = elsewhere.submit(run)
    has_begun.wait(LIMIT_S)
    return outcome


# Wrong calls


@pytest.mark.parametrize(
    ("given", "named", "says"),
    [
        ((["a"], "raw_gate"), {}, "topic with :camera_id in it once"),
        ((["a"], "raw_:cam_id", "stream"), {}, "topic with :camera_id"),
        ((["a"], "raw_:cam_id", "stream_:cam_id", "LOUD"), {}, "log level such as ERROR, got 'LOUD'"),
        ((["a", "a"],), {}, "each camera once"),
        (([""],), {}, "camera"),
        ((["a"],), {"ratee": 5}, "unknown option 'ratee'.*rate"),
        ((["a"],), {"rate": -1}, "rate"),
        ((["a"],), {"size": "large"}, "WIDTHxHEIGHT"),
        ((["a"],), {"codec": 5}, "codec"),
        ((["a"],), {"framing": "cut"}, "framing"),
        ((["a"],), {"output": "picture"}, "packet or result"),
        ((["a"],), {"bus": "memory://"}, "no log"),
        ((["a"],), {"control_topic": "c"}, "control_bootstrap_servers beside control_topic"),
        ((["a"], ["host:1"], "c"), {"control_topic": "d"}, "control_topic by its place and by its name"),
        ((["a"], "host:1", "c", "host:1", {}, True, 20, True, False, 9), {}, "at most"),
    ],
)
def test_what_is_wrong_is_told_at_once(no_leaks: None, given: Any, named: Any, says: str) -> None:
    with pytest.raises((ConfigError, OSError, ValueError), match=f"(?s){says}"):
        Comux(*given, **named)


def test_steps_in_the_wrong_order_say_which_comes_first(yard: Yard) -> None:
    with Comux(["cam0"]) as mux:
        steps: list[Callable[[], object]] = [mux.start, mux.connect_all]
        steps += [partial(mux.connect, "cam0"), partial(mux.create, "cam1")]
        for step in steps:
            with pytest.raises(ConfigError, match="expected setup_consumers"):
                step()
        mux.setup_consumers(yard.url)
        with pytest.raises(ConfigError, match=r"expected start\(\)"):
            mux.get_batch(timeout=0)
        with pytest.raises(ConfigError, match="expected setup_producer"):
            mux.send("cam0", 0, {})
        with pytest.raises(ConfigError, match="unknown camera cam9"):
            mux.listen("cam9")
        mux.setup_producer(yard.url)
        with pytest.raises(ConfigError, match="unknown camera cam9, did you mean|unknown camera cam9"):
            mux.send("cam9", 0, {})


def test_options_of_a_kafka_client_say_where_they_belong(yard: Yard) -> None:
    with Comux(["cam0"]) as mux:
        with pytest.raises(ConfigError, match=r"in the bus's URL.*got fetch_max_bytes"):
            mux.setup_consumers(yard.url, fetch_max_bytes=5)
        with pytest.raises(ConfigError, match=r"in the bus's URL.*got acks"):
            mux.setup_producer(yard.url, acks="all")


def test_decoders_are_set_as_a_whole_or_not_at_all(mux: Comux) -> None:
    wrongs: tuple[dict[str, Any], ...] = ({"W": 100}, {"rate": -1.0}, {"pix_fmt": 3})
    for wrong in wrongs:
        with pytest.raises(ConfigError):
            mux.setup_decoders(**({"rate": 3.0} | wrong))
    assert mux.status()["cam0"].rate is None
    mux.setup_decoders(rate=3, W=64, H=48)
    assert mux.status()["cam0"].rate == 3


def test_a_topic_that_would_feed_itself_is_refused_on_one_bus_and_not_on_two(yard: Yard) -> None:
    with Comux(["cam0"], "raw_:cam_id", "raw_:cam_id") as mux:
        mux.setup_consumers(yard.url)
        with pytest.raises(ConfigError, match="go on on another topic than raw_cam0"):
            mux.setup_producer(yard.url)
        mux.setup_producer("memory://elsewhere-loop")


def test_of_a_camera_that_is_there_over_write_makes_another(yard: Yard) -> None:
    with Comux(["cam0"], bus=yard.url) as mux:
        first = mux.consumers["cam0"]
        assert mux.connect("cam0") is first
        assert mux.connect("cam0", overwrite=True) is not first
        with pytest.raises(ConfigError, match="not there yet, got cam0"):
            mux.create("cam0")
        with pytest.raises(ConfigError, match="no consumers yet, or overwrite=True"):
            mux.setup_consumers(yard.url)
        mux.setup_producer(yard.url)
        with pytest.raises(ConfigError, match="no producer yet, or over_write=True"):
            mux.setup_producer(yard.url)
        mux.setup_producer(yard.url, over_write=True)
        mux.create("cam0", rate=4.0)
        assert mux.status()["cam0"].rate == 4
        mux.setup_consumers(yard.url)
        assert mux.threads["cam0"].is_alive()


# Pictures and results


def test_results_that_come_late_twice_or_for_nothing_are_refused_and_counted(mux: Comux, yard: Yard) -> None:
    yard.send(film(0))
    old, new = mux.get("cam0", LIMIT_S), mux.get("cam0", LIMIT_S)
    assert old is not None
    assert new is not None
    assert mux.send("cam0", old.index, {"a": 1}) is False
    assert mux.send("cam0", int(new.index), {"a": 1}) is True, "a plain number is of the newest epoch"
    assert mux.send("cam0", new.index, {"a": 2}) is False
    assert mux.send("cam0", Index(int(new.index), 5), {}) is False
    assert mux.send("cam0", 777) is False
    answers = mux.stats()["cam0"].camera.forward.answers
    assert answers == {"taken": 1, "late": 1, "twice": 1, "unknown": 2}
    with pytest.raises(WireError, match="header 'seen'"):
        mux.send("cam0", new.index, {"seen": {1, 2}})
    with pytest.raises(TypeError):
        mux.send("cam0", "3", {})  # type: ignore[arg-type]
    mux.kill("cam0")
    assert mux.send("cam0", new.index, {"a": 1}) is False


def test_a_batch_has_one_item_a_camera_that_knows_its_frame(mux: Comux, yard: Yard) -> None:
    yard.send(film(0))
    yard.send(film(1))
    met: set[str] = set()
    while met != {"cam0", "cam1"}:
        batch = mux.get_batch(timeout=LIMIT_S)
        assert batch
        assert len({item.cam_id for item in batch}) == len(batch)
        for item in batch:
            assert item == (item.cam_id, item.index, item.array)
            assert item.frame is not None
            assert item.frame.image is item.array
            assert item.identity == item.frame.identity
            assert (item.epoch, item.reason) == (item.index.epoch, "")
            met.add(item.cam_id)


def test_of_a_packet_that_cannot_be_decoded_there_is_no_array(mux: Comux, yard: Yard) -> None:
    film_0 = list(film(0))
    film_0[10] = msgspec.structs.replace(film_0[10], data=b"\0\0\1\x65")
    yard.send(film_0)
    yard.end("cam0")
    yard.end("cam1")
    items = [item for batch in mux for item in batch]
    item = next(item for item in items if item.array is None)
    assert (item.index, item.frame) == (10, None)
    assert item.reason
    assert Item(Failure("a", 1, 2, "corrupt")) == ("a", 2, None)


def test_a_result_alone_or_ones_own_function_is_what_goes_on(yard: Yard, wait_for: WaitFor) -> None:
    def count(message: Any, results: Any) -> tuple[bytes, dict[str, Any]] | None:
        return None if results is None else (str(results["n"]).encode(), {"at": message.offset})

    with Comux(["cam0"], bus=yard.url, out_bus=yard.url, output=count, max_offset_diff=None) as mux:
        yard.send(film(0))
        item = mux.get("cam0", LIMIT_S)
        assert item is not None
        assert mux.send("cam0", item.index, {"n": 12})
        wait_for(lambda: yard.count("stream_cam0"), LIMIT_S, "what the function made")
    assert values(yard.sent_on("stream_cam0")) == [b"12"]


def test_the_output_of_all_packets_is_the_input(mux: Comux, yard: Yard) -> None:
    for camera in (0, 1):
        yard.send(film(camera), plain=True)
        yard.end(f"cam{camera}")
    for batch in mux:
        assert mux.send_batch((item.cam_id, item.index, {"i": int(item.index)}) for item in batch)
    mux.close()
    for camera in (0, 1):
        out = yard.sent_on(f"stream_cam{camera}")[:-1]
        assert values(out) == [packet.data for packet in film(camera)]
        assert [headers_of(message)["i"] for message in out] == [*range(40)]
        assert all(message.headers[0] == ("n", b"1") for message in out)


# Who waits


def test_none_comes_in_time_where_all_cameras_were_killed(mux: Comux) -> None:
    for cam_id in mux.cam_ids:
        mux.kill(cam_id)
    began = time.monotonic()
    assert mux.get_batch(timeout=0.2) is None
    assert 0.2 <= time.monotonic() - began < LIMIT_S


def test_the_end_of_the_last_camera_wakes_who_waits(mux: Comux, elsewhere: ThreadPoolExecutor) -> None:
    batch = begun(elsewhere, mux.get_batch)
    one = begun(elsewhere, lambda: mux.get("cam0"))
    mux.kill("cam0")
    assert one.result(LIMIT_S) is None
    assert not batch.done()
    mux.kill("cam1")
    assert batch.result(LIMIT_S) is None


def test_closing_wakes_who_waits_and_ends_a_loop(mux: Comux, elsewhere: ThreadPoolExecutor) -> None:
    waits = [begun(elsewhere, work) for work in (mux.get_batch, lambda: mux.get("cam0"), lambda: [*mux])]
    mux.close()
    for waiting in waits[:2]:
        with pytest.raises(Closed):
            waiting.result(LIMIT_S)
    assert waits[2].result(LIMIT_S) == []
    mux.close()
    for use in (lambda: mux.send("cam0", 0), lambda: mux.get_batch(timeout=0), mux.start):
        with pytest.raises(Closed):
            use()


def test_a_camera_that_comes_later_wakes_who_waits(
    mux: Comux, yard: Yard, elsewhere: ThreadPoolExecutor
) -> None:
    for cam_id in mux.cam_ids:
        mux.delete(cam_id)
    batch = begun(elsewhere, mux.get_batch)
    mux.create("cam2", topic="elsewhere")
    yard.send(film(2), to="elsewhere")
    assert batch.result(LIMIT_S)[0].cam_id == "cam2"


def test_an_interrupt_ends_the_wait(mux: Comux) -> None:
    def wait_interrupted() -> None:
        timer.start()
        mux.get_batch()

    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):  # on a busy machine it may come before the wait
        wait_interrupted()
    timer.join()


def test_a_failure_is_raised_to_who_waits_once_and_then_it_goes_on(
    mux: Comux, yard: Yard, elsewhere: ThreadPoolExecutor
) -> None:
    batch = begun(elsewhere, mux.get_batch)
    engine = mux._connections.engine
    assert engine is not None
    engine.failed(BusError("the broker went away"))
    with pytest.raises(BusError, match="went away"):
        batch.result(LIMIT_S)
    assert mux.status()["cam0"].state == "failing"
    engine.failed(None)
    yard.send(film(0))
    assert mux.get_batch(timeout=LIMIT_S)


# Brokers that are not there


def test_strict_a_broker_that_is_not_there_is_an_error(
    no_leaks: None, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.bus.hub_thread.CONNECT_S", 0.2)
    url = f"hub://127.0.0.1:{free_port()}?history=1MiB"
    with pytest.raises(BusError, match="no hub answers"):
        Comux(["cam0"], bus=url)
    with Comux(["cam0"]) as mux, pytest.raises(BusError):
        mux.setup_consumers(url)


def test_not_strict_it_is_tried_again_until_it_is_there(
    no_leaks: None, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.bus.hub_thread.CONNECT_S", 0.2)
    port = free_port()
    url = f"hub://127.0.0.1:{port}?history=8MiB"
    with Comux(["cam0"], strict_on_fail=False, end=False) as mux:
        mux.setup_consumers(url)
        mux.setup_producer(url)
        mux.start()
        assert mux.get_batch(timeout=0.1) is None
        assert mux.status()["cam0"].state == "failing"
        with StreamServer(port=port):
            while not mux.threads:
                assert mux.get_batch(timeout=0.1) is None
            with open_log(url) as log:
                for packet in film(0):
                    publish_packet(log, packet)
                assert mux.get_batch(timeout=LIMIT_S)
            mux.close()


# Steering, and the rest


def test_settings_of_one_camera_stand_over_those_of_all(mux: Comux, yard: Yard) -> None:
    mux.update("cam1", size="64x48")
    mux.setup_decoders(W=80, H=60)
    yard.send(film(0))
    yard.send(film(1))
    sizes = {}
    for cam_id in ("cam0", "cam1"):
        item = mux.get(cam_id, LIMIT_S)
        assert item is not None
        assert item.frame is not None
        sizes[cam_id] = item.frame.size
    assert sizes == {"cam0": Size(80, 60), "cam1": Size(64, 48)}
    with pytest.raises(ConfigError, match=r"unknown setting 'rat'"):
        mux.update("cam0", rat=3)
    with pytest.raises(ConfigError, match=r"unknown camera cam5"):
        mux.update("cam5", rate=3)


def test_pause_and_resume(mux: Comux, yard: Yard) -> None:
    mux.pause("cam0")
    assert not mux.threads["cam0"].is_alive()
    assert mux.status()["cam0"].state == "paused"
    yard.send(film(0))
    assert mux.get_batch(timeout=0.1) is None
    mux.resume("cam0")
    assert mux.get_batch(timeout=LIMIT_S)
    assert mux.threads["cam0"].is_alive()


def test_nothing_that_came_after_connecting_is_missed(yard: Yard) -> None:
    with Comux(["cam0"], max_offset_diff=None) as mux:
        mux.setup_consumers(yard.url)
        yard.send(film(0))
        mux.start()
        item = mux.get("cam0", LIMIT_S)
        assert item is not None
        assert item.index == 0


def test_messages_of_what_is_killed_go_on_and_it_may_come_back(
    mux: Comux, yard: Yard, wait_for: WaitFor
) -> None:
    yard.send(film(0)[:20])
    assert mux.get("cam0", LIMIT_S)
    wait_for(lambda: mux.consumers["cam0"].offset == 19, LIMIT_S, "all to be read")
    mux.kill("cam0")
    wait_for(lambda: yard.count("stream_cam0") == 20, LIMIT_S, "its messages to go on")
    mux.start()
    yard.send(film(0)[20:])
    assert mux.get("cam0", LIMIT_S)


def test_cameras_come_and_go_while_others_are_read(mux: Comux, yard: Yard) -> None:
    threads = threading.active_count()
    for number in range(100):
        mux.create("cam2")
        yard.send(film(2)[number % 40 : number % 40 + 1])
        mux.delete("cam2")
    assert threading.active_count() == threads
    assert set(mux.consumers) == {"cam0", "cam1"}
    yard.send(film(0))
    assert mux.get("cam0", LIMIT_S)


def test_the_level_of_the_log_and_the_pid_file_are_put_back(yard: Yard, tmp_path: Path) -> None:
    logger, file = logging.getLogger("sightline"), tmp_path / "mux.pid"
    before = logger.level
    with Comux(["cam0"], log_level="error", pid_file=file):
        assert logger.level == logging.ERROR
        assert file.read_text().strip() == str(os.getpid())
    assert logger.level == before
    assert not file.exists()


def test_a_handle_says_what_it_is(mux: Comux) -> None:
    assert repr(mux.consumers["cam0"]) == "CameraConsumer('cam0', topic='raw_cam0')"
    assert repr(mux.threads["cam0"]) == "CameraThread('cam0', alive=True)"
