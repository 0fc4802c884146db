"""One camera of an engine: from its messages to pictures, and back to messages with results.

Four threads meet here: the poller enters messages, a thread of the pool decodes, whoever takes batches says
what was delivered and answers, the forwarder releases. What they do to the camera's `Course` is done under
its one lock. Decoding is outside of it, and so is whatever is called: the batch queue, the log, `wake` and
`changed`. The right to decode is a second lock, taken before the first: a thread of the pool has it for a
turn, and who changes or closes the camera waits for that turn to end.

`sightline.mux.course` says what is promised of messages and pictures. Deliberately not here: threads, the
bus, and what a result looks like.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from sightline.bus import Message
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.codec import Assembler, Decoder, DropReason
from sightline.errors import Closed, ConfigError
from sightline.frame import Frame
from sightline.log import Repeated, get_logger
from sightline.mux.batch import BatchQueue
from sightline.mux.camera_stats import CameraStats
from sightline.mux.course import CHANGED, REPLACED, UNDECODABLE, Course, Picture, Step, assembler_for
from sightline.mux.forward import Answer
from sightline.mux.settings import CameraSettings
from sightline.packet import Packet

_ANEW: Final = ("topic", "codec", "framing", "extradata")
_DECODING: Final = ("rate", "size", "pictures")
# Packets decoded before another camera has its turn: few, as a camera with a backlog takes all of them, and
# handing over costs next to nothing beside decoding one.
_TURN: Final = 5


class CameraWork:
    """The pool's work of one camera. See the module.

    Args:
        settings: of the camera.
        pictures: where its pictures go. The camera is added to it, and removed by `close`.
        wake: called when there may be something to decode.
        changed: called when there may be something to release, or `due_ns` is another. It is called within
            `work`, too, so it and `wake` must only tell others, and call nothing of this but `ready`.
        hwaccel: what to decode on, as for `Decoder`.

    Raises:
        ConfigError: a setting is wrong.
    """

    def __init__(
        self,
        settings: CameraSettings,
        pictures: BatchQueue[Picture],
        *,
        wake: Callable[[CameraWork], None],
        changed: Callable[[CameraWork], None],
        hwaccel: str = "none",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.camera_id: Final = settings.camera_id
        self._pictures = pictures
        self._wake = wake
        self._changed = changed
        self._hwaccel = hwaccel
        self._clock = clock
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._course = Course(settings)
        self._decoder = self._decoder_for(settings)
        self._next_decoder: Decoder | None = None
        self._fallen: list[tuple[Packet, str]] = []
        self._closed = False
        logger = get_logger("sightline.mux")
        self._trouble = Repeated(logger, "packet cannot be decoded", clock=clock)
        self._jumped = Repeated(logger, "decoding is too far behind and jumps to a keyframe", clock=clock)
        pictures.add(self.camera_id, live=self._course.live)

    @property
    def settings(self) -> CameraSettings:
        """As they are now."""
        return self._course.settings

    def add(self, messages: Sequence[Message], lag: int) -> None:
        """Take what came of the camera's topic, in order; nothing once it is closed. For the poller.

        Args:
            messages: of its topic.
            lag: how many more wait at the broker.
        """
        with self._lock:
            left_out = self._course.enter(messages, lag, self._clock.monotonic_ns())
        if left_out:
            self._jumped.add(camera=self.camera_id, packets=left_out, lag=lag)
        self._tell()

    def gap(self) -> None:
        """Messages of its topic were lost before they were read; what comes next begins at a keyframe."""
        with self._lock:
            self._course.gap(self._clock.monotonic_ns())
        self._tell()

    @property
    def congested(self) -> bool:
        """Whether nothing more should be read: from when it is full until it is half empty."""
        with self._lock:
            return self._course.congested

    @property
    def ready(self) -> bool:
        """Whether there is something to decode and room for what comes of it. Takes no lock."""
        return self._course.ready and not self._closed

    def work(self) -> None:
        """Decode a turn's worth of packets. For the pool, one thread at a time."""
        with self._turn:
            for _ in range(_TURN):
                with self._lock:
                    step = None if self._closed else self._course.next()
                if step is None:
                    return
                self._do(step)

    def delivered(self, picture: Picture) -> None:
        """It was given out. To be said of all that is taken from the batch queue, before it is used."""
        with self._lock:
            self._course.delivered(picture, self._clock.monotonic_ns())
        self._tell()

    def answer(self, epoch: int, index: int, result: Any) -> Answer:
        """The result of a picture that was delivered, which goes on with its message. Not None."""
        with self._lock:
            outcome = self._course.answer((epoch, index), result)
        self._changed(self)
        return outcome

    def release(self) -> list[tuple[Message, Any]]:
        """The messages whose turn it is, in order, each with its result or None. For one thread: the order
        in which they are given out is theirs only as long as nobody else asks.
        """
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            self._course.look_round(now_ns)
            released = self._course.release(now_ns)
        self._wake(self)
        return released

    def due_ns(self) -> int | None:
        """When to call `release`, in monotonic time, 0 for at once; None: not before `changed` is called."""
        with self._lock:
            return self._course.due_ns()

    def update(self, settings: CameraSettings) -> None:
        """Go on with other settings.

        Rate, size and pictures change at the next keyframe, and no picture is lost. With another topic,
        codec, framing or extradata, or where it begins or ceases to leave nothing out, the camera begins
        anew: what waits is dropped, and messages in line wait for no picture.

        Raises:
            ConfigError: a setting is wrong, or they are another camera's; nothing has changed.
            Closed: it was closed.
        """
        if settings.camera_id != self.camera_id:
            raise ConfigError(f"expected settings of camera {self.camera_id!r}, got {settings.camera_id!r}")
        assembler, decoder = assembler_for(settings), self._decoder_for(settings)
        with self._turn:
            if self._closed:
                raise Closed("the camera was closed", camera_id=self.camera_id)
            old, live = self.settings, self._course.live
            with self._lock:
                self._course.change(settings)
            if _differ(old, settings, _ANEW) or live is not self._course.live:
                self._begin_anew(assembler, decoder)
            elif _differ(old, settings, _DECODING):
                self._next_decoder = decoder
        self._tell()

    def close(self) -> None:
        """Decode no more and drop what is held; what is in line is to be released. Again is allowed."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self._empty(DropReason.CLOSED)
                with self._lock:
                    self._course.close(DropReason.CLOSED)
        self._trouble.flush()
        self._jumped.flush()
        self._changed(self)

    def stats(self) -> CameraStats:
        """The counts; waits while a packet is being decoded."""
        decoder = self._decoder.stats()
        with self._lock:
            return self._course.stats(decoder, self._clock.monotonic_ns())

    def _tell(self) -> None:
        self._wake(self)
        self._changed(self)

    # What follows has the turn.

    def _do(self, step: Step) -> None:
        frames: list[Frame] = []
        try:
            for some in self._decoded(step):
                frames += some
        except Exception as error:  # noqa: BLE001  whatever it was, a message must not wait for ever
            if step.waiter is not None:
                reason = UNDECODABLE if step.waiter.wanted else DropReason.UNWANTED
                self._fallen.append((step.waiter.packet, reason))
            self._trouble.add(camera=self.camera_id, error=str(error) or repr(error))
        replaced = [other for picture in self._settle(frames) for other in self._pictures.put(picture)]
        if replaced:
            with self._lock:
                self._course.gave_way(replaced, REPLACED)
        self._changed(self)

    def _decoded(self, step: Step) -> Iterator[list[Frame]]:
        if step.waiter is None:
            if self._course.holds:  # else it is left as it is, and can go on anywhere
                yield self._decoder.flush()
            return
        packet, wanted, seam = step.waiter
        if packet.keyframe and self._next_decoder is not None:
            yield self._decoder.flush()
            self._decoder.close()
            self._decoder, self._next_decoder = self._next_decoder, None
        elif seam:
            yield self._decoder.flush()
        self._decoder.hurry = step.hurry
        yield self._decoder.feed(packet, wanted=wanted)

    def _settle(self, frames: Sequence[Frame]) -> list[Picture]:
        fallen, self._fallen = self._fallen, []
        with self._lock:
            return self._course.decoded(frames, fallen, self._clock.monotonic_ns())

    def _begin_anew(self, assembler: Assembler, decoder: Decoder) -> None:
        self._empty(CHANGED)
        self._decoder, self._next_decoder = decoder, None
        with self._lock:
            self._course.begin_anew(assembler, CHANGED)
        self._pictures.add(self.camera_id, live=self._course.live)

    def _empty(self, reason: str) -> None:
        """Drop what the decoder and the batch queue hold."""
        self._decoder.close()
        self._settle([])
        removed = self._pictures.remove(self.camera_id)
        with self._lock:
            self._course.gave_way(removed, reason)

    def _decoder_for(self, settings: CameraSettings) -> Decoder:
        return Decoder(
            rate=settings.rate,
            size=settings.size,
            pictures=settings.pictures,
            hwaccel=self._hwaccel,
            on_drop=lambda packet, reason: self._fallen.append((packet, reason)),
            clock=self._clock,
        )


def settings_checked(settings: CameraSettings, hwaccel: str = "none") -> CameraSettings:
    """`settings`. Raises ConfigError where one of them is wrong, or they do not go together."""
    assembler_for(settings)
    Decoder(rate=settings.rate, size=settings.size, pictures=settings.pictures, hwaccel=hwaccel).close()
    return settings


def _differ(old: CameraSettings, new: CameraSettings, names: Iterable[str]) -> bool:
    return any(getattr(old, name) != getattr(new, name) for name in names)
