"""What becomes of one camera's messages and access units, from their entry until the last is settled.

Pure: no thread, no lock, no decoder; `sightline.mux.camera` has those. Messages, pictures, drops and a time
go in; packets to decode, pictures for the batch and messages to send on come out. It promises:

- every access unit that came is delivered as a frame, dropped for a reason that is counted, or held;
- every message leaves the line (`sightline.mux.forward`) once and in order, and none waits for ever. What
  becomes of its unit is known in the end: each leaves the assembler whole or is overtaken by a later one, is
  left out or decoded, leaves the decoder as a frame or is told as dropped, and each frame is taken or gives
  way. What only the next message could bring to light is had out when none came for five times `max_wait_s`:
  the decoder is flushed, and goes on at a keyframe. Where the line is full before that, it is given up.

Of a camera that leaves nothing out, a message waits until somebody takes the pictures before its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from sightline.bus import Message
from sightline.bus.packets import is_end
from sightline.clock import ns
from sightline.codec import AssembledPacket, Assembler, DecoderStats, DropReason
from sightline.errors import WireError
from sightline.frame import Frame
from sightline.mux.batch import Failure
from sightline.mux.behind import Waiter, Waiting
from sightline.mux.camera_stats import CameraStats
from sightline.mux.forward import Answer, ForwardLine, Key
from sightline.mux.hearing import Hearing
from sightline.mux.settings import CameraSettings
from sightline.packet import Packet
from sightline.wire import HEADER, Headers

BEHIND: Final = "behind"
"""Reason of a drop: decoding was too far behind, and jumped to a keyframe."""
REPLACED: Final = "replaced"
"""Reason of a drop: a newer picture of the camera came before this one was taken."""
UNDECODABLE: Final = "undecodable"
"""Reason of a drop: there is no decoder for it."""
CHANGED: Final = "changed"
"""Reason of a drop: the settings were changed to others that what waited does not suit."""

_FAILURES: Final = frozenset({DropReason.CORRUPT, DropReason.AFTER_CORRUPT, UNDECODABLE})
_QUIET: Final = 5

Picture: TypeAlias = Frame | Failure
"""What a batch has of a camera."""


class Entered(NamedTuple):
    """What was worth telling of messages that entered: errors, and how many packets were left out."""

    errors: list[WireError]
    left_out: int


class Step(NamedTuple):
    """What to do next: decode a packet, in a hurry or not; `waiter` None: have out what the decoder holds."""

    waiter: Waiter | None
    hurry: bool = False


class Course:
    """See the module."""

    def __init__(self, settings: CameraSettings) -> None:
        self.settings = settings
        self._assembler = _assembler_for(settings)
        self._begun: dict[Key, None] = {}  # units that the line waits for and that are not whole yet
        self._waiting = Waiting(settings.max_offset_diff)
        self._line = ForwardLine(settings.forward, max_wait_s=settings.max_wait_s)
        self._unwanted: set[int] = set()  # ids of packets in the decoder whose pictures nobody waits for
        self._inside = 0  # packets in the decoder
        self._queued: Counter[type] = Counter({Frame: 0, Failure: 0})  # in the batch queue
        self._hearing = Hearing()
        self._decoding = self._ending = self._over = self._congested = self._closed = False
        self._drained = True
        self._active_ns = 0
        self._packets = self._malformed = self._broken = self._delivered = 0
        self._dropped: Counter[str] = Counter()

    @property
    def live(self) -> bool:
        """Whether it leaves something out rather than run late."""
        return self.settings.max_offset_diff is not None

    @property
    def ready(self) -> bool:
        """Whether there is a next step, and room for what comes of it."""
        return (len(self._waiting) > 0 or self._ending) and (self.live or not self._queued.total())

    @property
    def holds(self) -> bool:
        """Whether packets are in the decoder."""
        return self._inside > 0

    @property
    def congested(self) -> bool:
        """Whether nothing more should be read: from when it is full until it is half empty."""
        fill = max(self._waiting.fill, self._line.fill)
        self._congested = fill >= 1 or (self._congested and fill > 0.5)
        return self._congested

    def enter(self, messages: Sequence[Message], lag: int, now_ns: int) -> Entered:
        """Take messages of its topic, in order; `lag` more wait at the broker."""
        if self._closed:
            return Entered([], 0)
        self._active_ns, self._drained = now_ns, False
        errors = [error for message in messages if (error := self._enter(message)) is not None]
        left_out = self._waiting.jump(lag)
        self._left_out(left_out, BEHIND)
        return Entered(errors, len(left_out))

    def next(self) -> Step | None:
        """What to do next, if it is ready. What came of it is told to `decoded` before it is asked again."""
        if not self.ready:
            return None
        self._decoding = True
        hurry, waiter = self._waiting.hurry, self._waiting.take()
        if waiter is None:
            self._ending, self._drained = False, True
            return Step(None)
        self._inside += 1
        if not waiter.wanted:
            self._unwanted.add(id(waiter.packet))
        return Step(waiter, hurry)

    def decoded(
        self, frames: Sequence[Frame], fallen: Iterable[tuple[Packet, str]], now_ns: int
    ) -> list[Picture]:
        """What came out of the decoder, and what it dropped; gives the pictures for the batch."""
        pictures: list[Picture] = [*frames]
        self._inside -= len(frames)
        for packet, reason in fallen:
            self._inside -= 1
            heeded = id(packet) not in self._unwanted
            self._unwanted.discard(id(packet))
            self._fell(key_of(packet), reason, heeded=heeded)
            if heeded and reason in _FAILURES:
                pictures.append(Failure(self.settings.camera_id, packet.epoch, packet.index, reason))
        self._queued.update(map(type, pictures))
        self._active_ns, self._decoding = now_ns, False
        return pictures

    def gave_way(self, pictures: Iterable[Picture], reason: str) -> None:
        """These were in the batch and are not going to be taken."""
        for picture in pictures:
            self._queued[type(picture)] -= 1
            if isinstance(picture, Frame):  # of a failure all is counted already
                self._fell(key_of(picture), reason)

    def delivered(self, picture: Picture, now_ns: int) -> None:
        """It was taken out of the batch."""
        self._queued[type(picture)] -= 1
        self._delivered += isinstance(picture, Frame)
        self._line.delivered(key_of(picture), now_ns)

    def answer(self, key: Key, headers: Headers) -> Answer:
        """The result of a picture that was delivered, as headers of its message."""
        return self._line.answer(key, headers)

    def look_round(self, now_ns: int) -> None:
        """Sees to it that no message waits for what cannot come. It may be `ready` then."""
        if not self._idle:
            return
        due_ns = self._quiet_due_ns()
        quiet = due_ns is not None and now_ns >= due_ns
        if quiet and not self._drained:
            self._end()
        # Nothing more can come out by itself, but for a picture that is to be taken: the reader of a live
        # camera must not hold it up.
        elif quiet or (self._line.full and (self.live or not self._queued.total())):
            self._line.give_up()

    def release(self, now_ns: int) -> list[tuple[Message, Headers | None]]:
        """The messages whose turn it is, each with its result or None."""
        return self._line.release(now_ns)

    def due_ns(self) -> int | None:
        """When to `look_round` and `release`, 0 for at once; None: not before something happens."""
        dues = [due for due in (self._line.due_ns(), self._quiet_due_ns()) if due is not None]
        return min(dues, default=None)

    def change(self, settings: CameraSettings) -> None:
        """Go on with other settings."""
        self.settings = settings
        self._waiting.max_behind = settings.max_offset_diff
        self._line.forward = settings.forward
        self._line.max_wait_s = settings.max_wait_s

    def begin_anew(self, reason: str) -> None:
        """Drop all but what the decoder and the batch hold, wait for no picture, and cut units anew."""
        self._left_out(self._waiting.clear(), reason)
        self._pass_over(None)
        self._line.give_up()
        self._ending = False
        self._assembler = _assembler_for(self.settings)

    def close(self, reason: str) -> None:
        """Take no more, and let all that is in line go."""
        self._closed = True
        self.begin_anew(reason)
        self._line.close()

    def stats(self, decoder: DecoderStats, now_ns: int) -> CameraStats:
        """The counts, with the decoder's own."""
        return CameraStats(
            malformed=self._malformed,
            broken=self._broken,
            packets=self._packets,
            delivered=self._delivered,
            dropped=dict(self._dropped),
            held=len(self._waiting) + self._inside + self._queued[Frame],
            behind=self._waiting.behind(),
            hurry=self._waiting.hurry,
            waiting=self._waiting.stats(),
            decoder=decoder,
            forward=self._line.stats(),
            heard=self._hearing.heard(now_ns, over=self._over),
        )

    @property
    def _idle(self) -> bool:
        """Whether nothing more comes out of the decoder until something comes in."""
        return not (len(self._waiting) or self._decoding or self._ending)

    def _quiet_due_ns(self) -> int | None:
        """When it will have been silent for long; None while there is something to do, or all is done."""
        if not self._idle or (self._drained and not (self.live and self._line.awaited)):
            return None
        return self._active_ns + _QUIET * ns(self.settings.max_wait_s)

    def _enter(self, message: Message) -> WireError | None:
        """Take a message; gives back what is wrong with it."""
        if is_end(message):
            self._line.enter(message, None)
            self._end()
            self._over = True
            return None
        try:
            assembled = self._assembler.feed(
                message.value, message.headers, message.offset, message.timestamp_ns
            )
        except WireError as error:
            self._malformed += 1
            self._line.enter(message, None)
            return error
        ours = assembled.packets and any(name == HEADER for name, _ in message.headers)
        key = key_of(assembled.packets[-1].packet) if ours else (0, message.offset)
        if self._line.enter(message, key if assembled.begins else None):
            self._begun[key] = None
        self._whole(assembled.packets)
        return None

    def _whole(self, units: Iterable[AssembledPacket]) -> None:
        """Access units that are whole now. They come in the order in which they began."""
        for packet, wanted in units:
            key = key_of(packet)
            # One whose message does not wait for it was here before: its picture is not delivered again.
            wanted = wanted and key in self._begun  # noqa: PLW2901
            if wanted:
                self._pass_over(key)
            self._packets += 1
            self._hearing.add(packet, self._active_ns)
            self._waiting.add(packet, wanted=wanted)
            self._over = self._ending = False

    def _pass_over(self, whole: Key | None) -> None:
        """This unit is whole; those that began before it, None: all, are not going to be."""
        while self._begun and (key := next(iter(self._begun))) != whole:
            del self._begun[key]
            self._line.dropped(key)
            self._broken += 1
        if whole is not None:
            del self._begun[whole]

    def _end(self) -> None:
        """No message is to follow for now: have out all that is held, once what waits is decoded."""
        self._whole(self._assembler.flush())
        self._pass_over(None)
        self._ending = True

    def _left_out(self, waiters: Iterable[Waiter], reason: str) -> None:
        for waiter in waiters:
            self._fell(key_of(waiter.packet), reason, heeded=waiter.wanted)

    def _fell(self, key: Key, reason: str, *, heeded: bool = True) -> None:
        """No picture of this packet is going to be delivered; `heeded`: a message waits for it."""
        self._dropped[reason] += 1
        if heeded:
            self._line.dropped(key)


def key_of(named: Packet | Picture) -> Key:
    """What names it within its camera."""
    return named.epoch, named.index


def _assembler_for(settings: CameraSettings) -> Assembler:
    return Assembler(
        settings.camera_id, codec=settings.codec, framing=settings.framing, extradata=settings.extradata
    )
