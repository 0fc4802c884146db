"""What stands around a fleet's message on its way: who sent it, and that it was they and nothing was changed.

| header | |
| --- | --- |
| `sl-version` | of the envelope: 1 |
| `sl-by` | who: the node_id of an agent, or any name |
| `sl-signature` | Ed25519, of `signed_text` |

The signature covers who, topic, key and value, so that a message means nothing in another place, another
fleet, or as another's. A message without these headers is one that nobody signed. That it was sent a second
time is not seen here: its numbers (boot, seq, generation) say that it is old.

Pure. Deliberately not here: whose key is to be believed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sightline.bus import Message as BusMessage
from sightline.errors import WireError
from sightline.fleet.keys.identity import SIGNATURE_BYTES, Identity, PublicKey
from sightline.fleet.messages.topics import (
    LEASES_KEY,
    AgentCommand,
    AgentConfig,
    AgentInfo,
    AgentResponse,
    Message,
)
from sightline.wire import Headers

VERSION: Final = b"1"
MOST_BY_BYTES: Final = 200
_DOMAIN: Final = b"sightline fleet message 1"
_NAMES: Final = ("sl-version", "sl-by", "sl-signature")


class Envelope(msgspec.Struct, frozen=True):
    """Of one message as it came. `by` is who says that they sent it: true where `signed_by` is."""

    by: str
    signature: bytes
    text: bytes

    def signed_by(self, key: PublicKey) -> bool:
        """Whether the owner of this key sent exactly this, here."""
        return bool(self.signature) and key.verify(self.signature, self.text)


def signed_text(by: str, topic: str, key: bytes | None, value: bytes) -> bytes:
    """What is signed. Each part has its length before it: no two messages have the same text."""
    parts = (by.encode(), topic.encode(), b"" if key is None else b"\1" + key, value)
    return _DOMAIN + b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def headers_of(identity: Identity | None, by: str, topic: str, key: bytes | None, value: bytes) -> Headers:
    """Those of a message that is sent; None signs nothing."""
    if identity is None:
        return ()
    signature = identity.sign(signed_text(by, topic, key, value))
    return tuple(zip(_NAMES, (VERSION, by.encode(), signature), strict=True))


def envelope_of(message: BusMessage) -> Envelope:
    """That of a message that came. Raises WireError where its headers are not as they are to be."""
    found = [(name, value) for name, value in message.headers if name in _NAMES]
    if not found:
        return Envelope("", b"", b"")
    named = dict(found)
    if len(found) != len(_NAMES) or len(named) != len(_NAMES):
        raise WireError(f"expected each of {', '.join(_NAMES)} once, got {len(found)} such headers")
    version, sent_by, signature = (named[name] for name in _NAMES)
    if version != VERSION:
        raise WireError(f"expected an envelope of version 1, got {version[:10]!r}")
    if len(signature) != SIGNATURE_BYTES or len(sent_by) > MOST_BY_BYTES:
        raise WireError(f"expected a signature of {SIGNATURE_BYTES} bytes, got {len(signature)}")
    try:
        by = sent_by.decode()
    except UnicodeDecodeError:
        raise WireError("expected a name in UTF-8 of who sent it") from None
    return Envelope(by, signature, signed_text(by, message.topic, message.key, message.value))


def key_of(message: Message) -> str | None:
    """The key that a message of the fleet is sent with; that of a command for all is `LEASES_KEY`."""
    match message:
        case AgentInfo() | AgentResponse():
            return str(message.node_id)
        case AgentCommand():
            return LEASES_KEY if message.node_id is None else str(message.node_id)
        case AgentConfig(agent_info_list=[only]):
            return str(only.node_id)
        case AgentConfig():
            raise WireError(
                f"expected the configuration of one agent to send, got {len(message.agent_info_list)}"
            )
        case _:
            return None
