"""Packets to MP4 or Matroska files, as they are: nothing is decoded or encoded again.

    with ClipWriter(Path("event.mp4")) as clip:
        for packet in packets:
            clip.write(packet)

Promises: a file begins at a keyframe and holds the access units that it was given, in order, each with its
own time. What cannot go on in one file (a hole, a new epoch, another codec, size or parameter sets) begins
another, `event.2.mp4`, at its next keyframe. A file is written in place and straight to the kernel, about a
second at a time: it plays while it grows and after the process was killed. An existing one is never touched.

Does not do: audio, fsync, leaving out what was not asked for (`PacketRing.since` knows where to begin).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from sightline.codec.container import Container, Form
from sightline.codec.seams import Seams
from sightline.codec.stamps import Stamped, Stamps
from sightline.errors import Closed, ConfigError
from sightline.frame import Size
from sightline.packet import Identity, Packet

_FORMS: Final[dict[str, Form]] = {".mp4": "mp4", ".mkv": "mkv"}


class ClipPart(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a clip.

    Attributes:
        path: the file.
        first, last: identities of the first and the last packet, in the order of decoding.
        start_ns, end_ns: UTC ns at which its first picture was taken, and its latest.
        packets: written; of a file that could not be finished, the last second's may be missing.
        bytes: of the file, once it is closed.
        guessed: packets whose time the source did not say, or not so that a file could have it.
    """

    path: Path
    first: Identity
    last: Identity
    start_ns: int
    end_ns: int
    packets: int
    bytes: int
    guessed: int


class ClipStats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a clip's packets, all counted at one moment. `held`: their times are not clear yet."""

    entered: int
    written: int
    dropped: dict[str, int]
    held: int

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do in any snapshot."""
        return self.entered == self.written + sum(self.dropped.values()) + self.held


class ClipWriter:
    """Writes the packets of one camera. One thread at a time calls it.

    Args:
        path: of the first file, `.mp4` or `.mkv`; made when the first keyframe comes. Its folder exists.

    Raises:
        ConfigError: the name ends in something else.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in _FORMS:
            raise ConfigError(f"{path.name}: expected a file name that ends in {' or '.join(_FORMS)}")
        self._path = path
        self._seams = Seams()
        self._file: _Part | None = None
        self._parts: list[ClipPart] = []
        self._entered = self._written = 0
        self._dropped: dict[str, int] = {}
        self._closed = False

    @property
    def parts(self) -> tuple[ClipPart, ...]:
        """The files, the one that grows included."""
        growing = () if self._file is None or self._file.part is None else (self._file.part,)
        return (*self._parts, *growing)

    def write(self, packet: Packet) -> None:
        """Take the next packet; until there was a keyframe, and after a hole, it is dropped and counted.

        Raises:
            CodecError: no file can hold this codec, or the packet is another camera's.
            OSError: the disk is full or the file cannot be made. The writer is closed then.
            Closed: after `close`.
        """
        if self._closed:
            raise Closed(f"the clip {self._path} is closed")
        place = self._seams.place(packet)
        self._entered += 1
        if place.refused is not None:
            self._dropped[place.refused] = self._dropped.get(place.refused, 0) + 1
            return
        try:
            if place.begins is not None:
                self._begin(packet, place.begins)
            if self._file is not None:
                self._file.write(packet)
        except BaseException:
            self._give_up()
            raise

    def close(self) -> None:
        """Finish the file. Again is allowed. Raises OSError where the disk is full."""
        self._closed = True
        try:
            self._finish()
        except BaseException:
            self._give_up()
            raise

    def stats(self) -> ClipStats:
        """The counts."""
        file = self._file
        return ClipStats(
            entered=self._entered,
            written=self._written + (file.written if file else 0),
            dropped=dict(self._dropped),
            held=file.held if file else 0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, keyframe: Packet, size: Size) -> None:
        self._finish()
        self._file = _Part(self._next_path(), keyframe, size)

    def _next_path(self) -> Path:
        number = len(self._parts) + 1
        return self._path if number == 1 else self._path.with_suffix(f".{number}{self._path.suffix}")

    def _finish(self) -> None:
        if self._file is not None:
            self._file.close()
            self._settle(self._file)

    def _settle(self, file: _Part) -> None:
        self._written += file.written
        if file.part is not None:
            self._parts.append(file.part)
        self._file = None

    def _give_up(self) -> None:
        self._closed = True
        if self._file is not None:
            self._file.abandon()
            self._settle(self._file)
        lost = self._entered - self._written - sum(self._dropped.values())
        if lost:
            self._dropped["closed"] = self._dropped.get("closed", 0) + lost


class _Part:
    """One file, from when its first keyframe came."""

    def __init__(self, path: Path, first: Packet, size: Size) -> None:
        self.part: ClipPart | None = None
        self._path = path
        self._stamps = Stamps()
        self._to = _Straight(path)
        try:
            self._container = Container(self._to, _FORMS[path.suffix], first, size)
        except BaseException:
            self._to.close()
            path.unlink()
            raise

    @property
    def written(self) -> int:
        return self.part.packets if self.part else 0

    @property
    def held(self) -> int:
        return self._stamps.held

    def write(self, packet: Packet) -> None:
        self._mux(self._stamps.add(packet))

    def close(self) -> None:
        self._mux(self._stamps.flush())
        self._container.close()
        self._to.close()
        if self.part is not None:
            self.part = msgspec.structs.replace(self.part, bytes=self._path.stat().st_size)

    def abandon(self) -> None:
        """Leave the file as it is: to its last whole fragment it plays."""
        self._to.close()
        with suppress(Exception):
            self._container.close()

    def _mux(self, ready: list[Stamped]) -> None:
        for stamped in ready:
            self._container.mux(stamped)
            self._count(stamped.packet)

    def _count(self, packet: Packet) -> None:
        part = self.part
        self.part = ClipPart(
            path=self._path,
            first=part.first if part else packet.identity,
            last=packet.identity,
            start_ns=min(part.start_ns, packet.captured_at_ns) if part else packet.captured_at_ns,
            end_ns=max(part.end_ns, packet.captured_at_ns) if part else packet.captured_at_ns,
            packets=part.packets + 1 if part else 1,
            bytes=self._to.size,
            guessed=self._stamps.guessed,
        )


class _Straight:
    """A new file without a buffer: what was written is with the kernel, and outlives the process."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o644)
        self.size = 0

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self.size += len(data)
        return len(data)

    def seek(self, offset: int, whence: int) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1  # libav's last words must meet no other file
        if descriptor >= 0:
            os.close(descriptor)
