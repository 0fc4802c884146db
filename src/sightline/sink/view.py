"""Packets and results of cameras that somebody looks at, onto a bus, for as long as somebody does.

A fleet puts one beside the sinks of each worker. Nobody looks, nobody works: then it is a reader of one quiet
topic. Packets are read off the site's bus beside the worker, and passed on as they
are from a keyframe on: nothing is decoded, and no camera is read once more.

Promises: nothing that it does, and nothing that happens to its bus, holds up the worker or makes it fail. A
bus that is away is waited for; what it has no room for is dropped, counted, and told in words to who looks.

Deliberately not here: who may look, and making a picture of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import SkipValidation

from sightline.buffer import Buffer, BufferStats
from sightline.bus import Bus, Message, Subscription, is_end, open_bus, packet_of
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import BufferFull, BusError, Closed, SightlineError, WireError
from sightline.frame import Frame
from sightline.log import Repeated, get_logger
from sightline.overflow import Capacity, Overflow
from sightline.result import Result
from sightline.sink.reading import Reading
from sightline.sink.viewed import About, cameras_wanted, header_of, topics_of, where_of
from sightline.sink.wanting import Wanting
from sightline.wire import Headers, packet_to_message, result_to_json

_WAITING: Final = Capacity(count=1024, bytes=32 * 2**20)
_OF_A_CAMERA: Final = Capacity(count=512, bytes=32 * 2**20)
_OF_WANTS: Final = Capacity(count=16)
_LOOK_S: Final = 0.25
_AGAIN_S: Final = 2.0
_MOST_AGAIN_S: Final = 30.0
_TOLD_S: Final = 60.0
_LEAVE_S: Final = 1.0
_LOG: Final = get_logger("sightline.sink")


class _Letter(NamedTuple):
    """One message, ready to go."""

    about: About
    value: bytes
    headers: Headers = ()
    keyframe: bool = False


class View:
    """Passes on what is wanted until it is closed.

    Args:
        url: the bus of those who look; None: the site's own.
        prefix: before the names of its topics.
        bus: where the cameras' packets are.
        cameras: those whose results may come.
        carried: the topic of each camera whose packets are to be passed on: of each that no worker before
            this one looks at.
        terms: of cameras that a fleet gave one.
        clock: tells how long something is wanted.

    Raises:
        ConfigError: the prefix is none. A bus that is away, or an address that is wrong, is logged.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str = "",
        bus: SkipValidation[Bus],
        cameras: Sequence[str],
        carried: SkipValidation[Mapping[str, str]],
        terms: SkipValidation[Mapping[str, int]],
        clock: SkipValidation[Clock] = SYSTEM_CLOCK,
    ) -> None:
        self._topics = topics_of(prefix)
        self._url = None if url is None else where_of(url)
        self._bus, self._carried, self._terms, self._clock = bus, carried, terms, clock
        self._wanting = Wanting(frozenset(cameras))
        self._wanted: frozenset[str] = frozenset()
        self._passing: dict[str, _Passing] = {}
        self._waiting: Buffer[_Letter] = Buffer(
            _WAITING, Overflow.DROP_OLDEST, size=lambda letter: len(letter.value), clock=clock
        )
        self.published = self.failed = 0
        self._away = Repeated(_LOG, "live pictures cannot be passed on", every_s=_TOLD_S, clock=clock)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._live, name="view", daemon=True)
        self._thread.start()

    def write(self, result: Result, frame: Frame) -> None:  # noqa: ARG002 - as all sinks have it
        """Pass a result on, where its camera is wanted."""
        if self._closing.is_set():
            raise Closed("the view is closed")
        if result.camera_id in self._wanted:
            about = About(result.camera_id, "result", result.term)
            try:
                self._put(_Letter(about, result_to_json(result)))
            except WireError as error:
                self._away.add(camera=result.camera_id, reason=str(error))

    def waiting(self) -> BufferStats:
        """Counts of what was to be passed on: entered = left + dropped + held."""
        return self._waiting.stats()

    def close(self) -> None:
        """Within a second, also where the bus is away. Again is allowed."""
        self._closing.set()
        self._waiting.close(discard=True)
        self._thread.join(_LEAVE_S)
        self._away.flush()

    def _put(self, letter: _Letter) -> None:
        try:
            self._waiting.put(letter)
        except Closed:
            return

    def _live(self) -> None:
        again_s = _AGAIN_S
        while not self._closing.is_set():
            try:
                self._meet()
                again_s = _AGAIN_S
            except Closed:
                return
            except SightlineError as error:
                self._away.add(reason=str(error))
            except Exception as error:  # noqa: BLE001 - the worker is none the worse for it
                self._away.add(reason=repr(error))
            self._pass_none()
            self._closing.wait(again_s)
            again_s = min(2 * again_s, _MOST_AGAIN_S)

    def _meet(self) -> None:
        """On one handle of the bus, until that breaks off or we end."""
        target = self._bus if self._url is None else open_bus(self._url)
        over = threading.Event()
        publishing = threading.Thread(target=self._publish, args=(target, over), name="view-out", daemon=True)
        publishing.start()
        try:
            with target.subscribe(
                self._topics.wanted, capacity=_OF_WANTS, overflow=Overflow.DROP_OLDEST
            ) as wants:
                self._look(wants, publishing)
        finally:
            over.set()
            self._pass_none()
            if target is not self._bus:
                threading.Thread(target=_leave, args=(target,), name="view-leaves", daemon=True).start()

    def _look(self, wants: Subscription, publishing: threading.Thread) -> None:
        while not self._closing.is_set():
            if not publishing.is_alive():
                raise BusError("the bus took no more")
            for message in wants.poll(16, _LOOK_S):
                self._said(message)
            self._want(self._wanting.wanted(self._clock.monotonic_ns()))
        raise Closed("the view is closed")

    def _said(self, message: Message) -> None:
        try:
            self._wanting.said(cameras_wanted(message.value), self._clock.monotonic_ns())
        except WireError as error:
            self._away.add(reason=str(error))

    def _want(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        for camera in self._passing.keys() - wanted:
            self._passing.pop(camera).close()
        for camera in (wanted & self._carried.keys()) - self._passing.keys():
            about = About(camera, "packet", self._terms.get(camera, 0))
            self._passing[camera] = _Passing(self._bus, self._carried[camera], about, self._put)

    def _pass_none(self) -> None:
        self._want(frozenset())

    def _publish(self, target: Bus, over: threading.Event) -> None:
        """Ends where the bus breaks off: it is met anew then."""
        try:
            while not over.is_set():
                for letter in self._waiting.take(64, _LOOK_S):
                    self._publish_one(target, letter)
        except Closed:
            return
        except SightlineError as error:
            self._away.add(reason=str(error))

    def _publish_one(self, target: Bus, letter: _Letter) -> None:
        try:
            self._send(target, letter)
        except BufferFull as error:
            self.failed += 1
            trouble = About(letter.about.camera, "trouble", letter.about.term, str(error))
            if letter.about.what == "packet":
                self._send(target, _Letter(trouble, b""))
        except BusError:
            self.failed += 1
            raise

    def _send(self, target: Bus, letter: _Letter) -> None:
        target.publish(
            self._topics.view,
            letter.value,
            key=letter.about.camera.encode(),
            headers=(*letter.headers, header_of(letter.about)),
            keyframe=letter.keyframe,
        )
        self.published += 1


class _Passing:
    """The packets of one camera, from a keyframe on, while it is open."""

    def __init__(self, bus: Bus, topic: str, about: About, put: Callable[[_Letter], None]) -> None:
        self._about = about
        self._put = put
        self._begun = False
        self._unreadable = Repeated(_LOG, "a packet is none", every_s=_TOLD_S)
        subscription = bus.subscribe([topic], capacity=_OF_A_CAMERA, overflow=Overflow.DROP_OLDEST)
        self._reading = Reading(subscription, self._take, look_s=_LOOK_S, name="view-in")

    def close(self) -> None:
        self._reading.close()
        self._unreadable.flush()

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            if not is_end(message):
                self._take_one(message)

    def _take_one(self, message: Message) -> None:
        try:
            packet = packet_of(message, self._about.camera)
            value, headers = packet_to_message(packet)
        except WireError as error:
            self._unreadable.add(camera=self._about.camera, reason=str(error))
            return
        self._begun = self._begun or packet.keyframe
        if self._begun:
            self._put(_Letter(self._about, value, headers, keyframe=packet.keyframe))


def _leave(bus: Bus) -> None:
    try:
        bus.close()
    except SightlineError as error:
        _LOG.debug("the bus of live pictures did not take all", reason=str(error))
