"""A bus by its URL. One line a back end; nothing here knows more of any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from sightline.bus.log import Log
from sightline.bus.memory import MemoryBus
from sightline.bus.promise import Bus, Feature
from sightline.errors import ConfigError, Unsupported


def _hub(url: str, **settings: int) -> Bus:
    from sightline.bus.hub import HubBus  # noqa: PLC0415 - a fifth of a second that few need

    return HubBus(url, **settings)


def _kafka(url: str, **settings: int) -> Bus:
    from sightline.bus.kafka import KafkaBus  # noqa: PLC0415 - its library is an extra

    return KafkaBus(url, **settings)


_BACK_ENDS: Final[dict[str, Callable[..., Bus]]] = {
    "hub": _hub,
    "kafka": _kafka,
    "memory": MemoryBus,
}


def open_bus(url: str, *, max_message_bytes: int | None = None) -> Bus:
    """The bus at `url`, such as `memory://` or `memory://name`.

    Args:
        url: its scheme chooses the back end; the rest is for that.
        max_message_bytes: the most that a message may weigh, its key and headers included; None: what the
            back end says by itself, such as `MAX_MESSAGE_BYTES`, or less where a broker takes less.

    Raises:
        ConfigError: no back end has this scheme, or the rest is wrong for it.
        MissingExtra: the library that it needs is not installed.
        BusError: the broker cannot be reached.
    """
    # Only the scheme is shown: the rest may hold a password.
    scheme = url.partition("://")[0] if "://" in url else ""
    back_end = _BACK_ENDS.get(scheme)
    if back_end is None:
        known = ", ".join(f"{name}://" for name in sorted(_BACK_ENDS))
        raise ConfigError(
            f"expected the URL of a bus that begins with {known}; got {scheme[:20]!r} as scheme"
        )
    return back_end(url) if max_message_bytes is None else back_end(url, max_message_bytes=max_message_bytes)


def open_log(url: str, *, max_message_bytes: int | None = None) -> Log:
    """The bus at `url`, which has to be a log as well, such as `memory://name?history=64MiB`.

    Raises:
        Unsupported: it keeps nothing.
        ConfigError, MissingExtra, BusError: as `open_bus`.
    """
    bus = open_bus(url, max_message_bytes=max_message_bytes)
    if Feature.LOG not in bus.features:
        bus.close()
        raise Unsupported(
            f"this bus is no {Feature.LOG}: it keeps nothing. Where its URL may say how much each topic "
            "keeps, add ?history=64MiB"
        )
    return cast("Log", bus)
