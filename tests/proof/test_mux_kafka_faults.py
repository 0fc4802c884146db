"""The mux on a real Kafka when something breaks: other cameras and later messages are none the worse."""

import gc
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest
from tests.conftest import WaitFor
from tests.proof.muxing import SHOWN, Camera, Muxing, holds, scene, went_on
from tests.proof.plain import Plain, Written, chunked, whole
from tools.services import KafkaBroker

pytestmark = [pytest.mark.needs("kafka", "kcat"), pytest.mark.xdist_group("kafka")]


@pytest.fixture
def plain(kafka: str) -> Plain:
    return Plain(kafka)


@pytest.fixture
def name() -> Callable[[str], str]:
    """Names of cameras that no other test on this broker has."""
    suffix = secrets.token_hex(4)
    return lambda what: f"{what}-{suffix}"


@contextmanager
def written_meanwhile(plain: Plain, camera: Camera, fps: float) -> Iterator[None]:
    """A camera's messages come one by one, from a producer that keeps what its broker does not take."""
    stop = threading.Event()

    def write() -> None:
        for number, value in enumerate(camera.written.values):
            plain.send(camera.raw, value, number)
            if stop.wait(1 / fps):
                return
        plain.flush()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


@pytest.mark.waits
def test_a_broker_that_is_killed_and_started_again_costs_nothing(
    kafka_broker: KafkaBroker, name: Callable[[str], str], wait_for: WaitFor
) -> None:
    """No B-frames: for these, so long a silence has the decoder emptied, which goes on at a keyframe."""
    plain = Plain(kafka_broker.address)
    camera = Camera(name("gate"), whole(scene(1, frames=200, b_frames=0)))
    plain.create(camera.raw, camera.out)
    with written_meanwhile(plain, camera, fps=50), Muxing(plain.servers, [camera]) as muxing:
        muxing.take(lambda: len(camera.seen) > 50)
        kafka_broker.restart()
        muxing.take(lambda: camera.complete)
        wait_for(lambda: plain.count(camera.out) == 200, 60, "all messages to have gone on")
    holds(plain, camera)


@pytest.mark.waits
def test_a_topic_that_is_deleted_is_its_own_cameras_trouble(
    plain: Plain, name: Callable[[str], str], wait_for: WaitFor
) -> None:
    """Made again, it is read again from its beginning; the other camera has noticed nothing."""
    gone, other = Camera(name("gone"), whole(scene(1, frames=50))), Camera(name("other"), whole(scene(2)))
    plain.create(gone.raw, gone.out, other.raw, other.out)
    plain.write(gone.raw, gone.written.values)
    with Muxing(plain.servers, [gone, other], strict_on_fail=False) as muxing:
        muxing.take(lambda: gone.complete)
        plain.delete(gone.raw)
        plain.write(other.raw, other.written.values)
        muxing.take(lambda: other.complete)
        gone.seen.clear()
        wait_for(lambda: not exists(plain, gone.raw), 20, "the topic to be gone")
        plain.create(gone.raw)
        plain.write(gone.raw, gone.written.values)
        muxing.take(lambda: gone.complete)
        wait_for(lambda: plain.count(other.out) == 100 and plain.count(gone.out) == 100, 30, "all to go on")
    holds(plain, other)
    assert plain.values(gone.out) == b"".join(gone.written.values) * 2


def exists(plain: Plain, topic: str) -> bool:
    try:
        plain.count(topic)
    except Exception:  # noqa: BLE001  the client has many words for it
        return False
    return True


def test_a_message_that_the_output_does_not_take_is_left_behind_alone(
    plain: Plain, name: Callable[[str], str], wait_for: WaitFor
) -> None:
    """One picture, in the middle, that fill makes larger than its output topic allows."""
    film = scene(1)
    values = list(film.units)
    values[30] += b"\0\0\1\x0c" + b"\xff" * 2 * 2**20 + b"\x80"  # H.264 7.3.2.7: filler data
    camera = Camera(name("large"), Written(values, dict(enumerate(film.pictures))))
    plain.create(camera.raw)
    plain.create(camera.out, **{"max.message.bytes": str(2**20)})
    plain.write(camera.raw, values)
    with Muxing(plain.servers, [camera], strict_on_fail=False) as muxing:
        muxing.take(lambda: camera.complete)
        wait_for(lambda: plain.count(camera.out) == 99, 30, "the others to have gone on")
        counts = muxing.mux.stats()[camera.name]
        assert (counts.sent, counts.unsent) == (99, 1)
    assert plain.values(camera.out) == b"".join(values[:30] + values[31:])


def test_damaged_messages_go_on_as_they_are_and_stop_nobody(
    plain: Plain, name: Callable[[str], str], wait_for: WaitFor
) -> None:
    film, rnd = scene(1, gop=20), random.Random(3)
    values = list(film.units)
    for number in rnd.sample(range(1, 80), 10):
        values[number] = rnd.choice([rnd.randbytes(300), values[number][:60], values[number][60:]])
    camera = Camera(name("hurt"), Written(values, dict(enumerate(film.pictures))))
    plain.create(camera.raw, camera.out)
    plain.write(camera.raw, values)
    with Muxing(plain.servers, [camera], framing="whole") as muxing:
        muxing.take(lambda: camera.seen.keys() >= set(range(80, 100)))
        wait_for(lambda: plain.count(camera.out) == 100, 30, "all messages to have gone on")
    assert camera.seen == {index: camera.written.pictures[index] for index in camera.seen}
    assert camera.undecoded
    went_on(plain, camera)


def test_a_camera_that_appears_late_is_read_from_its_first_message(
    plain: Plain, name: Callable[[str], str], wait_for: WaitFor
) -> None:
    early, late = Camera(name("early"), whole(scene(1))), Camera(name("late"), chunked(scene(2)))
    plain.create(early.raw, early.out)
    plain.write(early.raw, early.written.values)
    with Muxing(plain.servers, [early, late], strict_on_fail=False) as muxing:
        muxing.take(lambda: early.complete)
        plain.create(late.raw, late.out)
        plain.write(late.raw, late.written.values)
        muxing.take(lambda: late.complete)
        sent = len(late.written.values)
        wait_for(lambda: plain.count(late.out) == sent, 30, "all messages to have gone on")
    for camera in (early, late):
        holds(plain, camera)


def test_of_a_backlog_of_ten_minutes_decoding_leaves_out_most_and_forwarding_nothing(
    plain: Plain, name: Callable[[str], str], wait_for: WaitFor
) -> None:
    film = scene(1, frames=250, gop=50)
    values, pictures = list(film.units) * 60, list(film.pictures) * 60  # 25 a second
    camera = Camera(name("backlog"), Written(values, dict(enumerate(pictures))))
    plain.create(camera.raw, camera.out)
    plain.write(camera.raw, values)
    with Muxing(plain.servers, [camera], max_offset_diff=20) as muxing:
        began = time.monotonic()
        muxing.take(lambda: len(values) - 50 <= max(camera.seen, default=0))
        took_s = time.monotonic() - began
        wait_for(lambda: plain.count(camera.out) == len(values), 60, "all messages to have gone on")
    assert camera.seen == {index: pictures[index] for index in camera.seen}
    assert len(camera.seen) < len(values) / 2
    assert took_s < 30
    went_on(plain, camera)


class Member(threading.Thread):
    """A mux that shares cameras with others of its group, until it leaves."""

    def __init__(self, url: str, names: list[str], written: Written, group: str) -> None:
        super().__init__()
        self.seen = [Camera(name, written) for name in names]
        self._url, self._group = url, group
        self._leaving = threading.Event()
        self.start()

    def run(self) -> None:
        with Muxing(self._url, self.seen, group=self._group) as muxing:
            muxing.take(self._leaving.is_set)

    def leave(self) -> None:
        self._leaving.set()
        self.join(60)

    @property
    def busy(self) -> bool:
        return any(camera.seen for camera in self.seen)


@pytest.mark.waits
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_whose_members_come_and_go_misses_no_message(
    plain: Plain, name: Callable[[str], str], wait_for: WaitFor, protocol: str
) -> None:
    """What a member had not finished comes again at another, so some messages go on twice, and none never."""
    url, group = f"kafka://{plain.servers}?protocol={protocol}", name("group")
    written, names = whole(scene(1, frames=200)), [name(f"{protocol}-{number}") for number in range(4)]
    plain.create(*(f"raw_{one}" for one in names), *(f"stream_{one}" for one in names))
    with ExitStack() as writing:
        for one in names:
            writing.enter_context(written_meanwhile(plain, Camera(one, written), fps=25))
        first = Member(url, names, written, group)
        wait_for(lambda: first.busy, 30, "the first to have a camera")
        second = Member(url, names, written, group)
        wait_for(lambda: second.busy, 30, "the second to have one of them")
        first.leave()
        third = Member(url, names, written, group)
        wait_for(lambda: third.busy, 30, "the third to have one of them")
        wait_for(lambda: all(missing(plain, one, written) == set() for one in names), 60, "all to go on")
        second.leave()
        third.leave()
    for one in names:
        for message in plain.messages(f"stream_{one}"):
            shown = written.pictures[int(message.headers["n"])]
            assert message.headers.get(SHOWN, shown) == shown


def missing(plain: Plain, camera: str, written: Written) -> set[int]:
    sent = {int(message.headers["n"]) for message in plain.messages(f"stream_{camera}")}
    return set(range(len(written.values))) - sent


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_cameras_may_come_and_go_a_thousand_times(
    plain: Plain, name: Callable[[str], str], wait_for: WaitFor
) -> None:
    """Memory, threads and descriptors stay as they are, and the camera that stays loses nothing."""
    stays = Camera(name("stays"), whole(scene(1)))
    comes = [Camera(name(f"comes-{number}"), whole(scene(2, frames=25))) for number in range(4)]
    plain.create(stays.raw, stays.out, *(camera.raw for camera in comes))
    for camera in comes:
        plain.write(camera.raw, camera.written.values)
    process = psutil.Process()
    with Muxing(plain.servers, [stays, *comes]) as muxing:
        for camera in comes:
            muxing.mux.delete(camera.name)

        def come_and_go(times: int) -> tuple[int, int, int]:
            for number in range(times):
                camera = comes[number % 4]
                camera.seen.clear()
                muxing.mux.create(camera.name, max_offset_diff=None)
                if number % 20 < 4:  # else it goes before anything of it came
                    muxing.take(lambda: len(camera.seen) > 9)  # noqa: B023
                muxing.mux.delete(camera.name)
            gc.collect()
            return process.memory_info().rss, process.num_threads(), process.num_fds()

        before = come_and_go(200)
        after = come_and_go(800)
        plain.write(stays.raw, stays.written.values)
        muxing.take(lambda: stays.complete)
        wait_for(lambda: plain.count(stays.out) == 100, 30, "all messages to have gone on")
    holds(plain, stays)
    assert after[1:] == before[1:]
    assert after[0] - before[0] < 16 * 2**20
