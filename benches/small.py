"""Small things that happen once a packet, or once a drawn frame. For information: nothing is compared."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from benches.bench import OURS, Bench, Scale
from benches.pairing import Figures
from sightline.buffer import Capacity, Overflow
from sightline.bus import open_bus, packets_topic, publish_packet
from sightline.frame import Size
from sightline.packet import Packet
from sightline.scene import Scene, encode
from sightline.wire import packet_from_message, packet_to_message

_BYTES: Final = 20_000  # of a packet of 4 Mb/s at 25 pictures/s
_BATCH: Final = 64
_PACKET: Final = Packet(
    camera_id="bench",
    epoch=1_700_000_000_000,
    index=1_000_000,
    data=bytes(_BYTES),
    codec="h264",
    keyframe=False,
    pts=3_600_000_000,
    dts=3_599_990_000,
    time_base=Fraction(1, 90_000),
    captured_at_ns=1_700_000_000_000_000_000,
    captured_at_source="rtcp",
)


def small(scale: Scale) -> Figures:
    """CPU time of each."""
    message = packet_to_message(_PACKET)
    figures = {
        "wire, packet to message: us": _us(lambda: packet_to_message(_PACKET), scale.calls),
        "wire, message to packet: us": _us(
            lambda: packet_from_message(*message, camera_id="bench", offset=0, timestamp_ns=0), scale.calls
        ),
        "memory bus, a packet published and polled: us": _us_over_the_bus(scale.calls),
    }
    figures["`import sightline`, of a fresh Python: ms"] = _ms_to_import()
    for size in (Size(640, 360), Size(1920, 1080)):
        frames = max(scale.calls // 200, 5)
        figures[f"scene {size}, draw a frame: ms"] = _ms_to_draw(size, frames)
        figures[f"scene {size}, draw and encode: ms"] = _ms_to_encode(size, frames)
    return figures


def _ms_to_import() -> float:
    """Wall time, which is what somebody waits for; the Python's own start is not in it."""
    code = "import time; t = time.perf_counter(); import sightline; print(time.perf_counter() - t)"
    took = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return float(took) * 1000


def _us(call: Callable[[], object], times: int) -> float:
    call()
    begin_s = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begin_s) / times * 1e6


def _us_over_the_bus(times: int) -> float:
    """In one thread: publish a batch, poll it. The wire is in it."""
    with open_bus("memory://") as bus:
        subscription = bus.subscribe(
            packets_topic("bench"), capacity=Capacity(count=2 * _BATCH), overflow=Overflow.DROP_OLDEST
        )

        def batch() -> None:
            for _ in range(_BATCH):
                publish_packet(bus, _PACKET)
            subscription.poll(_BATCH, 1)

        return _us(batch, max(times // _BATCH, 1)) / _BATCH


def _ms_to_draw(size: Size, frames: int) -> float:
    scene, numbers = Scene(size=size), iter(range(frames + 1))
    return _us(lambda: scene.frame(next(numbers)), frames) / 1e3


def _ms_to_encode(size: Size, frames: int) -> float:
    units = encode(Scene(size=size), gop=25)
    return _us(lambda: next(units), frames) / 1e3


BENCHES = (
    Bench(
        name="small",
        title="Small things, CPU time of one",
        contenders={OURS: small},
        notes=(f"A packet of {_BYTES} bytes. Encoding is libx264 `ultrafast`, GOP 25, no B-frames.",),
        rounds=3,
        warm_up=False,
    ),
)
