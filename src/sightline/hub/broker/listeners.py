"""Sockets that a hub listens on. What is left of a hub that was killed is in nobody's way."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sightline.errors import ConfigError

BACKLOG: Final = 512
MODE: Final = 0o600
"""Of a Unix socket: who it belongs to may connect."""


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
def unix_listener(path: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[socket.socket]:
    """A socket at `path` that only this user may connect to. A file left by a dead hub is replaced."""
    listener = socket.socket(socket.AF_UNIX, kind)
    place = Path(path)
    try:
        _clear_stale(place, kind)
        os.fchmod(listener.fileno(), MODE)  # Linux makes the file with it; elsewhere it has no effect
        listener.bind(path)
        place.chmod(MODE)
        listener.listen(BACKLOG)  # before that, another hub would take the file for one that was left
        listener.setblocking(False)
        inode = place.stat().st_ino
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {path}: {error}") from error
    try:
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(OSError):
            if place.stat().st_ino == inode:
                place.unlink()


def _clear_stale(place: Path, kind: socket.SocketKind) -> None:
    if not place.is_socket():
        return
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(place))
        except ConnectionRefusedError:
            place.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another hub answers there")
