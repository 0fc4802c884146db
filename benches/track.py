"""Twenty walkers followed: our tracker beside the one of the package `trackers`, which is ByteTrack too."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from benches.bench import OURS, Bench, Scale, WrongWork
from benches.measuring import Spent, spent
from benches.pairing import Aim, Figures
from benches.peers import Peer
from sightline.clock import NS_PER_S
from sightline.detect import Tracker
from sightline.result import Detection

THEIRS: Final = "trackers"
COST: Final = "CPU us an update"
SPEED: Final = "updates a second"
IDS: Final = "ids given"

# It asks for opencv-python, which would be OpenCV 5 with windows; the headless one does as well.
PEER: Final = Peer(
    name="bytetrack",
    packages=("trackers==2.6.1",),
    dependencies=(
        "supervision==0.31.2",
        "opencv-python-headless<5",
        "pydeprecate<0.14",
        "requests",
        "rich",
        "scipy",
    ),
)
THINGS: Final = 20
RATE: Final = 25
_WARM_UP: Final = 20
_WIDTH, _HEIGHT = 1920, 1080


def pictures(count: int) -> list[NDArray[np.float64]]:
    """Of each picture what a detector says: rows of score, left, top, right, bottom.

    The walkers turn round at the edges. A tenth of them is missed, each picture has half a false box, edges
    are off by a thirtieth of the box's side, and a fifth of the scores is low.
    """
    draw = np.random.default_rng(1)
    room = np.array([_WIDTH, _HEIGHT])
    size = draw.uniform(60, 120, (THINGS, 1)) * (1, 2.5)
    place, speed = draw.uniform(0, room, (THINGS, 2)), draw.normal(0, 80, (THINGS, 2))
    found = []
    for _ in range(count):
        place += speed / RATE
        speed[(place < 0) & (speed < 0) | (place > room) & (speed > 0)] *= -1
        corners = np.concatenate((place - size / 2, place + size / 2), axis=1)
        corners += draw.normal(0, 1 / 30, corners.shape) * np.tile(size, 2)
        scores = np.where(draw.random(THINGS) < 0.2, 0.3, 0.9)
        rows = np.column_stack((scores, corners))[draw.random(THINGS) >= 0.1]
        false = draw.uniform((0.1, 0, 0), (0.7, *room), (draw.poisson(0.5), 3))
        found.append(np.concatenate((rows, np.column_stack((false, false[:, 1:] + 90)))))
    return found


def ours(scale: Scale) -> Figures:
    updates = _updates(scale)
    seen = [
        [
            Detection(label="person", score=s, x1=x1, y1=y1, x2=x2, y2=y2)
            for s, x1, y1, x2, y2 in rows.tolist()
        ]
        for rows in pictures(updates)
    ]
    _follow(seen[:_WARM_UP])
    begin = spent()
    answers = _follow(seen)
    cost = spent().since(begin)
    ids = {one.track_id for answer in answers for one in answer}
    return _figures(cost, len(ids - {None}), updates)


def theirs(scale: Scale) -> Figures:
    updates = _updates(scale)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "detections.npz")
        np.savez(file, *pictures(updates))
        program = Path(__file__).with_name("bytetrack.py")
        ended = subprocess.run(
            [PEER.python(), program, file, str(RATE), str(_WARM_UP)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
    told = msgspec.json.decode(ended.stdout, type=dict[str, float])
    return _figures(Spent(told["cpu_s"], told["wall_s"]), int(told["ids"]), updates)


def _updates(scale: Scale) -> int:
    return scale.calls // 10


def _follow(seen: list[list[Detection]]) -> list[tuple[Detection, ...]]:
    tracker = Tracker()
    return [tracker.update(found, n * NS_PER_S // RATE) for n, found in enumerate(seen)]


def _figures(cost: Spent, ids: int, updates: int) -> Figures:
    """Raises WrongWork where things were not followed: an id every ten pictures of each is no track."""
    if not THINGS <= ids <= THINGS * max(2, updates // 10):
        raise WrongWork(f"expected some {THINGS} ids, got {ids}")
    return {COST: cost.cpu_s / updates * 1e6, SPEED: updates / cost.wall_s, IDS: ids}


BENCHES: Final = (
    Bench(
        name="track",
        title=f"{THINGS} walkers followed, picture by picture",
        contenders={OURS: ours, THEIRS: theirs},
        aims=(Aim(OURS, COST, 0.5, THEIRS),),
        notes=(
            "Each has its own defaults. The same detections for both, from memory:",
            f"{RATE} pictures/s, a tenth missed, a fifth with a low score, half a false box a picture.",
            f"{THEIRS}: `ByteTrackTracker` of {PEER.packages[0]}, in an environment of its own.",
        ),
        needs=lambda _scale: PEER.python(),
    ),
)
