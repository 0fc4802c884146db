"""Which connections may look into each other's memory, through the hub: by secrets, each good for one.

A client of this machine that can is told a secret with its welcome, and shows it on the side socket; from
then on its connection has a `share`. Without one it gets and sends bytes, as a client from afar does.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sightline.hub.broker.connection import Connection
    from sightline.shm.host import Peer

_SECRET_BYTES: Final = 32


class Shares:
    """The secrets that were told and not shown yet, and the connections that share."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Connection] = {}
        self._joined: dict[Peer, Connection] = {}

    def offer(self, connection: Connection) -> bytes:
        """A new secret for it."""
        secret = secrets.token_bytes(_SECRET_BYTES)
        self._waiting[secret] = connection
        return secret

    def awaits(self, secret: bytes) -> bool:
        """Whether a connection was told this one, and nobody has shown it yet."""
        return secret in self._waiting

    def join(self, secret: bytes, peer: Peer) -> bool:
        """The side socket of the connection that was told `secret` is there. False: nobody was."""
        connection = self._waiting.pop(secret, None)
        if connection is None:
            return False
        connection.share = peer
        self._joined[peer] = connection
        return True

    def lost(self, peer: Peer) -> None:
        """A side socket ended: its connection goes on with bytes."""
        connection = self._joined.pop(peer, None)
        if connection is not None:
            connection.share = None

    def forget(self, connection: Connection) -> None:
        """A connection ended. Its side socket has its own end."""
        for secret in [secret for secret, waiting in self._waiting.items() if waiting is connection]:
            del self._waiting[secret]
        if connection.share is not None:
            self._joined.pop(connection.share, None)
            connection.share = None
