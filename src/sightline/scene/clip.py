"""A scene as a file that players and servers read.

The file appears whole or not at all: it is written beside its place and moved there. An existing file is
replaced. What is in it is what `encode` gives; nothing is encoded a second time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, Unpack

import av
from av.packet import Packet as AvPacket

from sightline.errors import ConfigError
from sightline.scene.encode import Codec, EncodedUnit, Encoding, encode
from sightline.scene.street import Scene

_BARE: Final[dict[str, Codec]] = {".h264": "h264", ".h265": "hevc", ".mjpeg": "mjpeg"}
_CONTAINERS: Final = {".mp4": "mp4", ".mkv": "matroska"}


def write_clip(
    scene: Scene, path: str | os.PathLike[str], frames: int, *, start: int = 0, **encoding: Unpack[Encoding]
) -> Path:
    """Writes `frames` frames of `scene` from number `start` on to `path`, and returns it.

    Its suffix says what it becomes: `.mp4`, `.mkv`, or the bare units one after another: `.h264` and
    `.h265` (Annex B, with access unit delimiters unless `aud=False`), `.mjpeg`. `codec` of a bare file is
    the suffix's. Times in a container begin with frame `start`'s own.

    Raises ConfigError for another suffix, a codec that contradicts it, or what `encode` refuses, and
    OSError where the file cannot be written.
    """
    target = Path(path)
    if target.suffix in _BARE:
        units = encode(scene, frames, start=start, **_bare_encoding(target, encoding))
        _replacing(target, lambda draft: _write_bare(draft, units))
    elif target.suffix in _CONTAINERS:
        units = encode(scene, frames, start=start, **encoding)
        _replacing(target, lambda draft: _mux(draft, _CONTAINERS[target.suffix], scene, units))
    else:
        known = ", ".join((*_CONTAINERS, *_BARE))
        raise ConfigError(f"{target.name}: expected a file name that ends in one of {known}")
    return target


def _bare_encoding(target: Path, encoding: Encoding) -> Encoding:
    codec = _BARE[target.suffix]
    if encoding.get("codec", codec) != codec:
        raise ConfigError(
            f"{target.name}: expected codec {codec} or none for {target.suffix}, got {encoding['codec']}"
        )
    return {"aud": True, **encoding, "codec": codec}


def _replacing(target: Path, write: Callable[[Path], None]) -> None:
    draft = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        write(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _write_bare(draft: Path, units: Iterable[EncodedUnit]) -> None:
    with draft.open("wb") as file:
        file.writelines(unit.data for unit in units)


def _mux(draft: Path, form: str, scene: Scene, units: Iterator[EncodedUnit]) -> None:
    with av.open(str(draft), "w", format=form) as container:
        first = next(units)
        width, height = scene.size
        stream = container.add_mux_stream(first.codec, scene.fps, width=width, height=height)
        stream.time_base = first.time_base
        for unit in chain((first,), units):
            packet: AvPacket[Any] = AvPacket(unit.data)
            packet.pts, packet.dts, packet.time_base = unit.pts, unit.dts, unit.time_base
            packet.duration = unit.time_base.denominator // scene.fps
            packet.is_keyframe, packet.stream = unit.keyframe, stream
            container.mux_one(packet)
