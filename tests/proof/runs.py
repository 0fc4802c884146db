"""Sites to run, what they wrote, and what went over their bus."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sightline import Packet, Result
from sightline.buffer import Capacity, Overflow
from sightline.bus import is_end, open_bus, packets_topic
from sightline.capture import CameraStatus
from sightline.packet import Identity
from sightline.site import Site
from sightline.site.running import RunningSite
from sightline.site.worker import WorkerCounts
from sightline.wire import packet_from_message, result_from_json

MARKS: dict[str, Any] = {"kind": "python", "class": "tests.proof.marks:MarkReader"}


def site_of(
    cameras: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    bus: str = "memory://",
    **workers: Mapping[str, Any],
) -> Site:
    """A site whose workers write `<worker>.jsonl` in `folder`. Where none is given: `w`, reading marks."""
    return Site.model_validate(settings_of(cameras, folder, bus=bus, **workers))


def settings_of(
    cameras: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    bus: str = "memory://",
    **workers: Mapping[str, Any],
) -> dict[str, Any]:
    """The same as a site file says it."""
    lines = {
        name: {"kind": "jsonl", "path": str(folder / f"{name}.jsonl")} for name in (workers or {"w": {}})
    }
    return {
        "bus": bus,
        "cameras": {name: dict(camera) for name, camera in cameras.items()},
        "workers": {
            name: {"model": MARKS, **worker, "sinks": [lines[name], *worker.get("sinks", ())]}
            for name, worker in (workers or {"w": {}}).items()
        },
    }


def results_in(path: Path, camera_id: str | None = None) -> list[Result]:
    """The results in a file of JSON lines, in its order; of one camera where it is named.

    The last line may be one that is being written.
    """
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    results = [result_from_json(line) for line in whole.splitlines()]
    return [result for result in results if camera_id in (None, result.camera_id)]


def counts_of(running: RunningSite, worker: str = "w") -> dict[str, WorkerCounts]:
    """A worker's counts by camera."""
    return running._workers[worker].counts()


def captured(running: RunningSite) -> dict[str, CameraStatus]:
    """What the captures of the cameras' main streams say."""
    return {
        name: of.capture for (name, stream), of in running._capturing.status().items() if stream == "main"
    }


class Recorder:
    """Every packet of some cameras that goes over a bus while this is open, by what names it."""

    def __init__(self, url: str, cameras: Iterable[str]) -> None:
        self.packets: dict[Identity, Packet] = {}
        self._bus = open_bus(url)
        self._camera_of = {packets_topic(camera_id): camera_id for camera_id in cameras}
        self._subscription = self._bus.subscribe(
            list(self._camera_of), capacity=Capacity.unbounded(), overflow=Overflow.DROP_OLDEST
        )

    def seen(self, camera_id: str) -> list[Packet]:
        """One camera's packets until now, in their order."""
        while messages := self._subscription.poll(1000, 0):
            for message in messages:
                if is_end(message):
                    continue
                packet = packet_from_message(
                    message.value,
                    message.headers,
                    camera_id=self._camera_of[message.topic],
                    offset=message.offset,
                    timestamp_ns=message.timestamp_ns,
                )
                assert packet.identity not in self.packets
                self.packets[packet.identity] = packet
        return [packet for packet in self.packets.values() if packet.camera_id == camera_id]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.close()
