"""The two ways of packets to a client: between the messages of its connection, or as datagrams.

Neither waits. What the system does not take at once is held in memory, up to `MAX_UNSENT` bytes; beyond that
the client is given up. Datagrams go to the host that asked and nowhere else, whatever a client wishes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from sightline.errors import Unsupported
from sightline.fakecam.rtsp import interleaved
from sightline.fakecam.transport import Interleave, Ports

MAX_UNSENT: Final = 4 * 2**20
_ATTEMPTS: Final = 50

Heard = Callable[[], None]


class TcpOutlet:
    """Through the connection of `writer`, as RFC 2326 10.12 has it."""

    def __init__(self, writer: asyncio.StreamWriter, channels: Interleave) -> None:
        self._writer = writer
        self._channels = channels

    def rtp(self, packets: Sequence[bytes]) -> bool:
        if self._writer.is_closing():
            return False
        self._writer.write(b"".join([interleaved(self._channels.rtp, packet) for packet in packets]))
        return self._writer.transport.get_write_buffer_size() <= MAX_UNSENT

    def rtcp(self, packet: bytes) -> None:
        self._writer.write(interleaved(self._channels.rtcp, packet))

    def close(self) -> None:
        self._writer.close()


class Datagrams:
    """The pair of ports from which all datagrams are sent; what comes there is a sign of life."""

    def __init__(self) -> None:
        self._rtp: asyncio.DatagramTransport | None = None
        self._rtcp: asyncio.DatagramTransport | None = None
        self._heard: dict[tuple[str, int], Heard] = {}
        self.ports = Ports(0, 0)

    async def open(self, host: str) -> None:
        """Takes an even port and the next one (RFC 3550 section 11). Raises Unsupported without two free."""
        for _ in range(_ATTEMPTS):
            self._rtp, first = await self._bind(host, 0)
            try:
                if first % 2 == 0:
                    self._rtcp, second = await self._bind(host, first + 1)
                    self.ports = Ports(first, second)
                    return
            except OSError:
                pass
            self._rtp.close()
        raise Unsupported(f"expected two free UDP ports on {host} that follow each other, found none")

    def close(self) -> None:
        for transport in (self._rtp, self._rtcp):
            if transport is not None:
                transport.close()

    def listen(self, host: str, ports: Ports, heard: Heard) -> None:
        """Calls `heard` whenever something comes from there."""
        self._heard.update(dict.fromkeys(((host, port) for port in ports), heard))

    def forget(self, host: str, ports: Ports) -> None:
        for port in ports:
            self._heard.pop((host, port), None)

    def send_rtp(self, packets: Sequence[bytes], address: tuple[str, int]) -> bool:
        return self._rtp is not None and _send(self._rtp, packets, address)

    def send_rtcp(self, packet: bytes, address: tuple[str, int]) -> bool:
        return self._rtcp is not None and _send(self._rtcp, [packet], address)

    async def _bind(self, host: str, port: int) -> tuple[asyncio.DatagramTransport, int]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Ears(self._heard), local_addr=(host, port)
        )
        return transport, transport.get_extra_info("sockname")[1]


class UdpOutlet:
    """To two ports of `host`; `writer` is the connection that it belongs to."""

    def __init__(self, datagrams: Datagrams, host: str, ports: Ports, writer: asyncio.StreamWriter) -> None:
        self._datagrams = datagrams
        self._host = host
        self._ports = ports
        self._writer = writer

    def rtp(self, packets: Sequence[bytes]) -> bool:
        return self._datagrams.send_rtp(packets, (self._host, self._ports.rtp))

    def rtcp(self, packet: bytes) -> None:
        self._datagrams.send_rtcp(packet, (self._host, self._ports.rtcp))

    def close(self) -> None:
        self._writer.close()


class _Ears(asyncio.DatagramProtocol):
    def __init__(self, heard: dict[tuple[str, int], Heard]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:  # noqa: ARG002
        heard = self._heard.get((addr[0], addr[1]))
        if heard is not None:
            heard()

    def error_received(self, exc: Exception) -> None:
        """A client that is gone: its connection or its silence will say so."""


def _send(transport: asyncio.DatagramTransport, packets: Sequence[bytes], address: tuple[str, int]) -> bool:
    for packet in packets:
        transport.sendto(packet, address)
    unsent: int = transport.get_write_buffer_size()  # type: ignore[attr-defined]  # of all transports in fact
    return unsent <= MAX_UNSENT
