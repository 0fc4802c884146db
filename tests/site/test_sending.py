"""Packets onto a bus: whoever reads a camera never waits for it, and no packet is uncounted."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from tests.conftest import WaitFor
from tests.drawn import drawn_packets

from sightline import Packet
from sightline.bus import PACKET_TOPICS, Bus, Subscription, is_end, open_bus, packet_of
from sightline.capture import CameraInput
from sightline.errors import BufferFull, Closed
from sightline.overflow import Capacity, Overflow
from sightline.site.sending import Gate, Sending, Sent, Tally

CAMERA = CameraInput(camera_id="cam0", url="rtsp://h/1")
ROOM = Capacity(count=1, bytes=64 * 2**20)


@pytest.fixture
def buses() -> Iterator[tuple[Bus, Bus]]:
    with open_bus("memory://sending") as here, open_bus("memory://sending") as there:
        yield here, there


def packets(count: int) -> list[Packet]:
    return [
        msgspec.structs.replace(packet, index=index, keyframe=index % 10 == 0)
        for index, packet in enumerate(drawn_packets(0, 10) * (count // 10))
    ]


def read(reader: Subscription) -> tuple[list[int], bool]:
    """The packets up to the word that the stream is over, and whether that came."""
    indices: list[int] = []
    while messages := reader.poll(1, 2):
        if is_end(messages[0]):
            return indices, True
        indices.append(packet_of(messages[0]).index)
    return indices, False


def test_a_packet_is_counted_before_anybody_can_have_it(buses: tuple[Bus, Bus]) -> None:
    here, there = buses
    reader = there.subscribe("raw_cam0", capacity=ROOM, overflow=Overflow.BLOCK)
    counts: list[tuple[str, int]] = []
    tally = Tally(
        lambda count: counts.append(("taken", count)),
        lambda count: counts.append((f"published, {reader.stats().entered} there", count)),
    )
    sending = Sending(here, CAMERA, "main", PACKET_TOPICS, waits=True, tally=tally)
    first, second, *_ = packets(10)
    sending.put(first)
    here.close()
    with pytest.raises(Closed):
        sending.put(second)
    assert counts == [
        *(("taken", 1), ("published, 0 there", 1)),
        *(("taken", 2), ("published, 1 there", 2), ("published, 1 there", 1)),
    ]
    assert sending.sent() == Sent(published=1, failed=1)
    assert sending.sent().unsent == {"refused": 1}


def test_a_camera_never_waits_for_a_bus_that_stands_still(
    no_leaks: None, buses: tuple[Bus, Bus], wait_for: WaitFor
) -> None:
    here, there = buses
    reader = there.subscribe("raw_cam0", capacity=ROOM, overflow=Overflow.BLOCK)
    sending = Sending(here, CAMERA, "main", PACKET_TOPICS, waits=False)
    for packet in packets(2000):
        sending.put(packet)
    sent = sending.sent()
    assert (sent.taken, sent.waiting > 0, sent.dropped["overflow"] > 0) == (2000, True, True)

    sending.end()
    indices, over = read(reader)
    wait_for(lambda: sending.ended, 5, "the word")
    assert over
    assert indices[-1] == 1999
    gaps = [at for before, at in itertools.pairwise(indices) if at != before + 1]
    assert all(at % 10 == 0 for at in gaps)  # it goes on at a keyframe
    assert (sending.sent().published, sending.sent().taken) == (len(indices), 2000)


def test_what_was_stopped_says_nothing_of_an_end(no_leaks: None, buses: tuple[Bus, Bus]) -> None:
    here, there = buses
    reader = there.subscribe("raw_cam0", capacity=ROOM, overflow=Overflow.BLOCK)
    sending = Sending(here, CAMERA, "main", PACKET_TOPICS, waits=False)
    for packet in packets(100):
        sending.put(packet)
    sending.stop()
    here.close()
    sending.join()
    assert sending.sent().taken == 100
    assert sending.sent().waiting == 0
    assert not sending.ended
    assert not read(reader)[1]


def test_a_file_waits_and_hears_of_what_is_refused(no_leaks: None) -> None:
    with open_bus("memory://small", max_message_bytes=1000) as bus:
        sending = Sending(bus, CAMERA, "main", PACKET_TOPICS, waits=True)
        large = msgspec.structs.replace(packets(10)[0], data=bytes(2000))
        with pytest.raises(BufferFull):
            sending.put(large)
        sending.put(msgspec.structs.replace(large, data=b"x"))
        assert sending.sent() == Sent(published=1, failed=1)


def test_a_gate_opens_for_good_with_the_first_reader_of_either_stream(
    no_leaks: None, buses: tuple[Bus, Bus], wait_for: WaitFor
) -> None:
    here, there = buses
    gate = Gate(here, ["raw_cam0", "detect_cam0"])
    sending = Sending(here, CAMERA, "main", PACKET_TOPICS, waits=True, gate=gate)
    with ThreadPoolExecutor() as pool:
        put = pool.submit(sending.put, packets(10)[0])
        wait_for(lambda: sending.waits_for == "raw_cam0 or detect_cam0", 5, "a packet that waits")
        assert sending.sent() == Sent()
        reader = there.subscribe("detect_cam0", capacity=ROOM, overflow=Overflow.BLOCK)
        put.result(5)
    assert (sending.sent(), sending.waits_for) == (Sent(published=1), "")
    reader.close()
    sending.put(packets(10)[1])
    assert sending.sent() == Sent(published=2)


def test_a_gate_that_holds_lets_nothing_through_while_its_reader_is_away(
    no_leaks: None, buses: tuple[Bus, Bus], wait_for: WaitFor
) -> None:
    here, there = buses

    def read() -> Subscription:
        return there.subscribe("raw_cam0", capacity=ROOM, overflow=Overflow.BLOCK)

    gate = Gate(here, ["raw_cam0"], holds=True)
    sending = Sending(here, CAMERA, "main", PACKET_TOPICS, waits=True, gate=gate)
    first = read()
    sending.put(packets(10)[0])
    wait_for(lambda: first.poll(1, 0.1), 5, "the first packet")
    first.close()
    wait_for(lambda: not here.wait_wanted("raw_cam0", 0), 5, "nobody to read")
    with ThreadPoolExecutor() as pool:
        put = pool.submit(sending.put, packets(10)[1])
        wait_for(lambda: bool(sending.waits_for), 5, "a packet that waits")
        second = read()
        put.result(5)
    wait_for(lambda: second.poll(1, 0.1), 5, "the second packet")
    second.close()
    wait_for(lambda: not here.wait_wanted("raw_cam0", 0), 5, "nobody to read")
    sending.end()
    wait_for(lambda: bool(sending.waits_for), 5, "the word behind them to wait too")
    assert not sending.ended
    third = read()
    wait_for(lambda: sending.ended, 5, "the word behind them to be sent")
    (end,) = third.poll(1, 5)
    assert is_end(end)


def test_a_bus_that_closes_ends_the_wait_for_a_reader(no_leaks: None, wait_for: WaitFor) -> None:
    with ThreadPoolExecutor() as pool:
        with open_bus("memory://gate") as bus:
            sending = Sending(bus, CAMERA, "main", PACKET_TOPICS, waits=True, gate=Gate(bus, ["raw_cam0"]))
            put = pool.submit(sending.put, packets(10)[0])
            wait_for(lambda: bool(sending.waits_for), 5, "a packet that waits")
        assert isinstance(put.exception(5), Closed)
    assert (sending.sent(), sending.waits_for) == (Sent(failed=1), "")


def test_counts_of_one_process_go_on_in_the_next() -> None:
    killed = Sent(published=5, failed=1, dropped={"overflow": 2}, waiting=3).lost()
    assert (killed.dropped, killed.taken) == ({"overflow": 2, "killed": 3}, 11)
    assert killed + Sent(published=1, dropped={"overflow": 1}) == Sent(
        published=6, failed=1, dropped={"overflow": 3, "killed": 3}
    )


@pytest.mark.parametrize(
    ("url", "realtime", "recording"),
    [
        ("clip.mp4", False, True),
        ("clip.mp4", True, False),
        ("rtsp://h/1", False, False),
        ("http://h/clip.mp4", False, True),
        ("synthetic://street?frames=10", False, True),
        ("synthetic://street", False, False),
    ],
)
def test_recordings_are_waited_for(url: str, realtime: bool, recording: bool) -> None:
    assert CameraInput(camera_id="a", url=url, realtime=realtime).is_recording is recording
