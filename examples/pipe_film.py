"""A clip in one process, a model in another, results as JSON lines in a third.

python examples/pipe_film.py clip.mp4 out/results.jsonl
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sightline import Frame, Packet, Result
from sightline.buffer import Buffer, Capacity, Overflow
from sightline.capture import CameraInput, Capture
from sightline.clock import SYSTEM_CLOCK
from sightline.codec import Decoder
from sightline.detect import Model, infer, open_model
from sightline.pipe import DestinationRoutine, MiddleRoutine, Pipe, QueueNetwork, SourceRoutine, Wire
from sightline.wire import result_to_json


def frames_of(path: str, rate: float) -> Iterator[Frame]:
    packets = Buffer[Packet](Capacity(count=100), Overflow.BLOCK)
    capture = Capture(CameraInput(camera_id=Path(path).stem, url=path), packets.put)
    decoder = Decoder(rate=rate)
    capture.start()
    try:
        while not capture.done or len(packets):
            for packet in packets.take(timeout_s=0.1):
                yield from decoder.feed(packet)
        yield from decoder.flush()
    finally:
        packets.close()
        capture.stop()
    if capture.fault:
        raise capture.fault


class Film(SourceRoutine):
    def __init__(self, path: str, rate: float) -> None:
        super().__init__("film")
        self.path, self.rate = path, rate

    def setup(self) -> None:  # in the flow's process, as all that is opened
        self.frames = frames_of(self.path, self.rate)

    def main_logic(self) -> Frame:
        return next(self.frames)  # its StopIteration is the end of the pipe


class Detect(MiddleRoutine):
    model: Model

    def setup(self) -> None:
        self.model = open_model("motion")
        self.model.load()

    def main_logic(self, frame: Frame) -> Result:
        (result,) = infer(self.model, [frame], SYSTEM_CLOCK)  # the picture lies in shared memory
        return result

    def cleanup(self) -> None:
        self.model.close()


class Write(DestinationRoutine):
    file: BinaryIO

    def __init__(self, path: Path) -> None:
        super().__init__("write")
        self.path = path

    def setup(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("wb")

    def main_logic(self, result: Result) -> None:
        self.file.write(result_to_json(result) + b"\n")

    def cleanup(self) -> None:
        self.file.close()


film, detect, write = Film(sys.argv[1], rate=5), Detect("detect"), Write(Path(sys.argv[2]))

with Pipe(
    network=QueueNetwork(max_queue_sizes=4, put_block=True)
) as pipe:  # a film waits, a camera would not
    for routine in (film, detect, write):
        pipe.create_flow(routine.name, False, routine)
    pipe.link(Wire(film, detect), Wire(detect, write))
    pipe.build()
    pipe.notify_event("start")
    pipe.wait()
    counts = pipe.stats().routines

print(f"{counts['film'].given} pictures, {counts['write'].processed} results in {write.path}")
