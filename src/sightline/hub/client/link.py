"""Keeps one client connected: connects, shows who it is, and does so again when the connection is lost.

The shell around `Session`: a task that lives as long as the client, timers, one flush a turn of the loop. It
promises: it tries again for ever, with growing, jittered delays, until it is closed; only what would not help
to be tried again (a wrong token, a name that is taken) ends it, and only before it was ever connected.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from sightline.errors import BusError, Closed, ConfigError, HubError, SightlineError
from sightline.hub.client.asking import Done, Failed
from sightline.hub.client.bell import Bell
from sightline.hub.client.connection import NO_TLS, Address, Connection, connect
from sightline.hub.client.faults import again
from sightline.hub.client.handshake import Handshake
from sightline.hub.client.session import Session
from sightline.hub.client.siding import Siding
from sightline.hub.client.subscription import Subscription
from sightline.hub.client.writing import Outbox
from sightline.hub.settings import MIB
from sightline.hub.wire.control import Request, Welcome
from sightline.hub.wire.header import Frame, Head, Kind
from sightline.log import get_logger
from sightline.shm.settings import Sharing

HANDSHAKE_S: Final = 5.0
TICK_S: Final = 0.25
GOODBYE_S: Final = 1.0
"""How long the hub has to take what it was sent last."""
FIRST_DELAY_S: Final = 0.1
LAST_DELAY_S: Final = 10.0
OWN_THREAD: Final = "in the client's own thread this would wait for itself: use async methods there"
BESIDE_BYTES: Final = 1 * MIB
"""What a frame of the hub may have beyond the largest message: tables, headers, lists of channels."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a client is. `session` tells its connections from those of another of the same name."""

    name: str = ""
    token: str | None = None
    agent: str = ""
    session: bytes = msgspec.field(default_factory=lambda: secrets.token_bytes(16))


class Link:
    """The connection of one client, whichever it is at the moment.

    Args:
        address: of the hub.
        identity: of the client.
        session: of the client.
        sharing: how much memory it shares with others of its machine; None: none.

    Attributes:
        name: of the client, as the hub has it.
        alive: whether the hub took us, and the connection stands.
        failure: why it is over for good.
        bell: rings when `alive` or `failure` changes.
        siding: what shares memory.
    """

    def __init__(
        self, address: Address, identity: Identity, session: Session, sharing: Sharing | None = None
    ) -> None:
        self.name = identity.name
        self.address = address
        self.session = session
        self.alive = False
        self.failure: SightlineError | None = None
        self.last_error: SightlineError | None = None
        self.message_bytes = 0
        self.bell = Bell()
        self.siding = Siding(session, sharing)
        self._identity = identity
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._due: deque[Outbox | Subscription] = deque()
        self._flush_due = False
        self._logger = get_logger(__name__)

    def start(self) -> None:
        """Begin to connect, in the running loop."""
        if self.failure is not None:
            raise again(self.failure)
        if self._task is not None:
            self.check_loop()
        else:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.get_ident()
            self._task = self._loop.create_task(self._run(), name=f"hub client {self.name}")

    def check_loop(self) -> None:
        """Raises ConfigError in another loop than that in which the client lives."""
        if self._loop not in (None, asyncio.get_running_loop()):
            raise ConfigError("a client is for the loop in which it was connected; this is another one")

    async def close(self) -> None:
        """Say goodbye; what waits for the hub gets `Closed`."""
        self._over(Closed("this client is closed"))
        if self._connection is not None:
            self._flush()
            self._connection.end(Closed("this client is closed"), politely=True)
            await asyncio.wait([self._connection.closed], timeout=GOODBYE_S)
            if self._connection is not None:
                self._connection.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def request(self, request: Request, timeout_s: float | None) -> Any:
        """The hub's answer.

        Raises:
            SightlineError: it refused, or the connection was lost before it answered.
            TimeoutError: no answer in time.
        """
        return await self.asked(
            lambda done, failed: self.session.asking.ask(request, done, failed), timeout_s
        )

    async def asked(self, ask: Callable[[Done, Failed], object], timeout_s: float | None) -> Any:
        """The outcome of what `ask` asks of the session once the hub is there. Raises as `request`."""
        self.check_loop()
        begun_s = time.monotonic()
        await self.until_alive(timeout_s)
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(answer: Any) -> None:
            if not outcome.done():
                outcome.set_result(answer)

        def failed(error: SightlineError) -> None:
            if not outcome.done():
                outcome.set_exception(error)

        ask(done, failed)
        left_s = None if timeout_s is None else timeout_s - (time.monotonic() - begun_s)
        try:
            async with asyncio.timeout(left_s):
                return await outcome
        except TimeoutError:
            raise TimeoutError(f"the hub did not answer within {timeout_s} s") from None

    async def until_alive(self, timeout_s: float | None) -> None:
        await self.bell.wait_async(self.settled, timeout_s)
        self.check_alive(timeout_s)

    # From any thread.

    @property
    def may_block(self) -> bool:
        """Whether this is not the thread of the loop, which would wait for what it is itself to do."""
        return threading.get_ident() != self._thread

    def check_may_block(self) -> None:
        """Raises ConfigError where it may not."""
        if not self.may_block:
            raise ConfigError(OWN_THREAD)

    def outbox(self, name: str, first_seq: int = 0) -> Outbox:
        """For the messages of a new writer."""
        return Outbox(name, self._outbox_ready, first_seq=first_seq, share=self.siding.share())

    def _outbox_ready(self, outbox: Outbox) -> None:
        self._due.append(outbox)
        self.nudge()

    def owe_credit(self, subscription: Subscription) -> None:
        """The hub is to be told what was taken of it, or is wanted."""
        self._due.append(subscription)
        self.nudge()

    def nudge(self) -> None:
        """There is something to be sent: do so at the end of this turn of the loop."""
        if self._flush_due or self._loop is None:
            return
        self._flush_due = True
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._flush)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        while self._due:
            due = self._due.popleft()
            if isinstance(due, Outbox):
                self.session.wake(due)
            else:
                self.session.give_credit(due)
        if self._connection is not None:
            self._connection.flush()

    # The life of it.

    def settled(self) -> bool:
        return self.alive or self.failure is not None

    def check_alive(self, timeout_s: float | None) -> None:
        """After waiting so long. Raises what ended it, and TimeoutError with why it is not alive."""
        if self.failure is not None:
            raise again(self.failure)
        if not self.alive:
            why = f": {self.last_error}" if self.last_error else ""
            raise TimeoutError(f"no hub took us at {self.address} within {timeout_s} s{why}")

    def _over(self, error: SightlineError) -> None:
        self.failure = self.failure or error
        self.alive = False
        self.bell.ring()

    async def _run(self) -> None:
        failures = 0
        while self.failure is None:
            error = await self._connected_once()
            if self.session.reconnects < 0 and _is_final(error):
                self._over(error)
                return
            failures = 0 if self.alive else failures + 1
            self._lost(error)
            await asyncio.sleep(delay_s(failures))

    def _lost(self, error: SightlineError) -> None:
        if self.alive:
            self._logger.warning("hub lost", client=self.name, hub=str(self.address), reason=str(error))
        self.alive = False
        self.last_error = error
        self.bell.ring()

    async def _connected_once(self) -> SightlineError:
        """Connects, and comes back with why the connection was lost."""
        identity, shares = self._identity, self.siding.can_share
        handshake = Handshake(self.name, identity.session, identity.token, identity.agent, shares=shares)

        def on_frame(frame: Frame, now_ns: int) -> None:
            said = handshake.received(frame)
            if isinstance(said, Welcome):
                self._begin(connection, handshake.nonce, said, now_ns)
            else:
                connection.send(Head(len(said), Kind.HELLO).packed() + said)

        connection = self._connection = Connection(on_frame)
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await connect(connection, self.address)
        except TimeoutError:
            return BusError(f"no hub answers at {self.address}")
        except SightlineError as error:
            return error
        deadline = asyncio.get_running_loop().call_later(HANDSHAKE_S, self._expire_handshake, connection)
        try:
            return await connection.closed
        finally:
            deadline.cancel()
            self._connection = None
            self.siding.end()
            self.session.end(connection.closed.result() if connection.closed.done() else Closed("closed"))

    def _begin(self, connection: Connection, nonce: bytes, welcome: Welcome, now_ns: int) -> None:
        self.name = welcome.name
        self.message_bytes = welcome.message_bytes
        connection.allow(welcome.message_bytes + BESIDE_BYTES)
        if connection.local:
            self.siding.begin(self.address.unix_path, welcome)
        self.session.at_once = connection.send
        self.session.begin(nonce, welcome, now_ns)
        connection.lanes = self.session.lanes
        connection.on_frame = self.session.received
        self.alive = True
        self.last_error = None
        self.bell.ring()
        asyncio.get_running_loop().call_later(TICK_S, self._tick, connection)
        self.nudge()

    def _tick(self, connection: Connection) -> None:
        if self._connection is not connection or not self.alive:
            return
        why = self.session.tick(time.monotonic_ns())
        if why is not None:
            connection.end(BusError(why))
            return
        self._flush()
        asyncio.get_running_loop().call_later(TICK_S, self._tick, connection)

    def _expire_handshake(self, connection: Connection) -> None:
        if connection.lanes is None:
            hint = "" if self.address.tls else NO_TLS
            connection.end(BusError(f"expected a hub's handshake within {HANDSHAKE_S} s{hint}"))


def _is_final(error: SightlineError) -> bool:
    return isinstance(error, HubError) and error.code in {"denied", "taken", "protocol"}


def delay_s(failures: int) -> float:
    """Grows, and is jittered at every length: a hundred clients must not come back in step."""
    longest = min(LAST_DELAY_S, FIRST_DELAY_S * 2 ** min(failures, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311
