"""One kept connection in a thread of its own, made again whenever it breaks, and work done over it.

Delays between attempts grow, are jittered at every length (a hundred workers must not come back in step) and
are capped, as is the time that an attempt may take; these end only when this is closed. What is to be there
anew with each connection is prepared before anybody may use it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_exponential, wait_random

from sightline.errors import BusError, Closed, ConfigError, SightlineError
from sightline.framequeue.rabbitmq.address import RabbitAddress
from sightline.framequeue.rabbitmq.wire import Connection, Cut, Denied, Wire
from sightline.hub.broker.loops import new_loop
from sightline.log import get_logger

T = TypeVar("T")

OPENED_WITHIN_S: Final = 10.0
"""How long an attempt may take: a broker that began to answer need not go on."""
# At most 3 s, so that keys flow within 5 s of a broker's return.
_DELAY: Final = wait_exponential(multiplier=0.25, max=2.5) + wait_random(0, 0.5)

Prepare = Callable[[Connection], Awaitable[list[Wire]]]
"""Makes ready what is to be there; gives the channels without which the connection is of no use."""


class Link:
    """Keeps a connection.

    Args:
        address: of the broker.
        prepare: called with each new connection.
        blocked: see `Connection`; told False when a connection ends.
    """

    def __init__(self, address: RabbitAddress, prepare: Prepare, blocked: Callable[[bool], None]) -> None:
        self._address = address
        self._prepare = prepare
        self._blocked = blocked
        self._lock = threading.Lock()
        self._closing = False
        self._works: set[asyncio.Task[Any]] = set()
        self._connection: Connection | None = None
        self._trouble: SightlineError | None = None
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._run, name=address.shown, daemon=True)
        self._thread.start()
        self._began.wait()

    def do(self, work: Coroutine[Any, Any, T], within_s: float | None = None) -> T:
        """Has `work` done in the thread of the connection, and waits for it.

        Raises:
            Closed: `close` came before its end.
            BusError: it was not done within this time.
        """
        with self._lock:
            if self._closing:
                work.close()
                raise Closed("this queue is closed")
            doing = asyncio.run_coroutine_threadsafe(self._tracked(work, within_s), self._loop)
        try:
            return doing.result()
        except concurrent.futures.CancelledError:
            raise Closed("this queue is closed") from None

    async def opened(self, within_s: float) -> Connection:
        """The connection, once it is there. Raises BusError where it is not for so long."""
        return await self._opened(within_s, frozenset())

    async def opened_first(self, within_s: float) -> Connection:
        """As `opened`, and raises at once what will not get better by itself.

        Raises:
            ConfigError: what is at the broker is not what is wanted.
        """
        return await self._opened(within_s, frozenset({ConfigError, Denied}))

    async def _opened(self, within_s: float, final: frozenset[type[SightlineError]]) -> Connection:
        try:
            async with asyncio.timeout(within_s):
                while self._connection is None:
                    if isinstance(self._trouble, tuple(final)):
                        raise self._told()
                    await asyncio.shield(self._move)
                return self._connection
        except TimeoutError:
            raise self.unreachable() from None

    def _told(self) -> SightlineError:
        trouble = self._trouble
        return trouble if isinstance(trouble, ConfigError) else self.unreachable()

    def unreachable(self) -> BusError:
        """That the broker is away, and why."""
        return BusError(f"{self._address.shown} is out of reach: {self._trouble or 'no answer came'}")

    def close(self) -> None:
        """Ends whatever waits, and the connection; again is fine."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            self._loop = runner.get_loop()
            runner.run(self._main())

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        self._move: asyncio.Future[None] = self._loop.create_future()
        keeping = asyncio.create_task(self._keep())
        self._began.set()
        await self._stop.wait()
        await _end(*self._works)
        await _end(keeping)

    async def _tracked(self, work: Coroutine[Any, Any, T], within_s: float | None) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._works.add(task)
        try:
            async with asyncio.timeout(within_s):
                return await work
        except TimeoutError:
            raise self.unreachable() from None
        finally:
            self._works.discard(task)

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                why: SightlineError = await self._live()
            except SightlineError as error:
                why = error
            except Exception as error:  # noqa: BLE001 - whatever it is, one tries again and tells
                why = BusError(f"{type(error).__name__}: {error}")
            failures = 1 if self._connection is not None else failures + 1
            self._lost(why)
            if failures == 1:
                self._warn(why)
            await asyncio.sleep(delay_s(failures))

    async def _live(self) -> SightlineError:
        """One connection, from its beginning to its end; gives why it ended."""
        async with contextlib.AsyncExitStack() as kept:
            connection, wires = await self._prepared(kept)
            self._connection, self._trouble = connection, None
            self._tell()
            ended = {connection.ended, *(wire.ended for wire in wires)}
            done, _ = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()

    async def _prepared(self, kept: contextlib.AsyncExitStack) -> tuple[Connection, list[Wire]]:
        try:
            async with asyncio.timeout(OPENED_WITHIN_S):
                connection = await kept.enter_async_context(Connection(self._address, self._blocked))
                return connection, await self._prepare(connection)
        except TimeoutError:
            raise Cut(f"it was not ready within {OPENED_WITHIN_S:g} s") from None

    def _lost(self, why: SightlineError) -> None:
        self._connection, self._trouble = None, why
        self._blocked(False)
        self._tell()

    def _warn(self, why: SightlineError) -> None:
        with contextlib.suppress(Exception):  # a log that fails is no reason to stay away
            get_logger(__name__).warning(
                "queue out of reach", queue=self._address.shown, reason=str(why), until="it is back"
            )

    def _tell(self) -> None:
        moved, self._move = self._move, self._loop.create_future()
        moved.set_result(None)


def delay_s(failures: int) -> float:
    """Seconds to wait after the `failures`th failure in a row."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = failures
    return float(_DELAY(state))


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
