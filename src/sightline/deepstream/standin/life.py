"""The life of a stand-in, pure: time and signals in, things to do out.

It promises: every line of PERF at its time, none twice, whatever the pauses between two looks; each source at
the rate of its pictures, but for what is lost; and of several faults that end it the first in time.

What the real application says and when: `deepstream_app_main.c` and `deepstream_perf.c` of NVIDIA/DeepStream.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sightline.deepstream.standin.faults import Fault, Wrong

FPS: Final = 30.0
"""Of each source: what it says, as it has no pictures."""
HEADER_EVERY: Final = 20
"""Lines of PERF between two headers."""
FAILED: Final = 255
"""The exit code of the real application: -1."""


@dataclass(frozen=True, slots=True)
class Say:
    """A line for the standard output."""

    line: str


@dataclass(frozen=True, slots=True)
class Send:
    """Messages of these cameras, each of its picture of this number."""

    frames: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Eat:
    """So much memory more."""

    mib: int


@dataclass(frozen=True, slots=True)
class End:
    """It ends by itself with this exit code, having said that the run failed where `failed`."""

    code: int
    failed: str | None = None


class Sudden(Enum):
    """Ends, or as good as, without a word."""

    CRASH = "crash"
    HANG = "hang"


Act = Say | Send | Eat | End | Sudden


class Life:
    """From the moment on that its pipeline runs.

    Args:
        cameras: ids of the sources, in their order.
        perf_s: seconds between two lines of PERF; None: none at all.
        message_s: seconds between two messages of a source; None: none.
        faults: what goes wrong, in seconds after `began_s`.
        began_s: the begin of the program, by the same clock as `now_s` of all calls.
        runs_s: when the pipeline began to run.

    Attributes:
        cameras: as given; `add` and `remove` change them.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        *,
        perf_s: float | None,
        message_s: float | None,
        faults: Sequence[Fault],
        began_s: float,
        runs_s: float,
    ) -> None:
        self.cameras = list(cameras)
        self.tell(faults, began_s)
        self._runs_s = runs_s
        self._perf = _Ticks(runs_s, perf_s)
        self._messages = _Ticks(runs_s, message_s)
        self._lines = 0

    def tell(self, faults: Sequence[Fault], now_s: float) -> None:
        """From now on these go wrong, in seconds after now, and no others."""
        self._faults = sorted(faults, key=lambda fault: fault.from_s)
        self._began_s = now_s
        self._done: set[int] = set()

    def add(self, camera: str) -> bool:
        """One source more. False where it is there."""
        if camera in self.cameras:
            return False
        self.cameras.append(camera)
        return True

    def remove(self, camera: str) -> bool:
        """One source less. False where there is no such."""
        if camera not in self.cameras:
            return False
        self.cameras.remove(camera)
        return True

    def look(self, now_s: float) -> Iterator[Act]:
        """What is to be done by now, in order. After an `End` or a `Sudden` there is nothing more."""
        for at_s in self._messages.until(now_s):
            if frames := self._frames(at_s):
                yield Send(frames)
        for at_s in self._perf.until(now_s):
            yield from self._told(at_s)
        yield from self._befallen(now_s)

    def wait_s(self, now_s: float) -> float:
        """Seconds until something is to be done; infinity where nothing ever is."""
        coming = [fault.from_s + self._began_s for place, fault in self._once() if place not in self._done]
        return max(0.0, min([self._perf.next_s, self._messages.next_s, *coming]) - now_s)

    def deaf(self, now_s: float) -> bool:
        """Whether signals are taken no heed of."""
        return self._holds(Wrong.DEAF, now_s)

    def ready(self, now_s: float) -> bool:
        """What its routes say."""
        return not self._holds(Wrong.UNREADY, now_s)

    def rate(self, place: int, now_s: float) -> float:
        """Pictures a second of a source."""
        lost = (fault for fault in self._faults if fault.wrong is Wrong.LOSE)
        named = {"*", self.cameras[place]}
        return 0.0 if any(f.camera in named and f.holds(now_s - self._began_s) for f in lost) else FPS

    def _once(self) -> Iterator[tuple[int, Fault]]:
        once = {Wrong.EXIT, Wrong.ERROR, Wrong.CRASH, Wrong.HANG, Wrong.EAT}
        return ((place, fault) for place, fault in enumerate(self._faults) if fault.wrong in once)

    def _holds(self, wrong: Wrong, now_s: float) -> bool:
        return any(fault.wrong is wrong and fault.holds(now_s - self._began_s) for fault in self._faults)

    def _frames(self, at_s: float) -> tuple[tuple[str, int], ...]:
        number = round((at_s - self._runs_s) * FPS)
        if self._holds(Wrong.MUTE, at_s):
            return ()
        return tuple((name, number) for place, name in enumerate(self.cameras) if self.rate(place, at_s))

    def _told(self, at_s: float) -> Iterator[Say]:
        if self._holds(Wrong.MUTE, at_s):
            return
        if self._lines % HEADER_EVERY == 0:
            yield Say("")
            names = "".join(f"FPS {place} (Avg)\t" for place in range(len(self.cameras)))
            yield Say(f"**PERF:  {names}")
        self._lines += 1
        rates = (self.rate(place, at_s) for place in range(len(self.cameras)))
        yield Say("**PERF:  " + "".join(f"{rate:.2f} ({FPS:.2f})\t" for rate in rates))

    def _befallen(self, now_s: float) -> Iterator[Act]:
        for place, fault in self._once():
            if place not in self._done and self._began_s + fault.from_s <= now_s:
                self._done.add(place)
                yield _act(fault)


class _Ticks:
    """Moments at an even distance; those that were slept through come once, as the last of them."""

    def __init__(self, from_s: float, every_s: float | None) -> None:
        self._every_s = every_s
        self.next_s = math.inf if every_s is None else from_s + every_s

    def until(self, now_s: float) -> Iterator[float]:
        if self._every_s is None or now_s < self.next_s:
            return
        missed = math.floor((now_s - self.next_s) / self._every_s)
        at_s = self.next_s + missed * self._every_s
        self.next_s = at_s + self._every_s
        yield at_s


def _act(fault: Fault) -> Act:
    match fault.wrong:
        case Wrong.EXIT:
            return End(int(fault.value))
        case Wrong.EAT:
            return Eat(int(fault.value))
        case Wrong.CRASH:
            return Sudden.CRASH
        case Wrong.HANG:
            return Sudden.HANG
        case _:
            return End(FAILED, "ERROR from element standin: told to fail")
