"""The door: who comes in, under which name, and what becomes of a name whose connection ended.

A connection is challenged, says hello with a name, a session and, where the hub has a token, a proof that it
knows it, and is welcomed with the hub's own proof. The same session again takes the place of its older
connection; a name that another session has is taken as long as that one is connected.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from sightline.clock import Clock, ns
from sightline.hub.broker.connection import Connection
from sightline.hub.broker.names import HUB_NAME, checked_name
from sightline.hub.broker.proofs import is_proven, proof
from sightline.hub.broker.refusal import Cut, Refusal
from sightline.hub.broker.session import Session
from sightline.hub.wire.control import PROTOCOL, Challenge, Code, Hello, Welcome
from sightline.hub.wire.header import Frame, Kind

if TYPE_CHECKING:
    from sightline.hub.broker.shares import Shares
    from sightline.hub.broker.timers import Timers
    from sightline.hub.settings import Limits

MOST_AGENT: Final = 100

_HELLO: Final = msgspec.msgpack.Decoder(Hello)


class Sessions:
    """All sessions, connected and lingering.

    Attributes:
        hub: the hub's id, another after each start.
        by_name: those that have a name now.
        on_over: called with a session that will not come back, and the time.
    """

    def __init__(
        self,
        hub: bytes,
        limits: Limits,
        timers: Timers,
        clock: Clock,
        *,
        token_digest: bytes | None,
        shares: Shares,
    ) -> None:
        self.hub = hub
        self.by_name: dict[str, Session] = {}
        self.on_over: Callable[[Session, int], None] = lambda _session, _now_ns: None
        self._limits = limits
        self._timers = timers
        self._clock = clock
        self._shares = shares
        self._token = token_digest

    def challenge(self, connection: Connection) -> None:
        connection.say(
            Kind.CHALLENGE, Challenge(nonce=connection.nonce, token_needed=self._token is not None)
        )

    def greet(self, connection: Connection, frame: Frame, *, full: bool) -> tuple[Session, Connection | None]:
        """The first frame came: whose connection it is, and an older one of the same session, to be ended.

        Raises:
            Cut: it is no hello, has not the token, the name is another's, or the hub is full and it is new.
        """
        hello = self._checked(frame, connection)
        name = hello.name or self._free_name()
        session = self.by_name.get(name)
        ours = session is not None and session.id == hello.session
        older = session.connection if session is not None and ours else None
        if full and older is None:
            raise Cut("clients", "too many clients", Code.LIMIT)
        if session is None or not ours:
            if name == HUB_NAME or (session is not None and session.connection is not None):
                raise Cut("taken", f"the name {name!r} is another client's", Code.TAKEN)
            session = self.by_name[name] = Session(name, hello.session, self._clock.utc_ns())
        session.agent = hello.agent[:MOST_AGENT]
        self._welcome(connection, session, hello)
        return session, older

    def enter(self, connection: Connection, session: Session) -> None:
        """From now on this is the session's connection."""
        if session.linger is not None:
            session.linger.cancel()
        session.linger = None
        session.connection = connection
        connection.session = session

    def lost(self, session: Session, now_ns: int, *, clean: bool) -> None:
        """Its connection ended: at once for good where it said so, else it may come back for a while."""
        session.connection = None
        if clean or not (session.owned or session.writers):
            self._over(session, now_ns)
        else:
            session.linger = self._timers.at(
                now_ns + ns(self._limits.linger_s), lambda now_ns: self._over(session, now_ns)
            )

    def _checked(self, frame: Frame, connection: Connection) -> Hello:
        if frame.head.kind != Kind.HELLO:
            raise Cut("protocol", f"expected HELLO, got a frame of kind {frame.head.kind}")
        try:
            hello = _HELLO.decode(frame.body)
            if hello.name:
                checked_name(hello.name, self._limits.name_bytes, "client's name")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Refusal) as error:
            raise Cut("protocol", f"expected a hello: {error}") from error
        if hello.protocol != PROTOCOL:
            raise Cut("version", f"expected version {PROTOCOL} of the protocol, got {hello.protocol}")
        told = (b"client", connection.nonce, hello.nonce, hello.name.encode())
        if self._token is not None and not is_proven(hello.proof, self._token, *told):
            raise Cut("token", "expected a proof of the hub's token", Code.DENIED)
        return hello

    def _welcome(self, connection: Connection, session: Session, hello: Hello) -> None:
        hub_proof = None if self._token is None else proof(self._token, b"hub", hello.nonce, connection.nonce)
        shares = hello.shares and connection.side is not None
        connection.say(
            Kind.WELCOME,
            Welcome(
                name=session.name,
                hub=self.hub,
                proof=hub_proof,
                message_bytes=self._limits.message_bytes,
                silence_s=self._limits.silence_s,
                time_ns=self._clock.utc_ns(),
                share=self._shares.offer(connection) if shares else None,
                side=connection.side or b"" if shares else b"",
            ),
        )

    def _free_name(self) -> str:
        while True:
            name = f"client-{secrets.token_hex(4)}"
            if name not in self.by_name:
                return name

    def _over(self, session: Session, now_ns: int) -> None:
        if self.by_name.get(session.name) is session:
            del self.by_name[session.name]
        self.on_over(session, now_ns)
