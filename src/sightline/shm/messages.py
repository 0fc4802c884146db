"""What is said on a side socket, which carries descriptors and tokens beside the payloads' own way.

A side socket is a Unix socket of whole messages (SOCK_SEQPACKET), each msgpack of one of these. Its end is
the end of whoever is on the other side, and of all leases that it had; so whoever holds leases keeps it
open.

    Join       client -> host    who it is; the first message
    Pool       either -> either  a pool's memory, as the one descriptor that goes with it: a writer's to the
                                 host, the host's to a reader. No token of it is sent before `Ready`
    Ready      either -> either  the pool is mapped
    Refused    either -> either  it is not, and will not be
    Freed      host -> writer    these slots may be filled again
    Released   reader -> host    it looks at these no more
    Drain      writer -> host    no token of this pool comes any more
    Gone       host -> reader    nor will any of this pool to it

Without a hub (`sightline.shm.direct`) the sender is the host of its own pools, and its values come here too.
Nobody joins, and no answer to a `Pool` is waited for:

    Handed     sender -> reader  values: their tokens, or, where they are small, themselves
    Left       reader -> sender  it takes nothing more, and may still look at what it has

Where each hands tokens on to the next (`sightline.shm.grants`), all are peers of one host, which maps no
memory: a `Pool` goes to it without a descriptor, and is answered by nothing.

    Welcome    host -> peer      what it is called
    Granted    peer -> host      it is about to send these tokens to `taker`, in this order; before that it
                                 claims those of `claimed`, and after that it releases those of `released`
    Arrived    peer -> host      so many tokens of `giver` have come so far; `over`: all that ever will
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

MOST_MESSAGE_BYTES: Final = 4096
MOST_SLOTS: Final = 256
MOST_TOLD: Final = 64
"""Slots in one `Freed` or `Released`."""
MOST_REASON: Final = 200
"""Characters of why a pool is refused; whoever says more is cut short."""

PoolId: TypeAlias = Annotated[bytes, Meta(min_length=16, max_length=16)]
Secret: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
SlotNumber: TypeAlias = Annotated[int, Meta(ge=0, lt=MOST_SLOTS)]
Generation: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
PeerNumber: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Slots: TypeAlias = Annotated[list[tuple[PoolId, SlotNumber, Generation]], Meta(max_length=MOST_TOLD)]


class _Said(msgspec.Struct, frozen=True, tag_field="is", tag=True, omit_defaults=True):
    pass


class Join(_Said, frozen=True):
    secret: Secret


class Pool(_Said, frozen=True):
    """`sealed` False: memory that the kernel does not guard against its writer shrinking it."""

    pool: PoolId
    slots: Annotated[int, Meta(ge=1, le=MOST_SLOTS)]
    slot_bytes: Annotated[int, Meta(ge=1, le=2**40)]
    sealed: bool = True


class Ready(_Said, frozen=True):
    pool: PoolId


class Refused(_Said, frozen=True):
    pool: PoolId
    reason: str


class Freed(_Said, frozen=True):
    slots: Slots


class Released(_Said, frozen=True):
    slots: Slots


class Drain(_Said, frozen=True):
    pool: PoolId


class Gone(_Said, frozen=True):
    pool: PoolId


class Value(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`payload` is a token if `shared`. If `array`, what it is or stands for is one of `sightline.arrays`."""

    payload: bytes
    note: bytes
    shared: bool
    array: bool


class Handed(_Said, frozen=True):
    values: list[Value]


class Left(_Said, frozen=True):
    pass


class Welcome(_Said, frozen=True):
    peer: PeerNumber


class Granted(_Said, frozen=True):
    taker: PeerNumber
    slots: Slots
    claimed: Slots = []
    released: Slots = []


class Arrived(_Said, frozen=True):
    giver: PeerNumber
    tokens: Annotated[int, Meta(ge=0)]
    over: bool = False


SideMessage: TypeAlias = (
    Join
    | Pool
    | Ready
    | Refused
    | Freed
    | Released
    | Drain
    | Gone
    | Handed
    | Left
    | Welcome
    | Granted
    | Arrived
)
