"""What goes out on a connection next: fair by bytes, and nothing waits behind a large frame.

Promises: what is urgent goes first, in order; then every source that has something gets its turn, each as
many bytes as the next (deficit round robin); a frame above `part_bytes` is cut into parts, so that a small
one waits behind a part of each other source and not behind their pictures; whatever a source handed out is
sent, whole, also when the source is removed. Frames of one source come out in their order.

Deliberately not here: bounds of what waits (a source is asked only when its frame can go, the urgent are
bounded by their owner) and the sending itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Final, Protocol

from sightline.hub.settings import KIB
from sightline.hub.wire.header import HEAD_BYTES, Buffer, Head, Kind
from sightline.hub.wire.joining import MOST_BEGUN, may_begin

PART_BYTES: Final = 256 * KIB
JOINED_BYTES: Final = 16 * KIB
"""Frames below this are copied into one buffer: that is cheaper than to hand over many."""
_STREAMS: Final = 2**32


class Source(Protocol):
    """Who has frames to send; known by identity."""

    def next_frame(self, now_ns: int) -> tuple[Head, Sequence[Buffer]] | None:
        """The next frame: its head with the right `body_bytes`, and its body's pieces, of bytes.

        None: there is nothing, and it is asked again only when it was woken.
        """


class LargeCalls:
    """A source that is a plain line of frames: what is neither urgent nor a channel's."""

    def __init__(self) -> None:
        self._line: deque[tuple[Head, Sequence[Buffer]]] = deque()
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._line)

    def put(self, head: Head, body: Sequence[Buffer]) -> None:
        self._line.append((head, body))
        self.held_bytes += HEAD_BYTES + head.body_bytes

    def next_frame(self, now_ns: int) -> tuple[Head, Sequence[Buffer]] | None:  # noqa: ARG002
        if not self._line:
            return None
        head, body = self._line.popleft()
        self.held_bytes -= HEAD_BYTES + head.body_bytes
        return head, body


class _Cut:
    """A frame in the middle of being sent in parts."""

    __slots__ = ("at", "pieces", "place", "size", "stream")

    def __init__(self, stream: int, head: Head, body: Sequence[Buffer]) -> None:
        self.stream = stream
        self.size = HEAD_BYTES + head.body_bytes
        self.pieces = deque([memoryview(head.packed()), *(memoryview(piece).cast("B") for piece in body)])
        self.place = self.at = 0

    def part(self, most: int) -> list[Buffer]:
        """The next part, head and pieces of its body."""
        wanted = min(most, self.size - self.at)
        head = Head(wanted, Kind.PART, channel=self.stream, seq=self.place, offset=self.size)
        self.place += 1
        self.at += wanted
        return [head.packed(), *self._pieces(wanted)]

    def _pieces(self, wanted: int) -> list[Buffer]:
        taken: list[Buffer] = []
        while wanted:
            piece = self.pieces.popleft()
            if len(piece) > wanted:
                self.pieces.appendleft(piece[wanted:])
                piece = piece[:wanted]
            taken.append(piece)
            wanted -= len(piece)
        return taken


class _Lane:
    __slots__ = ("awake", "cut", "deficit", "source")

    def __init__(self, source: Source) -> None:
        self.source: Source | None = source
        self.awake = False
        self.deficit = 0
        self.cut: _Cut | None = None


class Lanes:
    """The sending half of one connection. A frame above `part_bytes`, its head included, goes in parts."""

    def __init__(self, part_bytes: int = PART_BYTES) -> None:
        self.part_bytes = part_bytes
        self.urgent_bytes = 0
        self._quantum = HEAD_BYTES + part_bytes
        self._urgent: deque[Buffer] = deque()
        self._lanes: dict[Source, _Lane] = {}
        self._ring: deque[_Lane] = deque()  # those that may have something
        self._parked: deque[_Lane] = deque()  # those whose large frame must wait until others have ended
        self._streams = count()
        self._begun = self._begun_bytes = 0
        self._small: list[Buffer] = []
        self._out: list[Buffer] = []

    @property
    def pending(self) -> bool:
        """Whether `take` may have something."""
        return bool(self._urgent or self._ring)

    def urgent(self, *buffers: Buffer) -> None:
        """Whole small frames that go before all else."""
        self._urgent.extend(buffers)
        self.urgent_bytes += sum(map(len, buffers))

    def add(self, source: Source) -> None:
        """From now on it may be woken."""
        self._lanes[source] = _Lane(source)

    def remove(self, source: Source) -> None:
        """It is not asked again. The rest of a frame that it handed out is still sent."""
        lane = self._lanes.pop(source, None)
        if lane is not None:
            lane.source = None

    def wake(self, source: Source) -> None:
        """It may have frames. One that was not added, or was removed, is passed over."""
        lane = self._lanes.get(source)
        if lane is not None and not lane.awake:
            lane.awake = True
            self._ring.append(lane)

    def take(self, budget_bytes: int, now_ns: int) -> list[Buffer]:
        """What to send now: about `budget_bytes`, at most one part more."""
        left = budget_bytes - self._take_urgent(budget_bytes)
        ring = self._ring
        while left > 0 and ring:
            lane = ring[0]
            if lane.deficit <= 0:
                lane.deficit += self._quantum
            sent = self._turn(lane, min(left, lane.deficit), now_ns)
            left -= sent
            lane.deficit -= sent
            if lane.deficit <= 0 and ring and ring[0] is lane:
                ring.rotate(-1)
        self._flush_small()
        out, self._out = self._out, []
        return out

    def _take_urgent(self, budget_bytes: int) -> int:
        if self.urgent_bytes <= budget_bytes:
            sent = self.urgent_bytes
            self._small.extend(self._urgent)
            self._urgent.clear()
        else:
            sent = 0
            while sent < budget_bytes:
                buffer = self._urgent.popleft()
                self._small.append(buffer)
                sent += len(buffer)
        self.urgent_bytes -= sent
        return sent

    def _turn(self, lane: _Lane, most: int, now_ns: int) -> int:
        """Send of one lane until `most` is reached or it has nothing more."""
        sent = 0
        while sent < most:
            if lane.cut is not None:
                sent += self._send_part(lane, lane.cut)
                continue
            frame = None if lane.source is None else lane.source.next_frame(now_ns)
            if frame is None:
                self._ring.popleft()
                lane.awake = False
                break
            head, body = frame
            size = HEAD_BYTES + head.body_bytes
            if size > self.part_bytes:
                lane.cut = _Cut(next(self._streams) % _STREAMS, head, body)
                if not self._begin(size):
                    break
            else:
                self._send_whole(head, body, size)
                sent += size
        return sent

    def _send_whole(self, head: Head, body: Sequence[Buffer], size: int) -> None:
        self._small.append(head.packed())
        if size < JOINED_BYTES:
            self._small.extend(body)
        else:
            self._flush_small()
            self._out.extend(body)

    def _send_part(self, lane: _Lane, cut: _Cut) -> int:
        self._flush_small()
        before = cut.at
        self._out.extend(cut.part(self.part_bytes))
        if cut.at == cut.size:
            lane.cut = None
            self._end(cut.size)
        return HEAD_BYTES + cut.at - before

    def _begin(self, size: int) -> bool:
        """Whether the frame may be begun now; else the lane waits for those before it."""
        if self._parked or not self._may_begin(size):
            self._parked.append(self._ring.popleft())
            return False
        self._begun += 1
        self._begun_bytes += size
        return True

    def _end(self, size: int) -> None:
        self._begun -= 1
        self._begun_bytes -= size
        while self._parked:
            lane = self._parked[0]
            assert lane.cut is not None
            if not self._may_begin(lane.cut.size):
                return
            self._begun += 1
            self._begun_bytes += lane.cut.size
            self._ring.append(self._parked.popleft())

    def _may_begin(self, size: int) -> bool:
        return self._begun < MOST_BEGUN and may_begin(size, self._begun_bytes)

    def _flush_small(self) -> None:
        if self._small:
            self._out.append(b"".join(self._small))
            self._small.clear()
