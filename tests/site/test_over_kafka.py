"""A site whose bus is a Kafka: nothing of its file changes but one URL."""

import secrets
from pathlib import Path

import msgspec
import pytest

from sightline.site import RunningSite, load_site

SITE = """
bus: kafka://{kafka}
topics: {{main: "{prefix}_raw_:camera_id", detect: "{prefix}_detect_:camera_id"}}
cameras:
  gate: {{url: "{clips}/car-detection.mp4"}}
  yard: {{url: "{clips}/one-by-one-person-detection.mp4"}}
workers:
  w:
    cameras: [gate, yard]
    model: {{kind: motion}}
    sinks: [{{kind: jsonl, path: results.jsonl}}]
"""


@pytest.mark.needs("kafka")
def test_recordings_are_seen_whole_over_kafka(
    no_leaks: None, kafka: str, clips: Path, tmp_path: Path
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(kafka=kafka, prefix=secrets.token_hex(4), clips=clips))
    with RunningSite(load_site(path)) as running:
        assert running.wait(90)
    rows = [msgspec.json.decode(line) for line in (tmp_path / "results.jsonl").read_bytes().splitlines()]
    seen = {
        camera_id: [row["index"] for row in rows if row["camera_id"] == camera_id]
        for camera_id in ("gate", "yard")
    }
    # The one has B-frames: its pictures come in the order in which they are shown.
    assert {camera_id: sorted(indexes) for camera_id, indexes in seen.items()} == {
        "gate": list(range(377)),
        "yard": list(range(len(seen["yard"]))),
    }
    assert len(seen["yard"]) > 500
