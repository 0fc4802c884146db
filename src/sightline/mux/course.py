"""What becomes of one camera's messages and access units, from their entry until the last is settled.

Pure: no thread, no lock, no decoder; `sightline.mux.camera` has those. Messages, pictures, drops and a time
go in; packets to decode, pictures for the batch and messages to send on come out. It promises:

- every access unit that came is delivered as a frame, dropped for a reason that is counted, or held;
- every message leaves the line (`sightline.mux.forward`) once and in order, and none waits for ever. What
  becomes of its unit is known in the end: each leaves the assembler or is told as lost, is left out or
  decoded, leaves the decoder as a frame or is told as dropped, and each frame is taken or gives way. What
  only the next message could bring to light is had out when none came for five times `max_wait_s`: the
  decoder is flushed, and goes on at a keyframe. Where the line is full before that, it is given up.

Of a camera that leaves nothing out, a message waits until somebody takes the pictures before its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sightline.bus import Message
from sightline.bus.packets import is_end
from sightline.clock import ns
from sightline.codec import Assembled, Assembler, DecoderStats, DropReason
from sightline.frame import Frame
from sightline.mux.batch import Failure
from sightline.mux.behind import Waiter, Waiting
from sightline.mux.camera_stats import CameraStats
from sightline.mux.forward import Answer, ForwardLine, Key
from sightline.mux.hearing import Hearing
from sightline.mux.settings import CameraSettings
from sightline.packet import Identity, Packet

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


class Step(NamedTuple):
    """What to do next: decode a packet, in a hurry or not; `waiter` None: have out what the decoder holds."""

    waiter: Waiter | None
    hurry: bool = False


class Course:
    """See the module."""

    def __init__(self, settings: CameraSettings) -> None:
        self.settings = settings
        self._assembler = assembler_for(settings)
        # Units that are to come of messages whose identity was in line already.
        self._again: Counter[Key] = Counter()
        self._waiting = Waiting(settings.max_offset_diff)
        self._line = ForwardLine(settings.forward, max_wait_s=settings.max_wait_s)
        self._inside = 0  # packets in the decoder
        self._queued: Counter[type] = Counter({Frame: 0, Failure: 0})  # in the batch queue
        self._hearing = Hearing()
        self._decoding = self._ending = self._over = self._congested = self._closed = False
        self._drained = True
        self._active_ns = 0
        self._packets = self._delivered = 0
        self._dropped: Counter[str] = Counter()

    @property
    def live(self) -> bool:
        """Whether it leaves something out rather than run late."""
        return self.settings.max_offset_diff is not None

    @property
    def ready(self) -> bool:
        """Whether there is a next step, and room for what comes of it."""
        return (len(self._waiting) > 0 or self._ending) and self._has_room

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

    def enter(self, messages: Sequence[Message], lag: int, now_ns: int) -> int:
        """Take messages of its topic, in order; `lag` more wait at the broker. Gives how many it left out."""
        if self._closed:
            return 0
        self._active_ns, self._drained = now_ns, False
        for message in messages:
            self._enter(message)
        left_out = self._waiting.jump(lag)
        self._leave_out(left_out, BEHIND)
        return len(left_out)

    def gap(self, now_ns: int) -> None:
        """Messages were lost: units are cut anew, and the decoder goes on at a keyframe.

        A unit that has not ended is not decoded: of H.265 that might make a picture that looks whole.
        """
        self._active_ns, self._drained = now_ns, False
        self._take(self._assembler.break_off())
        self._waiting.part()

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
        return Step(waiter, hurry)

    def decoded(
        self, frames: Sequence[Frame], fallen: Iterable[tuple[Packet, str]], now_ns: int
    ) -> list[Picture]:
        """What came out of the decoder, and what it dropped; gives the pictures for the batch."""
        pictures: list[Picture] = [*frames]
        self._inside -= len(frames)
        for packet, reason in fallen:
            self._inside -= 1
            self._fell(key_of(packet), reason)
            if reason in _FAILURES:
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

    def answer(self, key: Key, result: Any) -> Answer:
        """The result of a picture that was delivered, which goes on with its message. Not None."""
        return self._line.answer(key, result)

    def look_round(self, now_ns: int) -> None:
        """Sees to it that no message waits for what cannot come. It may be `ready` then."""
        due_ns = self._doubt_due_ns()
        if due_ns is None or now_ns < due_ns:
            return
        # A live camera with a full line goes on at a keyframe anyway: what the decoder has is had out first.
        if self._drained or (self._stuck and not (self.live and self.holds)):
            self._line.give_up()
        else:
            self._end()

    def release(self, now_ns: int) -> list[tuple[Message, Any]]:
        """The messages whose turn it is, each with its result or None."""
        return self._line.release(now_ns)

    def due_ns(self) -> int | None:
        """When to `look_round` and `release`, 0 for at once; None: not before something happens."""
        dues = [due for due in (self._line.due_ns(), self._doubt_due_ns()) if due is not None]
        return min(dues, default=None)

    def change(self, settings: CameraSettings) -> None:
        """Go on with other settings."""
        self.settings = settings
        self._waiting.max_behind = settings.max_offset_diff
        self._line.forward = settings.forward
        self._line.max_wait_s = settings.max_wait_s

    def begin_anew(self, assembler: Assembler, reason: str) -> None:
        """Drop all but what the decoder and the batch hold, wait for no picture, and cut units anew."""
        self._leave_out(self._waiting.clear(), reason)
        self._line.give_up()
        self._again.clear()
        self._ending = False
        self._assembler = assembler

    def close(self, reason: str) -> None:
        """Take no more, and let all that is in line go."""
        self._closed = True
        self._leave_out(self._waiting.clear(), reason)
        self._line.close()

    def stats(self, decoder: DecoderStats, now_ns: int) -> CameraStats:
        """The counts, with the decoder's own."""
        return CameraStats(
            packets=self._packets,
            delivered=self._delivered,
            dropped=dict(self._dropped),
            held=len(self._waiting) + self._inside + self._queued[Frame],
            behind=self._waiting.behind(),
            hurry=self._waiting.hurry,
            assembler=self._assembler.stats(),
            waiting=self._waiting.stats(),
            decoder=decoder,
            forward=self._line.stats(),
            heard=self._hearing.heard(now_ns, over=self._over),
        )

    @property
    def _stuck(self) -> bool:
        """Whether the line is full of messages that wait for nothing that can still come."""
        return self._line.full and self._line.awaited > 0 and self._has_room

    @property
    def _has_room(self) -> bool:
        """Whether no picture has to be taken before the next is decoded. Of a live camera none has to."""
        return self.live or not self._queued.total()

    def _doubt_due_ns(self) -> int | None:
        """When to `look_round`: at once, or after a long silence; None while something is on its way."""
        if len(self._waiting) or self._decoding or self._ending:
            return None
        if self._stuck:  # of a live camera, a picture in the batch may be taken yet
            return self._active_ns + ns(self.settings.max_wait_s) if self._queued.total() else 0
        if self._drained and not (self.live and self._line.awaited):
            return None
        return self._active_ns + _QUIET * ns(self.settings.max_wait_s)

    def _enter(self, message: Message) -> None:
        if is_end(message):
            self._line.enter(message, None)
            self._end()
            self._over = True
            return
        assembled = self._assembler.feed(message.value, message.headers, message.offset, message.timestamp_ns)
        key = None if assembled.identity is None else key_of(assembled.identity)
        if not self._line.enter(message, key) and key is not None:
            self._again[key] += 1
        if key is not None:  # it goes on after all, be it a unit that only the next message ends
            self._over = self._ending = False
        self._take(assembled)

    def _take(self, assembled: Assembled) -> None:
        for identity in assembled.lost:
            if not self._came_again(key_of(identity)):
                self._line.dropped(key_of(identity))
        for packet, wanted in assembled.packets:
            self._packets += 1
            self._hearing.add(packet, self._active_ns)
            self._waiting.add(packet, wanted=wanted and not self._came_again(key_of(packet)))

    def _came_again(self, key: Key) -> bool:
        """Whether this is the unit of a second message, whose picture nobody waits for."""
        times = self._again.pop(key, 0)
        if times > 1:
            self._again[key] = times - 1
        return times > 0

    def _end(self) -> None:
        """No message is to follow for now: have out all that is held, once what waits is decoded."""
        self._take(self._assembler.flush())
        self._ending = True

    def _leave_out(self, waiters: Iterable[Waiter], reason: str) -> None:
        for waiter in waiters:
            self._fell(key_of(waiter.packet), reason if waiter.wanted else DropReason.UNWANTED)

    def _fell(self, key: Key, reason: str) -> None:
        """No picture of this packet is going to be delivered."""
        self._dropped[reason] += 1
        # One that was not wanted has the key of another, for which a message waits.
        if reason != DropReason.UNWANTED:
            self._line.dropped(key)


def key_of(named: Identity | Packet | Picture) -> Key:
    """What names it within its camera."""
    return named.epoch, named.index


def assembler_for(settings: CameraSettings) -> Assembler:
    """What makes access units of its messages. Raises ConfigError where a setting is wrong."""
    return Assembler(
        settings.camera_id, codec=settings.codec, framing=settings.framing, extradata=settings.extradata
    )
