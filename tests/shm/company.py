"""A host and its peers in one process, joined by real side sockets. All is done in `settle`."""

import os
import secrets
import socket
from typing import Self

import numpy as np
from tests.shm.both_ends import pattern

from sightline.errors import SharingError
from sightline.shm.attached import Attached, Place
from sightline.shm.held import Held, Peer
from sightline.shm.host import Host, HostLimits
from sightline.shm.messages import Freed, Gone, Pool, Ready, Refused, Released, SideMessage
from sightline.shm.segment import Segment
from sightline.shm.side import Side
from sightline.shm.token import Token, check_of

SLOTS = 3
SLOT_BYTES = 4096


class Shop:
    """A writer's pool, filled by hand."""

    def __init__(self, slots: int = SLOTS) -> None:
        self.segment = Segment.create(slots * SLOT_BYTES)
        self.said = Pool(
            pool=secrets.token_bytes(16), slots=slots, slot_bytes=SLOT_BYTES, sealed=self.segment.sealed
        )
        self.generations = [-1] * slots
        self.free = set(range(slots))

    def token(self, number: int, slot: int | None = None, size: int = SLOT_BYTES) -> Token:
        """Picture `number`, in a slot that is free, and its token."""
        slot = min(self.free) if slot is None else slot
        self.free.discard(slot)
        self.generations[slot] += 1
        memory = self.segment.memory[slot * SLOT_BYTES :][:size]
        memory[:] = pattern(number, size).data
        return Token(self.said.pool, slot, self.generations[slot], size, check_of(memory))


class Member:
    """One process, as it were: its end of a side, and the host's. It answers as a client does."""

    def __init__(self, host: Host) -> None:
        ours, theirs = map(Side, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        self.side, self.of_host = ours, theirs
        try:
            self.peer: Peer = host.joined(theirs)
        except SharingError:
            ours.close()
            theirs.close()
            raise
        self.attached = Attached(self._release)
        self.shops: dict[bytes, Shop] = {}
        self.heard: list[SideMessage] = []
        self.answers = True

    def shop(self, slots: int = SLOTS) -> Shop:
        """A new pool, offered to the host."""
        shop = Shop(slots)
        self.shops[shop.said.pool] = shop
        self.side.send(shop.said, shop.segment.fd)
        return shop

    def hear(self) -> None:
        for message, fd in self.side.receive():
            self.heard.append(message)
            match message:
                case Pool() if fd is not None and self.answers:
                    self.attached.add(message, fd)
                    self.side.send(Ready(pool=message.pool))
                case Pool() if fd is not None:
                    os.close(fd)
                case Gone():
                    self.attached.gone(message.pool)
                case Freed():
                    for pool, slot, generation in message.slots:
                        assert self.shops[pool].generations[slot] == generation
                        self.shops[pool].free.add(slot)

    def shows(self, token: Token, number: int) -> bool:
        """Whether the token stands for picture `number`; its lease ends at once."""
        return bool(
            np.array_equal(np.frombuffer(self.attached.open(token), np.uint8), pattern(number, token.size))
        )

    def of(self, kind: type[SideMessage]) -> list[SideMessage]:
        return [message for message in self.heard if isinstance(message, kind)]

    def close(self) -> None:
        self.side.close()
        self.attached.close()
        for shop in self.shops.values():
            shop.segment.close()

    def _release(self, places: list[Place]) -> bool:
        return self.side.tell(Released, places)


class Company:
    """A host with its members."""

    def __init__(self, limits: HostLimits | None = None) -> None:
        self.host = Host(limits)
        self.members: list[Member] = []
        self.now_ns = 0

    def join(self) -> Member:
        member = Member(self.host)
        self.members.append(member)
        return member

    def settle(self) -> None:
        """All that was said is heard, and what follows from it."""
        for _ in range(4):
            for member in tuple(self.members):
                if member.of_host.fileno() >= 0:
                    for message, fd in member.of_host.receive():
                        self.host.received(member.peer, message, fd)
                    if member.of_host.ended:
                        self.host.lost(member.peer)
                        self.host.retire(member.peer)
            self.host.settle()
            for member in self.members:
                member.hear()

    def writer(self, slots: int = SLOTS) -> tuple[Member, Shop]:
        writer = self.join()
        shop = writer.shop(slots)
        self.settle()
        return writer, shop

    def ready(self, reader: Member, held: Held) -> None:
        """`reader` maps the pool of `held`."""
        assert self.token(reader, held) == "not_ready"
        self.settle()

    def token(self, reader: Member, held: Held) -> Token | str:
        return held.token_for(reader.peer, self.now_ns)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.host.close()
        for member in self.members:
            member.close()


def refusals(member: Member) -> list[str]:
    return [message.reason for message in member.heard if isinstance(message, Refused)]
