"""Live pictures of a fleet's cameras for any number of viewers: each camera is read once, by whoever works
with it anyway, and its pictures come only while somebody looks.

A worker of the fleet passes packets and results on as they are, over the bus (`sightline.sink.view`); here
they become segments of fragmented MP4 and boxes, once for all who look. Nothing is encoded again. Cameras of
instances that pass nothing on are read here (`read_here`).

Promises: a viewer who is slow holds up nobody and has a bounded buffer; who comes later has a picture at
once, from the last keyframe on; all of it ends within a second, whatever the bus and cameras do.

Deliberately not here: HTTP (`fleet.api.live`), and who may look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from sightline.bus import Message, packet_of
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, WireError
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.people.principal import Principal
from sightline.fleet.people.slots import Slots
from sightline.fleet.viewing.audience import Audience
from sightline.fleet.viewing.condition import Seat
from sightline.fleet.viewing.listening import Listening
from sightline.fleet.viewing.read_here import ReadHere
from sightline.fleet.viewing.seats import seats_of
from sightline.fleet.viewing.viewer import Viewer
from sightline.fleet.viewing.watched import Watched
from sightline.log import Repeated, get_logger, redact
from sightline.packet import Identity, Packet
from sightline.sink.viewed import about, topics_of
from sightline.wire import result_from_json

MOST_VIEWERS: Final = 512
MOST_OF_ONE: Final = 32
"""Viewers of one user: a wall of pictures, and no more than that of what all share."""
_MOST_WHY: Final = 300


class Counts(NamedTuple):
    """Viewers now, cameras that they look at or did a moment ago, and packets and results that came of these;
    since the begin: who got no place, how often a viewer was too slow, and frames that were missed thereby.
    """

    viewers: int
    cameras: int
    packets: int
    results: int
    refused: int
    skips: int
    dropped: int


class Viewing:
    """From now until `close`. Any thread may use it.

    Args:
        service: whose cameras they are.
        where: the bus on which they are passed on; None: on none, for now.
        prefix: before the names of the topics there.

    Raises:
        ConfigError: the prefix is none.
    """

    def __init__(
        self,
        service: CoordinatorService,
        where: Callable[[], str | None],
        *,
        prefix: str = "",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._service = service
        self._clock = clock
        self._lock = threading.Lock()
        self._slots = Slots(MOST_VIEWERS, "look at cameras", each=MOST_OF_ONE)
        self._audience = Audience()
        self._watched: dict[str, Watched] = {}
        self._here: set[str] = set()
        self._closed = False
        self._skips = self._dropped = 0
        """Of viewers who are gone."""
        self._unreadable = Repeated(get_logger(__name__), "no message of a view", every_s=60, clock=clock)
        self._read_here = ReadHere(self._delivered)
        self._listening = Listening(
            where, topics_of(prefix), take=self._take, wanted=self._look_after, clock=clock
        )

    def watch(
        self, camera: str, wake: Callable[[], None], who: Principal, *, as_jpeg: bool = False
    ) -> Viewer:
        """One more looks, from now until their `close`; `wake` is called when there is something to take.

        Raises:
            BufferFull: there are `MOST_VIEWERS`, or `MOST_OF_ONE` of theirs. Closed: it is over.
        """
        with self._lock:
            if self._closed:
                raise Closed("the coordinator is ending")
            self._slots.take(who)
            watched = self._watched.get(camera)
            if watched is None:
                watched = self._watched[camera] = Watched(partial(self._still, camera), self._clock)
            viewer = Viewer(
                as_jpeg=as_jpeg, wake=wake, note=watched.note, on_close=partial(self._gone, camera, who)
            )
            watched.add(viewer)
            self._audience.come(camera)
        self._listening.ask_now()
        return viewer

    def counts(self) -> Counts:
        """How much is looked at, and how well."""
        with self._lock:
            watched = self._watched.values()
            lines = [viewer.stats() for one in watched for viewer in one.viewers]
            return Counts(
                viewers=len(self._slots),
                cameras=len(watched),
                packets=sum(one.packets for one in watched),
                results=sum(one.results for one in watched),
                refused=self._slots.refused,
                skips=self._skips + sum(line.skips for line in lines),
                dropped=self._dropped + sum(line.dropped for line in lines),
            )

    def end(self) -> None:
        """Tell all who look that it is over."""
        with self._lock:
            self._closed = True
            for watched in self._watched.values():
                watched.close()

    def close(self) -> None:
        """Again is allowed."""
        self.end()
        self._listening.close()
        self._read_here.close()
        self._unreadable.flush()

    def _gone(self, camera: str, who: Principal, viewer: Viewer) -> None:
        self._slots.give_back(who)
        with self._lock:
            stats = viewer.stats()
            self._skips, self._dropped = self._skips + stats.skips, self._dropped + stats.dropped
            self._audience.go(camera, self._clock.monotonic_ns())
            if camera in self._watched:
                self._watched[camera].remove(viewer)

    # What is due every two seconds, in the thread that asks

    def _look_after(self) -> frozenset[str] | None:
        """The cameras to be asked for on the bus; None: nobody looks."""
        with self._lock:
            wanted = self._audience.wanted(self._clock.monotonic_ns())
            for camera in self._watched.keys() - wanted:
                self._watched.pop(camera).close()
        seats = seats_of(self._service, wanted)
        known_here = {camera: seat.here for camera, seat in seats.items()}
        self._here = {camera for camera in wanted if known_here.get(camera, camera in self._here)}
        sources = {camera: self._service.source_of(camera) for camera in self._here}
        self._read_here.want({camera: source for camera, source in sources.items() if source is not None})
        with self._lock:
            for camera, seat in seats.items():
                if camera in self._watched:
                    self._watched[camera].condition.seat = self._told(camera, seat)
        return wanted - self._here if wanted else None

    def _told(self, camera: str, seat: Seat) -> Seat:
        if not seat.here:
            return seat
        return seat._replace(why=self._read_here.why(camera), broken=camera in self._read_here.faults)

    # What comes, in other threads

    def _take(self, messages: list[Message]) -> None:
        with self._lock:
            for message in messages:
                try:
                    self._take_one(message)
                except WireError as error:
                    self._unreadable.add(reason=str(error))
                except Exception as error:  # noqa: BLE001 - libav's, or ours: the next one is none the worse
                    self._unreadable.add(reason=repr(error))
            for watched in self._watched.values():
                watched.flush()

    def _take_one(self, message: Message) -> None:
        said = about(message)
        watched = self._watched.get(said.camera)
        if watched is None:
            return
        match said.what:
            case "packet":
                watched.packet(packet_of(message, said.camera), said.term)
            case "result":
                watched.result(result_from_json(message.value))
            case "trouble":
                watched.condition.troubled(redact(said.why)[:_MOST_WHY], self._clock.monotonic_ns())

    def _delivered(self, camera: str, packet: Packet) -> None:
        with self._lock:
            watched = self._watched.get(camera)
            if watched is not None:
                watched.packet(packet, 0)
                watched.flush()

    def _still(self, camera: str, identity: Identity, picture: bytes) -> None:
        with self._lock:
            watched = self._watched.get(camera)
            if watched is not None:
                watched.still(identity, picture)
