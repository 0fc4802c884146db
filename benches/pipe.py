"""Three flows, from process to process to process: frames and dicts, beside what else carries them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from benches.bench import Bench
from benches.board import DICT, PICTURE, PICTURE_4K
from benches.contest import (
    COST,
    GROWTH,
    LOST,
    P99_CALL,
    RATE,
    Contender,
    answered,
    growth,
    hand_over,
)
from benches.pairing import Aim
from benches.peers import Peer

PIPERT: Final = Peer(
    name="pipert", packages=("PipeRT==2.4.0",), dependencies=("numpy==2.4.6", "posix-ipc==1.3.2")
)


def _here() -> Path:
    return Path(sys.executable)


def _ours(variant: str) -> Contender:
    return Contender(module="sightline_pipe", variant=variant, python=_here, alone="chain", server=False)


def _chain(variant: str) -> Contender:
    return Contender(module="chain", variant=variant, python=_here, alone="chain", server=False)


def _pipert(variant: str) -> Contender:
    return Contender(module="pipert", variant=variant, python=PIPERT.python, alone="chain", server=False)


PASSED, HOPS, DICTS = "sightline, passed on", "sightline, a copy a hop", "sightline"
PLACED, RING_PLACED = "sightline, written in place", "slots, written in place"
BASIC, SHARED = "PipeRT, basic", "PipeRT, shared memory"
QUEUE, PIPE = "multiprocessing.Queue", "multiprocessing.Pipe, pickle 5"
RING, RING_HOPS = "slots, passed on", "slots, a copy a hop"

_OTHERS: Final = {
    BASIC: _pipert("basic"),
    SHARED: _pipert("shm"),
    QUEUE: _chain("queue"),
    PIPE: _chain("pipe"),
}
_FRAMES: Final = {
    PASSED: _ours("passed"),
    PLACED: _ours("placed"),
    HOPS: _ours("hops"),
    **_OTHERS,
    RING: _chain("passed"),
    RING_PLACED: _chain("placed"),
    RING_HOPS: _chain("hops"),
}
_DICTS: Final = {DICTS: _ours("passed"), **_OTHERS, RING: _chain("passed"), RING_HOPS: _chain("hops")}
_SIZES: Final = {"1080p": (PICTURE, "1920x1080 BGR, 6.2 MB"), "4k": (PICTURE_4K, "3840x2160 BGR, 24.9 MB")}
_CALM: Final = "p99 ms, 25/s"
_MOST_EVENT_MS: Final = 50

_WAYS: Final = (
    "A source, a middle, a destination, each a process (of ours: a flow). All are told not to drop; up to 4",
    "frames or 1000 dicts wait on a wire. Paced at 25 and 100 a second, then as fast as it goes; counted at",
    "the destination, which looks at both ends of a frame. CPU is of all processes, parents too. `lost` is",
    "of all that the source offered.",
)


def _frames(name: str) -> Bench:
    size, what = _SIZES[name]
    return Bench(
        name=f"pipe-{name}",
        title=f"Frames of {what}, through three processes",
        contenders={who: hand_over(one, size) for who, one in _FRAMES.items()},
        peers={who: one.needs for who, one in _FRAMES.items()},
        aims=(
            Aim(PASSED, RATE, against=BASIC, least=20),
            Aim(PASSED, RATE, against=SHARED, least=20),
            Aim(PASSED, RATE, against=RING, least=0.5),
            Aim(PLACED, RATE, against=PASSED, least=1),
            Aim(HOPS, RATE, against=RING_HOPS, least=0.5),
            Aim(PASSED, _CALM, 2),
            Aim(PASSED, LOST, 0),
            Aim(HOPS, LOST, 0),
        ),
        notes=(
            *_WAYS,
            "Each source has a frame in ordinary memory. Ours and the slots copy it into theirs, once; `a",
            "copy a hop`: the middle makes one of its own of each; `written in place`: the source makes it",
            "there, and writes both ends. PipeRT drops although it is told to wait.",
        ),
        rounds=3,
        warm_up=False,
    )


_SMALL: Final = Bench(
    name="pipe-dicts",
    title="Dicts of 100 B, through three processes",
    contenders={who: hand_over(one, DICT) for who, one in _DICTS.items()},
    peers={who: one.needs for who, one in _DICTS.items()},
    aims=(
        Aim(DICTS, RATE, against=QUEUE, least=1),
        Aim(DICTS, COST, 0.5, against=QUEUE),
        Aim(DICTS, RATE, against=BASIC, least=1),
        Aim(DICTS, _CALM, 2),
        Aim(DICTS, LOST, 0),
    ),
    notes=(*_WAYS, "In slots a dict lies pickled, and nobody promises anything."),
    rounds=3,
    warm_up=False,
)

_EVENTS: Final = Bench(
    name="pipe-events",
    title="Events to 20 routines in three flows, each acknowledged by all",
    contenders={
        "at rest": answered(_ours("rest"), 50),
        "at 500 messages/s": answered(_ours("busy"), 50),
    },
    aims=(Aim("at rest", P99_CALL, _MOST_EVENT_MS), Aim("at 500 messages/s", P99_CALL, _MOST_EVENT_MS)),
    notes=(
        "One event after the other, 50 a second; from `notify_event(wait=True)` to its return. The routines",
        "are a chain through the flows.",
    ),
    rounds=3,
    warm_up=False,
)

_MEMORY: Final = Bench(
    name="pipe-memory",
    title="Dicts of 100 B through three processes for long: the memory that they then have",
    contenders={DICTS: growth(_ours("passed"), DICT), QUEUE: growth(_chain("queue"), DICT)},
    aims=(Aim(DICTS, GROWTH, 1),),
    notes=("RSS of all processes, 20 times, the first 5 not counted; the slope of the line by messages.",),
    rounds=1,
    warm_up=False,
)

BENCHES: Final = (*map(_frames, _SIZES), _SMALL, _EVENTS, _MEMORY)
