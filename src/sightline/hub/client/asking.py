"""Requests to the hub and what waits for their answers.

Pure. It promises: of `done` and `failed` one is called, once, whatever becomes of the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from sightline.errors import BusError, SightlineError, WireError
from sightline.hub.client.answers import answer_of
from sightline.hub.client.faults import error_of
from sightline.hub.wire.control import Failure, Request
from sightline.hub.wire.header import Buffer, Frame, Head, Kind

Done: TypeAlias = Callable[[Any], object]
Failed: TypeAlias = Callable[[SightlineError], object]

_encode: Final = msgspec.msgpack.Encoder().encode
_failure: Final = msgspec.msgpack.Decoder(Failure)


class Asking:
    """What one client asks. `send` takes a frame; without a connection it says so by False."""

    def __init__(self, send: Callable[[Head, Buffer], bool]) -> None:
        self._send = send
        self._numbers = 0
        self._pending: dict[int, tuple[Request, Done, Failed]] = {}

    def number(self) -> int:
        """For a request or a call: none is used twice."""
        self._numbers += 1
        return self._numbers

    def ask(self, request: Request, done: Done, failed: Failed) -> None:
        number = self.number()
        body = _encode(request)
        if self._send(Head(len(body), Kind.REQUEST, seq=number), body):
            self._pending[number] = (request, done, failed)
        else:
            failed(BusError("the hub is not connected"))

    def answered(self, frame: Frame) -> None:
        """An ANSWER came. Raises WireError where it is none to what was asked."""
        pending = self._pending.pop(frame.head.seq, None)
        if pending is None:
            raise WireError(f"expected no answer to {frame.head.seq}, which nobody asked")
        request, done, failed = pending
        try:
            answer = answer_of(request, frame.body)
        except WireError as error:
            failed(error)
            raise
        done(answer)

    def refused(self, frame: Frame) -> bool:
        """An ERROR came; whether it is for one of these."""
        pending = self._pending.pop(frame.head.seq, None)
        if pending is not None:
            pending[2](failure_of(frame))
        return pending is not None

    def lost(self, error: SightlineError) -> None:
        pending, self._pending = self._pending, {}
        for _, _, failed in pending.values():
            failed(error)


def failure_of(frame: Frame) -> SightlineError:
    """What an ERROR frame says."""
    return error_of(_failure.decode(frame.body))


def ignore(_outcome: object) -> None:
    """Whoever asked does not wait for it."""
