"""Pictures between two processes of one machine: shared memory beside sockets and queues."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from benches.bench import Bench
from benches.board import PICTURE, PICTURE_4K, SMALL
from benches.contest import COST, LOST, RATE, Contender, hand_over
from benches.hub import OTHERS
from benches.pairing import Aim


def _here() -> Path:
    return Path(sys.executable)


def _ours(variant: str) -> Contender:
    return Contender(module="shared", variant=variant, python=_here, server=False)


def _hub(variant: str) -> Contender:
    return Contender(module="sightline_hub", variant=variant, python=_here)


def _pair(variant: str) -> Contender:
    return Contender(module="pairs", variant=variant, python=_here, alone="pair")


PLACE, COPIED, BATCHES = "sightline.shm, in place", "sightline.shm, copied in", "sightline.shm, in batches"
HUB_PLACE, HUB_COPIED = "through the hub, in place", "through the hub, copied in"
ZMQ, LINE = "pyzmq PUSH, PULL over ipc", "Unix socket"
IMAGEZMQ, QUEUE = "imagezmq REQ/REP over ipc", "multiprocessing.Queue"
RING_PLACE, RING, MEMORY = "SharedMemory ring, in place", "SharedMemory ring, copied in", "np.copyto"

_IN_PLACE: Final = {PLACE: _ours("place"), HUB_PLACE: _hub("place")}
_COPIED: Final = {COPIED: _ours("copied"), HUB_COPIED: _hub("unix")}
_SOCKETS: Final = {
    ZMQ: Contender(module="zeromq", variant="direct", python=OTHERS.python, server=False, local=True),
    LINE: Contender(module="line", python=_here, server=False),
}
_SLOW: Final = {
    IMAGEZMQ: Contender(module="pictures", variant="reqrep", python=OTHERS.python, server=False, local=True),
    QUEUE: _pair("queue"),
}
_MEMORY: Final = Contender(module="copying", python=_here, alone="copy")

_ENDS: Final = {**_IN_PLACE, **_SOCKETS, **_SLOW, RING_PLACE: _pair("place"), MEMORY: _MEMORY}
_WHOLE: Final = {**_COPIED, **_SOCKETS, RING: _pair("ring"), MEMORY: _MEMORY}
_SMALL: Final = {PLACE: _ours("place"), BATCHES: _ours("batches"), **_SOCKETS, QUEUE: _SLOW[QUEUE]}
_SIZES: Final = {"1080p": (PICTURE, "1920x1080 BGR, 6.2 MB"), "4k": (PICTURE_4K, "3840x2160 BGR, 24.9 MB")}
_SMALL_1080P: Final = f"{PLACE}, 1080p"
_P99: Final = "p99 ms, {}/s"

_WAYS: Final = (
    "A writer and a reader, processes of their own, on this machine; through the hub it is a third.",
    "Paced at 25 and at 100 a second, then as fast as the reader lets it: nobody drops; the rate is counted",
    "at the reader. CPU is of all processes. Who cannot keep a pace shows its backlog as latency.",
)


def _against_sockets(ours: str, least: float) -> tuple[Aim, ...]:
    return tuple(Aim(ours, RATE, against=socket, least=least) for socket in _SOCKETS)


def _calm(ours: str) -> tuple[Aim, ...]:
    return tuple(Aim(ours, _P99.format(pace), 1) for pace in (25, 100))


def _ends(name: str) -> Bench:
    size, what = _SIZES[name]
    contenders = {who: hand_over(one, size) for who, one in _ENDS.items()}
    aims = (*_against_sockets(PLACE, 5), *_calm(PLACE), Aim(PLACE, LOST, 0))
    if size == PICTURE_4K:
        contenders[_SMALL_1080P] = hand_over(_IN_PLACE[PLACE], PICTURE)
        aims = (*aims, Aim(PLACE, RATE, against=_SMALL_1080P, least=0.8))
    return Bench(
        name=f"shm-{name}",
        title=f"Pictures of {what}, handed to another process that looks at both ends",
        contenders=contenders,
        peers={who: one.needs for who, one in _ENDS.items()},
        aims=(*aims, Aim(HUB_PLACE, RATE), Aim(HUB_PLACE, LOST, 0)),
        notes=(
            *_WAYS,
            "In place: the picture is made where it is read, as a decoder would make it. Sockets and queues",
            "are given one that stands in ordinary memory; `np.copyto` copies it in one process.",
        ),
        rounds=3,
        warm_up=False,
    )


def _whole(name: str) -> Bench:
    size, what = _SIZES[name]
    return Bench(
        name=f"shm-{name}-whole",
        title=f"Pictures of {what}, handed to another process that reads and checks every byte",
        contenders={who: hand_over(one, size, whole=True) for who, one in _WHOLE.items()},
        peers={who: one.needs for who, one in _WHOLE.items()},
        aims=(*_against_sockets(COPIED, 2), Aim(COPIED, LOST, 0), Aim(HUB_COPIED, LOST, 0)),
        notes=(
            *_WAYS,
            "All are given a picture that stands in ordinary memory; ours and the ring copy it into theirs.",
            "The reader adds up all its words and compares with what was sent, the same for all.",
        ),
        rounds=3,
        warm_up=False,
    )


_HAND_OVERS: Final = Bench(
    name="shm-hand-overs",
    title="Hand-overs: a slot of 100 B, to another process that reads it",
    contenders={who: hand_over(one, SMALL) for who, one in _SMALL.items()},
    peers={who: one.needs for who, one in _SMALL.items()},
    aims=(
        Aim(BATCHES, RATE, least=50_000),
        Aim(PLACE, RATE),
        Aim(PLACE, COST),
        Aim(BATCHES, LOST, 0),
        Aim(PLACE, LOST, 0),
    ),
    notes=(
        *_WAYS,
        "Each of ours is a token of a slot, and the slot given back, whatever lies in it; in batches: 32",
        "of 64 slots at once. The others copy, as ours does with what is so small unless told otherwise.",
    ),
    rounds=3,
    warm_up=False,
)

BENCHES: Final = (*map(_ends, _SIZES), *map(_whole, _SIZES), _HAND_OVERS)
