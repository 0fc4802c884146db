"""What a `SharedSender` sent, taken by one reader in another process. See `sightline.shm.direct`."""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final, NamedTuple, Self

from sightline.arrays import read_array
from sightline.clock import NS_PER_MS, ns
from sightline.errors import Closed, SharingError, WireError
from sightline.shm.attached import Attached, Place
from sightline.shm.messages import Gone, Handed, Left, Pool, Released, SideMessage, Value
from sightline.shm.side import Side
from sightline.shm.token import Token

TOGETHER_NS: Final = NS_PER_MS
"""Slots that are let go within this time of the last that was told may be told together."""


class Received(NamedTuple):
    """What came.

    Attributes:
        note: what was said about it.
        value: bytes, or an array, read-only and in place: its slot is used again once no view of it is left.
    """

    note: bytes
    value: Any


class SharedReceiver:
    """One reader. For the process that made it, and one thread at a time; arrays may go to any thread.

    Args:
        end: what `SharedSender.connect` gave; this object's from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        self._side = Side(end)
        self._attached = Attached(self._release, on_idle=self._on_idle)
        self._poll = select.poll()
        self._poll.register(self._side, select.POLLIN)
        self._values: deque[Value] = deque()  # they came with one that was taken
        self._released: deque[Place] = deque()
        self._told_ns = 0
        self._closed = False

    def fileno(self) -> int:
        """For a selector: readable when something came; then `receive(0)` until it gives None. -1: closed."""
        return self._side.fileno()

    def receive(self, timeout_s: float | None = None) -> Received | None:
        """The next value; None where none came within `timeout_s` seconds (None: wait for ever).

        Raises:
            Closed: the sender has ended, and all that it sent has come; or this was closed.
            SharingError: this process cannot map the sender's memory.
            WireError: what came is nothing that a sender says.
        """
        until_ns = None if timeout_s is None else time.monotonic_ns() + ns(timeout_s)
        while True:
            if self._closed:
                raise Closed("this receiver was closed")
            if not self._values:
                self._read()
            if self._values:
                return self._received(self._values.popleft())
            if self._side.ended:
                raise Closed("the sender has ended")
            if not self._wait(until_ns):
                return None

    def close(self) -> None:
        """Take nothing more. The arrays that there are stay as they are. Again is allowed."""
        if not self._closed:
            self._closed = True
            self._side.deafen()
            self._give_back()
            self._attached.close()
            self._side.send(Left())
            self._on_idle()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        """Up to the next values."""
        self._tell_released()
        for message, fd in self._side.receive():
            self._heed(message, fd)
            if self._values:
                return

    def _received(self, value: Value) -> Received:
        payload: bytes | memoryview = value.payload
        if value.shared:
            payload = self._attached.open(Token.unpacked(value.payload))
        return Received(value.note, read_array(payload) if value.array else bytes(payload))

    def _heed(self, message: SideMessage, fd: int | None) -> None:
        match message:
            case Handed():
                self._values.extend(message.values)
            case Pool() if fd is not None:
                self._attached.add(message, fd)
            case Pool():
                raise SharingError(
                    "expected a pool's descriptor, got none: this process has as many as it may"
                )
            case Gone():
                self._attached.gone(message.pool)
            case _:
                raise WireError(f"expected nothing like {type(message).__name__} of a sender")

    def _wait(self, until_ns: int | None) -> bool:
        if until_ns is None:
            return bool(self._poll.poll())
        left_ns = until_ns - time.monotonic_ns()
        return left_ns > 0 and bool(self._poll.poll(left_ns / NS_PER_MS))

    def _give_back(self) -> None:
        """What came and was not taken."""
        while not self._side.ended:
            before = len(self._values)
            for message, fd in self._side.receive():
                if fd is not None:
                    os.close(fd)
                if isinstance(message, Handed):
                    self._values.extend(message.values)
            if len(self._values) == before:
                break
        self._released.extend(Token.unpacked(value.payload)[:3] for value in self._values if value.shared)
        self._values.clear()
        self._tell_released()

    # From any thread, and from finalizers.

    def _release(self, places: list[Place]) -> bool:
        """Of values that came together many are let go together, and told so, unless that takes long."""
        self._released.extend(places)
        now_ns = time.monotonic_ns()
        if not self._values or now_ns - self._told_ns > TOGETHER_NS:
            self._told_ns = now_ns
            self._tell_released()
        return True

    def _tell_released(self) -> None:
        places: list[Place] = []
        with suppress(IndexError):  # several threads may do this at once
            while self._released:
                places.append(self._released.popleft())
        if places:
            self._side.tell(Released, places)

    def _on_idle(self) -> None:
        # Its end would tell the sender that nobody looks any more.
        if self._closed and not self._attached.leases:
            self._tell_released()
            self._side.close()
