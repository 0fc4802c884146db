"""Who is connected: a client's session, which outlives a broken connection for a while.

A session keeps what must not begin anew when its client comes back: how far the messages of its writers
were taken in, and the channels that it owns. Subscriptions, services and calls end with the connection.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.hub.broker.calls import Service
    from sightline.hub.broker.channel import Channel, Writer
    from sightline.hub.broker.connection import Connection
    from sightline.hub.broker.timers import Timer


class Session:
    """One client object on the other side.

    Attributes:
        id: its own, the same across its reconnects; who knows it can take its place.
        public_id: what others are told instead, the same as long.
        connection: the present one; None: it broke, and the session lingers.
        owned: channels that end with it.
        writers: by the channel's number.
    """

    def __init__(self, name: str, id: bytes, connected_at_ns: int) -> None:  # noqa: A002
        self.name = name
        self.id = id
        self.public_id = hashlib.sha256(id).digest()[: len(id)]
        self.agent = ""
        self.connected_at_ns = connected_at_ns
        self.connection: Connection | None = None
        self.owned: dict[Channel, None] = {}
        self.writers: dict[int, Writer] = {}
        self.service: Service | None = None
        self.linger: Timer | None = None
