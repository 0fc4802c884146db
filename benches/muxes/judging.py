"""What came of it: which packet each picture really is, which packet its result is on, what is missing. Pure.

A picture is known by some of its pixels, which are not the same in any two of the clip, though much alike in
some that follow each other. A contender's own word for which packet a picture is of is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from benches.muxes.job import STEP_X, STEP_Y

_UNLIKE: Final = 4.0
"""Mean difference of pixels above which a picture is none of the clip's: converters differ by less than 1."""
_SAME: Final = 0.02
"""Below this two pictures are too much alike to tell which one a result is of: one or two in a hundred."""


class Clip(NamedTuple):
    """A row of pixels for each access unit, and when its picture is shown among the others."""

    prints: NDArray[np.int16]
    shown: NDArray[np.int64]


class Shown(NamedTuple):
    """Pictures as they were given out: UTC ns, number of the camera, index that it came with, pixels."""

    when: NDArray[np.int64]
    camera: NDArray[np.int64]
    place: NDArray[np.int64]
    prints: NDArray[np.uint8]


def looks(units: Sequence[bytes], codec: str) -> Clip:
    """Decodes all of a clip."""
    decoder: Any = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    found = []
    for number, unit in enumerate([*units, None]):
        packet = None if unit is None else av.Packet(unit)
        if packet is not None:
            packet.pts = packet.dts = number
        found += [
            (frame.pts, frame.to_ndarray(format="bgr24")[::STEP_Y, ::STEP_X].ravel())
            for frame in decoder.decode(packet)
        ]
    order = [number for number, _ in found]
    prints = np.stack([pixels for _, pixels in sorted(found, key=lambda each: each[0])]).astype(np.int16)
    return Clip(prints, np.argsort(np.array(order)))


class Seen(NamedTuple):
    """The access unit of each picture by its looks, and how unlike they are; -1 where it looks like none."""

    packets: NDArray[np.int64]
    unlike: NDArray[np.float64]


def packets_shown(shown: Shown, clip: Clip) -> Seen:
    """Finds what each picture looks like most."""
    packets, unlike = np.empty(len(shown.prints), np.int64), np.empty(len(shown.prints))
    for number, pixels in enumerate(shown.prints):
        all_of_them = _unlike(clip.prints, pixels)
        best = int(all_of_them.argmin())
        unlike[number] = all_of_them[best]
        packets[number] = best if unlike[number] < _UNLIKE else -1
    return Seen(packets, unlike)


def _unlike(prints: NDArray[np.int16], pixels: NDArray[np.uint8]) -> Any:
    return np.abs(prints - pixels.astype(np.int16)).mean(axis=-1)


def out_of_order(shown: Shown, seen: Seen, clip: Clip) -> int:
    """Pictures that came after one that is shown later."""
    wrong = 0
    for camera in set(shown.camera.tolist()):
        of_it = seen.packets[shown.camera == camera]
        places = clip.shown[of_it[of_it >= 0]]
        wrong += int((places < np.maximum.accumulate(places)).sum()) if len(places) else 0
    return wrong


class Sent(NamedTuple):
    """A message of an output topic: which access unit it holds, and the number of the picture it is for."""

    packet: int
    picture: int | None


def results_astray(sent: Mapping[int, Sequence[Sent]], shown: Shown, seen: Seen, clip: Clip) -> int:
    """Results on another packet than that of their picture. `sent` is by number of the camera."""

    def is_astray(packet: int, picture: int) -> bool:
        unlike = _unlike(clip.prints[packet], shown.prints[picture])
        return packet < 0 or bool(unlike > seen.unlike[picture] + _SAME)

    return sum(
        is_astray(one.packet, one.picture)
        for messages in sent.values()
        for one in messages
        if one.picture is not None
    )


def missing(sent: Mapping[int, Sequence[Sent]], units: int) -> int:
    """Access units that did not come out exactly once and in their order."""
    return sum(
        abs(units - len(messages)) + sum(one.packet != place for place, one in enumerate(messages[:units]))
        for messages in sent.values()
    )
