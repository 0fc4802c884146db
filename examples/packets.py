"""Packets off the bus: who sends how much? Nothing is decoded.

python examples/packets.py 5
"""

import re
import sys
import time
from collections import Counter

from sightline.bus import open_bus, packet_of, packets_topic, publish_packet
from sightline.capture import CameraInput, Capture
from sightline.overflow import Capacity, Overflow

CAMERAS = {"day": "synthetic://street?seed=1", "busy": "synthetic://street?seed=1&b_frames=2&size=1280x720"}


def rates(seconds: float) -> dict[str, float]:
    """Bits a second of each camera, counted for so long."""
    every_camera = re.compile(re.escape(packets_topic("")) + ".+")
    sent: Counter[str] = Counter()
    with (
        open_bus("memory://") as bus,
        bus.subscribe(every_camera, capacity=Capacity(count=1000), overflow=Overflow.DROP_OLDEST) as reader,
    ):
        captures = [
            Capture(CameraInput(camera_id=name, url=url), lambda packet: publish_packet(bus, packet))
            for name, url in CAMERAS.items()
        ]
        for capture in captures:
            capture.start()
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            for message in reader.poll(100, left_s):
                packet = packet_of(message)
                sent[packet.camera_id] += 8 * len(packet.data)
        for capture in captures:
            capture.stop()
    return {camera_id: bits / seconds for camera_id, bits in sent.items()}


if __name__ == "__main__":
    for camera_id, rate in sorted(rates(float(sys.argv[1])).items()):
        print(f"{camera_id}: {rate / 1000:,.0f} kbit/s")
