"""comux 0.2.0, as its document uses it, but for what stops it.

Its constructor asks a MongoDB for the cameras, and its `send` raises for any headers: cameras are handed to
it, and packets are sent without. Which result would be on which packet is known all the same: what it sends
is the packet that it takes for the picture's.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from benches.muxes.job import IDLE_S, Job, module

_SETTLE_S = 1.0  # nothing tells when its consumers stand at the end of their topics


def run(job: Job) -> None:
    comux = module("comux")
    comux.retrieve_cam_ids = lambda **_: job.cameras
    threading.excepthook = lambda _: None  # a listener that dies is seen by what is missing
    mux = comux.Comux("bench", "", "", {}, maxlen=20, log_level="ERROR")
    decoded = _counted(module("comux.ctx").Decoder)
    mux.setup_consumers([job.servers])
    mux.setup_decoders(rate=job.rate, W=job.width, H=job.height, de_codec="h264", pix_fmt="yuv420p")
    mux.setup_producer([job.servers])
    mux.start()
    time.sleep(_SETTLE_S)
    job.begin()
    failed = 0
    while True:
        fed = job.fed.is_set()
        items = [item for item in mux.get_batch(timeout=IDLE_S) if item is not None and item[2] is not None]
        for camera, index, picture in items:
            try:
                mux.send(camera, index, None)
            except (KeyError, IndexError):  # it has let go of the packet
                failed += 1
                continue
            job.show(camera, index, picture)
        if fed and not items:
            break
    job.end(consumed=decoded[0], failed=failed)


def _counted(decoder: Any) -> list[int]:
    """How many packets its decoders were given."""
    count, decode = [0], decoder.decode

    def counting(self: Any, chunk: bytes) -> Any:
        count[0] += 1
        return decode(self, chunk)

    decoder.decode = counting
    return count
