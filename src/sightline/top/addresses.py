"""What there is to be looked at, by what a user named; where nothing was, whatever runs here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sightline.errors import ConfigError
from sightline.hub.address import HubAddress
from sightline.site.private_folder import remove_left_over
from sightline.top.feed import Feed
from sightline.top.http_feed import ApiAddress, HttpFeed
from sightline.top.window_feed import WindowFeed, windows

if TYPE_CHECKING:
    from sightline.top.watching import Find, Open


def finder(addresses: Sequence[str]) -> Find:
    """What finds these, always the same; none: the windows of this machine and this user, as they are then.

    Raises:
        ConfigError: something that is no address.
    """
    if not addresses:
        return windows_here
    found = dict(_opening(address) for address in addresses)
    return lambda: found


def windows_here() -> Mapping[str, Open]:
    """The windows that are open now, each by its folder, which is another one for each start."""
    remove_left_over()  # by what was killed
    return {path.parent.name: partial(WindowFeed, path) for path in windows()}


def _opening(url: str) -> tuple[str, Open]:
    scheme = url.partition(":")[0]
    if scheme == "hub":
        hub = HubAddress.of(url)
        hub.tls()  # it says what is wrong with its files
        return hub.shown, partial(_hub_feed, hub)
    if scheme in {"http", "https"}:
        api = ApiAddress.of(url)
        return api.shown, partial(HttpFeed, api)
    raise ConfigError(
        "expected addresses such as http://127.0.0.1:8000 of a pipe's API, or hub://127.0.0.1:4820 of a hub; "
        "or none, for what runs here"
    )


def _hub_feed(address: HubAddress) -> Feed:
    from sightline.top.hub_feed import HubFeed  # noqa: PLC0415 - few look at one

    return HubFeed(address)
