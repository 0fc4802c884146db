"""Packets of many cameras off a bus become batches; every picture is told by the number drawn into it."""

import threading
import time
from collections.abc import Iterator

import msgspec
import pytest
from tests.conftest import WaitFor
from tests.drawn import drawn_packets as packets

from sightline import Frame, Packet, Size
from sightline.bus import Bus, PacketTopics, open_bus, packets_topic, publish_end, publish_packet
from sightline.errors import Closed, ConfigError
from sightline.mux import LaneStats, Mux, MuxCamera
from sightline.scene import read_mark
from sightline.wire import packet_to_message


@pytest.fixture
def bus() -> Iterator[Bus]:
    with open_bus("memory://test-mux") as opened:
        yield opened


def publish(bus: Bus, stream: list[Packet]) -> None:
    for packet in stream:
        publish_packet(bus, packet)


def play(bus: Bus, stream: list[Packet]) -> threading.Thread:
    """Publish a file's packets and its end, as fast as they are taken."""

    def run() -> None:
        publish(bus, stream)
        publish_end(bus, stream[0].camera_id)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def read_all(mux: Mux, timeout_s: float = 30) -> list[list[Frame]]:
    batches = []
    deadline = time.monotonic() + timeout_s
    while not mux.ended:
        assert time.monotonic() < deadline, mux.stats()
        batch = mux.take(0.1)
        if batch:
            batches.append(batch)
    return batches


def marks(batches: list[list[Frame]], camera: int) -> list[int]:
    found = []
    for frame in (frame for batch in batches for frame in batch):
        mark = read_mark(frame.image)
        assert mark is not None
        assert frame.camera_id == f"cam{mark.camera}"
        if mark.camera == camera:
            found.append(mark.frame)
    return found


def in_all(stats: LaneStats) -> None:
    assert stats.packets.balanced
    assert stats.decoder.balanced
    assert stats.frames.balanced
    assert stats.packets.left == stats.decoder.entered + stats.undecodable
    assert stats.decoder.left == stats.frames.entered


def test_of_files_every_picture_comes_in_order_with_its_own_packet(bus: Bus, no_leaks: None) -> None:
    streams = [packets(camera, 60) for camera in range(3)]
    mux = Mux(bus, [MuxCamera(camera_id=f"cam{n}", live=False) for n in range(3)])
    for stream in streams:
        play(bus, stream)
    batches = read_all(mux)
    for camera, stream in enumerate(streams):
        assert marks(batches, camera) == list(range(60))
        by_identity = {packet.identity: packet for packet in stream}
        for frame in (f for batch in batches for f in batch if f.camera_id == f"cam{camera}"):
            assert by_identity[frame.identity].pts == frame.pts
        in_all(mux.stats()[f"cam{camera}"])
    assert all(len({f.camera_id for f in batch}) == len(batch) for batch in batches)
    mux.close()


def test_a_slow_reader_of_live_cameras_gets_the_newest_and_every_drop_is_counted(bus: Bus) -> None:
    stream = packets(0, 100)
    mux = Mux(bus, [MuxCamera(camera_id="cam0")])
    publish(bus, stream)
    deadline = time.monotonic() + 20
    # With two B-frames the decoder keeps the last two packets until more come.
    while (stats := mux.stats()["cam0"]).decoder.left < 98:
        assert time.monotonic() < deadline, stats
        threading.Event().wait(0.01)
    assert marks([mux.take(1)], 0) == [97]
    stats = mux.stats()["cam0"]
    in_all(stats)
    assert stats.frames.dropped == {"overflow": 97}
    mux.close()


def test_a_camera_that_sends_nothing_does_not_hold_up_the_others(bus: Bus) -> None:
    mux = Mux(bus, [MuxCamera(camera_id="cam0", live=False), MuxCamera(camera_id="dead")])
    play(bus, packets(0, 40))
    got = 0
    deadline = time.monotonic() + 20
    while got < 40:
        assert time.monotonic() < deadline
        got += len(mux.take(0.1))
    assert not mux.ended
    mux.close()


def test_rate_and_size_are_those_asked_for(bus: Bus) -> None:
    mux = Mux(bus, [MuxCamera(camera_id="cam0", live=False)], rate=5, size=Size(160, 90))
    play(bus, packets(0, 100))
    frames = [frame for batch in read_all(mux) for frame in batch]
    assert len(frames) in (20, 21)  # 4 s of media time
    assert {frame.size for frame in frames} == {Size(160, 90)}
    mux.close()


def test_a_message_that_is_no_packet_is_counted_and_the_next_is_read(bus: Bus) -> None:
    mux = Mux(bus, [MuxCamera(camera_id="cam0", live=False)])
    bus.publish(packets_topic("cam0"), b"x", headers=(("sightline", b"not json"),))
    play(bus, packets(0, 10))
    assert marks(read_all(mux), 0) == list(range(10))
    assert mux.stats()["cam0"].malformed == 1
    mux.close()


def test_a_packet_of_another_camera_in_a_topic_is_counted_and_harms_nobody(bus: Bus) -> None:
    mux = Mux(bus, [MuxCamera(camera_id="cam0", live=False)])
    stranger = packets(1, 1)[0]
    value, headers = packet_to_message(stranger)
    bus.publish(packets_topic("cam0"), value, headers=headers)
    play(bus, packets(0, 10))
    assert marks(read_all(mux), 0) == list(range(10))
    assert mux.stats()["cam0"].malformed == 1
    mux.close()


def test_a_mux_that_cannot_subscribe_leaves_no_thread(no_leaks: None, bus: Bus) -> None:
    topics = PacketTopics(main="a b:camera_id")
    with pytest.raises(ConfigError, match="a b"):
        Mux(bus, [MuxCamera(camera_id="good")], topics=topics)


def test_cameras_are_read_where_their_topics_say(bus: Bus) -> None:
    topics = PacketTopics(main="site.:camera_id.packets", detect="site.:camera_id.small")
    mux = Mux(bus, [MuxCamera(camera_id="cam0", live=False)], topics=topics)
    for packet in packets(0, 10):
        publish_packet(bus, packet, "main", topics)
    publish_end(bus, "cam0", "main", topics)
    assert marks(read_all(mux), 0) == list(range(10))
    mux.close()


def test_a_file_that_is_captured_again_is_read_again(bus: Bus, wait_for: WaitFor) -> None:
    mux = Mux(bus, [MuxCamera(camera_id="cam0", live=False)])
    for epoch in (1, 2):
        play(bus, [msgspec.structs.replace(packet, epoch=epoch) for packet in packets(0, 10)])
        read: list[list[Frame]] = []
        while len(read) < 10:
            read += [batch] if (batch := mux.take(5)) else pytest.fail(f"{mux.stats()}")
        assert {frame.epoch for batch in read for frame in batch} == {epoch}
        assert marks(read, 0) == list(range(10))
        wait_for(lambda: mux.ended, 5, "the end")
    mux.close()


def test_packets_of_an_unknown_codec_are_counted_and_stop_nothing(bus: Bus) -> None:
    mux = Mux(bus, [MuxCamera(camera_id="cam0", live=False), MuxCamera(camera_id="cam1", live=False)])
    foreign = Packet(
        **{name: getattr(packets(0, 1)[0], name) for name in Packet.__struct_fields__} | {"codec": "nope"}
    )
    play(bus, [foreign])
    play(bus, packets(1, 10))
    assert marks(read_all(mux), 1) == list(range(10))
    assert mux.stats()["cam0"].undecodable == 1
    mux.close()


def test_threads_do_not_grow_with_cameras(bus: Bus) -> None:
    before = threading.active_count()
    mux = Mux(bus, [MuxCamera(camera_id=f"cam{n}") for n in range(64)], threads=2)
    assert threading.active_count() - before == 3
    mux.close()
    assert threading.active_count() == before


def test_closing_frees_a_file_reader_that_waits_and_wakes_the_model(bus: Bus, no_leaks: None) -> None:
    mux = Mux(bus, [MuxCamera(camera_id="cam0", live=False)])
    reader = play(bus, packets(0, 400, b_frames=0))
    assert mux.take(10)
    mux.close()
    with pytest.raises(Closed):
        mux.take(1)
    reader.join(10)
    assert not reader.is_alive()


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_no_camera_or_one_twice_is_refused(bus: Bus, names: list[str]) -> None:
    with pytest.raises(ConfigError, match="each once"):
        Mux(bus, [MuxCamera(camera_id=name) for name in names])
