"""One camera with a real decoder: every picture finds its message, and every message goes on."""

import importlib
import threading
from collections.abc import Sequence
from itertools import count, cycle
from typing import Any

import msgspec
import pytest
from tests.conftest import WaitFor
from tests.drawn import drawn_packets

from sightline import Frame, Packet, Size
from sightline.bus import Message
from sightline.codec import is_disposable
from sightline.errors import Closed, ConfigError
from sightline.mux.batch import BatchQueue, Failure
from sightline.mux.camera import CameraWork
from sightline.mux.course import Picture
from sightline.mux.forward import Answer
from sightline.mux.pool import Pool
from sightline.mux.settings import CameraSettings
from sightline.scene import read_mark
from sightline.testing import ManualClock
from sightline.wire import Headers, packet_to_message

PACKETS = drawn_packets(0, 60)  # GOPs of 10 with two B-frames
END = Message("raw_cam0", b"", None, (("sightline.end", b""),), 10_000, 0)
Released = list[tuple[Message, Headers | None]]


def messages(packets: Sequence[Packet]) -> list[Message]:
    """As a capture of ours publishes them."""
    return [
        Message("raw_cam0", value, b"cam0", headers, offset, 0)
        for offset, (value, headers) in enumerate(map(packet_to_message, packets))
    ]


def chunks(packets: Sequence[Packet], size: int) -> list[Message]:
    """The same bytes as anybody's messages: cut anywhere."""
    stream = b"".join(packet.data for packet in packets)
    return [
        Message("raw_cam0", stream[at : at + size], None, (), offset, 0)
        for offset, at in enumerate(range(0, len(stream), size))
    ]


class Bench:
    """A camera between a batch queue and a line, worked on by the test's own thread."""

    def __init__(self, **settings: object) -> None:
        self.clock = ManualClock()
        self.queue: BatchQueue[Picture] = BatchQueue(clock=self.clock)
        self.settings = CameraSettings(camera_id="cam0", **settings)  # type: ignore[arg-type]
        self.woken = self.changed = 0
        self.work = CameraWork(
            self.settings, self.queue, wake=self._wake, changed=self._change, clock=self.clock
        )
        self.out: Released = []
        self.seen: list[Picture] = []

    def _wake(self, work: CameraWork) -> None:
        assert work.ready in {True, False}
        self.woken += 1

    def _change(self, work: CameraWork) -> None:
        self.changed += 1

    def add(self, batch: Sequence[Message], lag: int = 0) -> None:
        self.work.add(batch, lag)

    def decode(self) -> None:
        while self.work.ready:
            self.work.work()

    def take(self) -> list[Picture]:
        taken = self.queue.take(0)
        for picture in taken:
            self.work.delivered(picture)
        self.seen += taken
        return taken

    def run(self, *, answers: bool = True) -> None:
        """Decode, take and answer until nothing more comes of it."""
        self.decode()
        while taken := self.take():
            for picture in taken:
                if answers and isinstance(picture, Frame):
                    outcome = self.work.answer(picture.epoch, picture.index, result(picture))
                    assert outcome is Answer.TAKEN
            self.decode()
        self.release()

    def release(self) -> None:
        self.out += self.work.release()

    def wait_out(self) -> None:
        """Let time pass as far as the camera asks for it."""
        while (due_ns := self.work.due_ns()) is not None:
            self.clock.move(max(0, due_ns - self.clock.monotonic_ns()) / 1e9)
            self.release()
            self.run()

    def check(self, entered: Sequence[Message]) -> None:
        """All that entered has left in order, and all is accounted for."""
        stats = self.work.stats()
        assert stats.balanced, stats
        assert [message for message, _ in self.out] == list(entered)


def result(frame: Frame) -> Headers:
    """What a model would say: the number that is drawn into the picture."""
    mark = read_mark(frame.image)
    assert mark is not None
    return (("mark", b"%d" % mark.frame),)


def number(headers: Headers) -> int:
    return int(headers[0][1])


def test_every_result_goes_on_with_the_packet_that_held_its_picture() -> None:
    bench = Bench(max_offset_diff=None)
    entered = messages(PACKETS)
    bench.add(entered)
    bench.run()
    bench.add([END])
    bench.run()
    bench.check([*entered, END])
    order = sorted(PACKETS, key=lambda packet: packet.pts or 0)
    for (message, headers), packet in zip(bench.out, PACKETS, strict=False):
        assert message.value == packet.data
        assert headers is not None
        assert number(headers) == order.index(packet)
    assert bench.work.stats().delivered == 60


@pytest.mark.parametrize("size", [137, 4096])
def test_of_pieces_without_our_headers_the_one_in_which_a_picture_begins_has_its_result(size: int) -> None:
    bench = Bench(max_offset_diff=None, framing="chunks")
    entered = chunks(PACKETS, size)
    bench.add(entered)
    bench.run()
    bench.wait_out()
    bench.check(entered)
    assert b"".join(message.value for message, _ in bench.out) == b"".join(packet.data for packet in PACKETS)
    # It begins behind the header of its first NAL unit: a parameter set's, or a slice's and its first byte.
    # Of several in one piece the last has the result.
    begins: dict[int, int] = {}
    order = sorted(PACKETS, key=lambda packet: packet.pts or 0)
    at = 0
    for packet in PACKETS:
        begins[(at + 4 + (not packet.keyframe)) // size] = order.index(packet)
        at += len(packet.data)
    found = {message.offset: number(headers) for message, headers in bench.out if headers is not None}
    assert found == begins
    stats = bench.work.stats()
    assert stats.delivered == len(begins)
    assert stats.dropped.get("unwanted", 0) == 60 - len(begins)


def test_packets_that_the_rate_leaves_out_go_on_without_a_result() -> None:
    bench = Bench(max_offset_diff=None, rate=5.0)
    entered = [*messages(PACKETS), END]
    bench.add(entered)
    bench.run()
    bench.check(entered)
    assert sum(headers is not None for _, headers in bench.out) == len(bench.seen) == 13


def test_where_only_analysed_packets_go_on_the_others_are_counted() -> None:
    bench = Bench(max_offset_diff=None, rate=5.0, forward="analysed")
    bench.add([*messages(PACKETS), END])
    bench.run()
    stats = bench.work.stats()
    assert stats.forward.with_result == len(bench.out) == 13
    assert stats.forward.discarded == 48
    assert stats.balanced


def test_a_packet_that_cannot_be_decoded_is_in_the_batch_as_a_failure_and_goes_on() -> None:
    bench = Bench(max_offset_diff=None)
    entered = messages(PACKETS)
    entered[33] = Message("raw_cam0", b"\0\0\1\x41damaged", b"cam0", entered[33].headers, 33, 0)
    bench.add([*entered, END])
    bench.run()
    bench.check([*entered, END])
    failed = [picture.index for picture in bench.seen if isinstance(picture, Failure)]
    assert failed[0] == 33
    assert failed == sorted(failed)
    assert max(failed) < 40  # decoding went on at the next keyframe
    assert bench.work.answer(PACKETS[33].epoch, 33, ()) is Answer.LATE
    assert bench.out[33][1] is None


def test_packets_of_a_codec_that_nobody_decodes_fail_one_by_one() -> None:
    bench = Bench(max_offset_diff=None)
    strange = [msgspec.structs.replace(packet, codec="nope") for packet in PACKETS[:3]]
    bench.add(messages(strange))
    bench.run()
    bench.check(messages(strange))
    assert [picture.reason for picture in bench.seen if isinstance(picture, Failure)] == ["undecodable"] * 3


def test_too_far_behind_decoding_jumps_and_forwarding_skips_nothing() -> None:
    bench = Bench(max_offset_diff=20)
    entered = [*messages(PACKETS), END]
    bench.add(entered, lag=500)
    bench.decode()
    bench.run()
    bench.check(entered)
    stats = bench.work.stats()
    assert stats.dropped["behind"] == 50
    assert stats.waiting.jumps == 1
    assert all(picture.index >= 50 for picture in bench.seen)


def test_with_no_keyframe_ahead_only_pictures_that_others_need_are_decoded() -> None:
    bench = Bench(max_offset_diff=5)
    entered = messages(PACKETS[:10])
    bench.add(entered[:1])
    bench.decode()
    bench.add(entered[1:], lag=50)
    assert bench.work.stats().hurry
    bench.decode()
    bench.add([END])
    bench.run()
    bench.check([*entered, END])
    stats = bench.work.stats()
    assert "behind" not in stats.dropped
    disposable = [packet for packet in PACKETS[:10] if is_disposable(packet.data, packet.codec)]
    assert stats.dropped["skipped"] == len(disposable) > 0


def test_pictures_that_nobody_takes_hold_up_no_message_of_a_live_camera() -> None:
    bench = Bench(max_wait_s=0.5)
    entered = messages(PACKETS)
    for message in entered:
        bench.add([message])
        bench.decode()
        bench.release()
    assert len(bench.out) > 50
    while (due_ns := bench.work.due_ns()) is not None:
        bench.clock.move(max(0, due_ns - bench.clock.monotonic_ns()) / 1e9)
        bench.release()
        bench.decode()
    bench.check(entered)
    assert bench.work.stats().dropped["replaced"] == 59


def test_what_only_the_next_message_would_show_is_had_out_after_a_silence() -> None:
    bench = Bench(max_offset_diff=None, max_wait_s=0.5)
    entered = messages(PACKETS)
    bench.add(entered)
    bench.run()
    held = bench.work.stats().held
    assert held == len(entered) - len(bench.seen) > 0
    assert bench.work.due_ns() == bench.clock.monotonic_ns() + 2_500_000_000
    bench.wait_out()
    bench.check(entered)
    assert len(bench.seen) == 60


def test_a_camera_that_holds_nothing_goes_on_anywhere_after_a_silence() -> None:
    stream = drawn_packets(0, 20, gop=20, b_frames=0)
    bench = Bench(max_offset_diff=None, max_wait_s=0.5)
    bench.add(messages(stream)[:10])
    bench.run()
    bench.wait_out()
    bench.add(messages(stream)[10:])
    bench.run()
    bench.check(messages(stream))
    assert len(bench.seen) == 20


def test_a_packet_that_was_sent_twice_goes_on_twice_and_is_seen_once() -> None:
    bench = Bench(max_offset_diff=None)
    entered = messages(PACKETS[:10])
    twice = [message for message in entered for _ in range(2)]
    bench.add([*twice, END])
    bench.run()
    bench.check([*twice, END])
    assert [headers is not None for _, headers in bench.out[:20]] == [True, False] * 10


def test_what_is_captured_again_begins_behind_the_end_of_what_was_before() -> None:
    bench = Bench(max_offset_diff=None)
    again = [msgspec.structs.replace(packet, epoch=packet.epoch + 1) for packet in PACKETS[:20]]
    first, second = messages(PACKETS[:20]), messages(again)
    bench.add([*first, END, *second[:5]])
    bench.run()
    bench.add([*second[5:], END])
    bench.run()
    bench.check([*first, END, *second, END])
    assert len(bench.seen) == 40


def test_a_unit_that_is_lost_takes_no_result_from_the_one_of_the_same_message_before() -> None:
    bench = Bench(max_offset_diff=None, framing="chunks")
    whole = Message("raw_cam0", PACKETS[0].data, None, (), 0, 0)
    endless = Message("raw_cam0", PACKETS[0].data + bytes([0x55]) * 17 * 2**20, None, (), 0, 0)
    bench.add([whole, endless, END])
    bench.run()
    bench.check([whole, endless, END])
    assert [headers is not None for _, headers in bench.out] == [True, False, False]


def test_a_jump_costs_no_picture_that_was_decoded_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    details = importlib.import_module("sightline.scene.encode")._COMMON_DETAILS
    monkeypatch.setitem(details, "open-gop", 1)
    stream = drawn_packets(0, 60, preset="fast")  # type: ignore[arg-type]
    bench = Bench(framing="whole")
    entered = [Message("raw_cam0", packet.data, None, (), offset, 0) for offset, packet in enumerate(stream)]
    bench.add(entered[:17])
    bench.decode()
    bench.add(entered[17:])
    bench.decode()
    stats = bench.work.stats()
    assert stats.waiting.jumps == 1
    assert "no_picture" not in stats.dropped
    bench.wait_out()
    bench.check(entered)


def test_another_rate_or_size_begins_at_the_next_keyframe_and_costs_no_picture() -> None:
    bench = Bench(max_offset_diff=None)
    entered = [*messages(PACKETS), END]
    bench.add(entered[:25])
    bench.run()
    bench.work.update(CameraSettings(camera_id="cam0", max_offset_diff=None, size=Size(160, 90)))
    bench.add(entered[25:])
    bench.run()
    bench.check(entered)
    sizes = {picture.index: picture.size for picture in bench.seen if isinstance(picture, Frame)}
    assert sizes == {index: Size(320, 180) if index < 30 else Size(160, 90) for index in range(60)}


def test_another_topic_begins_anew_and_every_message_still_goes_on() -> None:
    bench = Bench(max_offset_diff=None)
    old = messages(PACKETS[:25])
    new = messages([msgspec.structs.replace(packet, epoch=packet.epoch + 1) for packet in PACKETS[:20]])
    bench.add(old)
    bench.decode()
    bench.take()
    bench.decode()
    bench.work.update(CameraSettings(camera_id="cam0", max_offset_diff=None, topic="other"))
    bench.release()
    assert [message for message, _ in bench.out] == []  # the first is delivered, and waits for its answer
    bench.add([*new, END])
    bench.run()
    bench.wait_out()
    bench.check([*old, *new, END])
    stats = bench.work.stats()
    assert stats.dropped["changed"] + stats.dropped["closed"] == 24
    assert (stats.delivered, stats.held) == (21, 0)


def test_another_topic_lets_go_of_a_message_whose_unit_was_not_whole() -> None:
    bench = Bench(max_offset_diff=None, framing="chunks")
    half = Message("raw_cam0", PACKETS[0].data[:100], None, (), 0, 0)
    bench.add([half])
    bench.work.update(CameraSettings(camera_id="cam0", max_offset_diff=None, topic="other"))
    bench.release()
    bench.check([half])


def test_what_was_lossless_may_become_live() -> None:
    bench = Bench(max_offset_diff=None)
    entered = [*messages(PACKETS), END]
    bench.add(entered[:30])
    bench.decode()
    bench.work.update(CameraSettings(camera_id="cam0", max_offset_diff=10))
    bench.add(entered[30:])
    bench.decode()
    assert len(bench.take()) == 1
    bench.wait_out()
    bench.check(entered)


def test_wrong_settings_change_nothing() -> None:
    bench = Bench(max_offset_diff=None)
    for wrong in (
        CameraSettings(camera_id="other"),
        CameraSettings(camera_id="cam0", codec="nope"),
        CameraSettings(camera_id="cam0", pictures="nope"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ConfigError):
            bench.work.update(wrong)
    assert bench.work.settings == bench.settings


def test_a_camera_that_is_closed_lets_all_go_and_takes_no_more() -> None:
    bench = Bench(max_offset_diff=None)
    entered = messages(PACKETS)
    bench.add(entered[:30])
    bench.decode()
    bench.take()
    bench.decode()
    bench.add(entered[30:])
    bench.work.close()
    bench.work.close()
    bench.add([END])
    assert not bench.work.ready
    bench.release()
    bench.check(entered)
    assert bench.work.stats().held == 0
    with pytest.raises(Closed):
        bench.work.update(bench.settings)
    assert bench.queue.take(0) == []


def test_a_camera_is_read_no_further_when_it_is_full_until_it_is_half_empty() -> None:
    bench = Bench(max_offset_diff=None)
    stream = messages(drawn_packets(0, 10))

    def full() -> bool:
        return bench.work.congested

    bench.add(stream)
    again = count(10)
    for _ in range(1014):
        assert not full()
        bench.add([Message("raw_cam0", stream[0].value, None, (), next(again), 0)])
    assert full()
    while full():
        assert bench.work.stats().waiting.held > 512
        bench.decode()
        bench.take()
    assert 500 < bench.work.stats().waiting.held <= 512


def test_a_unit_longer_than_the_line_does_not_stop_the_camera() -> None:
    bench = Bench(max_offset_diff=None, framing="chunks")
    first = PACKETS[0].data
    entered = [Message("raw_cam0", first, None, (), 0, 0)]
    entered += [Message("raw_cam0", b"\x55", None, (), offset, 0) for offset in range(1, 4096)]
    bench.add(entered)
    assert bench.work.congested
    assert bench.work.due_ns() == 0
    bench.release()
    bench.check(entered)
    assert not bench.work.congested


@pytest.mark.parametrize(("live", "changing"), [(True, False), (False, False), (True, True), (False, True)])
def test_all_threads_together_lose_nothing_and_mix_nothing_up(
    live: bool, changing: bool, wait_for: WaitFor, no_leaks: None
) -> None:
    cameras = 3
    queue: BatchQueue[Picture] = BatchQueue()
    pool = Pool(2)
    bell = threading.Event()
    streams = [drawn_packets(camera, 100, size=Size(160, 90)) for camera in range(cameras)]

    def settings(camera_id: str) -> CameraSettings:
        return CameraSettings(camera_id=camera_id, max_offset_diff=20 if live else None, max_wait_s=0.2)

    works = {
        f"cam{camera}": CameraWork(
            settings(f"cam{camera}"),
            queue,
            wake=pool.wake,
            changed=lambda _work: bell.set(),
        )
        for camera in range(cameras)
    }
    entered = {f"cam{camera}": messages(stream) for camera, stream in enumerate(streams)}
    order = [sorted(stream, key=lambda packet: packet.pts or 0) for stream in streams]
    out: dict[str, Released] = {camera_id: [] for camera_id in works}
    stop = threading.Event()

    def poll() -> None:
        for at in range(0, 100, 7):
            stop.wait(0.01)  # about as fast as they are decoded
            for camera_id, work in works.items():
                while work.congested:
                    stop.wait(0.001)
                work.add(entered[camera_id][at : at + 7], 0)

    def use() -> None:
        while not stop.is_set():
            for picture in queue.take(0.05):
                works[picture.camera_id].delivered(picture)
                assert isinstance(picture, Frame)
                mark = read_mark(picture.image)
                assert mark is not None
                assert f"cam{mark.camera}" == picture.camera_id
                works[picture.camera_id].answer(picture.epoch, picture.index, result(picture))

    def forward() -> None:
        while not stop.is_set():
            bell.wait(0.02)
            bell.clear()
            for camera_id, work in works.items():
                out[camera_id] += work.release()

    def change() -> None:
        changes: cycle[dict[str, Any]] = cycle(
            [{"size": Size(160, 90)}, {"topic": "b"}, {"rate": 20.0}, {"max_offset_diff": 9}]
        )
        while changing and not stop.wait(0.02):
            more = next(changes)
            for work in works.values():
                work.update(msgspec.structs.replace(settings(work.camera_id), **more))

    threads = [threading.Thread(target=run) for run in (poll, use, forward, change)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: all(len(some) == 100 for some in out.values()), 30, "all messages")
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        pool.close()
        for work in works.values():
            work.close()
    for camera, (camera_id, released) in enumerate(out.items()):
        assert [message for message, _ in released] == entered[camera_id]
        answered = [(message, headers) for message, headers in released if headers is not None]
        assert answered or changing
        for message, headers in answered:
            assert order[camera][number(headers)].data == message.value
        if not (live or changing):
            assert len(answered) == 100
        stats = works[camera_id].stats()
        assert stats.balanced
        assert stats.held == 0
