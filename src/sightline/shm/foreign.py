"""Descriptors that somebody else passed, and that nobody asked for.

Whoever passes one chooses what closing it costs: a TCP socket may linger for minutes, a file of a file
system in user space answers when it likes, and either may give an error. So they are closed beside, and
nobody waits.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from typing import Final

if sys.platform != "win32":
    import fcntl

_NO_LINGER: Final = struct.pack("ii", 0, 0)


def close_foreign(fds: Collection[int]) -> None:
    """Closes memory at once, and all else some time."""
    slow = [fd for fd in fds if not _is_memory(fd)]
    if slow:
        threading.Thread(target=_close, args=(slow,), name="close descriptors", daemon=True).start()
    for fd in fds:
        if fd not in slow:
            os.close(fd)


def _is_memory(fd: int) -> bool:
    """Asked without waiting: only what lies in memory answers."""
    try:
        fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except (AttributeError, OSError):
        return False
    return True


def _close(fds: Collection[int]) -> None:
    for fd in fds:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                _close_socket(fd)
            else:
                os.close(fd)


def _close_socket(fd: int) -> None:
    with socket.socket(fileno=fd) as end, suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
