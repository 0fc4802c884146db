"""The side connection of one client, by which memory is shared with the hub: whichever it is at the moment.

It promises: that there is none is no failure; large payloads go through the hub's socket then. It ends with
the connection that it belongs to, but stays open, forgotten here, until nobody looks at what came by it.
"""

from __future__ import annotations

from typing import Final

from sightline.hub.client.session import Session
from sightline.hub.client.sharing import Share
from sightline.hub.wire.control import Welcome
from sightline.log import get_logger
from sightline.shm.guest import Guest, side_of
from sightline.shm.segment import can_share
from sightline.shm.settings import Sharing

SHARING: Final = Sharing()
"""What is shared where nothing else is said."""


class Siding:
    """Of one client; in the loop of its link.

    Args:
        session: of the client.
        sharing: how much is shared; None: nothing.

    Attributes:
        guest: our end; None: there is none now.
    """

    def __init__(self, session: Session, sharing: Sharing | None) -> None:
        self.guest: Guest | None = None
        self._session = session
        self._sharing = sharing
        self._logger = get_logger(__name__)
        self._told = False

    @property
    def can_share(self) -> bool:
        return self._sharing is not None and can_share()

    @property
    def shares(self) -> bool:
        return self.guest is not None

    @property
    def leases(self) -> int:
        return 0 if self.guest is None else self.guest.attached.leases

    def share(self) -> Share:
        """For a new writer."""
        return Share(self._sharing, lambda: self.guest)

    def begin(self, unix_path: str | None, welcome: Welcome) -> None:
        """The hub took us, over a Unix socket or another way within this machine."""
        if welcome.share is None or self._sharing is None:
            self._tell("the hub does not share")
            return
        self.guest = Guest(side_of(unix_path, welcome.side), welcome.share, on_lost=self._lost)
        self._session.memory_of = self.guest.attached.open

    def end(self) -> None:
        """The connection is gone, and its tokens with it."""
        guest, self.guest = self.guest, None
        self._session.memory_of = None
        if guest is not None:
            guest.retire()

    def _lost(self, why: str) -> None:
        """There is none any more, or never was; the connection may go on."""
        self._tell(why)
        self.end()
        self._session.writers.unshare()

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._told = True
            self._logger.debug("large payloads go through the hub's socket", reason=reason)
