"""The peer's turn: `python benches/bytetrack.py DETECTIONS.npz`, in its own environment, without Sightline.

Prints `{"cpu_s", "wall_s", "ids"}` of all updates, after some that do not count.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main(file: Path, rate: float, warm_up: int) -> None:
    sv, trackers = importlib.import_module("supervision"), importlib.import_module("trackers")
    pictures = [
        sv.Detections(xyxy=found[:, 1:], confidence=found[:, 0], class_id=np.zeros(len(found), int))
        for found in np.load(file).values()
    ]
    follow(trackers.ByteTrackTracker(frame_rate=rate), pictures[:warm_up])
    ids, tracker = set[int](), trackers.ByteTrackTracker(frame_rate=rate)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    answers = follow(tracker, pictures)
    spent = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - wall_s}
    for answer in answers:
        ids.update(answer.tracker_id.tolist())
    print(json.dumps({**spent, "ids": len(ids - {-1})}))


def follow(tracker: Any, pictures: list[Any]) -> list[Any]:
    return [tracker.update(picture) for picture in pictures]


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
