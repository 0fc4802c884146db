"""The server: one port for all cameras, and the timetable of what they do wrong.

It listens, starts a `Connection` for each client, and lets each camera behave as the timetable has it, from
the moment that it is due. All happens in one event loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from sightline.clock import NS_PER_S, Clock
from sightline.errors import ConfigError
from sightline.fakecam.camera import Camera
from sightline.fakecam.connection import Connection, Station
from sightline.fakecam.faults import WELL, Fault
from sightline.fakecam.timetable import EVERYBODY, Entry, Timetable
from sightline.log import get_logger

MAX_CONNECTIONS: Final = 1000
_log = get_logger(__name__)


class Server:
    """Serves `cameras` on `host` and `port`; port 0 is any that is free."""

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        entries: Iterable[Entry],
        *,
        host: str,
        port: int,
        clock: Clock,
        chance: random.Random,
        timeout_s: int,
    ) -> None:
        self.port = port
        self._host = host
        self._clock = clock
        self.station = Station(cameras, clock, chance, timeout_s)
        self._timetable = Timetable()
        for entry in entries:
            self._add(entry)
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._began_ns = clock.monotonic_ns()
        self._changed = asyncio.Event()
        self._applying = asyncio.Lock()

    async def start(self) -> None:
        """Raises ConfigError where a camera cannot be shown or the port cannot be had."""
        await asyncio.gather(*(camera.media() for camera in self.station.cameras.values()))
        try:
            await self.station.datagrams.open(self._host)
            await self._listen()
        except OSError as error:
            self.station.datagrams.close()
            raise ConfigError(
                f"expected a free port, cannot listen on {self._host}:{self.port}: {error}"
            ) from None
        self._began_ns = self._clock.monotonic_ns()
        self._tasks.add(asyncio.create_task(self._follow_timetable()))

    async def stop(self) -> None:
        """Breaks off every connection and gives back all there is."""
        self._hang_up()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for camera in self.station.cameras.values():
            await camera.stop()
        self.station.datagrams.close()

    async def misbehave(self, name: str, fault: Fault) -> None:
        """From now on; done when this returns. Raises ConfigError."""
        self._add(Entry(camera=name, fault=fault, at_s=self._passed_ns() / NS_PER_S))
        await self._apply()

    async def behave(self, name: str) -> None:
        """Ends what is wrong with `name`."""
        self._timetable.clear(name)
        await self._apply()

    def _add(self, entry: Entry) -> None:
        cameras = self.station.cameras
        if entry.camera != EVERYBODY and entry.camera not in cameras:
            raise ConfigError(
                f"expected a camera of {', '.join(cameras)} or {EVERYBODY}, got {entry.camera!r}"
            )
        for name, camera in cameras.items():
            if entry.camera in {name, EVERYBODY}:
                camera.allows(entry.fault.on(WELL, 1))
        self._timetable.add(entry)

    async def _follow_timetable(self) -> None:
        while True:
            now_ns = await self._apply()
            next_ns = self._timetable.next_ns(now_ns)
            self._changed.clear()
            try:
                async with asyncio.timeout(None if next_ns is None else (next_ns - now_ns) / NS_PER_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _apply(self) -> int:
        """Lets each camera behave as it is now to; gives that time."""
        async with self._applying:
            return await self._apply_now()

    async def _apply_now(self) -> int:
        now_ns = self._passed_ns()
        for name, camera in self.station.cameras.items():
            before, behaviour = camera.behaviour, self._timetable.behaviour(name, now_ns)
            if behaviour != before:
                camera.behave(behaviour)
            if behaviour.resets > before.resets:
                self._break_off(camera)
        gone = self._timetable.behaviour(EVERYBODY, now_ns).gone
        if gone and self._listening is not None:
            self._hang_up()
        elif not gone and self._listening is None:
            await self._return()
        self._changed.set()
        return now_ns

    def _passed_ns(self) -> int:
        return self._clock.monotonic_ns() - self._began_ns

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._welcome, self._host, self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _return(self) -> None:
        """Listens again, as soon as nobody else has the port."""
        try:
            await self._listen()
        except OSError as error:
            _log.warning("the port is taken, tried again in a second", port=self.port, error=str(error))
            asyncio.get_running_loop().call_later(1.0, self._changed.set)

    def _hang_up(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()
        self._break_off(None)

    def _break_off(self, camera: Camera | None) -> None:
        """All connections, or those of one camera."""
        for connection in self.station.connections:
            if camera is None or connection.camera is camera:
                connection.break_off()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self.station.connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        with self._kept(), suppress(asyncio.CancelledError):
            await Connection(reader, writer, self.station).serve()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """The present task is among those that are ended when the server stops."""
        task = asyncio.current_task()
        assert task is not None  # it is called from one
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)
