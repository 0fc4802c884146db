"""Cameras that are not there, for programs and for tests: what to show, and a server in a thread of its own.

with FakeCameras({"gate": FakeCamera(url="synthetic://street?b_frames=2&gop=25")}) as server:
server.url("gate")                                # rtsp://127.0.0.1:40123/gate
server.misbehave("gate", Stall(seconds=5))
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, ConfigError
from sightline.fakecam.camera import Camera
from sightline.fakecam.faults import Fault
from sightline.fakecam.script import parse_script
from sightline.fakecam.server import Server
from sightline.fakecam.settings import FakeCamera, check
from sightline.fakecam.timetable import Entry

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FakeCameraStatus:
    """One camera at a moment.

    Attributes:
        viewers: clients that it is sent to.
        packets: RTP packets made: those lost on purpose and those that were sent.
        lost, reordered: of them, on purpose.
        slow: clients that were given up because they did not take what they were sent.
    """

    viewers: int
    packets: int
    lost: int
    reordered: int
    slow: int


class FakeCameras:
    """An RTSP server with these cameras, from `start` (or `with`) to `close`.

    Args:
        cameras: by name, which is the path of the URL: letters, digits, `.`, `_`, `-`. A text is a URL.
        host: where to listen; on more than this machine alone, every camera must have a login.
        port: 0 is any that is free.
        script: what goes wrong when: text as `parse_script` reads it, or entries. Time begins at `start`.
        session_timeout_s: a client that says nothing for so long is sent away.
        seed: of all chance: which packets are lost.
        clock: what tells the time.

    Raises ConfigError for what cannot be served.
    """

    def __init__(
        self,
        cameras: Mapping[str, FakeCamera | str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        script: str | Iterable[Entry] = (),
        session_timeout_s: int = 60,
        seed: int = 0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        settings = {
            name: FakeCamera(url=camera) if isinstance(camera, str) else camera
            for name, camera in cameras.items()
        }
        check(settings, host, port, session_timeout_s)
        chance = random.Random(seed)  # noqa: S311  a fake camera has nothing to protect
        self._host = host
        self._pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fakecam source")
        self._server = Server(
            {
                name: _camera(name, one, clock=clock, pool=self._pool, chance=chance)
                for name, one in settings.items()
            },
            parse_script(script) if isinstance(script, str) else script,
            host=host,
            port=port,
            clock=clock,
            chance=chance,
            timeout_s=session_timeout_s,
        )
        self._thread = threading.Thread(target=self._serve, name="fakecam", daemon=True)
        self._started: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Listens; clients can come when this returns. Raises ConfigError where that cannot be."""
        self._thread.start()
        try:
            self._started.result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Breaks off every connection and gives back the port, the threads and the encoders."""
        if self._loop is not None and self._ending is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()
        self._pool.shutdown()

    @property
    def port(self) -> int:
        return self._server.port

    def url(self, name: str) -> str:
        """Where the camera is. Without its password. Raises KeyError for a camera that there is not."""
        self._camera(name)
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"rtsp://{host}:{self.port}/{name}"

    def misbehave(self, name: str, fault: Fault) -> None:
        """Lets the camera (`*`: each) do wrong from now on; it does when this returns. Raises ConfigError."""
        self._call(self._server.misbehave(name, fault))

    def behave(self, name: str) -> None:
        """Ends all that is wrong with the camera, by script and by command; of `*`: what was said of `*`."""
        self._call(self._server.behave(name))

    def status(self, name: str) -> FakeCameraStatus:
        """Its numbers now. Raises KeyError for a camera that there is not."""
        camera = self._camera(name)
        packets = camera.packets
        return FakeCameraStatus(
            viewers=camera.viewers,
            packets=packets.made,
            lost=packets.lost,
            reordered=packets.reordered,
            slow=camera.slow,
        )

    @property
    def refused(self) -> int:
        """How many requests were answered with 401, the first of each digest login among them."""
        return self._server.station.refused

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._server.station.connections)

    def _camera(self, name: str) -> Camera:
        return self._server.station.cameras[name]

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None or not self._thread.is_alive():
            work.close()
            raise Closed("the fake cameras are not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001  told to who waits in `start`
            if not self._started.done():
                self._started.set_exception(error)

    async def _run(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._server.start()
            self._started.set_result(None)
            await self._ending.wait()
        finally:
            await self._server.stop()


def _camera(
    name: str, settings: FakeCamera, clock: Clock, pool: ThreadPoolExecutor, chance: random.Random
) -> Camera:
    try:
        return Camera(name, settings.source, settings.login, clock=clock, pool=pool, chance=chance)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
