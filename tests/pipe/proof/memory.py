"""What a pipe's processes grow by: `python -m tests.pipe.proof.memory --messages 3000000 --frames 100000`.

The slope is that of the least squares through the memory at even steps, behind a warm-up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Final

import numpy as np
import psutil
import typer
from tools.services.waiting import wait_for

from sightline.pipe.pipe import Pipe
from sightline.pipe.roles import DestinationRoutine, SourceRoutine
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wire import Wire

MB: Final = 1_000_000
STEPS: Final = 20
STEP_S: Final = 120.0
MOST_SLOPE: Final = 1.0
"""MB for a million messages."""
MOST_GROWN: Final = 16.0
"""MB by pictures, in all: where no slot is free for a moment, a wire full of them goes through a socket."""
SHAPE: Final = (480, 640, 3)


class Small(SourceRoutine):
    """Dicts of some 100 bytes, without an end."""

    number = 0

    def main_logic(self) -> dict[str, Any]:
        self.number += 1
        return {"number": self.number, "label": "car", "score": 0.5, "box": [1.0, 2.0, 3.0, 4.0]}


class Pictures(SourceRoutine):
    """Pictures, without an end."""

    def main_logic(self) -> dict[str, Any]:
        return {"picture": np.zeros(SHAPE, np.uint8)}


class Sink(DestinationRoutine):
    def main_logic(self, data: dict[str, Any]) -> None:
        """It is gone."""


def growth(source: SourceRoutine, messages: int, warm: int) -> Mapping[str, float]:
    """MB for a million messages, by process, over two flows."""
    sink = Sink("sink")
    settings = WireSettings(policy=Policy.LOSSLESS, capacity=8 if isinstance(source, Pictures) else 64)
    with Pipe() as pipe:
        pipe.create_flow("source", False, source)
        pipe.create_flow("sink", False, sink)
        pipe.link(Wire(source, sink, settings=settings))
        pipe.build()
        pipe.notify_event("start", wait=True)
        processes = {name: psutil.Process(pid) for name, pid in {**pipe.pids, "parent": os.getpid()}.items()}
        came, memory = list[int](), list[list[int]]()
        for step in range(STEPS + 1):
            wanted = warm + step * messages // STEPS
            came.append(wait_for(lambda: _come(pipe, wanted), STEP_S, f"message {wanted}"))  # noqa: B023
            memory.append([process.memory_info().rss for process in processes.values()])
        slopes = np.polyfit(np.array(came) / 1e6, np.array(memory) / MB, 1)[0]
    return dict(zip(processes, map(float, slopes), strict=True))


def _come(pipe: Pipe, wanted: int) -> int:
    """How many have come; 0: not as many as are wanted."""
    processed = pipe.stats().routines["sink"].processed
    return processed if processed >= wanted else 0


def main(
    messages: Annotated[int, typer.Option(min=100_000, help="Small ones.")] = 3_000_000,
    frames: Annotated[int, typer.Option(min=1000, help="Of 0.9 MB.")] = 100_000,
) -> None:
    """Fails where a process grows by a MB for a million messages, or by 16 MB by all the frames."""
    failed = False
    kinds = (("messages", Small("small"), messages), ("frames", Pictures("pictures"), frames))
    for what, source, count in kinds:
        slopes = growth(source, count, count // 4)
        told = ", ".join(f"{name} {slope:+.2f}" for name, slope in slopes.items())
        typer.echo(f"{count} {what}, MB for a million: {told}")
        bound = MOST_SLOPE if what == "messages" else MOST_GROWN * 1e6 / count
        failed = failed or max(slopes.values()) >= bound
    raise typer.Exit(int(failed))


if __name__ == "__main__":
    typer.run(main)
