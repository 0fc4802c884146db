"""Which packets of a camera to decode for a picture a slot, and which to leave alone.

A keyframe costs one picture; any other costs all those between its keyframe and itself. So a keyframe gives
the picture of its slot wherever there is one. Where none has come by the end of the slot, what is decoded is
the slot's first picture and what that needs, and no more: two pictures where GOPs of a second begin just off
the clock's seconds, some fourteen of fifty at GOPs of two seconds. Where no keyframe is due, nothing waits.

Packets wait here until it is known what becomes of them: at most those of two slots, and at most
`MAX_HELD_BYTES`. Each leaves exactly once as a step; only a keyframe may come once more, where a decoder that
was emptied has to begin again.

Pure: packets go in, steps for a decoder come out. It is told what became of the pictures that it wanted.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from sightline.errors import ConfigError
from sightline.framequeue.grid import SecondGrid
from sightline.packet import Identity, Packet

Keyframes: TypeAlias = Literal["auto", "only", "never"]
"""auto: keyframes alone where they suffice; only: nothing else is decoded, and a slot without one has no
picture; never: always the first picture of a slot."""

MAX_HELD_BYTES: Final = 16 * 2**20
"""Packets that wait; beyond it they are decoded ahead."""

# In shorter slots a keyframe saves few pictures, and with B-frames those of another slot may come meanwhile.
_WORTH_WAITING_S: Final = 0.5
_REMEMBERED_GOPS: Final = 4


class Act(Enum):
    """What to do with a packet."""

    WANTED = auto()  # decode it; its picture is wanted
    NEEDED = auto()  # decode it where a picture that is wanted may refer to it
    AGAIN = auto()  # as NEEDED; it had its own step before
    SKIPPED = auto()  # leave it out
    KEYLESS = auto()  # leave it out: the stretch has had no keyframe yet
    REPEATED = auto()  # leave it out: it was here before


class Step(NamedTuple):
    """One packet, and what to do with it."""

    packet: Packet
    act: Act


class Picker:
    """Chooses for one camera, whose packets come in the order of decoding.

    Raises:
        ConfigError: `keyframes` is none of "auto", "only" and "never".
    """

    def __init__(self, grid: SecondGrid, keyframes: Keyframes = "auto") -> None:
        if keyframes not in get_args(Keyframes):
            raise ConfigError(f"expected keyframes to be one of {get_args(Keyframes)}, got {keyframes!r}")
        self._grid = grid
        self._only = keyframes == "only"
        self._waits = keyframes == "auto" and 1 / grid.rate >= _WORTH_WAITING_S
        self._epoch: int | None = None
        self._index = -1  # of the last packet of that epoch
        self._key: Packet | None = None  # of the GOP that is open
        self._emptied = False  # the decoder has to begin at that keyframe again
        self._held: deque[Packet] = deque()
        self._held_bytes = 0
        self._awaited: Packet | None = None  # of those held: the first of a slot that waits for a keyframe
        self._pending: dict[Identity, int] = {}  # wanted, fed, and not had yet: when they were taken
        self._gops_ns: deque[int] = deque(maxlen=_REMEMBERED_GOPS)

    @property
    def held(self) -> int:
        """Packets that wait for their step."""
        return len(self._held)

    def waits_for(self, packet: Packet) -> bool:
        """Whether the picture of `packet` was wanted and is not had yet."""
        return packet.identity in self._pending

    def see(self, packet: Packet) -> list[Step]:
        """What to do, in this order, now that `packet` has come."""
        same = packet.epoch == self._epoch
        if same and packet.epoch and packet.index <= self._index:  # those of epoch 0 do not count packets
            return [Step(packet, Act.REPEATED)]
        steps = [] if same else self.end()
        self._epoch, self._index = packet.epoch, packet.index
        if packet.keyframe:
            return steps + self._begin_gop(packet)
        if self._key is None:
            return [*steps, Step(packet, Act.KEYLESS)]
        if self._only:
            return [*steps, Step(packet, Act.SKIPPED)]
        return steps + self._go_on(packet)

    def end(self) -> list[Step]:
        """No more packets come, or none that go on from these: what to do with those that wait."""
        steps = self._settle() + self._skip()
        self._key = None
        return steps

    def abandon(self) -> int:
        """Lets go of the packets that wait, and says how many."""
        self._awaited = self._key = None
        return len(self._skip())

    def had(self, identity: Identity) -> None:
        """The picture that was wanted is there."""
        self._pending.pop(identity, None)

    def lost(self, identity: Identity) -> None:
        """The picture cannot be had: another of its slot may be wanted."""
        captured_at_ns = self._pending.pop(identity, None)
        if captured_at_ns is not None:
            self._grid.give_back(captured_at_ns)

    def emptied(self) -> None:
        """The decoder was made to give all that it had, just after the keyframe: there it begins again."""
        self._emptied = True

    def _begin_gop(self, packet: Packet) -> list[Step]:
        steps = self._settle_before(packet) + self._skip()
        if self._key is not None:
            self._gops_ns.append(packet.captured_at_ns - self._key.captured_at_ns)
        self._key, self._emptied = packet, False
        if self._grid.free(packet.captured_at_ns):
            return [*steps, self._want(packet)]
        if self._only:
            return [*steps, Step(packet, Act.SKIPPED)]
        self._hold(packet)
        return steps

    def _go_on(self, packet: Packet) -> list[Step]:
        steps = self._settle_before(packet)
        self._hold(packet)
        if self._awaited is None and self._grid.free(packet.captured_at_ns):
            self._awaited = packet
            if not self._keyframe_is_due(packet):
                steps += self._settle()
        elif self._pending or self._held_bytes > MAX_HELD_BYTES:
            steps += self._decode_ahead()
        return steps

    def _keyframe_is_due(self, packet: Packet) -> bool:
        """Whether to wait for one in the slot of `packet`: one may come, by the longest of the last GOPs."""
        if not self._waits or self._key is None:
            return False
        if not self._gops_ns:
            return True
        slot = self._grid.slot(packet.captured_at_ns)
        return self._key.captured_at_ns + max(self._gops_ns) < self._grid.begin_ns(slot + 1)

    def _settle_before(self, packet: Packet) -> list[Step]:
        """What to do with the slot that waits, if it is over with `packet`."""
        if self._awaited is None:
            return []
        slot = self._grid.slot(self._awaited.captured_at_ns)
        over = self._grid.beyond(slot, packet.captured_at_ns)
        if over or not packet.keyframe:
            return self._settle() if over else []
        self._awaited = None  # its keyframe has come
        return []

    def _settle(self) -> list[Step]:
        """The slot that waits has no keyframe: its first picture, and all that this may need."""
        awaited = self._awaited
        if awaited is None:
            return []
        self._awaited = None
        steps = self._begin_again()
        while (packet := self._let_go()) is not awaited:
            steps.append(Step(packet, Act.NEEDED))
        return [*steps, self._want(packet)]

    def _decode_ahead(self) -> list[Step]:
        """Pictures that the decoder has come out when more go in; packets that are too many go too."""
        steps = self._settle() if self._held_bytes > MAX_HELD_BYTES else []
        if self._held and self._held[0] is not self._awaited:
            steps += self._begin_again()
        while self._held and self._held[0] is not self._awaited:
            steps.append(Step(self._let_go(), Act.NEEDED))
        return steps

    def _begin_again(self) -> list[Step]:
        if not self._emptied or self._key is None:
            return []
        self._emptied = False
        return [Step(self._key, Act.AGAIN)]

    def _skip(self) -> list[Step]:
        steps = []
        while self._held:
            steps.append(Step(self._let_go(), Act.SKIPPED))
        return steps

    def _want(self, packet: Packet) -> Step:
        self._grid.take(packet.captured_at_ns)
        self._pending[packet.identity] = packet.captured_at_ns
        return Step(packet, Act.WANTED)

    def _hold(self, packet: Packet) -> None:
        self._held.append(packet)
        self._held_bytes += len(packet.data)

    def _let_go(self) -> Packet:
        packet = self._held.popleft()
        self._held_bytes -= len(packet.data)
        return packet
