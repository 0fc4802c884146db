"""A film or a camera in one process, a model in another; where something moves, a line of JSON from a third.

python examples/pipe_film.py clip.mp4 out/moving.jsonl
"""

import sys
from pathlib import Path

from sightline.capture import CameraInput
from sightline.detect import open_model
from sightline.pipe import Pipe, QueueNetwork, Wire, routine
from sightline.routines import CameraRoutine, ModelRoutine, Seen, SinkRoutine
from sightline.sink import open_sink

url, path = sys.argv[1], Path(sys.argv[2])


@routine
def moving(seen: Seen) -> Seen | None:
    return seen if seen.result.detections else None  # None goes no further


film = CameraRoutine(CameraInput(camera_id="film", url=url), rate=5)
model = ModelRoutine(lambda: open_model("motion"), "model")
lines = SinkRoutine(lambda: open_sink("jsonl", path=path), "lines")

# A film waits until all of it was seen. A camera does not: there the newest picture counts.
with Pipe(network=QueueNetwork(max_queue_sizes=4, put_block=not film.live)) as pipe:
    pipe.create_flow("film", False, film)
    pipe.create_flow("model", True, model, moving)
    pipe.create_flow("lines", False, lines)
    pipe.link(Wire(film, model), Wire(moving, lines))
    pipe.build()
    pipe.notify_event("start")
    pipe.wait()  # Ctrl-C ends a camera's, with all that was opened
    counts = pipe.stats().routines

print(f"{counts['film'].given} pictures, something moves in {counts['lines'].processed}: {path}")
