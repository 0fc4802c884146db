"""How late is a picture when it is decoded, and is one lost? The drawn street has each frame's number in it.

python examples/latency.py 5
"""

import statistics
import sys
import time

from sightline.bus import open_bus, publish_packet
from sightline.capture import CameraInput, Capture
from sightline.mux import Mux, MuxCamera
from sightline.scene import read_mark


def measure(seconds: float) -> tuple[list[int], list[float]]:
    """The numbers read from the pictures, and how many ms each was old."""
    numbers: list[int] = []
    ages_ms: list[float] = []
    with open_bus("memory://") as bus:
        mux = Mux(bus, [MuxCamera(camera_id="street")])
        street = CameraInput(camera_id="street", url="synthetic://street?camera=1&fps=25")
        capture = Capture(street, lambda packet: publish_packet(bus, packet))
        capture.start()
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            for frame in mux.take(timeout_s=0.5):
                mark = read_mark(frame.image)
                assert mark is not None, "every picture of a drawn street has its number"
                numbers.append(mark.frame)
                ages_ms.append((frame.decoded_at_ns - frame.captured_at_ns) / 1e6)
        capture.stop()
        mux.close()
    return numbers, ages_ms


if __name__ == "__main__":
    numbers, ages_ms = measure(float(sys.argv[1]))
    lost = numbers[-1] - numbers[0] + 1 - len(numbers)
    print(f"{len(numbers)} pictures, {lost} lost")
    print(f"age when decoded: median {statistics.median(ages_ms):.0f} ms, worst {max(ages_ms):.0f} ms")
