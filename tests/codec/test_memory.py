"""A decoder gives back what it took: many cameras come and go in a process that runs for months."""

import gc
import threading
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from sightline.codec import Decoder
from sightline.frame import Size
from sightline.packet import Packet

MB = 2**20


def resident_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / MB)


def many_cameras(packets: list[Packet]) -> None:
    decoders = [Decoder(size=Size(160, 90)) for _ in range(64)]
    for decoder in decoders:
        for packet in packets[:8]:
            decoder.feed(packet)
    for decoder in decoders[::2]:  # the others are simply let go, with pictures in them
        decoder.close()


def a_long_run(packets: list[Packet]) -> None:
    decoder = Decoder(rate=10)
    for epoch in range(1, 11):
        for packet in packets:
            decoder.feed(_of_epoch(packet, epoch))


def much_damage(packets: list[Packet]) -> None:
    decoder = Decoder()
    for epoch in range(1, 101):
        for packet in packets[:3]:
            short = packet.data if packet.keyframe else packet.data[:200]
            decoder.feed(_of_epoch(packet, epoch, data=short))
    assert decoder.stats().dropped["corrupt"] == 100


def keyframes_alone(packets: list[Packet]) -> None:
    decoder = Decoder(pictures="key")
    for epoch in range(1, 11):
        for packet in packets:
            decoder.feed(_of_epoch(packet, epoch))


def _of_epoch(packet: Packet, epoch: int, **changes: Any) -> Packet:
    known = {name: getattr(packet, name) for name in packet.__struct_fields__}
    return Packet(**(known | {"epoch": epoch} | changes))


@pytest.mark.alone
@pytest.mark.parametrize("work", [many_cameras, a_long_run, much_damage, keyframes_alone])
def test_memory_does_not_grow(film: Callable[..., Any], work: Callable[[list[Packet]], None]) -> None:
    packets = film(frames=75, gop=15, b_frames=2, size=(640, 360)).packets
    for _ in range(3):
        work(packets)
    before_mb = resident_mb()
    for _ in range(6):
        work(packets)
    assert resident_mb() - before_mb < 6


def test_decoding_starts_no_thread(film: Callable[..., Any], no_leaks: None) -> None:
    packets = film(frames=30, b_frames=2).packets
    before = psutil.Process().num_threads(), threading.active_count()
    decoder = Decoder(size=Size(160, 90))
    for packet in packets:
        decoder.feed(packet)
    assert (psutil.Process().num_threads(), threading.active_count()) == before
    decoder.close()
