"""RTSP messages as bytes: what a client says, and what it is answered (RFC 2326).

Promises: any bytes, cut in any way, are requests, interleaved packets, or a WireError after which nothing
more is read; a head of more than `MAX_HEAD` bytes or a body of more than `MAX_BODY` is such an error as soon
as it is known. What comes out is what was sent: header names in lower case, a header that came twice joined
with commas.

Does not do: RTSP 2.0, continued header lines, tunnels through HTTP, and any meaning of a message.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from sightline.errors import WireError

MAX_HEAD: Final = 8192
MAX_BODY: Final = 4096
VERSION: Final = "RTSP/1.0"

REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}
"""RFC 2326 section 7.1.1, those that are said here."""

_INTERLEAVED: Final = struct.Struct(">cBH")  # RFC 2326 10.12: "$", channel, length
_LINE_END: Final = re.compile(rb"\r?\n")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE: Final = re.compile(rb"([A-Z_]{1,32}) (\S+) (RTSP/\d\.\d)")
_HEADER: Final = re.compile(rb"([A-Za-z0-9-]+)[ \t]*:[ \t]*([^\r\n\0]*?)[ \t]*")


class Request(NamedTuple):
    """What a client asks."""

    method: str
    url: str
    version: str
    headers: Mapping[str, str]
    body: bytes = b""


class Interleaved(NamedTuple):
    """A packet between the messages: a client's RTCP."""

    channel: int
    data: bytes


class Response(NamedTuple):
    """What it is answered."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def adding(self, **headers: str) -> Response:
        """With these headers too; an underscore in a name is a hyphen."""
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return self._replace(headers=self.headers + more)

    def to_bytes(self) -> bytes:
        length = (("Content-Length", str(len(self.body))),) if self.body else ()
        lines = [f"{VERSION} {self.status} {REASONS[self.status]}"]
        lines += [f"{name}: {value}" for name, value in self.headers + length]
        return "\r\n".join((*lines, "", "")).encode() + self.body


class Parser:
    """The bytes of one connection, as they come."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Request | Interleaved]:
        """The messages that are whole with `data`. Raises WireError for what is no RTSP."""
        self._held += data
        while (message := self._take()) is not None:
            yield message

    def _take(self) -> Request | Interleaved | None:
        while self._held.startswith((b"\r", b"\n")):  # empty lines mean nothing (RFC 2326 4.1)
            del self._held[:1]
        if self._held.startswith(b"$"):
            return self._take_interleaved()
        return self._take_request() if self._held else None

    def _take_interleaved(self) -> Interleaved | None:
        if len(self._held) < _INTERLEAVED.size:
            return None
        _, channel, length = _INTERLEAVED.unpack_from(self._held)
        end = _INTERLEAVED.size + length
        if len(self._held) < end:
            return None
        return Interleaved(channel, self._cut(end)[_INTERLEAVED.size :])

    def _take_request(self) -> Request | None:
        found = _HEAD_END.search(self._held, 0, MAX_HEAD)
        if found is None:
            if len(self._held) >= MAX_HEAD:
                raise WireError(f"expected a head of at most {MAX_HEAD} bytes, got no end of it within them")
            return None
        request = _request(bytes(self._held[: found.start()]))
        end = found.end() + _body_length(request.headers)
        if len(self._held) < end:
            return None
        return request._replace(body=self._cut(end)[found.end() :])

    def _cut(self, end: int) -> bytes:
        taken = bytes(self._held[:end])
        del self._held[:end]
        return taken


def interleaved(channel: int, data: bytes) -> bytes:
    """`data` as a packet between the messages."""
    return _INTERLEAVED.pack(b"$", channel, len(data)) + data


def place_of(url: str) -> tuple[str, str]:
    """The camera that `url` names, and what stands behind it: `("gate", "track1")`. Any text is taken."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return "", ""
    camera, _, rest = path.strip("/").partition("/")
    return unquote(camera), unquote(rest)


def _request(head: bytes) -> Request:
    first, *lines = _LINE_END.split(head)
    found = _REQUEST_LINE.fullmatch(first)
    if found is None:
        raise WireError(f"expected METHOD URL {VERSION}, got {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, value = _header(line)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    method, url, version = (part.decode("latin-1") for part in found.groups())
    return Request(method, url, version, headers)


def _header(line: bytes) -> tuple[str, str]:
    found = _HEADER.fullmatch(line)
    if found is None:
        raise WireError(f"expected a header of the form Name: value, got {len(line)} bytes that are none")
    return found[1].decode("ascii").lower(), found[2].decode("latin-1")


def _body_length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > MAX_BODY:
        raise WireError(f"expected a Content-Length of 0 to {MAX_BODY}, got {text[:20]!r}")
    return int(text)
