"""One client's connection: bytes to requests, what the rules make of them, and the answer.

A client that says nothing for the session's timeout is sent away: over TCP it has to speak on its connection,
over UDP its reports count as well. Requests are answered one after another; a client that sends more than one
waits, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sightline.clock import NS_PER_S, Clock
from sightline.errors import WireError
from sightline.fakecam import auth, sdp
from sightline.fakecam.camera import Camera
from sightline.fakecam.dialogue import Answer, Deed, Dialogue
from sightline.fakecam.outlets import MAX_UNSENT, Datagrams, TcpOutlet, UdpOutlet
from sightline.fakecam.rtp import Sender
from sightline.fakecam.rtsp import Parser, Request, Response, place_of
from sightline.fakecam.transport import Interleave, Ports
from sightline.fakecam.viewer import Outlet, Viewer

_READ_BYTES: Final = 2**16


@dataclass
class Station:
    """What all connections share."""

    cameras: Mapping[str, Camera]
    clock: Clock
    chance: random.Random
    timeout_s: int
    datagrams: Datagrams = field(default_factory=Datagrams)
    connections: set[Connection] = field(default_factory=set)
    refused: int = 0


class Connection:
    """One client. `camera` is the one that it named last."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, station: Station) -> None:
        chance = station.chance
        self._reader = reader
        self._writer = writer
        self._station = station
        self._sender = Sender(chance.getrandbits(32), chance.getrandbits(16))
        self._nonce = secrets.token_hex(16)
        self._dialogue = Dialogue(
            station.cameras,
            station.datagrams.ports,
            session_id=secrets.token_hex(8),
            ssrc=self._sender.ssrc,
            timeout_s=station.timeout_s,
        )
        self._viewer: Viewer | None = None
        self._listens: Ports | None = None
        self._deaf = False
        self.camera: Camera | None = None
        self._heard_ns = 0

    async def serve(self) -> None:
        """Until either side ends it."""
        self._station.connections.add(self)
        try:
            await self._converse()
        except WireError:
            self._writer.write(Response(400).to_bytes())
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._stop_showing()
            self._station.connections.discard(self)
            self._writer.close()

    def break_off(self) -> None:
        """Drop the connection, with what is not sent yet."""
        self._writer.transport.abort()

    async def _converse(self) -> None:
        parser = Parser()
        self._hear()
        while data := await self._read():
            self._hear()
            for message in parser.feed(data):
                if isinstance(message, Request):
                    await self._take(message)
                if self._writer.transport.get_write_buffer_size() > MAX_UNSENT:
                    return

    async def _read(self) -> bytes:
        """The next bytes; none at the end. Raises TimeoutError after too long a silence."""
        while True:
            silent_ns = self._station.clock.monotonic_ns() - self._heard_ns
            left_s = self._station.timeout_s - silent_ns / NS_PER_S
            if left_s <= 0:
                raise TimeoutError
            try:
                async with asyncio.timeout(left_s):
                    return await self._reader.read(_READ_BYTES)
            except TimeoutError:
                continue  # something may have been heard by the other way

    def _hear(self) -> None:
        self._heard_ns = self._station.clock.monotonic_ns()

    async def _take(self, request: Request) -> None:
        named = self._station.cameras.get(place_of(request.url)[0])
        self.camera = camera = named or self.camera
        self._deaf = self._deaf or (camera is not None and camera.behaviour.half_open)
        if self._deaf:
            return
        answer = self._dialogue.answer(request, None if camera is None else self._challenge(camera, request))
        self._station.refused += answer.response.status == 401
        response = await self._do(answer, request)
        self._writer.write(response.to_bytes())

    def _challenge(self, camera: Camera, request: Request) -> str | None:
        """What is answered to who has not logged in; None to who has."""
        if camera.behaviour.refuses:
            return auth.challenge(camera.login, self._nonce)
        if camera.login is None or auth.admits(camera.login, self._nonce, request):
            return None
        return auth.challenge(camera.login, self._nonce)

    async def _do(self, answer: Answer, request: Request) -> Response:
        camera = self._station.cameras.get(answer.camera)
        if camera is not None and answer.deed is Deed.DESCRIBE:
            await asyncio.sleep(camera.behaviour.slow_start_s)
            described = sdp.describe(await camera.media(), camera.name)
            return answer.response._replace(body=described.encode())
        if camera is not None and answer.deed is Deed.PLAY:
            return answer.response.adding(RTP_Info=await self._play(camera, request))
        if answer.deed in {Deed.PAUSE, Deed.TEARDOWN}:
            self._stop_showing()
        return answer.response

    async def _play(self, camera: Camera, request: Request) -> str:
        """Begins to send; gives the RTP-Info of it (RFC 2326 12.33)."""
        media = await camera.media()
        track = request.url.rstrip("/").removesuffix(f"/{sdp.TRACK}")
        told = f"seq={self._sender.sequence};rtptime={camera.next_timestamp}"
        self._viewer = Viewer(
            self._sender, self._outlet(), media.payload_type, camera.packets, self._station.chance
        )
        camera.add(self._viewer)
        return f"url={track}/{sdp.TRACK};{told}"

    def _outlet(self) -> Outlet:
        chosen = self._dialogue.transport
        if isinstance(chosen, Interleave):
            return TcpOutlet(self._writer, chosen)
        assert chosen is not None  # PLAY comes after SETUP
        self._listens = chosen
        self._station.datagrams.listen(self._host, chosen, self._hear)
        return UdpOutlet(self._station.datagrams, self._host, chosen, self._writer)

    def _stop_showing(self) -> None:
        if self._viewer is not None and self.camera is not None:
            self.camera.remove(self._viewer)
            self._viewer = None
        if self._listens is not None:
            self._station.datagrams.forget(self._host, self._listens)
            self._listens = None

    @property
    def _host(self) -> str:
        return str(self._writer.get_extra_info("peername")[0])
