"""ZeroMQ's sockets as both sides need them, and who may come in.

Promises: nobody comes in without being asked. A server with a token lets in who has it (PLAIN, RFC 24 of
ZeroMQ), before a byte of theirs is read as a message; one without lets in anybody who speaks ZMTP 3.
ZMTP 1 and 2 have no login and are refused; the former begins as any bytes may, so that the page of a website
could speak it, by posting to the server's port. A socket's file takes the place of no other file, and of no
socket that somebody listens to.
"""

from __future__ import annotations

import hmac
import importlib
import os
import stat
import struct
from collections.abc import Sequence
from contextlib import suppress
from socket import AF_UNIX
from socket import socket as system_socket
from typing import TYPE_CHECKING, Any, Final

from sightline.errors import BusError, ConfigError, MissingExtra
from sightline.hub.settings import MIB
from sightline.pipe.outside.zerorpc.endpoint import Endpoint

if TYPE_CHECKING:
    import zmq

USER: Final = "sightline"
MOST_BYTES: Final = MIB
"""Of what a caller sends; whoever sends more is cut off."""
MOST_ANSWER: Final = 64 * MIB
_WAITING: Final = 1000
_UNREAD: Final = 8
"""Messages of one caller that wait to be read: each has up to `MOST_BYTES` in each of its parts."""
_HANDSHAKE_MS: Final = 5000
_LINGER_MS: Final = 2000
_ASKING: Final = "inproc://zeromq.zap.01"


def zeromq() -> Any:
    """The library. Raises MissingExtra where it is not installed."""
    try:
        return importlib.import_module("zmq")
    except ModuleNotFoundError as error:
        if error.name != "zmq":
            raise
        raise MissingExtra("pyzmq is not installed; it comes with: pip install 'sightline[rpc]'") from error


def listening(context: zmq.Context[Any], endpoint: Endpoint) -> zmq.Socket[bytes]:
    """A socket that is called. Raises ConfigError: the address is wide open, in use, or none."""
    lib = zeromq()
    endpoint.check_may_listen()
    if why := _in_the_way(endpoint.path):
        raise ConfigError(f"cannot listen on {endpoint.address}: {why}")
    socket = _socket(context, lib.ROUTER, endpoint, MOST_BYTES)
    socket.rcvhwm = _UNREAD
    socket.zap_domain = USER.encode()  # has each who comes asked for, also where there is no token
    socket.plain_server = endpoint.token is not None
    try:
        socket.bind(endpoint.address)
    except lib.ZMQError as error:
        raise ConfigError(f"cannot listen on {endpoint.address}: {lib.strerror(error.errno)}") from None
    return socket


def tidy(endpoint: Endpoint) -> None:
    """Take away the file of a socket that nobody listens to any more."""
    if endpoint.path and not _in_the_way(endpoint.path):
        with suppress(OSError):
            os.unlink(endpoint.path)  # noqa: PTH108


def address_of(socket: zmq.Socket[bytes]) -> str:
    """Where it listens, with the port that was free."""
    address = socket.getsockopt(zeromq().LAST_ENDPOINT)
    assert isinstance(address, bytes)
    return address.decode().rstrip("\0")


def calling(context: zmq.Context[Any], endpoint: Endpoint) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
    """A socket that calls, and what happens to it, for `is_let_in`. Raises ConfigError.

    Not one that sends only where somebody is (IMMEDIATE): when they go, what they said last is lost.
    """
    lib = zeromq()
    socket = _socket(context, lib.DEALER, endpoint, MOST_ANSWER)
    events = socket.get_monitor_socket(
        lib.EVENT_HANDSHAKE_SUCCEEDED | lib.EVENT_HANDSHAKE_FAILED_AUTH | lib.EVENT_HANDSHAKE_FAILED_PROTOCOL
    )
    if endpoint.token is not None:
        socket.plain_username, socket.plain_password = USER.encode(), endpoint.token.encode()
    try:
        socket.connect(endpoint.address)
    except lib.ZMQError as error:
        raise ConfigError(f"cannot call {endpoint.address}: {lib.strerror(error.errno)}") from None
    return socket, events


def door(context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    """Where ZeroMQ asks who may come in (ZAP, RFC 27): answer with `admission`."""
    socket: zmq.Socket[bytes] = context.socket(zeromq().REP)
    socket.linger = 0
    socket.bind(_ASKING)
    return socket


def admission(request: Sequence[bytes], token: str | None) -> list[bytes]:
    """The answer to who asks at the door."""
    version, number, _domain, _address, _identity, mechanism, *credentials = request
    may = _has(credentials, token) if token is not None else mechanism == b"NULL"
    status, text = (b"200", b"OK") if may else (b"400", b"expected the token")
    return [version, number, status, text, b"", b""]


def is_let_in(events: zmq.Socket[bytes], endpoint: Endpoint, timeout_ms: int) -> bool:
    """Whether the other side let us in, within that time. Raises BusError where it refuses to."""
    if not events.poll(timeout_ms):
        return False
    (event,) = struct.unpack("=H", events.recv_multipart()[0][:2])
    if event == zeromq().EVENT_HANDSHAKE_SUCCEEDED:
        return True
    why = "without a token" if endpoint.token is None else "with this token"
    raise BusError(f"{endpoint.address} does not let us in {why}")


def _socket(context: zmq.Context[Any], kind: int, endpoint: Endpoint, most_bytes: int) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = context.socket(kind)
    socket.maxmsgsize = most_bytes
    socket.sndhwm = socket.rcvhwm = _WAITING
    socket.handshake_ivl = _HANDSHAKE_MS
    socket.linger = _LINGER_MS
    socket.tcp_keepalive = 1
    socket.ipv6 = ":" in endpoint.host
    return socket


def _in_the_way(path: str | None) -> str:
    """Why a socket's file cannot be there; empty: it can. ZeroMQ itself would do away with what is there."""
    if path is None:
        return ""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return "a file is there that is no socket"
        with system_socket(AF_UNIX) as caller:
            caller.setblocking(False)
            caller.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):  # nothing, or what was left by one that was killed
        return ""
    except BlockingIOError:  # many call it
        pass
    except OSError as error:
        return error.strerror or str(error)
    return "Address already in use"


def _has(credentials: Sequence[bytes], token: str) -> bool:
    # Of PLAIN: a name, which nobody has here, and the token.
    return len(credentials) == 2 and hmac.compare_digest(credentials[1], token.encode())
