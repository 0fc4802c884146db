"""Packets of one camera to pictures in a store's form: one a slot of the wall clock, each with its key.

Promises: pictures of a slot are the same ones whoever samples (see `grid`); as little is decoded as that
allows (see `picking`); each picture has the identity of its own packet; they come in the order in which they
were taken. Every packet that entered was sampled, dropped for a reason that is counted, or is held. What
cannot be read or written is counted and never raised: the next keyframe is another chance.

Does not do: threads, waiting, storing. A slot whose keyframe does not come is known when the next begins, so
a picture may come a slot late.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from sightline.clock import NS_PER_MS
from sightline.codec.decoder import Decoder
from sightline.codec.gate import DropReason
from sightline.errors import Closed, CodecError, ConfigError
from sightline.frame import Frame, Image, Size
from sightline.framequeue.grid import SecondGrid
from sightline.framequeue.image import QUALITY, checked_quality, encode
from sightline.framequeue.key import NAMESPACE, FrameKey, PictureFormat, checked_format, checked_namespace
from sightline.framequeue.picking import Act, Keyframes, Picker, Step
from sightline.packet import Packet

UNKNOWN_CODEC: Final = "unknown_codec"
"""The installed libav cannot decode the packet's codec."""
UNWRITABLE: Final = "unwritable"
"""The picture does not fit its format, or its figures no key."""

_NOT_NEEDED: Final = frozenset(
    {DropReason.SKIPPED.value, DropReason.UNWANTED.value, DropReason.REPEATED.value, DropReason.CLOSED.value}
)


class Sampled(NamedTuple):
    """A picture of a slot: its key, its bytes as they are to be stored, and what those were made from."""

    key: FrameKey
    data: bytes
    image: Image


class SamplerStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the packets of a sampler, all counted at one moment.

    Attributes:
        entered: packets fed.
        sampled: pictures given out.
        dropped: packets that became no picture, by reason: `skipped`, never decoded; `unwanted`, needed by
            others at most; `repeated`, here before; any other of `sightline.codec.DropReason`,
            `unknown_codec` or `unwritable`, a picture that was wanted and could not be had.
        held: packets of which it is not known yet.
        bytes: of the pictures given out.
        last_slot: of the last picture; what a sampler after a restart is to be given.
    """

    entered: int
    sampled: int
    dropped: dict[str, int]
    held: int
    bytes: int
    last_slot: int | None

    @property
    def unreadable(self) -> int:
        """Packets whose pictures were wanted, and could not be had."""
        return sum(count for reason, count in self.dropped.items() if reason not in _NOT_NEEDED)

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.entered == self.sampled + sum(self.dropped.values()) + self.held


class FrameSampler:
    """Samples one camera. To be iterated over, where it was given packets, or fed; by one thread.

        for sampled in FrameSampler(packets):
            store.put([(sampled.key, sampled.data)], ttl_s=30)

    Args:
        packets: of one camera, in the order of decoding.
        rate: slots a second, above 0.
        format: of the pictures: "jpeg", "png", "webp" or "raw".
        quality: of JPEG and WebP, 1 to 100.
        size: of the pictures; None: the camera's own, also when that changes.
        keyframes: whether keyframes do for pictures; see `sightline.framequeue.picking.Keyframes`.
        namespace: of the keys.
        last_slot: `stats().last_slot` of a sampler that this one goes on for.
        hwaccel: what decodes; see `sightline.codec.hardware`.

    Raises:
        ConfigError: a setting is not one of those.
    """

    def __init__(
        self,
        packets: Iterable[Packet] = (),
        *,
        rate: float = 1.0,
        format: PictureFormat = "jpeg",  # noqa: A002
        quality: int = QUALITY,
        size: Size | None = None,
        keyframes: Keyframes = "auto",
        namespace: str = NAMESPACE,
        last_slot: int | None = None,
        hwaccel: str = "none",
    ) -> None:
        self._packets = packets
        self._format = checked_format(format)
        self._quality = checked_quality(quality)
        self._namespace = checked_namespace(namespace)
        self._grid = SecondGrid(rate, last_slot)
        self._picker = Picker(self._grid, keyframes)
        self._decoder = Decoder(size=size, pictures="all", hwaccel=hwaccel, on_drop=self._dropped_by)
        self._camera_id: str | None = None
        self._again: Packet | None = None
        self._entered = self._sampled = self._bytes = self._within = 0
        self._dropped: Counter[str] = Counter()
        self._closed = False
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Sampled]:
        """The pictures of the packets that it was given, to the last that is held; ends when it is closed."""
        try:
            for packet in self._packets:
                yield from self.feed(packet)
            yield from self.flush()
        except Closed:
            if not self._closed:  # the packets' own trouble
                raise

    def feed(self, packet: Packet) -> list[Sampled]:
        """Takes one packet in; gives the pictures that are ready, nearly always none.

        Raises:
            Closed: the sampler was closed.
            ConfigError: the packet is another camera's.
        """
        with self._lock:
            self._check(packet)
            self._entered += 1
            frames = self._take(self._picker.see(packet))
            return self._made(frames)

    def flush(self) -> list[Sampled]:
        """Gives what is held, as at the end of a file. What is fed afterwards begins at a keyframe.

        For a camera that stopped as well: the slot that it was in waits for packets, not for time.

        Raises:
            Closed: the sampler was closed.
        """
        with self._lock:
            if self._closed:
                raise Closed("the sampler is closed", camera_id=self._camera_id)
            frames = self._take(self._picker.end())
            return self._made(frames + self._decoder.flush())

    def stats(self) -> SamplerStats:
        """The counts, from any thread; waits while a packet is being decoded."""
        with self._lock:
            return SamplerStats(
                entered=self._entered,
                sampled=self._sampled,
                dropped=dict(self._dropped),
                held=self._picker.held + self._within,
                bytes=self._bytes,
                last_slot=self._grid.last_slot,
            )

    def close(self) -> None:
        """Frees libav's memory; what was held is dropped. Again is allowed."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._decoder.close()
                self._dropped[DropReason.CLOSED] += self._picker.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, packet: Packet) -> None:
        if self._closed:
            raise Closed("the sampler is closed", camera_id=packet.camera_id)
        if self._camera_id is None:
            self._camera_id = packet.camera_id
        if packet.camera_id != self._camera_id:
            raise ConfigError(
                f"expected packets of camera {self._camera_id!r} alone: a sampler is one camera's",
                camera_id=packet.camera_id,
            )

    def _take(self, steps: list[Step]) -> list[Frame]:
        frames = []
        for packet, act in steps:
            match act:
                case Act.SKIPPED:
                    self._dropped[DropReason.SKIPPED] += 1
                case Act.KEYLESS:
                    self._dropped[DropReason.BEFORE_KEYFRAME] += 1
                case Act.REPEATED:
                    self._dropped[DropReason.REPEATED] += 1
                case _:
                    frames += self._decode(packet, act)
        return frames

    def _decode(self, packet: Packet, act: Act) -> list[Frame]:
        # What was left out before it shows in no index of epoch 0, and libav gives its last picture now.
        frames = self._decoder.flush() if packet.keyframe else []
        if act is Act.AGAIN:
            self._again = packet
        else:
            self._within += 1
        try:
            frames += self._decoder.feed(packet, wanted=act is Act.WANTED)
        except CodecError:
            self._dropped_by(packet, UNKNOWN_CODEC)
        waits = packet.keyframe and self._picker.waits_for(packet)
        if waits and not any(frame.identity == packet.identity for frame in frames):
            frames += self._decoder.flush()  # libav would hold it until it sees the next
            self._picker.emptied()
        return frames

    def _dropped_by(self, packet: Packet, reason: str) -> None:
        if packet is self._again:
            self._again = None  # it was counted before
            return
        self._within -= 1
        self._dropped[reason] += 1
        self._picker.lost(packet.identity)

    def _made(self, frames: list[Frame]) -> list[Sampled]:
        made = []
        for frame in frames:
            self._within -= 1
            self._picker.had(frame.identity)
            try:
                sampled = self._written(frame)
            except (CodecError, ConfigError):
                self._dropped[UNWRITABLE] += 1
                continue
            self._sampled += 1
            self._bytes += len(sampled.data)
            made.append(sampled)
        return made

    def _written(self, frame: Frame) -> Sampled:
        data = encode(frame.image, self._format, self._quality)
        key = FrameKey(
            camera_id=frame.camera_id,
            epoch=frame.epoch,
            index=frame.index,
            captured_at_ms=frame.captured_at_ns // NS_PER_MS,
            width=frame.size.width,
            height=frame.size.height,
            size=len(data),
            format=self._format,
            namespace=self._namespace,
        )
        return Sampled(key, data, frame.image)
