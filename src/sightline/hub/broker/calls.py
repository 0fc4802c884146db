"""Calls from one client to the methods of another.

The hub numbers calls anew and keeps who asked until the answer is passed on: the caller's number is its own
alone, and no client can answer, or end, what is not its. It promises: every call is answered, by the callee,
or at once by the hub with no_responder, busy, or lost; or it is cancelled by its caller, or given up by both
when its time was long over. Arguments and results are passed on as they are.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from sightline.clock import NS_PER_S
from sightline.hub.broker.connection import encode
from sightline.hub.broker.proofs import is_proven
from sightline.hub.broker.refusal import Refusal
from sightline.hub.settings import MIB
from sightline.hub.wire import control
from sightline.hub.wire.control import Attach, Code, Failure, Serve
from sightline.hub.wire.header import Frame, Head, Kind

if TYPE_CHECKING:
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.session import Session
    from sightline.hub.broker.timers import Timers
    from sightline.hub.settings import Limits

MOST_DESCRIPTION_BYTES: Final = MIB
GRACE_NS: Final = NS_PER_S
"""How long after its end a call is given up: the caller, who has the same end, cancels it before."""


class Service:
    """The methods that one client serves to others."""

    __slots__ = ("connection", "description", "key_digest", "most", "number", "pending")

    def __init__(self, number: int, connection: Connection, asked: Serve) -> None:
        self.number = number
        self.connection = connection
        self.description = asked.description
        self.key_digest = asked.key_digest
        self.most = asked.most
        self.pending: dict[int, _Call] = {}


class _Call:
    __slots__ = ("caller", "end_ns", "number", "service")

    def __init__(self, caller: Connection, number: int, service: Service, end_ns: int | None) -> None:
        self.caller = caller
        self.number = number
        self.service = service
        self.end_ns = end_ns


class Calls:
    """All calls in flight."""

    def __init__(self, limits: Limits, timers: Timers) -> None:
        self.made = self.answered = self.late = 0
        self._limits = limits
        self._timers = timers
        self._services: dict[int, Service] = {}
        self._service_numbers = count(1)
        self._numbers = count(1)
        self._sweeping = False

    @property
    def in_flight(self) -> int:
        return sum(len(service.pending) for service in self._services.values())

    def serve(self, connection: Connection, session: Session, asked: Serve) -> None:
        """From now on others may attach. Again: the description is another, calls go on."""
        if len(asked.description) > MOST_DESCRIPTION_BYTES:
            raise Refusal(Code.LIMIT, f"expected a description of at most {MOST_DESCRIPTION_BYTES} bytes")
        service = session.service
        if service is not None:
            service.description, service.key_digest = asked.description, asked.key_digest
            service.most = asked.most
            return
        service = Service(next(self._service_numbers), connection, asked)
        session.service = self._services[service.number] = service

    def attach(self, connection: Connection, callee: Session | None, asked: Attach) -> control.Service:
        if callee is None or callee.service is None:
            raise Refusal(Code.NO_RESPONDER, f"nobody serves under the name {asked.name!r}")
        service = callee.service
        if service.key_digest is not None and not is_proven(
            asked.proof, service.key_digest, connection.nonce, asked.name.encode()
        ):
            raise Refusal(Code.DENIED, f"the methods of {asked.name!r} need their key")
        connection.attached.add(service.number)
        return control.Service(number=service.number, description=service.description)

    def call(self, caller: Connection, frame: Frame, now_ns: int) -> None:
        """A CALL came: passed on, or answered with why not."""
        head, body = frame
        service = self._services.get(head.channel)
        if service is None or service.number not in caller.attached:
            self._refuse(caller, head.seq, Code.NO_RESPONDER, "nobody serves there any more")
        elif head.seq in caller.calls:
            self._refuse(caller, head.seq, Code.WRONG, f"call {head.seq} is in flight already")
        elif len(service.pending) >= service.most or service.connection.is_full:
            self._refuse(caller, head.seq, Code.BUSY, f"{len(service.pending)} calls are in flight there")
        elif len(caller.calls) >= self._limits.calls:
            self._refuse(
                caller, head.seq, Code.LIMIT, f"expected at most {self._limits.calls} calls in flight"
            )
        else:
            self.made += 1
            number = next(self._numbers)
            end_ns = now_ns + head.time_ns if head.time_ns > 0 else None
            service.pending[number] = _Call(caller, head.seq, service, end_ns)
            caller.calls[head.seq] = (service, number)
            service.connection.send(head._replace(seq=number), body)
            if end_ns is not None and not self._sweeping:
                self._sweep_in_a_second(now_ns)

    def answer(self, callee: Connection, frame: Frame) -> None:
        """A REPLY or ERROR came from a callee. One that nobody waits for any more is counted."""
        head, body = frame
        session = callee.session
        service = session.service if session else None
        call = service.pending.pop(head.seq, None) if service else None
        if call is None:
            self.late += 1
            return
        self.answered += 1
        del call.caller.calls[call.number]
        if call.caller.is_full:
            self._refuse(call.caller, call.number, Code.LIMIT, "answers that came before are not read yet")
        else:
            call.caller.send(head._replace(seq=call.number), body)

    def cancel(self, caller: Connection, number: int) -> None:
        """The caller does not wait any more."""
        service, own_number = caller.calls.pop(number, (None, 0))
        if service is not None:
            del service.pending[own_number]
            service.connection.send(Head(0, Kind.CANCEL, channel=service.number, seq=own_number))

    def lost(self, connection: Connection, session: Session) -> None:
        """A connection ended: as a caller and as a callee."""
        for number in tuple(connection.calls):
            self.cancel(connection, number)
        service, session.service = session.service, None
        if service is None:
            return
        del self._services[service.number]
        for call in service.pending.values():
            del call.caller.calls[call.number]
            self._refuse(
                call.caller, call.number, Code.LOST, f"{session.name} went while the call was in flight"
            )

    def _refuse(self, caller: Connection, number: int, code: str, message: str) -> None:
        body = encode(Failure(code=code, message=message))
        caller.send(Head(len(body), Kind.ERROR, seq=number), body)

    def _sweep_in_a_second(self, now_ns: int) -> None:
        self._sweeping = True
        self._timers.at(now_ns + NS_PER_S, self._sweep)

    def _sweep(self, now_ns: int) -> None:
        """Give up what is long over."""
        self._sweeping = False
        more = False
        for service in self._services.values():
            for call in tuple(service.pending.values()):
                if call.end_ns is not None and call.end_ns + GRACE_NS <= now_ns:
                    self.cancel(call.caller, call.number)
                more = True
        if more:
            self._sweep_in_a_second(now_ns)
