"""Calls over a client's connection: those that it makes, and those that come to its own methods.

Promises: a call ends once, with the value, with what the method raised, or with why there is neither; one
that is cancelled or late is cancelled at the other side; a service is attached to again when its connection,
or ours, was another in between. A call that was lost on the way is not made again: it may have run.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakSet

from sightline.clock import ns
from sightline.errors import CallTimedOut, NoResponder, ResponderLost, SightlineError
from sightline.hub.client.handshake import key_proof
from sightline.hub.client.link import Link
from sightline.hub.client.session import Session
from sightline.hub.rpc import Dispatcher, Method, description_from_bytes, description_to_bytes, find_served
from sightline.hub.rpc.messages import Out, call_frame, cancel_frame, error_of, value_of
from sightline.hub.settings import digest
from sightline.hub.wire.control import Attach, Serve, Service
from sightline.hub.wire.header import Frame, Kind


class Target:
    """Another client whose methods are called. `service`: the hub's number of it; None: to be attached."""

    def __init__(self, name: str, key: str | None) -> None:
        self.name = name
        self.key = key
        self.service: int | None = None


class Calling:
    """Of one client; in the loop of its link."""

    def __init__(self) -> None:
        self._link: Link | None = None
        self._session: Session | None = None
        self._pending: dict[int, tuple[asyncio.Future[Frame], str]] = {}
        self._targets: WeakSet[Target] = WeakSet()
        self._dispatcher: Dispatcher | None = None
        self._serve: Serve | None = None

    def use(self, link: Link) -> None:
        self._link, self._session = link, link.session

    # What others call.

    def prepare(self, service: object, *, key: str | None, most: int) -> None:
        """Find its methods, if it has some. Raises ConfigError where they cannot be served."""
        methods = find_served(service, needed=False)
        if not methods or self._dispatcher is not None:
            return
        description = description_to_bytes([served.described() for served in methods.values()])
        self._dispatcher = Dispatcher(methods, self._send, most=most)
        self._serve = Serve(description=description, key_digest=digest(key) if key else None, most=most)

    async def serve(self, timeout_s: float | None) -> None:
        """Tell the hub of what was prepared, now and after each reconnect."""
        assert self._link is not None
        assert self._session is not None
        if self._serve is not None:
            await self._link.request(self._serve, timeout_s)
            self._session.service = self._serve

    @property
    def in_hand(self) -> int:
        """Calls of its own methods that are not answered yet."""
        return 0 if self._dispatcher is None else self._dispatcher.stats().in_flight

    # What is called.

    async def methods(self, target: Target, timeout_s: float | None) -> tuple[Method, ...]:
        """Raises NoResponder, and HubError for a wrong key."""
        service = await self._attach(target, timeout_s)
        self._targets.add(target)
        return description_from_bytes(service.description)

    async def call(
        self,
        target: Target,
        method: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        timeout_s: float | None,
    ) -> Any:
        """The value. Raises CallError, and TypeError for an argument that cannot be sent."""
        if target.service is None:
            await self._attach(target, timeout_s)
        try:
            return await self._called(target, method, args, kwargs, timeout_s)
        except NoResponder:  # it did not run: the other client may have come again
            await self._attach(target, timeout_s)
            return await self._called(target, method, args, kwargs, timeout_s)

    # For the session.

    def received(self, frame: Frame) -> None:
        kind, number = frame.head.kind, frame.head.seq
        if kind == Kind.CALL and self._dispatcher is not None and self._link is not None:
            self._dispatcher.most_bytes = self._link.message_bytes
            self._dispatcher.call(frame)
        elif kind == Kind.CANCEL and self._dispatcher is not None:
            self._dispatcher.cancel(number)
        elif number in self._pending:
            outcome, _ = self._pending.pop(number)
            if not outcome.done():  # cancelled in this turn of the loop
                outcome.set_result(frame)

    def lost(self, error: SightlineError) -> None:
        for target in self._targets:
            target.service = None
        if self._dispatcher is not None:
            self._dispatcher.lose()
        pending, self._pending = self._pending, {}
        for outcome, called in pending.values():
            if not outcome.done():
                outcome.set_exception(ResponderLost(f"{called}: lost on the way: {error}"))

    async def close(self) -> None:
        if self._dispatcher is not None:
            await self._dispatcher.close()

    async def _attach(self, target: Target, timeout_s: float | None) -> Service:
        link = self._link
        assert link is not None

        def ask(done: Any, failed: Any) -> None:
            proof = key_proof(target.key, link.session.nonce, target.name)
            link.session.asking.ask(Attach(name=target.name, proof=proof), attached(done), failed)

        def attached(done: Any) -> Any:
            # At once: by the time that whoever asked goes on, the connection may be another one.
            def told(service: Service) -> None:
                target.service = service.number
                done(service)

            return told

        try:
            service: Service = await link.asked(ask, timeout_s)
        except TimeoutError:
            raise CallTimedOut(f"{target.name}: the hub did not answer within {timeout_s} s") from None
        return service

    async def _called(
        self,
        target: Target,
        method: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        timeout_s: float | None,
    ) -> Any:
        link, session = self._link, self._session
        assert link is not None
        assert session is not None
        called = f"{target.name}.{method}"
        if target.service is None:  # the connection went as it was attached to
            raise NoResponder(f"{called}: the connection was lost")
        number = session.asking.number()
        left_ns = 0 if timeout_s is None else max(1, ns(timeout_s))
        most = link.message_bytes
        out = call_frame(target.service, number, method, args, kwargs, left_ns=left_ns, most_bytes=most)
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Frame] = loop.create_future()
        self._pending[number] = (outcome, called)
        self._send(out)
        timer = None if timeout_s is None else loop.call_later(timeout_s, self._late, number, timeout_s)
        try:
            answer = await outcome
            if answer.head.kind == Kind.ERROR:
                raise error_of(answer, called)
            return value_of(answer, most_bytes=most)
        finally:
            if timer is not None:
                timer.cancel()
            if self._pending.pop(number, None) is not None:  # cancelled, or late
                self._send(cancel_frame(number))

    def _late(self, number: int, timeout_s: float) -> None:
        outcome, called = self._pending.get(number, (None, ""))
        if outcome is not None and not outcome.done():
            outcome.set_exception(CallTimedOut(f"{called}: no answer within {timeout_s} s"))

    def _send(self, out: Out) -> None:
        head, pieces = out
        if self._session is not None:
            self._session.send(head, *pieces)
