"""A host of shared memory without memory: what it promises the hub, and who was handed what."""

from __future__ import annotations

from typing import Final
from weakref import WeakSet

from sightline.errors import WireError
from sightline.shm.token import Token, check_of

POOL: Final = bytes(range(16))


class Memory:
    """Payloads by their tokens. Stands for `sightline.shm.host.Host`.

    Attributes:
        claimed: what the hub may still hand on.
        handed: tokens that were handed to readers, in order.
    """

    def __init__(self) -> None:
        self.payloads: dict[Token, bytes] = {}
        self.claimed: WeakSet[Claim] = WeakSet()
        self.handed: list[Token] = []

    def claim(self, _share: Share, token: Token) -> Claim:
        if token not in self.payloads:
            raise WireError("expected a token of a pool that is known")
        return Claim(self, token)

    def retire(self, share: Share) -> None:
        share.retired = True

    def stats(self) -> None:
        """There is nothing to tell of it."""

    def put(self, payload: bytes) -> Token:
        token = Token(POOL, 0, len(self.payloads), len(payload), check_of(memoryview(payload)))
        self.payloads[token] = payload
        return token


class Claim:
    """A payload that somebody refers to."""

    def __init__(self, memory: Memory, token: Token) -> None:
        self.memory = memory
        self.token = token
        self.size = token.size
        self.spilled = False
        memory.claimed.add(self)

    def token_for(self, share: Share | None, now_ns: int) -> Token | str:
        if self.spilled:
            return "spilled"
        if share is None:
            return "away"
        if not share.ready:
            return "not_ready"
        self.memory.handed.append(self.token)
        return self.token

    def copy(self) -> bytes:
        return self.memory.payloads[self.token]


class Share:
    """One client's side socket. `retired`: its connection ended."""

    def __init__(self) -> None:
        self.ready = True
        self.retired = False
