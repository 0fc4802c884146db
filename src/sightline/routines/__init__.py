"""Cameras, models and sinks as routines, for any pipe.

    pipe = Pipe()
    pipe.create_flow("street", True,
        CameraRoutine(CameraInput("gate", "rtsp://10.0.0.5/stream1"), rate=5),
        ModelRoutine(lambda: open_model("motion")),
        SinkRoutine(lambda: open_sink("jsonl", path=Path("seen.jsonl"))))

What opens something is made where it runs: a routine is told how, and does it in its `setup`. Within a flow
frames pass by reference; to another one they go through shared memory, and nobody may write to them there.
What a wire drops, and whether it does, is its own to say, as in any pipe.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.routines.camera import CameraRoutine, CameraRoutineStats
    from sightline.routines.comux import ComuxRoutine
    from sightline.routines.looked import Looked
    from sightline.routines.model import ModelRoutine
    from sightline.routines.mux import MuxRoutine
    from sightline.routines.seen import Seen
    from sightline.routines.sink import SinkRoutine, SinkRoutineStats

__all__ = [
    "CameraRoutine",
    "CameraRoutineStats",
    "ComuxRoutine",
    "Looked",
    "ModelRoutine",
    "MuxRoutine",
    "Seen",
    "SinkRoutine",
    "SinkRoutineStats",
]

import_later(
    __name__,
    {
        "sightline.routines.camera": "CameraRoutine CameraRoutineStats",
        "sightline.routines.comux": "ComuxRoutine",
        "sightline.routines.looked": "Looked",
        "sightline.routines.model": "ModelRoutine",
        "sightline.routines.mux": "MuxRoutine",
        "sightline.routines.seen": "Seen",
        "sightline.routines.sink": "SinkRoutine SinkRoutineStats",
    },
)
