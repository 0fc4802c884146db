"""A sink, the results that wait for it, and the thread that writes them: no sink holds up another."""

from __future__ import annotations

import threading
from typing import Final

import msgspec

from sightline.buffer import Buffer, BufferStats, Capacity, Overflow
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, SinkError
from sightline.frame import Frame
from sightline.log import Repeated, get_logger
from sightline.result import Result
from sightline.sink import Sink

# Each waiting result holds its picture: 6 MB at 1080p.
_WAITING: Final = Capacity(count=16)


class OutletStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the results given to one sink. `failed`: those that it could not write."""

    sink: str
    waiting: BufferStats
    failed: int


class Outlet:
    """Writes results to `sink`, in order, on a thread of its own.

    Args:
        name: of the sink, for logs and counts.
        live: drop the oldest results rather than keep the model waiting; else the model waits.
    """

    def __init__(self, name: str, sink: Sink, *, live: bool, clock: Clock = SYSTEM_CLOCK) -> None:
        self.name = name
        self._sink = sink
        self._clock = clock
        self._waiting: Buffer[tuple[Result, Frame]] = Buffer(
            _WAITING, Overflow.DROP_OLDEST if live else Overflow.BLOCK, clock=clock
        )
        self._failed = 0
        self._trouble = Repeated(get_logger("sightline.sink"), "result could not be written", clock=clock)
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)
        self._thread.start()

    def put(self, result: Result, frame: Frame) -> None:
        """Give a result to be written; an offline outlet waits for room. Nothing once it is closing."""
        try:
            self._waiting.put((result, frame))
        except Closed:
            return

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, for `timeout_s` at most, and close the sink."""
        self._waiting.close()
        self._thread.join(timeout_s)
        self._waiting.close(discard=True)
        self._trouble.flush()

    def stats(self) -> OutletStats:
        return OutletStats(sink=self.name, waiting=self._waiting.stats(), failed=self._failed)

    def _run(self) -> None:
        try:
            while True:
                for result, frame in self._waiting.take():
                    self._write(result, frame)
        except Closed:
            self._close_sink()

    def _write(self, result: Result, frame: Frame) -> None:
        try:
            self._sink.write(result, frame)
        except SinkError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001  a sink may be anybody's code
            self._fail(repr(error))

    def _fail(self, error: str) -> None:
        self._failed += 1
        self._trouble.add(sink=self.name, error=error)

    def _close_sink(self) -> None:
        try:
            self._sink.close()
        except Exception as error:  # noqa: BLE001  the other sinks must still be closed
            get_logger("sightline.sink").error("sink did not close", sink=self.name, error=repr(error))
