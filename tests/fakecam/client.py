"""A plain client of our own: sockets and no cleverness, so that a test sees each byte that is sent."""

import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Rtp(NamedTuple):
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class Report(NamedTuple):
    """A sender report; `goodbye` stands behind the last one."""

    utc_s: float
    timestamp: int
    packets: int
    octets: int
    goodbye: bool


class Client:
    """One connection, over which the packets come too. A silence of `timeout_s` is TimeoutError."""

    def __init__(self, url: str, *, timeout_s: float = 5) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self.url = url
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=timeout_s)
        self._held = b""
        self._sequence = 0
        self._media: list[tuple[int, bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, method: str, path: str = "", **headers: str) -> Reply:
        self._sequence += 1
        named = {"CSeq": str(self._sequence)} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        lines = [f"{method} {self.url}{path} RTSP/1.0", *(f"{name}: {text}" for name, text in named.items())]
        self.say("\r\n".join((*lines, "", "")).encode())
        return self.reply()

    def reply(self) -> Reply:
        while (found := self._next()) is None or isinstance(found, tuple):
            if found is not None:
                self._media.append(found)
            else:
                self._fill()
        head, _, rest = self._held.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(rest) < length:
            self._fill()
            rest = self._held.partition(b"\r\n\r\n")[2]
        self._held = rest[length:]
        return Reply(int(first.split()[1]), headers, rest[:length])

    def play(self) -> Reply:
        """From nothing to pictures."""
        assert self.ask("DESCRIBE").status == 200
        wanted = "RTP/AVP/TCP;unicast;interleaved=0-1"
        session = self.ask("SETUP", "/track1", Transport=wanted).headers["session"].partition(";")[0]
        return self.ask("PLAY", Session=session)

    def media(self) -> Iterator[tuple[int, bytes]]:
        """Channel and bytes of each packet, until the connection ends."""
        while True:
            while self._media:
                yield self._media.pop(0)
            found = self._next()
            if isinstance(found, tuple):
                yield found
            elif not self._fill():
                return

    def rtp(self) -> Iterator[Rtp]:
        for channel, data in self.media():
            if channel == 0:
                yield read_rtp(data)

    def reports(self) -> Iterator[Report]:
        for channel, data in self.media():
            if channel == 1:
                yield read_report(data)

    def _next(self) -> tuple[int, bytes] | bool | None:
        """The next packet; True where a whole head of a reply comes first; None for too few bytes."""
        if self._held[:1] != b"$":
            return True if b"\r\n\r\n" in self._held else None
        if len(self._held) < 4:
            return None
        _, channel, length = struct.unpack_from(">cBH", self._held)
        if len(self._held) < 4 + length:
            return None
        data, self._held = self._held[4 : 4 + length], self._held[4 + length :]
        return channel, data

    def _fill(self) -> bool:
        data = self._socket.recv(65536)
        self._held += data
        return bool(data)


def read_rtp(data: bytes) -> Rtp:
    first, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", data)
    assert first == 0x80
    return Rtp(bool(second & 0x80), second & 0x7F, sequence, timestamp, ssrc, data[12:])


def read_report(data: bytes) -> Report:
    _, kind, length, _, seconds, part, timestamp, packets, octets = struct.unpack_from(">BBHIIIIII", data)
    assert kind == 200
    kinds = [kind]
    at = 4 * (length + 1)
    while at < len(data):
        _, kind, length = struct.unpack_from(">BBH", data, at)
        kinds.append(kind)
        at += 4 * (length + 1)
    assert at == len(data)
    assert kinds[:2] == [200, 202]
    utc_s = seconds - 2_208_988_800 + part / 2**32
    return Report(utc_s, timestamp, packets, octets, 203 in kinds)


def h264_units(payloads: list[bytes]) -> list[bytes]:
    """RFC 6184 the other way round: single NAL units and FU-A."""
    units: list[bytes] = []
    for payload in payloads:
        if payload[0] & 0x1F != 28:
            units.append(payload)
        elif payload[1] & 0x80:
            assert not payload[1] & 0x40
            units.append(bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)) + payload[2:])
        else:
            units[-1] += payload[2:]
    return units


def hevc_units(payloads: list[bytes]) -> list[bytes]:
    """RFC 7798 the other way round: single NAL units and FU."""
    units: list[bytes] = []
    for payload in payloads:
        if payload[0] >> 1 & 0x3F != 49:
            units.append(payload)
        elif payload[2] & 0x80:
            units.append(bytes((payload[0] & 0x81 | (payload[2] & 0x3F) << 1, payload[1])) + payload[3:])
        else:
            units[-1] += payload[3:]
    return units
