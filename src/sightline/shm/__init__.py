"""Memory that processes of one machine share, so that pictures go between them without a copy.

A writer makes *pools*: blocks of nameless memory, cut into *slots*, which nobody else can write to. It
fills a slot and hands on a *token* of 64 bytes; whoever has the token maps the pool once and looks at the
slot in place, under a *lease*. A *host* (the hub, or the writer itself) keeps account of who looks at what: a
slot is written to again only when nobody looks at it any more, however long that takes; so no torn picture
can be seen. Whoever is killed leaves nothing behind: the kernel ends its leases and frees its memory.

It does not carry tokens between machines, and it does not wait: where there is no free slot, the caller
sends bytes instead, or drops, as its own policy says.
"""

from __future__ import annotations

from sightline.shm.direct import Missed, Received, SenderStats, SharedReceiver, SharedSender
from sightline.shm.leases import LeaseStats
from sightline.shm.pool import SharingStats, Why
from sightline.shm.segment import can_share
from sightline.shm.settings import Sharing

__all__ = [
    "LeaseStats",
    "Missed",
    "Received",
    "SenderStats",
    "SharedReceiver",
    "SharedSender",
    "Sharing",
    "SharingStats",
    "Why",
    "can_share",
]
