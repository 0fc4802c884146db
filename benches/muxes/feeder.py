"""The cameras: access units onto topics, at their pace or at once, and when each of them went."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import confluent_kafka
import msgspec
import numpy as np

SPREAD_S = 1.0
"""The cameras begin within so long, which is the time between their keyframes."""


class Feed(msgspec.Struct, frozen=True):
    """`streams` are played by the cameras in turn, at `fps`; not `paced`: all that they sent until now."""

    folder: str
    servers: str
    cameras: list[str]
    streams: list[list[bytes]]
    fps: float
    paced: bool


def main(path: str) -> None:
    feed = msgspec.msgpack.decode(Path(path).read_bytes(), type=Feed)
    folder = Path(feed.folder)
    settings = {"bootstrap.servers": feed.servers, "acks": 1, "linger.ms": 0, "message.max.bytes": 8 << 20}
    producer = confluent_kafka.Producer(settings | {"queue.buffering.max.kbytes": 64 << 10})
    topics = [f"raw_{camera}" for camera in feed.cameras]
    units = len(feed.streams[0])
    when = np.zeros((len(topics), units), np.int64)
    (folder / "feeder-ready").touch()
    sys.stdin.readline()
    begin = time.time() - (0 if feed.paced else units / feed.fps + SPREAD_S)
    for due_s, camera, number in _timetable(len(topics), units, feed.fps):
        time.sleep(max(0.0, begin + due_s - time.time()))
        when[camera, number] = time.time_ns()
        unit = feed.streams[camera % len(feed.streams)][number]
        _produce(producer, topics[camera], unit, round((begin + due_s) * 1000))
    producer.flush()
    np.save(folder / "fed.part.npy", when)
    (folder / "fed.part.npy").replace(folder / "fed.npy")
    sys.stdin.readline()


def _timetable(cameras: int, units: int, fps: float) -> list[tuple[float, int, int]]:
    """When, of which camera, the how manieth. They begin one after the other, as do their keyframes."""
    begins = [SPREAD_S * camera / cameras for camera in range(cameras)]
    return sorted((begins[camera] + n / fps, camera, n) for camera in range(cameras) for n in range(units))


def _produce(producer: Any, topic: str, unit: bytes, at_ms: int) -> None:
    while True:
        try:
            producer.produce(topic, unit, partition=0, timestamp=at_ms)
        except BufferError:
            producer.poll(0.01)
            continue
        producer.poll(0)
        return


if __name__ == "__main__":
    main(*sys.argv[1:])
