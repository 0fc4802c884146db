"""A sink where results end."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sightline.pipe import DestinationRoutine
from sightline.routines.seen import Seen
from sightline.sink import Sink


class SinkRoutineStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the results that reached a sink, and where its page is, if it serves one."""

    written: int
    failed: int
    url: str | None


class SinkRoutine(DestinationRoutine):
    """Writes what a model saw to a sink, in the order in which it came.

    `setup` opens the sink, `cleanup` closes it. One that is slow holds up nobody along a live wire, which
    drops what it has no room for; along a lossless one everything waits for it. A result that it could not
    write is counted and logged, and the next one is written. Its `own_stats` are a `SinkRoutineStats`.

    Args:
        make: opens the sink, where it is to run, such as `lambda: open_sink("jsonl", path=path)`.
        name: as of any routine.
    """

    def __init__(self, make: Callable[[], Sink], name: str | None = None) -> None:
        super().__init__(name)
        self._make = make
        self._sink: Sink | None = None
        self._url: str | None = None
        self._written = self._failed = 0

    def setup(self) -> None:
        """Raises ConfigError or SinkError: the sink cannot be opened."""
        self._sink = self._make()
        self._url = getattr(self._sink, "url", None)

    def main_logic(self, data: Seen | list[Seen]) -> None:
        """Raises what the sink raised; of a list, the last of that."""
        assert self._sink is not None
        error = None
        for result, frame in [data] if isinstance(data, Seen) else data:
            try:
                self._sink.write(result, frame)
            except (Exception, SystemExit) as failure:  # noqa: BLE001  anybody's code, and it may call sys.exit
                self._failed += 1
                error = failure
            else:
                self._written += 1
        if error is not None:
            raise error

    def cleanup(self) -> None:
        """Raises SinkError: it did not close."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def own_stats(self) -> SinkRoutineStats:
        return SinkRoutineStats(written=self._written, failed=self._failed, url=self._url)
