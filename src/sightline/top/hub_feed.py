"""A hub, by its address."""

from __future__ import annotations

from typing import Final, NoReturn

from sightline.clock import ns
from sightline.errors import BusError
from sightline.hub import StreamClient
from sightline.hub.address import HubAddress
from sightline.site.window import Look
from sightline.top.feed import Event, NoPipes, Target

_ANSWER_S: Final = 3.0


class HubFeed:
    """A hub's channels. A client of it connects again by itself."""

    def __init__(self, address: HubAddress) -> None:
        self._name = address.shown
        settings = address.client_settings()
        self._client = StreamClient("", **settings, agent="sightline top", tto=_ANSWER_S, sharing=None)
        self._client.start()

    def look(self) -> Look:
        try:
            stats = self._client.server_statistics()
        except TimeoutError as error:
            raise BusError(str(error)) from None
        return Look(name=self._name, at_ns=ns(stats.uptime_s), hub=stats)

    def events(self, pipe: str) -> NoReturn:  # noqa: ARG002 - it has none
        raise NoPipes("a hub takes no events: they are for pipes")

    def send(self, target: Target, event: Event) -> NoReturn:  # noqa: ARG002
        self.events(target.pipe)

    def close(self) -> None:
        self._client.stop_client()
