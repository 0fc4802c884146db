"""One camera while somebody looks: its source, paced and sent to all its viewers.

One encoder serves all viewers and stops when nobody looks. Units are sent in decoding order, each when its
picture and those that it needs have been taken. Time stamps follow one clock from the camera's beginning on,
whoever comes and goes. A camera that cannot keep up, on a machine that is too slow, leaves pictures out and
goes on with those of now.

All but the source's own work, which a thread of `pool` does, happens in one event loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, TypeVar

from sightline.clock import NS_PER_S, Clock
from sightline.codec import split
from sightline.errors import ConfigError
from sightline.fakecam import jpeg, payload
from sightline.fakecam.auth import Login
from sightline.fakecam.faults import WELL, Behaviour
from sightline.fakecam.rtp import TICKS
from sightline.fakecam.sdp import Media
from sightline.fakecam.source import Source, Unit
from sightline.fakecam.viewer import Moment, Packets, Picture, Viewer
from sightline.log import get_logger

T = TypeVar("T")
PAYLOAD_BYTES: Final = 1400  # with the headers of RTP, UDP and IP it fits an Ethernet frame
_TOO_LATE: Final = 2 * TICKS
_log = get_logger(__name__)


class Camera:
    """A source and those who look at it."""

    def __init__(
        self,
        name: str,
        source: Source,
        login: Login | None,
        *,
        clock: Clock,
        pool: Executor,
        chance: random.Random,
    ) -> None:
        self.name = name
        self.login = login
        self.packets = Packets()
        self.slow = 0
        self.behaviour = WELL
        self._original = self._source = source
        self._clock = clock
        self._pool = pool
        self._chance = chance
        self._began_ns = clock.monotonic_ns()
        self._first_timestamp = chance.getrandbits(32)
        self._sent_dts: int | None = None
        self._media: tuple[Source, Media] | None = None
        self._viewers: set[Viewer] = set()
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def allows(self, behaviour: Behaviour) -> None:
        """Raises ConfigError for what this source cannot do."""
        try:
            self._original.changed(behaviour)
        except ConfigError as error:
            raise ConfigError(f"{self.name}: {error}") from None

    def behave(self, behaviour: Behaviour) -> None:
        """From now on so."""
        if _shape(behaviour) != _shape(self.behaviour):
            self._source = self._original.changed(behaviour)
        self.behaviour = behaviour
        self._changed.set()

    async def media(self) -> Media:
        """What it sends. Raises ConfigError where its source cannot be sent."""
        source = self._source
        if self._media is None or self._media[0] is not source:
            self._media = source, await self._in_thread(source.media)
        return self._media[1]

    @property
    def next_timestamp(self) -> int:
        """Of no later picture than the next that is sent."""
        return self._timestamp(self._now() if self._sent_dts is None else self._sent_dts)

    def add(self, viewer: Viewer) -> None:
        """Show it what comes from the next keyframe on."""
        self._viewers.add(viewer)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def remove(self, viewer: Viewer) -> None:
        """Show it nothing more."""
        self._viewers.discard(viewer)
        self._changed.set()

    async def stop(self) -> None:
        """Shows nobody anything more; gives the encoder back."""
        self._viewers.clear()
        self._changed.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            while self._viewers:
                if self.behaviour.stalled:
                    await self._wait(None)
                elif await self._play(self._source):
                    self._dismiss(lambda viewer: viewer.end(self._moment()))
        except Exception:  # noqa: BLE001  whatever the source raised: clients must not wait for it
            _log.exception("the camera's source failed", camera=self.name)
            self._dismiss(Viewer.close)

    async def _play(self, source: Source) -> bool:
        """Sends until nobody looks, or it is to be begun anew; True: the source has ended."""
        units = source.units(self._now())
        codec = (await self.media()).codec
        lag = 0
        try:
            while (unit := await self._in_thread(lambda: next(units, None))) is not None:
                lag = max(lag, unit.pts - unit.dts)
                await self._until(unit.dts + lag, source)
                if self._is_over(source) or self._now() > unit.dts + lag + _TOO_LATE:
                    return False
                self._show(unit, codec)
            return True
        finally:
            self._sent_dts = None
            for viewer in self._viewers:
                viewer.begin_again()
            await self._in_thread(units.close)

    def _show(self, unit: Unit, codec: str) -> None:
        if codec == "mjpeg":
            payloads = jpeg.payloads(unit.data, PAYLOAD_BYTES)
        else:
            payloads = payload.payloads(split(unit.data), codec, PAYLOAD_BYTES)
        picture, now = Picture(payloads, unit.keyframe, self._timestamp(unit.pts)), self._moment()
        self._sent_dts = unit.dts
        for viewer in [*self._viewers]:
            if not viewer.show(picture, now, self.behaviour):
                self.slow += 1
                self._viewers.discard(viewer)
                viewer.close()

    def _dismiss(self, how: Callable[[Viewer], None]) -> None:
        for viewer in self._viewers:
            how(viewer)
        self._viewers.clear()

    def _is_over(self, source: Source) -> bool:
        return not self._viewers or self.behaviour.stalled or source is not self._source

    async def _until(self, due: int, source: Source) -> None:
        while (left := due - self._now()) > 0 and not self._is_over(source):
            await self._wait(left / TICKS)

    async def _wait(self, seconds: float | None) -> None:
        """For so long, or until something changes."""
        self._changed.clear()
        timer = None
        if seconds is not None:
            timer = asyncio.get_running_loop().call_later(seconds, self._changed.set)
        await self._changed.wait()
        if timer is not None:
            timer.cancel()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _now(self) -> int:
        """Ticks since the camera began."""
        return (self._clock.monotonic_ns() - self._began_ns) * TICKS // NS_PER_S

    def _timestamp(self, ticks: int) -> int:
        return self._first_timestamp + ticks + round(self.behaviour.pts_ahead_s * TICKS)

    def _moment(self) -> Moment:
        utc_ns = self._clock.utc_ns() + round(self.behaviour.clock_ahead_s * NS_PER_S)
        return Moment(self._clock.monotonic_ns(), utc_ns, self._timestamp(self._now()))


def _shape(behaviour: Behaviour) -> tuple[object, ...]:
    """What the encoder is begun anew for."""
    return behaviour.size, behaviour.gop_s
