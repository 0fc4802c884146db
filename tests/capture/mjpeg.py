"""A camera that sends JPEG after JPEG over HTTP, in the ways in which cameras do."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self


@dataclass
class MjpegCamera:
    """Usable as a context manager: sends `pictures` in turn, `fps` a second, to each client from the first.

    With `length` each part says how long it is. `boundary` stands before each part, `declared` in the head.
    After `count` pictures it closes the connection; with `silent` it leaves it open instead.
    """

    pictures: Sequence[bytes]
    fps: float = 10
    length: bool = True
    boundary: str = "frame"
    declared: str = "frame"
    count: int | None = None
    silent: bool = False
    port: int = 0
    _ready: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # which 3.11 complains of
            await reader.readuntil(b"\r\n\r\n")
            kind = f"multipart/x-mixed-replace; boundary={self.declared}"
            writer.write(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
            await self._send(writer)
        writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        sent = 0
        while self.count is None or sent < self.count:
            picture = self.pictures[sent % len(self.pictures)]
            said = f"Content-Length: {len(picture)}\r\n" if self.length else ""
            head = f"--{self.boundary}\r\nContent-Type: image/jpeg\r\n{said}\r\n"
            writer.write(head.encode() + picture + b"\r\n")
            await writer.drain()
            sent += 1
            await asyncio.sleep(1 / self.fps)
        if self.silent:
            await self._over.wait()
