"""What the hub answers to each kind of request."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sightline.errors import WireError
from sightline.hub.broker.statistics import HubStats
from sightline.hub.wire import control
from sightline.hub.wire.header import Buffer
from sightline.overflow import BufferStats

_TYPES: Final[dict[type, Any]] = {
    control.CreateChannel: control.ChannelInfo,
    control.OpenWriter: control.WriterOpened,
    control.ListChannels: list[control.ChannelInfo],
    control.ListClients: list[control.ClientInfo],
    control.Statistics: HubStats,
    control.SubscriptionStats: dict[str, BufferStats],
    control.Attach: control.Service,
    control.Commit: list[str],
    control.Committed: dict[str, tuple[int, str]],
    control.Seek: int,
    control.Ends: dict[str, tuple[int, int]],
}
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(answer) for kind, answer in _TYPES.items()}
_NOTHING: Final = msgspec.msgpack.Decoder(None)


def answer_of(request: control.Request, body: Buffer) -> Any:
    """What `body` says, of the type that stands behind the request's arrow. Raises WireError."""
    try:
        return _DECODERS.get(type(request), _NOTHING).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"expected an answer to {type(request).__name__}: {error}") from error
