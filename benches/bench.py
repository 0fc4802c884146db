"""What a bench is: contenders that do the same work, ours first, and what is aimed at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from benches.pairing import Aim, Figures

OURS: Final = "sightline"
CPU: Final = "CPU s a camera-minute"
WALL: Final = "wall s"
PACKETS: Final = "packets"
FRAMES: Final = "frames out"


class Missing(Exception):
    """What a bench needs is not on this machine: it is skipped, and says so."""


class WrongWork(Exception):
    """A contender did not do the work that the figures would be of."""


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much work a turn is.

    Attributes:
        clip_s: seconds of the 1080p clip.
        cameras: of the bench of many.
        frames: given to the model, as fast as possible, all cameras together.
        paced_s: how long the cameras send at their own pace.
        calls: of each small thing.
        inferences: frames through a network.
        window_s: how long processes that talk to each other are watched, twice a turn.
    """

    clip_s: int = 60
    cameras: int = 64
    frames: int = 60_000
    paced_s: int = 40
    calls: int = 20_000
    inferences: int = 60
    window_s: float = 2.0


QUICK: Final = Scale(clip_s=4, cameras=8, frames=200, paced_s=4, calls=500, inferences=4, window_s=0.5)

Work: TypeAlias = Callable[[Scale], Figures]


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison.

    Attributes:
        name: how it is asked for.
        title: what is measured, in a line.
        contenders: their work, by name.
        aims: what is wanted of them.
        notes: what one must know to read the figures.
        rounds: how often each has its turn unless told otherwise.
        warm_up: whether a first round is thrown away.
        needs: makes the input, once and before any turn; raises Missing.
        peers: by contender, what makes what it needs; raises Missing, and it alone is left out.
    """

    name: str
    title: str
    contenders: Mapping[str, Work]
    aims: tuple[Aim, ...] = ()
    notes: tuple[str, ...] = ()
    rounds: int = 5
    warm_up: bool = True
    needs: Callable[[Scale], object] = lambda _scale: None
    peers: Mapping[str, Callable[[], object]] = {}
