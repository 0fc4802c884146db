"""Ours, as its document uses it."""

from __future__ import annotations

from typing import Final

from benches.muxes.job import IDLE_S, Job, result
from sightline.mux import Comux

ALL: Final = "all"
SILENT: Final = "without results"
ANALYSED: Final = "analysed"


def run(job: Job) -> None:
    mux = Comux(job.cameras, "raw_:cam_id", "stream_:cam_id", "ERROR")
    mux.setup_consumers([job.servers], end=False, max_offset_diff=None)
    mux.setup_decoders(rate=job.rate, W=job.width, H=job.height, de_codec="h264", pix_fmt="yuv420p")
    mux.setup_producer([job.servers])
    mux.start()
    job.begin()
    while True:
        fed = job.fed.is_set()
        items = mux.get_batch(timeout=IDLE_S)
        for camera, index, picture in items or ():
            number = job.show(camera, index, picture)
            mux.send(camera, index, None if job.variant == SILENT else result(number))
        if fed and not items:
            break
    mux.close()
    job.end()
