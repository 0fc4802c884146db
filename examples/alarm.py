"""A sink of your own, and the whole way by hand: cameras, bus, mux, model, sink.

python examples/alarm.py 10
"""

import sys
import time

from sightline import Frame, Result
from sightline.bus import open_bus, publish_packet
from sightline.capture import CameraInput, Capture
from sightline.clock import SYSTEM_CLOCK
from sightline.detect import infer, open_model
from sightline.errors import Closed
from sightline.mux import Mux, MuxCamera

CAMERAS = {"north": "synthetic://street?seed=1&mark=0", "south": "synthetic://street?seed=2&mark=0"}


class Alarm:
    """Prints when things begin and cease to be seen by a camera."""

    def __init__(self) -> None:
        self._busy: dict[str, bool] = {}
        self._closed = False

    def write(self, result: Result, frame: Frame) -> None:
        if self._closed:
            raise Closed("the alarm is closed")
        busy = len(result.detections) > 0
        if busy != self._busy.get(result.camera_id, False):
            print(f"{result.camera_id}: {'something moves' if busy else 'quiet again'}", flush=True)
        self._busy[result.camera_id] = busy

    def close(self) -> None:
        self._closed = True


def watch(seconds: float) -> None:
    model, sink = open_model("motion"), Alarm()
    model.load()
    with open_bus("memory://") as bus:
        mux = Mux(bus, [MuxCamera(camera_id=name) for name in CAMERAS], rate=5)
        captures = [
            Capture(CameraInput(camera_id=name, url=url), lambda packet: publish_packet(bus, packet))
            for name, url in CAMERAS.items()
        ]
        for capture in captures:
            capture.start()
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            frames = mux.take(timeout_s=0.5)  # at most one of each camera
            for result, frame in zip(infer(model, frames, SYSTEM_CLOCK), frames, strict=True):
                sink.write(result, frame)
        for capture in captures:
            capture.stop()
        mux.close()
    sink.close()
    model.close()


if __name__ == "__main__":
    watch(float(sys.argv[1]))
