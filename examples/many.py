"""Cameras off a log in batches, and every packet on again with what was measured in its picture.

python examples/many.py 5                             two drawn streets, within this process
python examples/many.py 60 kafka://10.0.0.5 gate yard     what somebody publishes on raw_gate and raw_yard
"""

import sys
import time
from collections import Counter
from contextlib import ExitStack

from sightline.bus import open_log, publish_packet
from sightline.capture import CameraInput, Capture
from sightline.mux import Comux

HERE = "memory://many?history=64MiB"


def drawn(stack: ExitStack, camera_id: str, number: int) -> None:
    """A street that draws itself, captured onto the log of this process."""
    log = stack.enter_context(open_log(HERE))
    street = CameraInput(camera_id=camera_id, url=f"synthetic://street?camera={number}&fps=25")
    capture = Capture(street, lambda packet: publish_packet(log, packet))
    capture.start()
    stack.callback(capture.stop)


def measure(seconds: float, bus: str, camera_ids: list[str]) -> Counter[str]:
    """How many pictures of each camera went on with their brightness."""
    sent: Counter[str] = Counter()
    until_s = time.monotonic() + seconds
    with Comux(camera_ids, bus=bus, out_bus=bus, rate=5) as cameras, ExitStack() as stack:
        if bus == HERE:
            for number, camera_id in enumerate(camera_ids):
                drawn(stack, camera_id, number)
        for batch in cameras:
            for cam_id, index, array in batch:
                if array is not None:
                    sent[cam_id] += cameras.send(cam_id, index, {"brightness": float(array.mean())})
            if time.monotonic() > until_s:
                break
    return sent


if __name__ == "__main__":
    bus, names = (sys.argv[2], sys.argv[3:]) if len(sys.argv) > 2 else (HERE, ["north", "south"])
    for camera_id, pictures in sorted(measure(float(sys.argv[1]), bus, names).items()):
        print(f"{camera_id}: {pictures} packets went on with their brightness")
