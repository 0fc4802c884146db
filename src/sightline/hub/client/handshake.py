"""How a client and a hub show each other who they are: CHALLENGE, HELLO, WELCOME.

Pure. A token never travels: each side proves that it knows the token's digest. A client that was given a
token talks to no hub that does not know it.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

import msgspec

from sightline.errors import HubError, WireError
from sightline.hub.client.faults import error_of
from sightline.hub.settings import digest
from sightline.hub.wire.control import PROTOCOL, Challenge, Code, Failure, Hello, Welcome
from sightline.hub.wire.header import Buffer, Frame, Kind

_NONCE_BYTES: Final = 16


class Handshake:
    """Of one connection.

    Args:
        name: of the client; "": the hub gives it one.
        session: 16 bytes, the same for all connections of one client object.
        token: what the hub asks for, if it does.
        agent: what connects, for people.
        shares: whether it can share memory with other processes of its machine.
    """

    def __init__(
        self, name: str, session: bytes, token: str | None, agent: str = "", *, shares: bool = False
    ) -> None:
        self.nonce = b""
        """The hub's; keys are proved with it."""
        self._name = name
        self._session = session
        self._secret = None if token is None else digest(token)
        self._agent = agent
        self._shares = shares
        self._own_nonce = secrets.token_bytes(_NONCE_BYTES)

    def received(self, frame: Frame) -> bytes | Welcome:
        """The body of the HELLO to send, or, at its end, the hub's welcome.

        Raises:
            HubError: the hub refuses, or cannot be believed.
            WireError: it does not keep to the protocol.
        """
        try:
            if frame.head.kind == Kind.ERROR:
                raise error_of(msgspec.msgpack.decode(frame.body, type=Failure))
            if not self.nonce and frame.head.kind == Kind.CHALLENGE:
                return self._hello(msgspec.msgpack.decode(frame.body, type=Challenge))
            if self.nonce and frame.head.kind == Kind.WELCOME:
                return self._checked(msgspec.msgpack.decode(frame.body, type=Welcome))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise WireError(f"expected a handshake of the hub's protocol: {error}") from error
        expected = "WELCOME" if self.nonce else "CHALLENGE"
        raise WireError(f"expected {expected} of the hub, got a frame of kind {frame.head.kind}")

    def _hello(self, challenge: Challenge) -> bytes:
        if challenge.protocol != PROTOCOL:
            raise HubError(
                f"expected a hub of protocol {PROTOCOL}, got {challenge.protocol}", code=Code.PROTOCOL
            )
        if challenge.token_needed and self._secret is None:
            raise HubError("the hub asks for a token, and none was given", code=Code.DENIED)
        self.nonce = challenge.nonce
        proof = self._proof(b"client", self.nonce, self._own_nonce, self._name.encode())
        return msgspec.msgpack.encode(
            Hello(
                name=self._name,
                session=self._session,
                nonce=self._own_nonce,
                proof=proof,
                agent=self._agent,
                shares=self._shares,
            )
        )

    def _checked(self, welcome: Welcome) -> Welcome:
        proof = self._proof(b"hub", self._own_nonce, self.nonce)
        if proof is not None and not hmac.compare_digest(proof, welcome.proof or b""):
            raise HubError("the hub did not prove that it knows the token", code=Code.DENIED)
        return welcome

    def _proof(self, *parts: Buffer) -> bytes | None:
        return None if self._secret is None else hmac.digest(self._secret, b"".join(parts), "sha256")


def key_proof(key: str | None, nonce: bytes, name: str) -> bytes | None:
    """That we know the key of this channel, or of this client's methods."""
    return None if key is None else hmac.digest(digest(key), nonce + name.encode(), "sha256")
