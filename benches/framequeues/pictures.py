"""JPEGs of the clip, one a second of it, made once and kept in `bench-work/`."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

import msgspec

from benches.clips import clip
from benches.decode import play
from sightline.frame import Size
from sightline.framequeue import FrameSampler

QUALITY: Final = 90


class Pictures(msgspec.Struct, frozen=True):
    """`jpegs`, all of that size."""

    width: int
    height: int
    jpegs: list[bytes]

    @classmethod
    def read(cls, path: Path) -> Self:
        return msgspec.msgpack.decode(path.read_bytes(), type=cls)

    @property
    def mean_bytes(self) -> float:
        return sum(map(len, self.jpegs)) / len(self.jpegs)


def pictures(seconds: int, size: Size) -> Path:
    """The file of them. Raises Missing where there is no clip."""
    source = clip(seconds)
    made = source.with_name(f"{source.stem}-{size}-{QUALITY}.jpegs")
    if not made.exists():
        sampler = FrameSampler(quality=QUALITY, size=size)
        jpegs: list[bytes] = []
        play(source, lambda packet: jpegs.extend(sampled.data for sampled in sampler.feed(packet)))
        jpegs += [sampled.data for sampled in sampler.flush()]
        sampler.close()
        draft = made.with_suffix(".part")
        draft.write_bytes(msgspec.msgpack.encode(Pictures(size.width, size.height, jpegs)))
        draft.replace(made)
    return made
