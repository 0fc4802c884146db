"""What both ends of a connection ask of its socket, and how they write to it."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Final

from sightline.hub.settings import KIB, MIB
from sightline.hub.wire.header import Buffer

_UNIX_BYTES: Final = 4 * MIB
_UNSENT_BYTES: Final = 256 * KIB
_DEAD_MS: Final = 15_000
_TCP_OPTIONS: Final = (
    ("TCP_NODELAY", 1),
    ("TCP_NOTSENT_LOWAT", _UNSENT_BYTES),
    ("TCP_USER_TIMEOUT", _DEAD_MS),
)
_GATHERS: Final = sys.version_info >= (3, 12)
"""Before 3.12 asyncio's own transports join what they are given."""


def tune(connected: socket.socket | None) -> None:
    """Little waits in the system, where no turn is fair; on a Unix socket large frames go in few calls."""
    if connected is None:
        return
    if connected.family == getattr(socket, "AF_UNIX", None):
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connected.setsockopt(socket.SOL_SOCKET, option, _UNIX_BYTES)
        return
    for name, value in _TCP_OPTIONS:
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def write(transport: asyncio.Transport, buffers: list[Buffer]) -> None:
    """Hand over buffers without joining them. They must not change until they have gone."""
    if _GATHERS or type(transport).__module__.startswith("uvloop"):
        transport.writelines(buffers)
    else:
        for buffer in buffers:
            transport.write(buffer)
