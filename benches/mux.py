"""The mux beside comux and what one would write by hand: cameras off Kafka, pictures, results back.

Every turn has a broker of its own. A feeder publishes plain access units; the contender, a process of its own
too, takes pictures and sends results on (`muxes`). Then the output topics are read and judged: which picture
was really given out is seen by its pixels, and which packet its result is on by the packet's bytes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from tools.services import SERVICES
from tools.services.units import read_units

from benches.bench import FRAMES, OURS, PACKETS, WALL, Bench, Missing, Scale
from benches.cameras import DESCRIPTION as STREETS
from benches.cameras import streets
from benches.clips import DESCRIPTION, FPS, clip
from benches.many import RSS, THREADS
from benches.muxes.judging import Sent, looks, missing, out_of_order, packets_shown, results_astray
from benches.muxes.stage import Ended, Message, play
from benches.pairing import Aim, Figures
from benches.peers import Peer

COST: Final = "CPU s per 1,000 packets"
LOST: Final = "packets lost"
ASTRAY: Final = "results on another packet"
ODD: Final = "pictures that are none of the clip"
ORDER: Final = "pictures out of order"
RESULTS: Final = "results sent"
P50: Final = "p50 ms, produced to batch"
P99: Final = "p99 ms, produced to batch"
BROKER: Final = "CPU s of the broker"
_SHARES: Final = {P50: 50, P99: 99}

_SILENT: Final = f"{OURS} without results"
_COMUX: Final = "comux"
_BY_HAND: Final = "kafka-python + PyAV"
_FEW, _MANY = "10 cameras", "100 cameras"

_CAMERAS: Final = 4
_RATE: Final = 10.0
_SHARE: Final = 2
"""Of `Scale.paced_s`, which is much for four turns a round."""

KAFKA_PYTHON: Final = Peer(
    name="kafka-python",
    packages=("comux==0.2.0",),  # names no dependency, and breaks with kafka-python 3
    dependencies=("av==18.1.0", "kafka-python==2.3.1", "numpy<2", "pymongo"),
)


class _Contender(msgspec.Struct, frozen=True):
    """`module` of `muxes`.

    Attributes:
        forwards: every packet has to come out, in order.
        in_turn: packets come out without results, in the order in which they were sent.
    """

    module: str
    variant: str = ""
    forwards: bool = False
    in_turn: bool = False
    python: Callable[[], Path] = lambda: Path(sys.executable)


_CONTENDERS: Final = {
    OURS: _Contender("sightline", forwards=True),
    _SILENT: _Contender("sightline", "without results", forwards=True),
    _BY_HAND: _Contender("stand_in", python=KAFKA_PYTHON.python),
    _COMUX: _Contender("comux", in_turn=True, python=KAFKA_PYTHON.python),
}


def _needs(scale: Scale) -> None:
    """Raises Missing."""
    service = SERVICES["kafka"]
    if service.find() is None:
        raise Missing(f"a Kafka broker; to add it: {service.how_to_add()}")
    clip(scale.clip_s)


def _full_hd(one: _Contender, *, paced: bool) -> Callable[[Scale], Figures]:
    """Four cameras that play the same clip."""

    def turn(scale: Scale) -> Figures:
        clip_units = read_units(clip(scale.clip_s))
        units = clip_units.data[: min(scale.clip_s, scale.paced_s // _SHARE) * FPS]
        cameras = [f"cam{number}" for number in range(_CAMERAS)]
        ended = play(
            one.python(),
            one.module,
            [units],
            FPS,
            paced=paced,
            cameras=cameras,
            rate=_RATE,
            width=clip_units.width,
            height=clip_units.height,
            variant=one.variant,
        )
        return _judged(ended, units, clip_units.codec, one)

    return turn


def _judged(ended: Ended, units: Sequence[bytes], codec: str, one: _Contender) -> Figures:
    known, fed = looks(units, codec), ended.fed_ns.size
    seen = packets_shown(ended.shown, known)
    is_known = seen.packets >= 0
    late_ms = (ended.shown.when - ended.fed_ns[ended.shown.camera, seen.packets])[is_known] / 1e6
    sent = {camera: _sent(messages, units, ended, camera, one) for camera, messages in ended.sent.items()}
    lost = missing(sent, len(units)) if one.forwards else fed - ended.told["consumed"]
    return {
        PACKETS: fed,
        LOST: lost,
        FRAMES: len(seen.packets),
        ORDER: out_of_order(ended.shown, seen, known),
        ODD: int((~is_known).sum()),
        RESULTS: sum(one.picture is not None for messages in sent.values() for one in messages),
        ASTRAY: results_astray(sent, ended.shown, seen, known),
        COST: 1000 * ended.told["cpu_s"] / max(1, fed - (0 if one.forwards else lost)),
        **_latency(late_ms),
        **_process(ended),
    }


def _latency(late_ms: NDArray[np.float64]) -> Figures:
    """Nothing where no picture came."""
    return {name: float(np.percentile(late_ms, share)) for name, share in _SHARES.items() if len(late_ms)}


def _process(ended: Ended) -> Figures:
    return {
        WALL: ended.wall_s,
        THREADS: ended.threads,
        RSS: ended.rss_mb,
        BROKER: ended.broker_cpu_s,
    }


def _sent(
    messages: Sequence[Message], units: Sequence[bytes], ended: Ended, camera: int, one: _Contender
) -> list[Sent]:
    """Which packets went on, for which pictures: by the number in the result, or in turn where none goes."""
    numbers = {unit: number for number, unit in enumerate(units)}
    packets = [numbers.get(message.value, -1) for message in messages]
    pictures: list[int | None] = [
        int(message.headers["n"]) if "n" in message.headers else None for message in messages
    ]
    if one.in_turn:
        pictures = np.flatnonzero(ended.shown.camera == camera)[: len(messages)].tolist()
    return list(map(Sent, packets, pictures))


def _small(cameras: int) -> Callable[[Scale], Figures]:
    """Many cameras of 360p, a picture a second of each."""

    def turn(scale: Scale) -> Figures:
        playing = [[unit.data for unit in street] for street in streets()]
        units = min(len(playing[0]), scale.paced_s * FPS)
        ended = play(
            Path(sys.executable),
            "sightline",
            [street[:units] for street in playing],
            FPS,
            paced=True,
            cameras=[f"cam{number}" for number in range(cameras)],
            rate=1.0,
            width=640,
            height=360,
        )
        fed, shown = ended.fed_ns.size, ended.shown
        late_ms = (shown.when - ended.fed_ns[shown.camera, shown.place]) / 1e6
        return {
            PACKETS: fed,
            LOST: fed - sum(map(len, ended.sent.values())),
            FRAMES: len(shown.when),
            COST: 1000 * ended.told["cpu_s"] / fed,
            **_latency(late_ms),
            **_process(ended),
        }

    return turn


def _peers() -> dict[str, Callable[[], object]]:
    return {name: one.python for name, one in _CONTENDERS.items() if one.module != "sightline"}


_NOTES: Final = (
    f"The clip: {DESCRIPTION}, plain access units on four topics, one a message, without our headers.",
    "CPU is of the contender's process, all its threads, from the first packet on; neither the feeder's nor",
    "the broker's. comux: per 1,000 packets that it decoded, since it loses the others. sightline sends all",
    "on, comux and kafka-python + PyAV the packets of their pictures. comux knows no rate and gives out all",
    "pictures; its `send` takes no headers, so it is seen which packet it would have put them on.",
    "kafka-python + PyAV: a consumer, a decoder and a thread a camera; BGR for the rate; results as JSON.",
)

BENCHES: Final = (
    Bench(
        name="mux",
        title="Four 1080p cameras off Kafka at their pace, 10 pictures a second of each, results back",
        contenders={name: _full_hd(one, paced=True) for name, one in _CONTENDERS.items()},
        aims=(
            Aim(OURS, COST, 0.45, _COMUX),
            Aim(OURS, COST, 0.8, _BY_HAND),
            Aim(OURS, COST, 1.05, _SILENT),
            Aim(OURS, LOST, 0),
            Aim(OURS, ASTRAY, 0),
        ),
        notes=_NOTES,
        rounds=3,
        warm_up=False,
        needs=_needs,
        peers=_peers(),
    ),
    Bench(
        name="mux-flood",
        title="The same as a backlog: published as fast as the broker takes it, with the times of before",
        contenders={name: _full_hd(one, paced=False) for name, one in _CONTENDERS.items() if name != _SILENT},
        aims=(Aim(OURS, COST, 0.8, _BY_HAND), Aim(OURS, LOST, 0), Aim(OURS, ASTRAY, 0)),
        notes=(*_NOTES, "sightline is told to decode all that it is asked for, however late."),
        rounds=3,
        warm_up=False,
        needs=_needs,
        peers=_peers(),
    ),
    Bench(
        name="mux-many",
        title="360p cameras off Kafka at their pace, a picture a second of each, results back",
        contenders={_FEW: _small(10), _MANY: _small(100)},
        aims=(
            Aim(_MANY, THREADS, 1, _FEW),
            Aim(_MANY, LOST, 0),
        ),
        notes=(
            f"The packets: {STREETS}, one a message, without our headers; all are sent on.",
            f"{os.cpu_count()} cores, which the broker and the feeder share.",
        ),
        rounds=1,
        warm_up=False,
        needs=_needs,
    ),
)
