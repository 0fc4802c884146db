"""The side that calls: one call, without sockets. Messages and a time in, messages and what came out.

Promises: an answer is taken once; of a stream no more is asked for than `MOST_WAITING`; who answers nothing
for `timeout_s`, or sends no heartbeat for 10 s, is given up, with an error that says which.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from sightline.clock import NS_PER_S, ns
from sightline.errors import CallError, CallTimedOut, RemoteError, ResponderLost, WireError
from sightline.pipe.outside.zerorpc.event import (
    BEAT,
    ERR,
    HEARTBEAT_S,
    LOST_AFTER,
    MORE,
    OK,
    STREAM,
    STREAM_DONE,
    Event,
    Id,
)

MOST_WAITING: Final = 100
"""Of a stream, on their way to us."""


class Value(msgspec.Struct, frozen=True):
    """The answer."""

    value: Any


class Item(msgspec.Struct, frozen=True):
    """One of a stream."""

    value: Any


class Over(msgspec.Struct, frozen=True):
    """No more of a stream comes."""


Heard: TypeAlias = Value | Item | Over


class Asking:
    """One call.

    Args:
        method: its name.
        args: what it is called with.
        id_: of this call alone.
        timeout_s: until something comes; a stream may then take its time.
        now_ns: of monotonic time.
    """

    def __init__(
        self,
        method: str,
        args: tuple[Any, ...],
        *,
        id_: Id,
        timeout_s: float,
        now_ns: int,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._method = method
        self._args = args
        self._id = id_
        self._timeout_s = timeout_s
        self._until_ns: int | None = now_ns + ns(timeout_s)
        self._beat_ns = ns(heartbeat_s)
        self._beat_at_ns = now_ns + self._beat_ns
        self._heard_ns = now_ns
        self._room = 1

    @property
    def due_ns(self) -> int:
        """When `tick` has something to do."""
        return self._beat_at_ns if self._until_ns is None else min(self._beat_at_ns, self._until_ns)

    def begin(self) -> bytes:
        """What is sent first. Raises ConfigError where the arguments cannot be sent."""
        return Event(self._method, self._args, message_id=self._id).to_bytes()

    def received(self, data: bytes, now_ns: int) -> Heard | None:
        """A message came; None: it says nothing of what was asked.

        Raises:
            RemoteError: the method raised.
            CallError: an answer that is none.
        """
        try:
            event = Event.from_bytes(data)
        except WireError as error:
            raise CallError(f"{self._method}: {error}") from None
        if event.response_to != self._id:  # of a call that was given up before
            return None
        self._heard_ns = now_ns
        if event.name == BEAT:
            return None
        self._until_ns = None
        return self._answer(event)

    def more(self) -> bytes | None:
        """What is sent when one of a stream was taken; None: nothing."""
        self._room -= 1
        if self._room > MOST_WAITING // 2:
            return None
        more, self._room = MOST_WAITING - self._room, MOST_WAITING
        return self._said(MORE, (more,))

    def tick(self, now_ns: int) -> bytes | None:
        """Time has gone by; what is sent.

        Raises:
            CallTimedOut: nothing came in time.
            ResponderLost: it was not heard of for too long.
        """
        if self._until_ns is not None and now_ns >= self._until_ns:
            raise CallTimedOut(f"{self._method}: no answer within {self._timeout_s:g} s")
        if now_ns < self._beat_at_ns:
            return None
        silent_s = (now_ns - self._heard_ns) / NS_PER_S
        if now_ns - self._heard_ns > LOST_AFTER * self._beat_ns:
            raise ResponderLost(f"{self._method}: not a word from the other side for {silent_s:.0f} s")
        self._beat_at_ns = now_ns + self._beat_ns
        return self._said(BEAT, (0,))

    def _answer(self, event: Event) -> Heard:
        args = event.args
        if event.name == STREAM:
            return Item(args)
        if event.name == STREAM_DONE:
            return Over()
        if isinstance(args, list) and event.name == OK and len(args) == 1:
            return Value(args[0])
        if isinstance(args, list) and event.name == ERR and args:
            raise self._raised(args)
        raise CallError(f"{self._method}: expected an answer, got {event.name[:100]!r}")

    def _raised(self, args: list[Any]) -> RemoteError:
        texts = ["" if arg is None else str(arg) for arg in args[:3]]
        kind, text, trace = texts if len(texts) == 3 else ("RemoteError", texts[0], "")
        return RemoteError(text, method=self._method, error_type=kind, traceback=trace)

    def _said(self, name: str, args: tuple[Any, ...]) -> bytes:
        return Event(name, args, message_id=self._id, response_to=self._id).to_bytes()
