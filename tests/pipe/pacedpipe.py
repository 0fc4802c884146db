"""A pipe as a calculation: routines that take so long, bounded wires, reports, and the rates that come back.

Nothing waits: time goes in steps. What flows is counted in fractions of messages.
"""

from collections.abc import Iterable
from itertools import pairwise

from sightline.pipe.pacing import Pacing, Worked
from sightline.pipe.parent.shares import Lane

STEP_S = 0.02
REPORT_S = 0.5
REPORT_STEPS = round(REPORT_S / STEP_S)


class PacedPipe:
    """Routines by name with the messages a second that each can do; `gives` for each that it takes.

    Attributes:
        done: messages that each worked on so far; of a source, calls.
        dropped: by each wire.
        held: in each wire.
    """

    def __init__(
        self,
        fps: dict[str, float],
        lanes: Iterable[Lane],
        *,
        gives: dict[str, float] | None = None,
        capacity: float = 16.0,
        fixed: Iterable[str] = (),
        paced: bool = True,
    ) -> None:
        self.fps = dict(fps)
        self.gives = gives or {}
        self.capacity = capacity
        self.fixed = set(fixed)
        self.paced = paced
        self.pacing = Pacing()
        self.dropped: dict[Lane, float] = {}
        self.held: dict[Lane, float] = {}
        self.relink(lanes)
        self.done = dict.fromkeys(fps, 0.0)
        self._told = dict.fromkeys(fps, 0)
        self._steps = 0

    def run(self, seconds: float) -> dict[str, float]:
        """Let time go. What each did a second."""
        before = dict(self.done)
        for _ in range(round(seconds / STEP_S)):
            self._steps += 1
            for name in self.fps:
                self._step(name)
            if self.paced and self._steps % REPORT_STEPS == 0:
                self._report()
        return {name: (self.done[name] - before[name]) / seconds for name in self.fps}

    def relink(self, lanes: Iterable[Lane]) -> None:
        self.lanes = list(lanes)
        self._into = {name: [lane for lane in self.lanes if lane.destination == name] for name in self.fps}
        self._out = {name: [lane for lane in self.lanes if lane.source == name] for name in self.fps}
        self.dropped = {lane: self.dropped.get(lane, 0.0) for lane in self.lanes}
        self.held = {lane: self.held.get(lane, 0.0) for lane in self.lanes}
        self.pacing.link(self.lanes)

    def waiting(self, name: str) -> float:
        return sum(self.held[lane] for lane in self._into[name])

    def _step(self, name: str) -> None:
        into, out = self._into[name], self._out[name]
        fps = min(self.fps[name], self.pacing.rates.get(name) or self.fps[name])
        count = fps * STEP_S
        if into:
            count = min(count, self.waiting(name))
        room = min((self.capacity - self.held[lane] for lane in out if lane.waits), default=count)
        gives = self.gives.get(name, 1.0)
        if gives:
            count = min(count, max(0.0, room) / gives)
        self._take(into, count)
        for lane in out:
            self.held[lane] += count * gives
            over = max(0.0, self.held[lane] - self._most(lane))
            self.held[lane] -= over
            self.dropped[lane] += over
        self.done[name] += count

    def _most(self, lane: Lane) -> float:
        # A live wire of one message holds more here, as a step is not one message.
        return self.capacity if lane.waits else max(1.0, self.fps[lane.destination] * STEP_S)

    def _take(self, into: list[Lane], count: float) -> None:
        """From all wires the same, as far as they have it."""
        left = count
        for number, lane in enumerate(sorted(into, key=lambda lane: self.held[lane])):
            taken = min(self.held[lane], left / (len(into) - number))
            self.held[lane] -= taken
            left -= taken

    def _report(self) -> None:
        for name in self.fps:
            before = self._told[name]
            taken = int(self.done[name]) - before
            if taken:
                self._told[name] += taken
                gives = self.gives.get(name, 1.0)
                self.pacing.measured(
                    Worked(
                        routine=name,
                        over_s=REPORT_S,
                        taken=taken,
                        work_s=taken / self.fps[name],
                        given=int((before + taken) * gives) - int(before * gives),
                        waiting=max(0, round(self.waiting(name)) - len(self._into[name])),
                        may_be_told=name not in self.fixed,
                    )
                )
        self.pacing.news()


def chain(*names: str, waits: bool) -> list[Lane]:
    return [Lane(one, other, waits) for one, other in pairwise(names)]
