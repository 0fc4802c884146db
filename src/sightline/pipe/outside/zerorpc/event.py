"""What goes over zerorpc's wire: events, each a header, a name and arguments in MessagePack.

A call opens a channel: its `message_id` names that, and all that is said of it later, from either side, has
it as `response_to`. Names of events with a meaning of their own:

    OK (value,)        ERR (kind, text, traceback)        the answer
    STREAM value       STREAM_DONE None                   one of many, and no more of them
    _zpc_hb (0,)                                          who sends it lives
    _zpc_more (n,)                                        room for so many more of a stream

Promises: bytes that are no event are a WireError, and so are names and numbers beyond any sense. How large a
message may be is the socket's concern.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from sightline.errors import WireError

VERSION: Final = 3
OK: Final = "OK"
ERR: Final = "ERR"
STREAM: Final = "STREAM"
STREAM_DONE: Final = "STREAM_DONE"
BEAT: Final = "_zpc_hb"
MORE: Final = "_zpc_more"
MOST_NAME: Final = 1000
MOST_ID: Final = 255
HEARTBEAT_S: Final = 5.0
"""What clients of zerorpc have, if nothing is said: both sides should have the same."""
UNSENDABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)
LOST_AFTER: Final = 2
"""Heartbeats without a word after which the other side is lost."""

Id: TypeAlias = bytes | str
"""Of a channel: bytes, or text from clients that know no other."""


class Event(msgspec.Struct, frozen=True):
    """One message.

    Attributes:
        name: of a method, or one of those above.
        args: what comes with it.
        message_id: its own; None: it has none, as what expects no answer.
        response_to: the channel that it belongs to; None: it opens one.
    """

    name: str
    args: Any = ()
    message_id: Id | None = None
    response_to: Id | None = None

    def to_bytes(self) -> bytes:
        """Raises one of `UNSENDABLE` for arguments that have no form there."""
        ids = {"message_id": self.message_id, "response_to": self.response_to}
        header = {"v": VERSION} | {key: id_ for key, id_ in ids.items() if id_ is not None}
        return msgspec.msgpack.encode((header, self.name, self.args))

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Event:
        """Raises WireError."""
        try:
            header, name, args = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
            raise WireError(
                f"expected an event of zerorpc: a header, a name, and arguments: {error}"
            ) from None
        if len(name) > MOST_NAME:
            raise WireError(f"expected a name of at most {MOST_NAME} characters, got {len(name)}")
        return cls(name, args, _id(header, "message_id"), _id(header, "response_to"))


_DECODER: Final = msgspec.msgpack.Decoder(tuple[dict[Any, Any], str, Any])


def count_of(event: Event) -> int:
    """The number that an event such as `_zpc_more` carries; 0 where it has none that makes sense."""
    args = event.args
    count = args[0] if isinstance(args, list | tuple) and args else 0
    return count if isinstance(count, int) and 0 < count < 2**31 else 0


def _id(header: dict[Any, Any], key: str) -> Id | None:
    id_ = header.get(key)
    if id_ is None or (isinstance(id_, bytes | str) and len(id_) <= MOST_ID):
        return id_
    raise WireError(f"expected at most {MOST_ID} bytes as {key}, got {type(id_).__name__}")
