"""A sink, the results that wait for it, and the thread that writes them: no sink holds up another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import msgspec

from sightline.buffer import Buffer, BufferStats, Capacity, Overflow
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, SinkError
from sightline.frame import Frame
from sightline.log import Repeated, get_logger
from sightline.result import Result
from sightline.sink import Sink

# Of pictures, which wait with their results.
_MOST_BYTES: Final = 256 * 2**20
_FEWEST: Final = 16


def _ignore(_count: int) -> None: ...


class OutletStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the results given to one sink.

    Attributes:
        sink: its worker's and its own name.
        waiting: results in line for it; those dropped there never reached it.
        written, failed: results that it took, and that it could not.
        late: results that came when it was closing already.
    """

    sink: str
    waiting: BufferStats
    written: int
    failed: int
    late: int

    @property
    def idle(self) -> bool:
        """Whether all that was given has been written or counted as lost."""
        return not self.waiting.held and self.waiting.left == self.written + self.failed


class Outlet:
    """Writes results to `sink`, in order, on a thread of its own, and closes it, also where it cannot begin.

    Args:
        name: of the sink, for logs and counts.
        cameras: how many there are; a batch has a result of each.
        live: drop the oldest results rather than keep the model waiting; else the model waits.
        wrote: told of each result that is written, how many there are by now.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        *,
        cameras: int,
        live: bool,
        wrote: Callable[[int], object] = _ignore,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._wrote = wrote
        self.name = name
        self._sink = sink
        self._clock = clock
        self._waiting: Buffer[tuple[Result, Frame]] = Buffer(
            Capacity(count=max(_FEWEST, 2 * cameras), bytes=_MOST_BYTES),
            Overflow.DROP_OLDEST if live else Overflow.BLOCK,
            size=lambda pair: pair[1].image.nbytes,
            clock=clock,
        )
        self._written = self._failed = self._late = 0
        self._trouble = Repeated(get_logger("sightline.sink"), "result could not be written", clock=clock)
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)
        try:
            self._thread.start()
        except BaseException:  # there is no room for another
            self._close_sink()
            raise

    def put(self, result: Result, frame: Frame) -> None:
        """Give a result to be written; an offline outlet waits for room. Nothing once it is closing."""
        try:
            self._waiting.put((result, frame))
        except Closed:
            self._late += 1

    @property
    def url(self) -> str | None:
        """Of the page that the sink serves, if it serves one."""
        url = getattr(self._sink, "url", None)
        return url if isinstance(url, str) else None

    @property
    def idle(self) -> bool:
        """Whether all that was given has been written or counted as lost."""
        return self.stats().idle

    def refuse(self) -> None:
        """Take no more, and free a worker that waits for room; what waits is still written."""
        self._waiting.close()

    def close(self, timeout_s: float | None = 5.0) -> None:
        """Write what waits, for `timeout_s` at most (None: all of it), and close the sink."""
        self.refuse()
        self._thread.join(timeout_s)
        self._waiting.close(discard=True)
        self._trouble.flush()

    def stats(self) -> OutletStats:
        return OutletStats(
            sink=self.name,
            waiting=self._waiting.stats(),
            written=self._written,
            failed=self._failed,
            late=self._late,
        )

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
        except BaseException as error:  # noqa: BLE001  a sink may be anybody's code, and call sys.exit
            self._fail(repr(error))
        else:
            self._written += 1
            self._wrote(self._written)

    def _fail(self, error: str) -> None:
        self._failed += 1
        self._trouble.add(sink=self.name, error=error)

    def _close_sink(self) -> None:
        try:
            self._sink.close()
        except Exception as error:  # noqa: BLE001  the other sinks must still be closed
            get_logger("sightline.sink").error("sink did not close", sink=self.name, error=repr(error))
