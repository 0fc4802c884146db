"""Many cameras onto a bus, at most eight inputs a process: processes of captures, supervised.

Promises: what `Capturing` does, with the same words, for any number of cameras; a process that ends by
itself, or that hangs, is begun again, soon and then later, with those of its cameras that are not over, until
it has ended too often; none is left behind when this one ends, however it ends.
"""

from __future__ import annotations

from typing import Final

from sightline.bus import PACKET_TOPICS, PacketTopics, Stream, open_bus
from sightline.capture import CameraInput
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.site.capture_process import Order
from sightline.site.captured import Captured
from sightline.site.capturing import Inputs, StreamKey, StreamStatus, faults_of
from sightline.site.stopping import Runs
from sightline.site.talk import supervised

MOST_INPUTS: Final = 8
"""Of a process: each costs a thread inside libav, and all share one interpreter."""
_BEGUN_S: Final = 5.0
_HEARD_S: Final = 1.0


class CapturingProcesses(Runs):
    """Processes between `start()` and `stop()`; see `sightline.site.capturing.Capturing`."""

    def __init__(
        self,
        url: str,
        cameras: Inputs,
        *,
        topics: PacketTopics = PACKET_TOPICS,
        await_readers: bool = False,
        log_level: str = "warning",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(clock)
        self._url = url
        orders = (
            Order(cameras=part, topics=topics, log_level=log_level, await_readers=await_readers)
            for part in shared_out(cameras)
        )
        self._parts = [
            Captured(f"capture-{number}", order, lambda: url, clock)
            for number, order in enumerate(orders, start=1)
        ]
        self._supervisor = supervised({part.talk: part.child for part in self._parts})

    @property
    def processes(self) -> list[int]:
        """The ids of those that run."""
        return [of.pid for of in self._supervisor.states().values() if of.pid is not None]

    def start(self) -> None:
        """Begin all of them. Raises ConfigError or BusError where there is no such bus."""
        open_bus(self._url).close()
        self._supervisor.start()
        self._supervisor.wait_until(
            lambda of: all(one.pid is not None or one.ends for one in of.values()), _BEGUN_S
        )

    def status(self) -> dict[StreamKey, StreamStatus]:
        """How each stream was a moment ago; counts are of all processes that it had."""
        return {key: status for part in self._parts for key, status in part.status().items()}

    @property
    def faults(self) -> list[str]:
        """Of the cameras that cannot be read, and are not tried again: why."""
        return faults_of(self.status())

    def stop(self) -> None:
        """End all of them. Again is allowed."""
        self._stopping.begin()
        self._supervisor.stop()
        for part in self._parts:
            part.talk.join(_HEARD_S)

    def _is_over(self) -> bool:
        return all(part.is_over for part in self._parts) and not self.processes


def shared_out(cameras: Inputs, most: int = MOST_INPUTS) -> list[dict[str, dict[Stream, CameraInput]]]:
    """The cameras in groups of at most `most` inputs; the streams of one stay together."""
    groups: list[dict[str, dict[Stream, CameraInput]]] = []
    room = 0
    for name, streams in cameras.items():
        if len(streams) > room:
            groups.append({})
            room = most
        groups[-1][name] = dict(streams)
        room -= len(streams)
    return groups
