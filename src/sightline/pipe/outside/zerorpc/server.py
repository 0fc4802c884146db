"""Methods served by zerorpc's protocol: one thread for the socket, and one for each call in hand.

Promises: a slow method holds up nobody; whatever it raises is told to its caller, without secrets, and is our
log's if it is no `SightlineError`; after `request_stop` calls in hand are still answered, for at most
`GRACE_S`, when callers are told that it ended, and nothing is left.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Self

from sightline.clock import NS_PER_MS, SYSTEM_CLOCK, Clock, ns
from sightline.errors import SightlineError
from sightline.hub.rpc.raising import failure_of
from sightline.hub.rpc.serving import Served
from sightline.hub.rpc.threads import Threads
from sightline.log import Repeated, get_logger
from sightline.pipe.outside.zerorpc.answering import (
    MOST,
    Answering,
    Call,
    Do,
    Leave,
    Next,
    RpcStats,
    Run,
    Send,
)
from sightline.pipe.outside.zerorpc.endpoint import Endpoint
from sightline.pipe.outside.zerorpc.event import HEARTBEAT_S
from sightline.pipe.outside.zerorpc.sockets import address_of, admission, door, listening, tidy, zeromq
from sightline.pipe.outside.zerorpc.telling import introspection

if TYPE_CHECKING:
    import zmq

GRACE_S: Final = 25.0
_AT_A_TIME: Final = 100
Word = Callable[[], list[Do]]


class Server:
    """Serves from now until `close`.

    Args:
        methods: by name.
        endpoint: where; `*` as the port is a free one.
        name: what it says it is called.
        heartbeat_s: of the protocol; both sides should have the same.
        most: calls in hand.

    Attributes:
        address: where it is, with its port.

    Raises:
        ConfigError: it cannot listen there, or may not.
        MissingExtra: pyzmq is not installed.
    """

    def __init__(
        self,
        methods: Mapping[str, Served],
        endpoint: Endpoint,
        *,
        name: str = "pipe",
        heartbeat_s: float = HEARTBEAT_S,
        most: int = MOST,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._methods = {**methods, **introspection(name, methods)}
        self._endpoint = endpoint
        self._clock = clock
        streams = {each: _is_stream(served) for each, served in self._methods.items()}
        self._answering = Answering(streams, heartbeat_s=heartbeat_s, most=most)
        self._threads = Threads(2 * most, "rpc")  # those whose callers are lost may still be at work
        self._words: SimpleQueue[Word] = SimpleQueue()
        self._taps: dict[Call, _Tap] = {}
        self._failures = Repeated(get_logger("sightline.pipe"), "a call failed", clock=clock)
        self._stop_at_ns: int | None = None
        self._context: zmq.Context[Any] = zeromq().Context()
        self._door = door(self._context)
        try:
            self._socket = listening(self._context, endpoint)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self.address = address_of(self._socket)
        self._ring, self._bell = socket.socketpair()
        self._ring.setblocking(False)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="rpc server", daemon=True)
        self._thread.start()

    def stats(self) -> RpcStats:
        """What became of all calls."""
        return self._answering.stats()

    def request_stop(self) -> None:
        """Take no more calls, and end when those in hand are answered. From any thread."""
        self._say(self._end)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until it has ended; False: time was up first."""
        # Ctrl-C within a thread's join has Python 3.11 take that thread for ended.
        if not self._ended.wait(timeout_s):
            return False
        self._thread.join()
        return True

    def close(self) -> None:
        """Stop, and wait for that. Again is allowed."""
        self.request_stop()
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _live(self) -> None:
        lib = zeromq()
        poller = lib.Poller()
        for each in (self._socket, self._door, self._bell):
            poller.register(each, lib.POLLIN)
        try:
            while not self._is_over():
                self._turn({ready for ready, _ in poller.poll(self._sleep_ms())})
        finally:
            self._close()
            self._ended.set()

    def _turn(self, ready: set[Any]) -> None:
        if self._door in ready:
            self._door.send_multipart(admission(self._door.recv_multipart(), self._endpoint.token))
        if self._bell.fileno() in ready:
            self._bell.recv(4096)
        if self._socket in ready:
            self._receive()
        with suppress(Empty):
            for _ in range(_AT_A_TIME):  # and then look who else is there: streams may have no end of them
                self._do(self._words.get_nowait()())
        self._do(self._answering.tick(self._clock.monotonic_ns()))

    def _receive(self) -> None:
        lib = zeromq()
        with suppress(lib.Again):
            for _ in range(_AT_A_TIME):
                frames = self._socket.recv_multipart(lib.NOBLOCK)
                self._do(self._answering.received(frames, self._clock.monotonic_ns()))

    def _do(self, things: Iterable[Do]) -> None:
        for thing in things:
            match thing:
                case Send(frames):
                    self._send(frames)
                case Run(call):
                    self._run(call)
                case Next(call):
                    if tap := self._taps.get(call):
                        tap.more.release()
                case Leave(call):
                    self._leave(call)

    def _send(self, frames: list[bytes]) -> None:
        lib = zeromq()
        with suppress(lib.Again):  # so much waits for it that it may as well be gone
            self._socket.send_multipart(frames, lib.NOBLOCK)

    def _run(self, call: Call) -> None:
        served, args = self._methods[call.name], call.args if isinstance(call.args, list) else [call.args]
        try:
            served.fitting.check(args, {})
        except TypeError as error:
            self._do(self._answering.refused(call, "TypeError", f"{call.name}{served.signature}: {error}"))
            return
        if call.streams:
            self._taps[call] = _Tap()
        if not self._threads.run(lambda: self._call(call, served, args)):
            self._taps.pop(call, None)
            self._do(self._answering.refused(call, "ResponderBusy", "no thread is left for it"))

    def _leave(self, call: Call) -> None:
        if tap := self._taps.pop(call, None):
            tap.left = True
            tap.more.release()

    # In the threads of calls.

    def _call(self, call: Call, served: Served, args: list[Any]) -> None:
        try:
            value = served.function(*args)
            if served.is_async:
                value = asyncio.run(value)
            if call.streams:
                self._pour(call, value)
        except BaseException as error:  # noqa: BLE001  nothing that a method raises may end the server
            if not isinstance(error, SightlineError):
                self._failures.add(method=call.name, exc_info=error)
            kind, text = type(error).__name__, failure_of(error).message
            self._say(lambda: self._over(call, self._answering.failed(call, kind, text)))
        else:
            self._say(lambda: self._over(call, self._answering.ended(call, value)))

    def _pour(self, call: Call, items: Any) -> None:
        """Give each when it is wanted."""
        tap = self._taps.get(call)
        while tap is not None and tap.is_wanted():
            try:
                item = next(items)
            except StopIteration:
                return
            self._say(partial(self._answering.given, call, item))
        items.close()

    # Between them.

    def _say(self, word: Word) -> None:
        """Have it done in the thread of the socket."""
        self._words.put(word)
        with suppress(OSError):  # it is rung already, or over
            self._ring.send(b"\0")

    def _over(self, call: Call, things: list[Do]) -> list[Do]:
        self._taps.pop(call, None)
        return things

    # The end.

    def _end(self) -> list[Do]:
        if self._stop_at_ns is None:
            self._stop_at_ns = self._clock.monotonic_ns() + ns(GRACE_S)
        return self._answering.end()

    def _is_over(self) -> bool:
        at_ns = self._stop_at_ns
        return at_ns is not None and (not self._answering.in_flight or self._clock.monotonic_ns() >= at_ns)

    def _sleep_ms(self) -> int | None:
        if not self._words.empty():
            return 0
        dues = [due for due in (self._answering.due_ns, self._stop_at_ns) if due is not None]
        return max(0, (min(dues) - self._clock.monotonic_ns()) // NS_PER_MS + 1) if dues else None

    def _close(self) -> None:
        self._threads.close()
        self._failures.flush()
        self._do(self._answering.give_up())
        for call in list(self._taps):
            self._leave(call)
        for each in (self._socket, self._door):
            each.close()
        self._context.term()  # what was answered last goes out first
        tidy(self._endpoint)
        self._bell.close()
        self._ring.close()


class _Tap:
    """What a stream is poured through."""

    def __init__(self) -> None:
        self.more = threading.Semaphore(0)
        self.left = False

    def is_wanted(self) -> bool:
        """Wait until there is room for one more. False: nobody waits any longer."""
        self.more.acquire()
        return not self.left


def _is_stream(served: Served) -> bool:
    return inspect.isgeneratorfunction(served.function)
