"""Results read back from JSON lines: the moment of each camera at which the most was seen.

python examples/busiest.py out/results.jsonl
"""

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from sightline import Result
from sightline.wire import result_from_json


def busiest(path: Path) -> dict[str, Result]:
    """By camera, the first result with the most detections."""
    most: dict[str, Result] = {}
    with path.open("rb") as lines:
        for result in map(result_from_json, lines):
            before = most.get(result.camera_id)
            if before is None or len(result.detections) > len(before.detections):
                most[result.camera_id] = result
    return most


if __name__ == "__main__":
    for camera_id, result in sorted(busiest(Path(sys.argv[1])).items()):
        taken = datetime.fromtimestamp(result.captured_at_ns / 1e9, UTC)
        seen = Counter(detection.label for detection in result.detections)
        print(f"{camera_id}: {taken:%H:%M:%S} UTC, {', '.join(f'{n} {label}' for label, n in seen.items())}")
