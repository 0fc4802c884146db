"""Packets of one camera to frames, at a rate and a size.

Promises: every frame has the identity of the very packet that held its picture, by a mark that travels
through libav with the data; nothing that libav knows to be damaged is given out; every packet that entered
has left as a frame, was dropped for a reason that is counted (and told, once, to who asks), or is held. Only
pictures that are given out are converted. Bytes of any kind do no harm: what cannot be decoded is counted,
and decoding goes on at the next keyframe. Frames come in the order in which they are shown.

Does not do: threads of its own (a pool of decoders fills a machine better), audio, finding damage that
libav does not see: bits that make another valid picture, and nearly all damage within slices of H.265.
"""

from __future__ import annotations

import threading

from av.video.frame import VideoFrame

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.codec.context import Context
from sightline.codec.gate import DropReason, Gate
from sightline.codec.hardware import SOFTWARE, checked_hwaccel
from sightline.codec.leading import Leading
from sightline.codec.ledger import DecoderStats, Ledger, OnDrop
from sightline.codec.picture import Converter
from sightline.codec.sampler import Sampler
from sightline.codec.selector import Pictures, Selector
from sightline.codec.timeline import Timeline
from sightline.errors import Closed, CodecError
from sightline.frame import Frame, Image, Size
from sightline.packet import Packet


class Decoder:
    """Decodes one camera. Any thread may call it; they take turns.

    Args:
        rate: pictures a second of media time, at most; None: all.
        size: of the images; None: the stream's own, also when that changes.
        pictures: what to decode: "all"; "reference", without those that no other refers to; "key", the
            keyframes; or "auto": as little as the rate allows with the GOPs that come.
        hwaccel: "none", "auto" or a device's name; see `sightline.codec.hardware`.
        on_drop: told of every packet that entered and became no frame, exactly once, as soon as that is
            certain: also of those held at `close`, never of one that `feed` raised for. Called from within
            `feed`, `flush` and `close`: it must not call the decoder, nor raise.
        clock: dates the frames.

    Raises:
        ConfigError: the rate is not above 0, `pictures` is none of those, or `hwaccel` is no device's name.
    """

    def __init__(
        self,
        *,
        rate: float | None = None,
        size: Size | None = None,
        pictures: Pictures = "auto",
        hwaccel: str = "none",
        on_drop: OnDrop | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._hwaccel = checked_hwaccel(hwaccel)
        self._sampler = None if rate is None else Sampler(rate)
        self._selector = Selector(pictures, self._sampler)
        self._converter = Converter(size)
        self._timeline = Timeline()
        self._gate = Gate()
        self._leading = Leading()
        self._ledger = Ledger(on_drop)
        self._context: Context | None = None
        self._device: str | None = None
        self._last: Packet | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def hurry(self) -> bool:
        """While it is set, pictures that no other refers to are left out, whatever the rate.

        From any moment to any moment, by any thread: the pictures that are given out are whole.
        """
        return self._selector.hurry

    @hurry.setter
    def hurry(self, hurry: bool) -> None:
        self._selector.hurry = hurry

    def feed(self, packet: Packet, *, wanted: bool = True) -> list[Frame]:
        """Takes one packet in; gives the frames that are ready.

        A frame's `pts` is that of its packet, so None where that had none. At a hole, a new epoch or a
        new codec, the frames held so far come first. A packet that is not `wanted` becomes no frame: it is
        dropped as `unwanted`, after decoding where others may refer to its picture.

        Raises:
            CodecError: libav has no video decoder of that name, or the packet is another camera's.
            Closed: the decoder was closed.
        """
        with self._lock:
            context = self._context_for(packet)
            self._ledger.enter()
            passage = self._gate.pass_(packet)
            frames = self._drain() if passage.breaks else []
            self._context, self._device = context, context.device or SOFTWARE
            refused = self._refusal(packet, passage.refused, wanted=wanted)
            if refused is not None:
                self._ledger.drop(packet, refused, wanted=wanted)
                return frames
            return frames + self._decode(context, packet, wanted=wanted)

    def flush(self) -> list[Frame]:
        """Gives what is held, as at the end of a file. What is fed afterwards begins at a keyframe.

        Who leaves packets of epoch 0 out calls it there: their index does not show the hole.
        """
        with self._lock:
            self._gate.restart()
            return self._drain()

    def close(self) -> None:
        """Frees libav's memory; what was held is dropped. Again is allowed."""
        with self._lock:
            self._closed = True
            self._context = None
            self._ledger.settle_all(DropReason.CLOSED)

    def stats(self) -> DecoderStats:
        """The counts, from any thread; waits while a packet is being decoded."""
        with self._lock:
            return self._ledger.stats(self._selector.way, self._selector.gop, self._device)

    def _context_for(self, packet: Packet) -> Context:
        """The libav decoder to use; raises before anything is counted or changed."""
        if self._closed:
            raise Closed("the decoder is closed", camera_id=packet.camera_id)
        if self._last is not None and packet.camera_id != self._last.camera_id:
            raise CodecError(
                f"expected packets of camera {self._last.camera_id!r} alone",
                camera_id=packet.camera_id,
                epoch=packet.epoch,
                index=packet.index,
            )
        if self._context is not None and self._context.codec == packet.codec:
            return self._context
        try:
            return Context(packet.codec, self._hwaccel)
        except CodecError as error:
            error.camera_id, error.epoch, error.index = packet.identity
            raise

    def _refusal(self, packet: Packet, refused: DropReason | None, *, wanted: bool) -> DropReason | None:
        """Why not to decode `packet`; None where it is to be decoded."""
        if refused is DropReason.REPEATED:
            return refused
        if self._sampler is not None and self._last is not None and packet.epoch != self._last.epoch:
            self._sampler.restart()  # the camera's time begins anew
        self._last = packet
        self._selector.see(packet)
        if self._selector.way == "key" and not packet.keyframe:
            return DropReason.SKIPPED  # not needed, so what came before it does not matter
        if refused is not None:
            return refused
        if self._leads(packet):
            return DropReason.LEADING
        needed = self._selector.wants(packet, self._timeline.at_ns(packet), wanted=wanted)
        return None if needed else DropReason.SKIPPED

    def _leads(self, packet: Packet) -> bool:
        """Whether its picture refers to pictures that were not decoded, before the last keyframe."""
        if not packet.keyframe:
            return self._leading.has(packet)
        if self._context is None or self._context.empty:
            self._leading.begin(packet)
        else:
            self._leading.end()
        return False

    def _decode(self, context: Context, packet: Packet, *, wanted: bool) -> list[Frame]:
        mark = self._ledger.hold(packet, self._timeline.at_ns(packet), wanted=wanted)
        pictures = context.decode(packet.data, mark)
        if pictures is None:
            self._ledger.settle(mark, DropReason.CORRUPT)
            self._gate.shut(DropReason.AFTER_CORRUPT)
            return self._drain()  # those before it are whole
        frames = self._deliver(pictures)
        if self._selector.way == "key":
            frames += self._drain()  # libav would hold each keyframe until it sees the next
        return frames

    def _drain(self) -> list[Frame]:
        if self._context is None:
            return []
        frames = self._deliver(self._context.drain())
        self._ledger.settle_all(DropReason.NO_PICTURE)
        return frames

    def _deliver(self, pictures: list[VideoFrame]) -> list[Frame]:
        frames = []
        for picture in pictures:
            frame = self._frame(picture)
            if frame is not None:
                frames.append(frame)
        return frames

    def _frame(self, picture: VideoFrame) -> Frame | None:
        mark = picture.opaque
        held = self._ledger.held(mark)
        if held is None:  # counted already: damaged, or a picture before it had the same packet
            return None
        if picture.is_corrupt:
            self._give_up(mark)
            return None
        if not held.wanted:
            self._ledger.settle(mark, DropReason.UNWANTED)
            return None
        if self._sampler is not None and not self._sampler.take(held.at_ns):
            self._ledger.settle(mark, DropReason.RATE)
            return None
        image = self._converter.image(picture)
        if image is None:
            self._ledger.settle(mark, DropReason.CORRUPT)
            return None
        self._ledger.settle(mark, None)
        return _frame_of(held.packet, image, self._clock.utc_ns())

    def _give_up(self, mark: object) -> None:
        """The picture of `mark` is damaged; those that libav still holds may refer to it."""
        self._ledger.settle(mark, DropReason.CORRUPT)
        self._ledger.settle_all(DropReason.AFTER_CORRUPT)
        self._gate.shut(DropReason.AFTER_CORRUPT)
        if self._context is not None:
            self._context.give_up()


def _frame_of(packet: Packet, image: Image, decoded_at_ns: int) -> Frame:
    return Frame(
        camera_id=packet.camera_id,
        epoch=packet.epoch,
        index=packet.index,
        pts=packet.pts,
        time_base=packet.time_base,
        captured_at_ns=packet.captured_at_ns,
        captured_at_source=packet.captured_at_source,
        decoded_at_ns=decoded_at_ns,
        image=image,
    )
