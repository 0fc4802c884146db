"""Cameras into a frame queue, and models and sinks of a site at its end, all in this process."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.framequeue.working import frame

from sightline.capture import CameraInput
from sightline.errors import BusError, ConfigError, SinkError
from sightline.fakecam import FakeCamera, FakeCameras, Kill
from sightline.frame import Frame
from sightline.framequeue.key import FrameKey
from sightline.framequeue.sampling import Sampled
from sightline.framequeue.store import Done
from sightline.result import Result
from sightline.scene import Scene, read_mark, write_clip
from sightline.site import frame_queue_sampling, parse_site
from sightline.site.frame_queue_looking import Looker, Looking, lookers_of
from sightline.site.frame_queue_loop import save_frame_loop
from sightline.site.frame_queue_places import Places
from sightline.site.frame_queue_sampling import Sampling, last_slot_of
from sightline.site.frame_queue_working import Working
from sightline.site.opening import Wanted, make_model
from sightline.wire import result_from_json

WAIT_S = 60.0
FPS = 25
FRAMES = 100
SECONDS = (FRAMES // FPS, FRAMES // FPS + 1)
"""Of a clip of four seconds that begins whenever it is opened."""


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(Scene(seed=7, camera=3), tmp_path_factory.mktemp("film") / "film.mp4", FRAMES, gop=FPS)


@pytest.fixture
def places() -> Iterator[Places]:
    with Places("memory:", "memory:", {"far": ["b"]}) as places:
        yield places


def sampling_of(places: Places, *cameras: CameraInput, **settings: Any) -> Sampling:
    return Sampling(cameras, places.store, places.queue_of, sampler={"rate": 1.0}, ttl_s=60.0, **settings)


def keys_in(places: Places, group: str = "") -> list[FrameKey]:
    return [FrameKey.parse(delivery.text) for delivery in places.queues[group].receive(1000, 1.0)]


def given(places: Places, *frames: tuple[FrameKey, bytes]) -> list[FrameKey]:
    assert all(put.stored for put in places.store.put(frames, None))
    assert all(sent.accepted for sent in places.send([str(key) for key, _ in frames]))
    return [key for key, _ in frames]


def motion() -> Any:
    return make_model(Wanted("motion", {}), None)


class Kept:
    """A sink that keeps results, and fails as often as it is told."""

    def __init__(self, fails: int = 0) -> None:
        self.results: list[Result] = []
        self.fails = fails
        self.closed = False

    def write(self, result: Result, frame: Frame) -> None:
        if self.fails:
            self.fails -= 1
            raise SinkError("no room")
        self.results.append(result)

    def close(self) -> None:
        self.closed = True


def test_a_file_is_sampled_whole_each_second_once(no_leaks: None, film: Path, places: Places) -> None:
    seen: list[Sampled] = []
    cameras = [CameraInput(camera_id=name, url=str(film)) for name in ("a", "b")]

    with sampling_of(places, *cameras, on_sampled=seen.append) as sampling:
        assert sampling.wait(WAIT_S)
        assert not sampling.faults
    status = sampling.status()

    for name, group in (("a", ""), ("b", "far")):
        keys = keys_in(places, group)
        assert {key.camera_id for key in keys} == {name}
        begin_ms = keys[0].captured_at_ms - keys[0].index * 1000 // FPS
        shown = {(begin_ms + n * 1000 // FPS) // 1000 for n in range(FRAMES)}
        assert [key.captured_at_ms // 1000 for key in keys] == sorted(shown)
        assert all(places.store.peek(key) for key in keys)
        camera = status[name]
        assert camera.capture.state == "done"
        assert (camera.sampler.entered, camera.sampler.sampled, camera.feed.sent) == (
            FRAMES,
            len(keys),
            len(keys),
        )
        assert camera.sampler.balanced
        assert camera.feed.balanced
    for sampled in seen:  # each picture is that of its own packet
        mark = read_mark(sampled.image)
        assert mark is not None
        assert mark.frame == sampled.key.index


def test_a_camera_that_cannot_be_read_is_told_and_stops_no_other(
    film: Path, places: Places, tmp_path: Path
) -> None:
    broken = CameraInput(camera_id="b", url=str(tmp_path / "none.mp4"))

    with sampling_of(places, CameraInput(camera_id="a", url=str(film)), broken) as sampling:
        assert sampling.wait(WAIT_S)
        (fault,) = sampling.faults

    assert fault.startswith("b: ")
    assert len(keys_in(places)) in SECONDS


def test_a_live_camera_goes_on_after_the_last_second_that_the_store_has(places: Places) -> None:
    old, data = frame(3)
    places.store.put([(old, data)], 60.0)

    assert last_slot_of(places.store, "gate", 1.0) == old.captured_at_ms // 1000
    assert last_slot_of(places.store, "gate", 2.0) == old.captured_at_ms // 500
    assert last_slot_of(places.store, "other", 1.0) is None


def test_a_live_camera_that_is_begun_again_gives_no_picture_of_the_same_time_twice(
    places: Places, wait_for: WaitFor
) -> None:
    def sampling() -> Sampling:
        live = CameraInput(camera_id="a", url="synthetic://street")
        rate = {"rate": 0.0001}  # the test is over within its time
        return Sampling([live], places.store, places.queue_of, sampler=rate, ttl_s=None)

    with sampling() as first:
        wait_for(lambda: first.status()["a"].feed.sent == 1, WAIT_S, "the first picture")
    with sampling() as second:
        wait_for(lambda: second.status()["a"].sampler.entered >= 60, WAIT_S, "two GOPs and more")
    assert second.status()["a"].sampler.sampled == 0


def test_the_last_second_before_a_camera_broke_off_does_not_wait_for_its_return(
    places: Places, wait_for: WaitFor
) -> None:
    """No keyframe but the first, so each second waits until it is over: for a packet of the next."""
    seen: list[Sampled] = []
    with FakeCameras({"gate": FakeCamera(url="synthetic://street?gop=10000")}) as server:
        camera = CameraInput(camera_id="a", url=server.url("gate"), stall_after_s=1.5, read_timeout_s=1)
        with sampling_of(places, camera, on_sampled=seen.append) as sampling:
            ended = threading.Thread(target=sampling.wait)
            ended.start()
            wait_for(lambda: len(seen) == 2, WAIT_S, "two seconds")
            server.misbehave("*", Kill())
            wait_for(lambda: not sampling.status()["a"].sampler.held, WAIT_S, "the third")
            sampling.request_stop()
            ended.join(WAIT_S)
    seconds = [one.key.captured_at_ms // 1000 for one in seen]
    assert len(seconds) > 2
    assert seconds == list(range(seconds[0], seconds[0] + len(seconds)))


def test_stop_frees_a_recording_that_waits_for_room(film: Path, wait_for: WaitFor) -> None:
    with Places("memory:", "memory:?max_keys=1") as places:
        sampling = sampling_of(places, CameraInput(camera_id="a", url=str(film)))
        sampling.start()
        wait_for(lambda: sampling.status()["a"].feed.sent == 1, WAIT_S, "the first key to be sent")
        ended = threading.Thread(target=sampling.stop)
        ended.start()
        ended.join(WAIT_S)

        assert not ended.is_alive()
        feed = sampling.status()["a"].feed
        assert feed.balanced
        assert feed.sent == 1
        assert places.store.usage().total.frames == 1  # of what was not sent nothing stays


def test_pictures_are_looked_at_by_those_whose_camera_it_is(film: Path, places: Places) -> None:
    one, other = Kept(), Kept()
    lookers = [
        Looker("one", motion(), {"kept": lambda: one}, ["gate"]),
        Looker("other", motion(), {"kept": lambda: other}),
    ]
    keys = given(places, *(frame(n) for n in range(3)), frame(9, "yard"))

    with Looking(lookers) as looking, Working(places, looking, settings={}, drain=True) as working:
        assert working.wait(WAIT_S)
        assert looking.stats()["gate"].results == 6

    assert [result.index for result in one.results] == [0, 1, 2]
    assert [result.camera_id for result in other.results] == ["gate"] * 3 + ["yard"]
    assert one.closed
    assert other.closed
    assert working.stats().endings == {"processed": 4}
    done = places.store.claim(keys[0], "w", 1.0)
    assert isinstance(done, Done)
    assert [result_from_json(line).identity for line in done.result.splitlines()] == [keys[0].identity] * 2


def test_where_a_sink_fails_the_picture_comes_again(places: Places) -> None:
    kept = Kept(fails=1)
    given(places, frame(0))

    looking = Looking([Looker("one", motion(), {"kept": lambda: kept})])
    with looking, Working(places, looking, settings={"retry_s": 0.01}, drain=True) as working:
        assert working.wait(WAIT_S)

    assert working.stats().endings == {"failed": 1, "processed": 1}
    assert [result.index for result in kept.results] == [0]


def test_a_sink_that_cannot_be_opened_leaves_none_open(places: Places) -> None:
    kept = Kept()

    def broken() -> Any:
        raise SinkError("no disk")

    lookers = [Looker("one", motion(), {"kept": lambda: kept}), Looker("two", motion(), {"broken": broken})]
    with pytest.raises(SinkError, match="no disk"), Looking(lookers):
        pass
    assert kept.closed


def test_workers_of_a_site_are_those_that_pictures_out_of_order_will_do_for(tmp_path: Path) -> None:
    def lookers(worker: str, *names: str) -> list[Looker]:
        text = f"cameras: {{a: {{url: a.mp4}}}}\nworkers: {{w: {{model: {{kind: motion}}, {worker}}}}}\n"
        return lookers_of(parse_site(text, {}, name="site.yaml", folder=tmp_path), names)

    assert [looker.name for looker in lookers("sinks: [{kind: jsonl, path: r.jsonl}]")] == ["w"]
    for worker, why in (
        ("track: true", "expected no track"),
        ("sinks: [{kind: clip, path: clips}]", "results alone"),
        ('sinks: [{kind: bus, url: "memory://", packets: all}]', "results alone"),
    ):
        with pytest.raises(ConfigError, match=why):
            lookers(worker)
    with pytest.raises(ConfigError, match="there is no worker 'v'"):
        lookers("rate: 1", "v")


def test_a_worker_of_each_group_works_and_all_is_counted_together(places: Places) -> None:
    given(places, *(frame(n) for n in range(2)), frame(0, "b"))
    seen: list[str] = []

    with Working(places, lambda taken: seen.append(taken.key.camera_id), settings={}, drain=True) as working:
        assert working.wait(WAIT_S)

    assert sorted(seen) == ["b", "gate", "gate"]
    assert {name: of.received for name, of in working.by_group().items()} == {"": 2, "far": 1}
    total = working.stats()
    assert total.balanced
    assert (total.received, total.handled) == (3, 3)


def test_what_was_stored_and_never_sent_is_found_by_the_workers_sweeper(
    places: Places, wait_for: WaitFor
) -> None:
    key, data = frame(0, "b")
    places.store.put([(key, data)], None)
    seen: list[FrameKey] = []

    with Working(places, lambda taken: seen.append(taken.key), settings={}, overdue_s=0.1) as working:
        wait_for(lambda: seen, WAIT_S, "the key that was never sent")
        assert working.by_group()["far"].received == 1


def test_a_closed_queue_ends_the_work_and_is_told(places: Places) -> None:
    with Working(places, print, settings={}) as working:
        places.queues["far"].close()
        assert working.wait(WAIT_S)
        (fault,) = working.faults
    assert fault.startswith("far: ")


def test_a_queue_that_breaks_in_any_way_ends_the_work_and_is_told(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    def receive(*_: object) -> Any:
        raise RuntimeError("no such table")

    monkeypatch.setattr(places.queues["far"], "receive", receive)
    with Working(places, print, settings={}) as working:
        assert working.wait(WAIT_S)
        assert working.faults == ["far: no such table"]


def test_a_store_that_cannot_be_asked_is_told_at_the_start(film: Path) -> None:
    pytest.importorskip("redis")
    with Places("redis://127.0.0.1:1?timeout_s=0.1", "memory:") as away:
        with pytest.raises(BusError, match="127.0.0.1:1"):
            sampling_of(away, CameraInput(camera_id="a", url=str(film))).start()
        with pytest.raises(BusError, match="127.0.0.1:1"), Working(away, print, settings={}):
            pass


def test_a_recording_waits_for_room_beside_a_camera_that_does_not(
    film: Path, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_queue_sampling, "_LIVE_WAIT_S", 0.1)
    whole = CameraInput(camera_id="a", url=str(film))
    live = CameraInput(camera_id="c", url=str(film), loop=True, realtime=True)
    with Places("memory:", "memory:?max_keys=1") as places, sampling_of(places, whole, live) as sampling:
        wait_for(lambda: sampling.status()["c"].feed.dropped, WAIT_S, "the camera to lose a picture")
        recording = sampling.status()["a"].feed
        assert not recording.dropped
        assert recording.held


def test_save_frame_loop_saves_a_file_and_says_how_many(film: Path, tmp_path: Path) -> None:
    taken: list[Sampled] = []

    sent = save_frame_loop(
        str(film),
        1,
        redis_url=f"folder:{tmp_path}/frames",
        rabbitmq_host="memory:",
        queue_name="q",
        folder=tmp_path / "saved",
        on_saved=taken.append,
        format="png",
    )

    assert sent == len(taken)
    assert sent in SECONDS
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {f"{one.key}.png" for one in taken}
