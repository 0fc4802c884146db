"""Many cameras' packets over the memory bus to a model, a frame a second of each: what a worker costs.

Packets come from memory (see `cameras`): capture is not in it. One thread publishes all of them; a
`RunningWorker` of a site subscribes, decodes, and gives batches to a model that costs nothing. Once as fast
as possible, for memory over many frames; once at the cameras' own pace, for CPU.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from benches.bench import CPU, FRAMES, PACKETS, WALL, Bench, Scale, WrongWork
from benches.cameras import DESCRIPTION, FPS, camera, round_robin, streets
from benches.measuring import Sample, Spent, spent
from benches.pairing import Aim, Figures, line
from sightline.bus import open_bus, publish_packet
from sightline.frame import Frame
from sightline.packet import Packet
from sightline.result import Detection
from sightline.site.worker import RunningWorker, WorkerCounts

FAST: Final = "as fast as possible"
PACED: Final = "paced"
PACKETS_A_S: Final = "packets a second"
THREADS: Final = "threads at most"
RSS: Final = "RSS MB at the end"
SLOPE: Final = "RSS MB a 10,000 frames out"
ERROR: Final = "standard error of that"
LOST: Final = "lost"

# Buffers that fill and memory that the allocator keeps are a level, not a slope.
_WARM_UP: Final = 0.25
_SAMPLES: Final = 400
_TICK_S: Final = 0.005
_PATIENCE_S: Final = 120.0
_BY_RATE: Final = frozenset({"skipped", "rate"})


class Counting:
    """A model that counts frames and finds nothing: what is measured is the way to it."""

    name = "counting"
    version = "1"

    def __init__(self) -> None:
        self.frames = 0

    def load(self) -> None:
        """There is nothing to load."""

    def warm_up(self) -> None:
        """Nor to warm up."""

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        self.frames += len(frames)
        return [() for _ in frames]

    def close(self) -> None:
        """Nor to close."""


class _Rig:
    """The bus, a worker that reads all cameras from it, and their packets.

    Args:
        seconds: of video of each camera.
        live: drop rather than run late; else the publisher waits for the worker.
    """

    def __init__(self, scale: Scale, seconds: int, *, live: bool) -> None:
        names = [f"cam{number}" for number in range(scale.cameras)]
        playing = streets()
        sources = [camera(name, playing[n % len(playing)]) for n, name in enumerate(names)]
        self.packets = islice(round_robin(sources), seconds * FPS * scale.cameras)
        self._every = max(seconds * FPS * scale.cameras // _SAMPLES, 1)
        self._live = live
        self._model = Counting()
        self._bus = open_bus("memory://")
        self._worker = RunningWorker("many", self._bus, dict.fromkeys(names, live), self._model, {}, rate=1)
        self._sent = 0
        self._samples: list[Sample] = []

    def run(self, packets: Iterable[Packet | None]) -> Figures:
        """Publishes `packets`. Raises WrongWork where some are unaccounted for."""
        self._worker.start()
        try:
            begin = spent()
            for number, packet in enumerate(packets, start=1):
                if packet is not None:
                    publish_packet(self._bus, packet)
                    self._sent += 1
                if number % self._every == 0:
                    self._samples.append(Sample.now(self._model.frames))
            if not self._live:
                self._wait_for_rest()
            return self._figures(spent().since(begin))
        finally:
            self._worker.stop()
            self._bus.close()

    def _wait_for_rest(self) -> None:
        patience_s = time.monotonic() + _PATIENCE_S
        while not self._rests():
            if time.monotonic() > patience_s:
                raise WrongWork(f"{self._sent} packets were sent; the worker has {self._worker.counts()}")
            time.sleep(_TICK_S)

    def _rests(self) -> bool:
        """Whether all that was sent came, and is a result, dropped, or in a decoder that wants more."""
        counts = self._worker.counts().values()
        waiting = sum(one.lane.packets.held + one.lane.frames.held for one in counts)
        came = sum(one.lane.packets.entered for one in counts)
        return not waiting and came == self._sent and all(one.balanced for one in counts)

    def _figures(self, cost: Spent) -> Figures:
        frames = self._model.frames
        steady = [(s.progress / 10_000, s.rss_mb) for s in self._samples if s.progress >= frames * _WARM_UP]
        growth = line(steady)
        return {
            PACKETS: self._sent,
            FRAMES: frames,
            LOST: sum(map(_dropped, self._worker.counts().values())),
            WALL: cost.wall_s,
            PACKETS_A_S: self._sent / cost.wall_s,
            CPU: cost.cpu_s * 60 / (self._sent / FPS),
            THREADS: max(sample.threads for sample in self._samples),
            RSS: self._samples[-1].rss_mb,
            SLOPE: growth.slope,
            ERROR: growth.error,
        }


def fast(scale: Scale) -> Figures:
    """As files: nothing is dropped, so the publisher is as fast as the worker."""
    rig = _Rig(scale, math.ceil(scale.frames / scale.cameras), live=False)
    return rig.run(rig.packets)


def paced(scale: Scale) -> Figures:
    """As live cameras, evenly spread over the time of a frame."""
    rig = _Rig(scale, scale.paced_s, live=True)
    return rig.run(_at_their_pace(rig.packets, scale.cameras * FPS))


def _dropped(counts: WorkerCounts) -> int:
    """Packets and frames that were lost, not left out because of the rate."""
    return sum(n for reason, n in counts.dropped.items() if reason not in _BY_RATE)


def _at_their_pace(packets: Iterable[Packet | None], a_second: int) -> Iterator[Packet | None]:
    begin_s = time.monotonic()
    for number, packet in enumerate(packets):
        early_s = begin_s + number / a_second - time.monotonic()
        if early_s > 0:
            time.sleep(max(early_s, _TICK_S))  # a few packets each time it wakes, as waking costs more
        yield packet


_MOST_THREADS = (os.cpu_count() or 1) + 8

BENCHES = (
    Bench(
        name="many",
        title="Packets of 64 cameras from memory over the bus, a frame a second of each to a model",
        contenders={FAST: fast, PACED: paced},
        aims=(Aim(FAST, THREADS, _MOST_THREADS), Aim(PACED, THREADS, _MOST_THREADS), Aim(FAST, SLOPE, 1.0)),
        notes=(
            f"The packets: {DESCRIPTION}. They are published by one thread, whose work is in the figures.",
            "Frames out are those given to the model, a BGR picture of 640x360 each.",
            f"RSS a 10,000 frames: least squares over the last three quarters of {_SAMPLES} samples. RSS",
            "goes up and down by megabytes as the allocator likes; `paced` has too few frames to tell.",
        ),
        rounds=1,
        warm_up=False,
    ),
)
