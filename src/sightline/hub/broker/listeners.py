"""Sockets that a hub listens on, and those beside them, through which clients share memory."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from sightline.errors import ConfigError
from sightline.log import get_logger
from sightline.shm.listening import Sides, abstract_listener, unix_listener
from sightline.shm.side import SUFFIX

if TYPE_CHECKING:
    from sightline.hub.broker.shares import Shares

BACKLOG: Final = 512


def tcp_listeners(host: str, port: int) -> Iterator[socket.socket]:
    """One for each address that `host` stands for; those behind the first get its port."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(f"expected a host of this machine, got {host!r}: {error}") from error
    bound = False
    for family, kind, protocol, _, address in dict.fromkeys(found):
        listener = socket.socket(family, kind, protocol)
        try:
            _bind(listener, (address[0], port, *address[2:]))
        except OSError as error:
            listener.close()
            if bound and error.errno == errno.EADDRNOTAVAIL:  # `localhost` of a machine without IPv6
                continue
            if error.errno == errno.EADDRINUSE:
                raise ConfigError(f"port {port} of {host} is in use: another hub may run there") from error
            raise ConfigError(f"cannot listen on {host}:{port}: {error}") from error
        bound, port = True, listener.getsockname()[1]
        yield listener


def _bind(listener: socket.socket, address: tuple[object, ...]) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.setblocking(False)


@contextlib.contextmanager
def hub_listener(path: str) -> Iterator[socket.socket]:
    """A Unix socket for clients. Raises ConfigError where it cannot be there."""
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(unix_listener(path, socket.SOCK_STREAM))
        except OSError as error:
            why = "another hub answers there" if error.errno == errno.EADDRINUSE else error
            raise ConfigError(f"cannot listen on {path}: {why}") from error
        listener.setblocking(False)
        yield listener


class SideNames(NamedTuple):
    """What clients are told of the side socket beside where they came in; None: there is none."""

    tcp: bytes | None = None
    unix: bytes | None = None


@contextlib.contextmanager
def side_sockets(shares: Shares, host: str | None, unix_path: str | None) -> Iterator[SideNames]:
    """Side sockets beside where a hub listens, in the running loop. One that cannot be is done without."""
    if shares.host is None:
        yield SideNames()
        return
    with contextlib.ExitStack() as stack:
        listeners: list[socket.socket] = []
        tcp = unix = None
        if host is not None:
            with _done_without("of TCP"):
                tcp, listener = abstract_listener()
                listeners.append(listener)
        if unix_path is not None:
            with _done_without(path := unix_path + SUFFIX):
                listeners.append(stack.enter_context(unix_listener(path)))
                unix = b""
        stack.callback(shares.host.close)
        sides = Sides(shares.host, shares.join)
        stack.callback(sides.close)
        for listener in listeners:
            sides.listen(listener)
        yield SideNames(tcp, unix)


@contextlib.contextmanager
def _done_without(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        get_logger("sightline.hub").warning("no side socket: payloads are copied", of=what, reason=str(error))
