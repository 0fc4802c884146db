"""Calls of whoever serves by zerorpc's protocol, one at a time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Self

from sightline.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from sightline.errors import BusError, ConfigError
from sightline.pipe.outside.zerorpc.asking import Asking, Heard, Item, Value
from sightline.pipe.outside.zerorpc.endpoint import Endpoint
from sightline.pipe.outside.zerorpc.event import HEARTBEAT_S, UNSENDABLE
from sightline.pipe.outside.zerorpc.sockets import calling, is_let_in, zeromq

if TYPE_CHECKING:
    import zmq

TIMEOUT_S: Final = 30.0
REACHED_S: Final = 5.0


class Client:
    """Calls one server. For one thread at a time.

    Args:
        endpoint: where it is.
        timeout_s: until an answer comes, or the first of a stream.
        reached_s: until somebody is there at all.
        heartbeat_s: of the protocol; both sides should have the same.

    Raises:
        ConfigError: no such address can be.
        MissingExtra: pyzmq is not installed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_s: float = TIMEOUT_S,
        reached_s: float = REACHED_S,
        heartbeat_s: float = HEARTBEAT_S,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._reached_s = reached_s
        self._heartbeat_s = heartbeat_s
        self._clock = clock
        self._context: zmq.Context[Any] = zeromq().Context()
        try:
            self._socket, self._events = calling(self._context, endpoint)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self._is_in = False

    def call(self, method: str, *args: Any) -> Any:
        """What it gives: a value, or where it streams an iterator of values; leave that before the next call.

        Raises:
            RemoteError: the method raised; `type` and `message` say what.
            CallError: there was no answer, or none that makes sense.
            BusError: nobody is there, or does not let us in.
            ConfigError: arguments that cannot be sent.
        """
        asking = Asking(
            method,
            args,
            id_=secrets.token_hex(16).encode(),
            timeout_s=self._timeout_s,
            now_ns=self._clock.monotonic_ns(),
            heartbeat_s=self._heartbeat_s,
        )
        try:
            first = asking.begin()
        except UNSENDABLE as error:
            raise ConfigError(f"{method}: expected arguments that can be sent: {error}") from None
        self._reach()
        self._send(first)
        heard = self._hear(asking)
        return heard.value if isinstance(heard, Value) else self._items(asking, heard)

    def close(self) -> None:
        """Again is allowed."""
        if not self._context.closed:
            self._socket.disable_monitor()
            self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _items(self, asking: Asking, heard: Heard) -> Iterator[Any]:
        while isinstance(heard, Item):
            yield heard.value
            if more := asking.more():
                self._send(more)
            heard = self._hear(asking)

    def _reach(self) -> None:
        """Wait until somebody is there, the first time; later on heartbeats tell."""
        if not self._is_in and not is_let_in(self._events, self._endpoint, round(self._reached_s * 1000)):
            raise BusError(f"nobody answers at {self._endpoint.address}")
        self._is_in = True

    def _hear(self, asking: Asking) -> Heard:
        while True:
            left_ms = max(0, (asking.due_ns - self._clock.monotonic_ns()) // NS_PER_MS + 1)
            if self._socket.poll(left_ms):
                frames = self._socket.recv_multipart()
                if heard := asking.received(frames[-1], self._clock.monotonic_ns()):
                    return heard
            if said := asking.tick(self._clock.monotonic_ns()):
                self._send(said)

    def _send(self, data: bytes) -> None:
        self._socket.send_multipart([b"", data])
