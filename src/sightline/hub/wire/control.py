"""What is said in the bodies of control frames: msgpack by msgspec, each a struct with a tag.

Fields may be added; unknown ones are passed over. Integers that count are never negative. Nothing here is
trusted: the broker checks names and limits, the client what it is told.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from sightline.hub.settings import ChannelSettings, ReaderBuffer

Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Digest: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
Id: TypeAlias = Annotated[bytes, Meta(min_length=16, max_length=16)]

PROTOCOL: Final = 1


class _Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag=True, omit_defaults=True):
    pass


# The handshake: CHALLENGE (hub), HELLO (client), WELCOME (hub).


class Challenge(_Said, frozen=True, kw_only=True):
    protocol: int = PROTOCOL
    nonce: Id
    token_needed: bool = False


class Hello(_Said, frozen=True, kw_only=True):
    """`proof`: HMAC-SHA256 with `digest(token)` over `b"client" + hub's nonce + own nonce + name`.

    `shares`: it can map memory of other processes of this machine.
    """

    protocol: int = PROTOCOL
    name: str
    session: Id  # the same across reconnects of one client object
    nonce: Id
    proof: Digest | None = None
    agent: str = ""
    shares: bool = False


class Welcome(_Said, frozen=True, kw_only=True):
    """`proof`: HMAC-SHA256 with `digest(token)` over `b"hub" + client's nonce + hub's nonce`.

    `share`: what a client of the same machine shows on the hub's side socket, so that large payloads need not
    be copied; `side`: that socket's name in the abstract space, b"": it lies beside the hub's own socket.
    """

    name: str
    hub: Id  # another after each start of the hub
    proof: Digest | None = None
    message_bytes: Count
    silence_s: float
    time_ns: int
    share: Digest | None = None
    side: bytes = b""


# REQUESTs, answered by ANSWER with the type behind the arrow, or by ERROR with Failure.


class CreateChannel(_Said, frozen=True, kw_only=True):
    """-> ChannelInfo. Again by its owner with the same settings is no error."""

    name: str
    settings: ChannelSettings = ChannelSettings()


class DeleteChannel(_Said, frozen=True, kw_only=True):
    """-> None. The owner alone."""

    name: str


class Subscribe(_Said, frozen=True, kw_only=True):
    """-> None; ATTACHED notices for channels that are there come before the answer.

    `number` is the client's own, new for each subscription of a connection. `names` or `glob` (`*` is any
    run of characters, nothing else is special). Without `wait`, a name that is not there is an error.
    `start`: "new", "history", or the offset from which history is wanted. `proof`: of a private channel's
    key: HMAC-SHA256 with `digest(key)` over `hub's nonce + name`. `group`: share with its other members;
    positions are the group's then, and `start` counts only where it has none ("new": the end, "history": the
    beginning); where it begins is settled as if committed. The group "" is this subscription's own: it reads
    what the channel keeps as any group does, and ends with it. `seen`: for each channel, by name, the
    hub's id and the offset up to which an earlier connection got it; `whole`: the channels of these of which
    it has all since a keyframe, so that with `drop_to_keyframe` it need not wait for the next one.
    """

    number: Number
    names: tuple[str, ...] = ()
    glob: str | None = None
    buffer: ReaderBuffer = ReaderBuffer()
    start: str | Count = "new"
    wait: bool = False
    proof: Digest | None = None
    group: str | None = None
    seen: dict[str, tuple[Id, Count]] = {}
    whole: tuple[str, ...] = ()


class Unsubscribe(_Said, frozen=True, kw_only=True):
    """-> None. What it held is dropped and counted."""

    number: Number


class Want(_Said, frozen=True, kw_only=True):
    """-> None; ATTACHED notices for channels that are there and new to it come before the answer.

    A subscription by names with a group, perhaps its own, reads these from now on, and no others, whose feeds
    end as "reassigned". Feeds that it keeps are untouched; new ones begin as Subscribe says.
    """

    number: Number
    names: tuple[str, ...]


class Exclude(_Said, frozen=True, kw_only=True):
    """-> None. One feed of a glob that the reader does not want after all; it counts nothing."""

    number: Number
    feed: Number


class Pause(_Said, frozen=True, kw_only=True):
    """-> None. Feeds of these channels are passed over (`on`) or sent again."""

    number: Number
    names: tuple[str, ...]
    on: bool


class OpenWriter(_Said, frozen=True, kw_only=True):
    """-> WriterOpened. `create`: make the channel where it is missing. `next_seq`: of its first message."""

    name: str
    next_seq: Count = 0
    create: ChannelSettings | None = None
    proof: Digest | None = None


class CloseWriter(_Said, frozen=True, kw_only=True):
    """-> None. What was sent before is taken in first."""

    channel: Number


class ListChannels(_Said, frozen=True, kw_only=True):
    """-> list[ChannelInfo] of the public ones and one's own; `watch`: CHANNEL notices from now on."""

    watch: bool = False


class ListClients(_Said, frozen=True, kw_only=True):
    """-> list[ClientInfo]."""


class Statistics(_Said, frozen=True, kw_only=True):
    """-> `sightline.hub.broker.statistics.HubStats`."""


class SubscriptionStats(_Said, frozen=True, kw_only=True):
    """-> dict[channel name, BufferStats] of one's own subscription, counted at the hub."""

    number: Number


class Serve(_Said, frozen=True, kw_only=True):
    """-> None. From now on others may attach to this client's methods, as `description` has them."""

    description: bytes  # msgpack, opaque to the hub
    key_digest: Digest | None = None
    most: Count = 1000  # calls in flight beyond which others are told "busy"


class Attach(_Said, frozen=True, kw_only=True):
    """-> Service. `proof` as in Subscribe, over `hub's nonce + name`."""

    name: str
    proof: Digest | None = None


class Commit(_Said, frozen=True, kw_only=True):
    """-> list of the channels for which it stands: those that this connection's feeds of the group have.

    Positions of a group: by channel the offset that comes next, and a text beside it.
    """

    group: str
    positions: dict[str, tuple[Count, str]]


class Committed(_Said, frozen=True, kw_only=True):
    """-> dict[channel, tuple[offset, text]]; channels without a position are missing."""

    group: str
    names: tuple[str, ...]


class Seek(_Said, frozen=True, kw_only=True):
    """-> offset that comes next. What the feed held is forgotten; `offset` None: the end."""

    number: Number
    name: str
    offset: Count | None


class Ends(_Said, frozen=True, kw_only=True):
    """-> dict[channel, tuple[first offset kept, next offset]]."""

    names: tuple[str, ...]


Request: TypeAlias = (
    CreateChannel
    | DeleteChannel
    | Subscribe
    | Unsubscribe
    | Want
    | Exclude
    | Pause
    | OpenWriter
    | CloseWriter
    | ListChannels
    | ListClients
    | Statistics
    | SubscriptionStats
    | Serve
    | Attach
    | Commit
    | Committed
    | Seek
    | Ends
)


# Answers and errors.


class ChannelInfo(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    number: int
    owner: str
    settings: ChannelSettings
    readers: int
    writers: int
    first_offset: int
    next_offset: int


class ClientInfo(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    address: str
    agent: str
    connected_at_ns: int
    serves: bool


class WriterOpened(msgspec.Struct, frozen=True, kw_only=True):
    """`accepted_seq`: what is below it the hub has taken in already from this session; send from there."""

    channel: int
    writer: int
    accepted_seq: int
    window_messages: int
    window_bytes: int
    readers: int
    wanted: bool


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """`number` goes into the `channel` field of CALLs."""

    number: int
    description: bytes


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Body of an ERROR. `code` is one of `Code`; `detail` belongs to the code."""

    code: str
    message: str
    detail: Any = None


class Code:
    """Codes of a Failure."""

    PROTOCOL: Final = "protocol"  # the connection ends
    DENIED: Final = "denied"  # token, key, ownership
    MISSING: Final = "missing"  # no such channel, client, subscription
    TAKEN: Final = "taken"  # the name is another's
    WRONG: Final = "wrong"  # settings or arguments
    LIMIT: Final = "limit"
    NO_RESPONDER: Final = "no_responder"
    BUSY: Final = "busy"
    TIMEOUT: Final = "timeout"  # the callee gave the call up: its time was over
    LOST: Final = "lost"  # the other client went while the call was in flight
    REMOTE: Final = "remote"  # the method raised; detail has type, message, traceback
    CLOSING: Final = "closing"


# NOTICEs of the hub.


class Attached(_Said, frozen=True, kw_only=True):
    """A feed began: this subscription now reads this channel. DATA of it comes from `next_offset` on."""

    subscription: Number
    feed: Number
    name: str
    next_offset: Count


class Detached(_Said, frozen=True, kw_only=True):
    """A feed ended; nothing comes after it. `reason`: deleted, expired, owner_gone, reassigned."""

    subscription: Number
    feed: Number
    name: str
    reason: str


class WriterIs(_Said, frozen=True, kw_only=True):
    """Who writes under this number; told to a reader before the first message of it.

    `session`: 16 bytes that stand for the one of its Hello, the same after it came again.
    """

    writer: Number
    client: str
    session: Id


class Demand(_Said, frozen=True, kw_only=True):
    """To a writer: whether anybody wants this channel's data now."""

    channel: Number
    readers: Count
    wanted: bool


class ChannelChanged(_Said, frozen=True, kw_only=True):
    """To who watches the list: a public channel came or went."""

    info: ChannelInfo
    gone: bool = False


class WriterClosed(_Said, frozen=True, kw_only=True):
    """To a writer: its channel is gone, with the reason."""

    channel: Number
    name: str
    reason: str


Notice: TypeAlias = Attached | Detached | WriterIs | Demand | ChannelChanged | WriterClosed


class GapBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a GAP: from its offset to `last_offset`, `messages` were dropped for this reader."""

    last_offset: int
    reason: str


class Beside(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The ext of DATA: what goes beside a payload. Of CALL: see `sightline.hub.rpc`."""

    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
