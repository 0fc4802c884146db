"""The same thing in one picture after another: ByteTrack's association, in seconds.

After Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (ECCV 2022,
arXiv 2110.06864): detections with high scores go to the tracks whose predicted boxes they overlap most; those
with low scores, which a hidden thing gets, only carry on tracks that were seen a moment ago; a track that
finds no detection is kept for a while; a high score that finds no track begins one. Other than there, time is
real: what is predicted, kept and confirmed goes by seconds, so that another rate, jitter and lost pictures
change nothing else.

Promises: detections come back as they were but for `track_id`, and in their order; an id is in a picture
once, rises from one new track to the next and is never given again; what is not tracked has None. Any finite
numbers may come, and any time: where it goes back it stands still for a moment. State is bounded.

Deliberately not here: what things look like. Two that meet may come out swapped, and a thing that is
elsewhere by more than its own size in the next picture, and was not seen to move, is another thing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sightline.clock import NS_PER_S
from sightline.detect.kalman import Boxes, Floats, overlap
from sightline.errors import ConfigError, MissingExtra
from sightline.result import Detection

MAX_TRACKS: Final = 512
"""Held at a time. As many detections of a picture take part at most, those with the best scores."""
FARTHEST: Final = 1e6
"""Pixels: a box that reaches farther from the origin is in no picture, and is not tracked."""

Ints: TypeAlias = NDArray[np.int64]
Places: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]
_NOWHERE: Final = np.zeros(0, np.intp)
_TRACK: Final = np.dtype([("id", np.int64), ("label", np.int64), ("seen_s", float), ("unseen_s", float)])


class _Seen(NamedTuple):
    """The detections of a picture that take part; their places among all."""

    places: Places
    labels: Ints
    scores: Floats
    corners: Floats


class Tracker:
    """The tracks of one camera.

    Args:
        high: the least score that begins a track.
        low: the least score that carries on a track.
        match_iou: the least intersection over union of a track's predicted box and a detection that is it.
        lost_s: how long a track that is not seen is kept: more than what lies between two pictures.
        min_s: for how long a track must be seen before it gets an id; twice in any case.
        same_label: whether a track keeps its label; else a detection of any label may carry it on.

    Attributes:
        next_id: what the next track that is confirmed gets.

    Raises:
        ConfigError: `low` is above `high`.
        MissingExtra: scipy is not installed.
    """

    def __init__(
        self,
        *,
        high: float = 0.5,
        low: float = 0.1,
        match_iou: Annotated[float, Field(gt=0, lt=1)] = 0.2,
        lost_s: Annotated[float, Field(gt=0, le=3600)] = 1.0,
        min_s: Annotated[float, Field(ge=0, le=3600)] = 0.0,
        same_label: bool = True,
    ) -> None:
        if low > high:
            raise ConfigError(f"expected low to be at most high, {high:g}, got {low:g}")
        self._high, self._low, self._match_iou = high, low, match_iou
        self._lost_s, self._min_s = lost_s, min_s
        self._same_label = same_label
        self._assign = _assignment()
        self._at_ns = 0
        self.next_id = 1
        self.restart()

    def __len__(self) -> int:
        """Tracks held, also those without an id yet and those that are lost."""
        return len(self._tracks)

    def restart(self) -> None:
        """Forget all tracks; ids rise on."""
        self._tracks: NDArray[Any] = np.zeros(0, _TRACK)
        self._boxes = Boxes()

    def update(self, detections: Sequence[Detection], at_ns: int) -> tuple[Detection, ...]:
        """The detections of the next picture with their track ids; those that they came with are replaced.

        Args:
            detections: of one picture.
            at_ns: when it was taken, in ns, on any clock that the pictures share.
        """
        recent = self._predict(at_ns)
        seen = self._taking_part(detections)
        rows, columns = self._associate(seen, recent)
        self._carry_on(rows, seen.corners[columns])
        ids = np.zeros(len(detections), np.int64)
        ids[seen.places[columns]] = self._tracks["id"][rows]
        # A track without an id is not waited for longer than it was seen.
        self._keep((self._tracks["id"] > 0) | (self._tracks["unseen_s"] <= self._tracks["seen_s"]))
        self._begin(seen, columns)
        pairs = zip(detections, ids.tolist(), strict=True)
        return tuple(msgspec.structs.replace(one, track_id=given or None) for one, given in pairs)

    def _predict(self, at_ns: int) -> Mask:
        """Move all tracks on; says which of them were in the last picture."""
        elapsed_s = max(0, at_ns - self._at_ns) / NS_PER_S
        self._at_ns = at_ns
        self._keep(self._tracks["unseen_s"] + elapsed_s <= self._lost_s)
        recent: Mask = self._tracks["unseen_s"] == 0
        self._tracks["unseen_s"] += elapsed_s
        self._boxes.predict(elapsed_s)
        return recent

    def _taking_part(self, detections: Sequence[Detection]) -> _Seen:
        """Those with a score that counts and a box that is one."""
        numbers = np.array([(d.score, d.x1, d.y1, d.x2, d.y2) for d in detections], float).reshape(-1, 5)
        scores, corners = numbers[:, 0], numbers[:, 1:]
        is_box = (corners[:, 2:] > corners[:, :2]).all(axis=1) & (np.abs(corners) <= FARTHEST).all(axis=1)
        places = np.flatnonzero(is_box & (scores >= self._low))
        if len(places) > MAX_TRACKS:
            best = np.argsort(-scores[places], kind="stable")[:MAX_TRACKS]
            places = np.sort(places[best])
        # Two labels of one hash, one pair in 2**64, would pass for the same.
        labels = [hash(detections[at].label) if self._same_label else 0 for at in places.tolist()]
        return _Seen(places, np.array(labels, np.int64), scores[places], corners[places])

    def _associate(self, seen: _Seen, recent: Mask) -> tuple[Places, Places]:
        """Rows of tracks, and with each the column of the detection that carries it on."""
        gains = overlap(self._boxes.corners, seen.corners)
        gains[(gains < self._match_iou) | (self._tracks["label"][:, None] != seen.labels)] = 0
        confirmed, high = self._tracks["id"] > 0, seen.scores >= self._high
        rows = columns = _NOWHERE
        for tracks, which in ((confirmed, high), (confirmed & recent, ~high), (~confirmed, high)):
            tracks[rows] = which[columns] = False
            pairs = self._best(gains, np.flatnonzero(tracks), np.flatnonzero(which))
            rows, columns = np.append(rows, pairs[0]), np.append(columns, pairs[1])
        return rows, columns

    def _best(self, gains: Floats, rows: Places, columns: Places) -> tuple[Places, Places]:
        """Pairs of these with the greatest sum of gains, each with some."""
        if not (rows.size and columns.size):
            return _NOWHERE, _NOWHERE
        among_rows, among_columns = self._assign(gains[np.ix_(rows, columns)], maximize=True)
        rows, columns = rows[among_rows], columns[among_columns]
        found = gains[rows, columns] > 0
        return rows[found], columns[found]

    def _carry_on(self, rows: Places, corners: Floats) -> None:
        tracks = self._tracks
        self._boxes.correct(rows, corners)
        tracks["seen_s"][rows] += tracks["unseen_s"][rows]
        tracks["unseen_s"][rows] = 0
        ready = rows[(tracks["id"][rows] == 0) & (tracks["seen_s"][rows] >= self._min_s)]
        tracks["id"][ready] = np.arange(self.next_id, self.next_id + len(ready))
        self.next_id += len(ready)

    def _keep(self, rows: Mask) -> None:
        if not rows.all():
            self._tracks = self._tracks[rows]
            self._boxes.keep(rows)

    def _begin(self, seen: _Seen, taken: Places) -> None:
        free = seen.scores >= self._high
        free[taken] = False
        new = np.flatnonzero(free)[: MAX_TRACKS - len(self)]
        if not new.size:
            return
        born = np.zeros(len(new), _TRACK)
        born["label"] = seen.labels[new]
        self._tracks = np.append(self._tracks, born)
        self._boxes.add(seen.corners[new])


def _assignment() -> Callable[..., tuple[Places, Places]]:
    try:
        optimize = importlib.import_module("scipy.optimize")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "scipy":
            raise
        raise MissingExtra("tracking needs scipy; it comes with: pip install 'sightline[track]'") from error
    assign: Callable[..., tuple[Places, Places]] = optimize.linear_sum_assignment
    return assign
