"""A host of shared memory within the test: what a writer announces can be looked at at once, for real."""

import os
from collections.abc import Sequence
from typing import Any

from sightline.hub.client.sharing import Share
from sightline.hub.client.writing import Outbox
from sightline.hub.wire.header import SHARED, Buffer, Frame, Head
from sightline.shm.attached import Attached
from sightline.shm.messages import Drain, Pool
from sightline.shm.pool import Pools
from sightline.shm.settings import Sharing
from sightline.shm.token import Token

LARGE = 4096
SHARING = Sharing(above_bytes=LARGE, slots=3)


class Nearby:
    """Stands for `sightline.shm.guest.Guest`, the host behind it and one reader."""

    def __init__(self) -> None:
        self.attached = Attached(self._released)
        self.drained: list[bytes] = []
        self._writers: dict[bytes, Pools] = {}

    def announce(self, writer: Pools, pool: Pool, fd: int) -> bool:
        self.attached.add(pool, os.dup(fd))
        self._writers[pool.pool] = writer
        writer.ready(pool.pool)
        return True

    def drain(self, drain: Drain) -> None:
        self.drained.append(drain.pool)
        self._writers.pop(drain.pool)

    def forget(self, writer: Pools) -> None:
        for pool in [pool for pool, its in self._writers.items() if its is writer]:
            self.drain(Drain(pool=pool))

    def retire(self) -> None:
        for writer in self._writers.values():
            writer.abandon()
        self._writers.clear()

    def _released(self, slots: list[tuple[bytes, int, int]]) -> bool:
        for pool, slot, generation in slots:
            if pool in self._writers:
                self._writers[pool].freed(pool, slot, generation)
        return True


class Way:
    """A writer's outbox and the side connection of the moment."""

    def __init__(self, sharing: Sharing | None = SHARING) -> None:
        self.nearby: Nearby | None = Nearby()
        self.outbox = Outbox("a", share=Share(sharing, lambda: self.nearby))  # type: ignore[arg-type, return-value]

    @property
    def share(self) -> Share:
        return self.outbox.share

    def cut(self) -> None:
        """The connection is lost, and the side connection with it."""
        nearby, self.nearby = self.nearby, None
        if nearby is not None:
            nearby.retire()
        self.outbox.lost()

    def payload(self, head: Head, body: Sequence[Buffer]) -> Any:
        """Of a frame: where its token says, or in it."""
        data = b"".join(body)
        assert head.body_bytes == len(data)
        if not head.flags & SHARED:
            return memoryview(data)[head.ext_bytes :]
        assert self.nearby is not None
        return self.nearby.attached.open(Token.unpacked(data[head.ext_bytes :]))


def frame_of(head: Head, body: Sequence[Buffer], channel: int) -> Frame:
    """As it comes from a hub, to the feed of that number."""
    return Frame(head._replace(channel=channel), b"".join(body))
