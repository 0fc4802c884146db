"""Which connections share memory through the hub, and what their tokens stand for.

A client of this machine that can is told a secret with its welcome, good once, and shows it on the side
socket; from then on its connection has a `share`. Without one it sends and gets bytes, as one from afar does.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from sightline.errors import WireError
from sightline.hub.broker.refusal import Cut
from sightline.hub.wire.header import Frame
from sightline.shm.token import Token

if TYPE_CHECKING:
    from sightline.hub.broker.connection import Connection
    from sightline.shm.held import Held, Peer
    from sightline.shm.host import Host

_SECRET_BYTES: Final = 32


class Shares:
    """The secrets that were told and not shown yet.

    `host` keeps account of the memory; None: nobody shares.
    """

    def __init__(self, host: Host | None) -> None:
        self.host = host
        self._waiting: dict[bytes, Connection] = {}

    def offer(self, connection: Connection) -> bytes:
        """A new secret for it."""
        secret = secrets.token_bytes(_SECRET_BYTES)
        self._waiting[secret] = connection
        return secret

    def join(self, secret: bytes, peer: Peer) -> bool:
        """The side socket of the connection that was told `secret` is there. False: nobody was."""
        connection = self._waiting.pop(secret, None)
        if connection is None:
            return False
        connection.share = peer
        return True

    def forget(self, connection: Connection) -> None:
        """A connection ended. Its side socket lives on while something is looked at."""
        for secret in [secret for secret, waiting in self._waiting.items() if waiting is connection]:
            del self._waiting[secret]
        peer, connection.share = connection.share, None
        if peer is not None and self.host is not None:
            self.host.retire(peer)

    def close(self) -> None:
        """All connections ended: from now on nobody shares, and the host may be closed."""
        self.host = None

    def claim(self, connection: Connection, frame: Frame, most_bytes: int) -> Held:
        """What the token at the end of a frame stands for.

        Raises:
            Cut: it stands for nothing of this connection's, or for more than `most_bytes`.
        """
        try:
            token = Token.unpacked(memoryview(frame.body)[frame.head.ext_bytes :])
            if self.host is not None and token.size <= most_bytes:
                return self.host.claim(connection.share, token)
        except WireError as error:
            raise Cut("malformed", str(error)) from error
        raise Cut("malformed", f"expected a payload of at most {most_bytes} bytes, got {token.size} shared")
