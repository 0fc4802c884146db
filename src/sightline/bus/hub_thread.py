"""The connection of one handle on a hub, and the thread in which it lives.

What users of a bus call blocks their own threads; what it does happens in the loop here, so that nothing
there needs a lock. A lost connection is made again; what was asked meanwhile is asked again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

from sightline.bus.log import Ends
from sightline.errors import BusError, Closed, HubError, SightlineError
from sightline.hub.address import HubAddress
from sightline.hub.broker.loops import new_loop
from sightline.hub.client.asking import Done, Failed
from sightline.hub.client.connection import Address
from sightline.hub.client.link import Identity, Link
from sightline.hub.client.sending import Sender
from sightline.hub.client.session import Session
from sightline.hub.client.subscription import Subscription
from sightline.hub.client.writers import Writer
from sightline.hub.settings import MIB, ChannelSettings
from sightline.hub.wire.control import Code, Request
from sightline.hub.wire.control import Ends as AskEnds
from sightline.hub.wire.header import Frame
from sightline.log import hide_secret
from sightline.shm import Sharing

T = TypeVar("T")

SHARING: Final = Sharing(above_bytes=MIB)
"""Whoever reads a bus gets bytes of its own, a copy; below this, sockets cost no more."""
CONNECT_S: Final = 5.0
ANSWER_S: Final = 10.0
_AGAIN_S: Final = 0.05


def _ignored(_outcome: object) -> None: ...


class _NoCalls:
    """A bus makes no calls and takes none."""

    def received(self, frame: Frame) -> None: ...

    def lost(self, error: SightlineError) -> None: ...


class HubThread:
    """One connection, kept.

    Raises:
        BusError: no hub answers at that address, or it does not take us.
    """

    def __init__(self, address: HubAddress) -> None:
        if address.token is not None:
            hide_secret(address.token)
        where = Address(host=address.host, port=address.port, unix_path=address.unix_path, tls=address.tls())
        self.session = Session(_NoCalls())
        identity = Identity(token=address.token, agent="sightline bus")
        self.link = Link(where, identity, self.session, SHARING)
        self.session.on_send = self.link.nudge
        self._loop = new_loop()
        self._ending = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._live, name=f"bus {address.shown}", daemon=True)
        self._thread.start()
        try:
            self.run(self._connected(address.shown))
        except BaseException:
            self.end()
            raise

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` comes to, done in the loop while the caller waits. Raises Closed where that is over."""
        with self._ending:
            if self._ended:
                work.close()
                raise Closed("this bus is closed")
            outcome = asyncio.run_coroutine_threadsafe(work, self._loop)
        return outcome.result()

    async def asked(self, request: Request) -> Any:
        """The hub's answer. Raises as `settled`."""
        return await self.settled(lambda done, failed: self.session.asking.ask(request, done, failed))

    def ask(self, request: Request, done: Done = _ignored, failed: Failed = _ignored) -> None:
        """Ask, and do not wait: one of the two is called when there is an outcome."""
        self.session.asking.ask(request, done, failed)

    async def ends(self, topics: Iterable[str]) -> dict[str, Ends]:
        """What the hub has of those topics that it knows. Raises as `settled`."""

        async def ends(topic: str) -> tuple[str, Ends] | None:
            try:
                return topic, Ends(*(await self.asked(AskEnds(names=(topic,))))[topic])
            except HubError as error:
                if error.code == Code.MISSING:
                    return None
                raise

        return dict(filter(None, await asyncio.gather(*map(ends, tuple(topics)))))

    async def subscribe(self, subscription: Subscription) -> None:
        """Begin it, and again on each new connection. Raises as `settled`."""
        await self.settled(lambda done, failed: self.session.subscribe(subscription, done, failed))

    def unsubscribe(self, subscription: Subscription) -> None:
        self.session.unsubscribe(subscription, _ignored, _ignored)

    def give_credit(self, subscription: Subscription) -> None:
        self.session.give_credit(subscription)

    async def open(self, topic: str, settings: ChannelSettings) -> Sender:
        """The way into a topic, which is made so where it is not there. Raises as `settled`."""
        outbox = self.link.outbox(topic)
        writer = Writer(outbox, None, settings)
        await self.settled(lambda done, failed: self.session.writers.open(writer, done, failed))
        self.session.writers.by_name[topic] = writer
        return Sender(self.link, outbox)

    async def settled(self, ask: Callable[[Done, Failed], object]) -> Any:
        """The outcome of what `ask` asks of the session; asked again where the connection is lost before.

        Raises:
            BusError: there was none in time.
            HubError, ConfigError: the hub refused.
        """
        until_s = time.monotonic() + ANSWER_S
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                return await self.link.asked(ask, left_s)
            except TimeoutError:
                break
            except HubError:
                raise
            except BusError:
                await asyncio.sleep(_AGAIN_S)
        raise BusError(f"the hub at {self.link.address} did not answer within {ANSWER_S} s")

    def end(self) -> None:
        """Say goodbye, and end the thread. Again is allowed."""
        with self._ending:
            if self._ended:
                return
            self._ended = True
        asyncio.run_coroutine_threadsafe(self._bye(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _connected(self, where: str) -> None:
        self.link.start()
        try:
            await self.link.until_alive(CONNECT_S)
        except TimeoutError:
            cause = self.link.last_error and self.link.last_error.__cause__
            why = f": {cause}" if cause else ""
            raise BusError(f"no hub answers at {where} within {CONNECT_S} s{why}") from None

    async def _bye(self) -> None:
        await self.link.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        if others:  # who waits gets Closed from its inbox first
            await asyncio.wait(others, timeout=1.0)

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
