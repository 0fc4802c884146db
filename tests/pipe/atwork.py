"""A runner with what tests alone ask of one: to wait for an event, and counts without a parent."""

from sightline.clock import SYSTEM_CLOCK
from sightline.overflow import BufferStats
from sightline.pipe.counts.books import routine_stats
from sightline.pipe.counts.reports import Outcome, RoutineStats
from sightline.pipe.event_names import KILL_EVENT_NAME, START_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.flow.runner import Runner
from sightline.pipe.wires.edge import Outlet as EdgeOutlet
from sightline.pipe.wires.outlet import LocalOutlet, Outlet


class AtWork(Runner):
    def start(self, timeout_s: float) -> Outcome:
        return self._wait(START_EVENT_NAME, timeout_s)

    def stop(self, timeout_s: float) -> Outcome:
        return self._wait(STOP_EVENT_NAME, timeout_s)

    def kill(self, timeout_s: float) -> Outcome:
        return self._wait(KILL_EVENT_NAME, timeout_s)

    def join(self, timeout_s: float) -> None:
        """Wait for the end of its threads, at most so long for each; it comes with KILL."""
        for engine in self._engines:
            engine.thread.join(timeout_s)

    def stats(self) -> RoutineStats:
        return routine_stats(
            self.name,
            self.state,
            [engine.books.words for engine in self._engines],
            self._words,
            wires_in=self._inlet.stats if self._inlet is not None else dict,
            wires_out=self._wires_out,
            now_ns=SYSTEM_CLOCK.monotonic_ns(),
            own=self.own_stats(),
        )

    def _wires_out(self) -> dict[str, BufferStats]:
        return {name: _stats_of(outlet) for name, outlet in self._delivery.outlets.items()}

    def _wait(self, event: str, timeout_s: float) -> Outcome:
        try:
            return self.handle(event).result(timeout_s)
        except TimeoutError:
            return self.overdue(event, timeout_s)


def _stats_of(outlet: Outlet) -> BufferStats:
    if isinstance(outlet, LocalOutlet):
        return outlet.inlet.stats()[outlet.source]
    assert isinstance(outlet, EdgeOutlet)
    return outlet.stats()
