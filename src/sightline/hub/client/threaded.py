"""The client for programs without an event loop: a daemon thread with its own.

What waits blocks the caller and nobody else; putting and getting do not go through the thread while there is
room, and while there is something. Every blocking method has an `async_...` one beside it, for whatever loop
it is called in. All of it may be used from any thread but the client's own, which would wait for itself.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sightline.errors import Closed, ConfigError
from sightline.hub.broker.loops import new_loop
from sightline.hub.client.asynchronous import AsyncStreamClient
from sightline.hub.client.core import ClientStats, Core
from sightline.hub.client.forking import watch
from sightline.hub.client.link import GOODBYE_S, OWN_THREAD
from sightline.hub.client.messages import first
from sightline.hub.client.positions import Gap
from sightline.hub.client.receiving import Reader
from sightline.hub.client.runs import Message
from sightline.hub.client.sending import Headers, done
from sightline.hub.client.siding import SHARING
from sightline.hub.rpc.proxy import Caller
from sightline.hub.settings import DEFAULT_PORT
from sightline.hub.wire.payload import Compress
from sightline.shm.settings import Sharing

P = ParamSpec("P")
T = TypeVar("T")
Operation = Callable[Concatenate[AsyncStreamClient, P], Coroutine[Any, Any, T]]


def _blocking(operation: Operation[P, T]) -> Callable[Concatenate[StreamClient, P], T]:
    """Done in the client's loop, while the caller waits."""

    @wraps(operation)
    def method(self: StreamClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._wait_for(operation(self._client, *args, **kwargs))

    return method


def _awaited(operation: Operation[P, T]) -> Callable[Concatenate[StreamClient, P], Coroutine[Any, Any, T]]:
    """Done in the client's loop, while the caller's goes on."""

    @wraps(operation)
    async def method(self: StreamClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self._run(operation(self._client, *args, **kwargs)))

    return method


def _here(operation: Operation[P, T]) -> Callable[Concatenate[StreamClient, P], Coroutine[Any, Any, T]]:
    """Done in the caller's loop."""

    @wraps(operation)
    async def method(self: StreamClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await operation(self._client, *args, **kwargs)

    return method


async def _cancel_all() -> None:
    """What was begun and has not ended is not waited for any more."""
    await asyncio.sleep(0)  # what was handed over last has begun now
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=GOODBYE_S)


class StreamClient:
    """A client of a hub, in a thread.

        with StreamClient("recorder", "127.0.0.1") as client:
            client.subscribe_read_channel("analogue 1", server_buffer_size=None)
            value = client.get_data("analogue 1")

    or `start()`, `wait_until_alive()`, ..., `stop_client()`. A class derived from it serves its methods
    `rpc_...`, and those marked `@rpc`, to other clients. The arguments are those of `AsyncStreamClient`, and
    each method is as the one of that name there.
    """

    def __init__(
        self,
        name: str = "",
        host: str = "127.0.0.1",
        *,
        port: int = DEFAULT_PORT,
        unix_path: str | None = None,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        tto: float = 10.0,
        tto_name: str = "tto",
        agent: str = "",
        rpc_key: str | None = None,
        rpc_most: int = 1000,
        service: object | None = None,
        sharing: Sharing | None = SHARING,
    ) -> None:
        self._client = AsyncStreamClient(
            name,
            host,
            port=port,
            unix_path=unix_path,
            token=token,
            tls=tls,
            tto=tto,
            tto_name=tto_name,
            agent=agent,
            rpc_key=rpc_key,
            rpc_most=rpc_most,
            service=service,
            sharing=sharing,
        )
        self._tto = tto
        self._core: Core = self._client._core  # noqa: SLF001 - a client is its own friend
        if service is None:
            self._client._service = self  # noqa: SLF001
        self._lock = threading.Lock()  # what is handed over is handed over before the thread ends
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._alive: concurrent.futures.Future[None] = concurrent.futures.Future()
        watch(self)

    # Its life.

    def start(self) -> None:
        """Begin to connect; again is allowed. Raises Closed after `stop_client`."""
        with self._lock:
            if self._thread is not None:
                return
            if self._loop is not None:
                raise Closed("this client is closed")
            loop = self._loop = new_loop()
            self._thread = threading.Thread(
                target=self._live, args=(loop,), name=f"hub client {self.name}", daemon=True
            )
            self._thread.start()

    def wait_until_alive(self, timeout_s: float | None = 10.0) -> None:
        """Until the hub took us, also again after it was away.

        Raises:
            TimeoutError: it did not in time.
            HubError: the name is taken, or the token is wrong.
        """
        link = self._core.link
        link.check_may_block()
        until = None if timeout_s is None else time.monotonic() + timeout_s
        if concurrent.futures.wait([self._alive], timeout_s).done:
            self._alive.result()
        link.bell.wait(link.settled, None if until is None else until - time.monotonic())
        link.check_alive(timeout_s)

    def stop_client(self, timeout_s: float = 2.0) -> None:
        """Send what was put, for at most so long, say goodbye, and end the thread. Again is allowed."""
        self._core.link.check_may_block()
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None or self._loop is None:
                return
            closing = asyncio.run_coroutine_threadsafe(self._client.close(timeout_s), self._loop)
        try:
            with contextlib.suppress(concurrent.futures.CancelledError):
                closing.result()
        finally:
            with contextlib.suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_alive(self._tto)
        except BaseException:
            self.stop_client()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_client()

    @property
    def name(self) -> str:
        return self._client.name

    @property
    def is_alive(self) -> bool:
        """Whether the hub is connected at this moment."""
        return self._client.is_alive

    def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(self._client.connect(None)).add_done_callback(self._connected)
        try:
            loop.run_forever()
        finally:
            with self._lock:
                self._thread = None
            self._core.end(Closed("this client is closed"))
            loop.run_until_complete(_cancel_all())
            loop.close()

    def _forked(self) -> None:
        self._lock = threading.Lock()  # the other one may have been held
        if self._thread is not None:
            self._thread = None
            self._core.disown(Closed("this client is of another process, which this one was forked from"))

    def _connected(self, connecting: asyncio.Task[None]) -> None:
        if connecting.cancelled():
            self._alive.set_exception(Closed("this client is closed"))
        elif error := connecting.exception():
            self._alive.set_exception(error)
        else:
            self._alive.set_result(None)

    def _run(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Do it in the client's loop."""
        with self._lock:
            if self._thread is not None and self._loop is not None:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise Closed("expected a client that runs: call start() first, and nothing after stop_client()")

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """What it comes to. Who is interrupted while waiting does not want it any more: it is cancelled."""
        if threading.current_thread() is self._thread:
            work.close()
            raise ConfigError(OWN_THREAD)
        outcome = self._run(work)
        try:
            return outcome.result()
        except concurrent.futures.CancelledError:
            raise Closed("this client is closed") from None
        finally:
            outcome.cancel()

    # Channels.

    create_new_channel = _blocking(AsyncStreamClient.create_new_channel)
    async_create_new_channel = _awaited(AsyncStreamClient.create_new_channel)
    delete_channel = _blocking(AsyncStreamClient.delete_channel)
    async_delete_channel = _awaited(AsyncStreamClient.delete_channel)
    list_channels = _blocking(AsyncStreamClient.list_channels)
    async_list_channels = _awaited(AsyncStreamClient.list_channels)
    watch_channels = _blocking(AsyncStreamClient.watch_channels)
    async_watch_channels = _awaited(AsyncStreamClient.watch_channels)
    list_clients = _blocking(AsyncStreamClient.list_clients)
    async_list_clients = _awaited(AsyncStreamClient.list_clients)
    subscribe_read_channel = _blocking(AsyncStreamClient.subscribe_read_channel)
    async_subscribe_read_channel = _awaited(AsyncStreamClient.subscribe_read_channel)
    subscribe_read_from_channel = subscribe_read_channel
    async_subscribe_read_from_channel = async_subscribe_read_channel
    subscribe = _blocking(AsyncStreamClient.subscribe)
    async_subscribe = _awaited(AsyncStreamClient.subscribe)
    subscribe_write_channel = _blocking(AsyncStreamClient.subscribe_write_channel)
    async_subscribe_write_channel = _awaited(AsyncStreamClient.subscribe_write_channel)
    subscribe_write_to_channel = subscribe_write_channel
    async_subscribe_write_to_channel = async_subscribe_write_channel
    unsubscribe = _blocking(AsyncStreamClient.unsubscribe)
    async_unsubscribe = _awaited(AsyncStreamClient.unsubscribe)
    subscription_stats = _blocking(AsyncStreamClient.subscription_stats)
    async_subscription_stats = _awaited(AsyncStreamClient.subscription_stats)
    pause = _blocking(AsyncStreamClient.pause)
    async_pause = _awaited(AsyncStreamClient.pause)
    seek = _blocking(AsyncStreamClient.seek)
    async_seek = _awaited(AsyncStreamClient.seek)

    # Messages.

    def put_data(
        self,
        name: str,
        value: Any,
        compress: Compress | None = None,
        *,
        key: bytes | None = None,
        keyframe: bool = False,
        headers: Headers = (),
        timeout_s: float | None = None,
    ) -> bool:
        sender = self._core.sender(name)
        message = sender.encoded(value, compress, key=key, keyframe=keyframe, headers=headers)
        if message is None:
            return False
        return done(sender.put(message), sender, timeout_s, f"room in {name!r}")

    def put_many(
        self,
        name: str,
        values: Sequence[Any],
        compress: Compress | None = None,
        *,
        timeout_s: float | None = None,
    ) -> int:
        sender = self._core.sender(name)
        steps = sender.put_many(values, compress)
        return done(steps, sender, timeout_s, f"room in {name!r}")

    def new_array(self, name: str, shape: int | Sequence[int], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
        sender = self._core.sender(name)
        return done(sender.new_array(shape, dtype), sender, None, name)

    def get_data(self, name: str, timeout_s: float | None = None) -> Any:
        reader = self._core.reader(name)
        return first(reader.get(reader.values, 1, timeout_s), name, timeout_s)

    def get_message(self, name: str, timeout_s: float | None = None) -> Message:
        reader = self._core.reader(name)
        message: Message = first(reader.get(reader.messages, 1, timeout_s), name, timeout_s)
        return message

    def get_message_or_gap(self, name: str, timeout_s: float | None = None) -> Message | Gap:
        reader = self._core.reader(name)
        found: Message | Gap = first(reader.get(reader.messages_and_gaps, 1, timeout_s), name, timeout_s)
        return found

    def get_many(self, name: str, most: int, timeout_s: float | None = None) -> list[Any]:
        reader = self._core.reader(name)
        return reader.get(reader.values, most, timeout_s)

    def get_messages(self, name: str, most: int, timeout_s: float | None = None) -> list[Message]:
        reader = self._core.reader(name)
        return reader.get(reader.messages, most, timeout_s)

    def get_read_channel_buffer(self, name: str) -> Reader:
        return self._core.reader(name)

    wait_for_active = _blocking(AsyncStreamClient.wait_for_active)
    flush = _blocking(AsyncStreamClient.flush)
    async_new_array = _here(AsyncStreamClient.new_array)
    async_put_data = _here(AsyncStreamClient.put_data)
    async_put_many = _here(AsyncStreamClient.put_many)
    async_get_data = _here(AsyncStreamClient.get_data)
    async_get_message = _here(AsyncStreamClient.get_message)
    async_get_message_or_gap = _here(AsyncStreamClient.get_message_or_gap)
    async_get_many = _here(AsyncStreamClient.get_many)
    async_get_messages = _here(AsyncStreamClient.get_messages)
    async_wait_for_active = _here(AsyncStreamClient.wait_for_active)
    async_flush = _here(AsyncStreamClient.flush)

    # Other things.

    def create_rpc_client_service(self, target: str, key: str | None = None) -> Any:
        """Another client's methods, as an object with these methods. Raises as in `AsyncStreamClient`."""

        def blocking(call: Caller) -> Caller:
            return lambda *called: self._wait_for(call(*called))

        return self._wait_for(self._client.remote(target, key, blocking))

    async def async_create_rpc_client_service(self, target: str, key: str | None = None) -> Any:
        """As `create_rpc_client_service`; its methods give something to await, in any loop."""

        def awaited(call: Caller) -> Caller:
            return lambda *called: asyncio.wrap_future(self._run(call(*called)))

        return await asyncio.wrap_future(self._run(self._client.remote(target, key, awaited)))

    request = _blocking(AsyncStreamClient.request)
    async_request = _awaited(AsyncStreamClient.request)
    server_statistics = _blocking(AsyncStreamClient.server_statistics)
    async_server_statistics = _awaited(AsyncStreamClient.server_statistics)

    def statistics(self) -> ClientStats:
        """This client's figures."""
        return self._client.statistics()


StreamClient_Thread = StreamClient
