"""Recordings behind HTTP through a whole site: nothing of them is dropped, however slow the model."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.capture.web import Web

from sightline import Size
from sightline.scene import Scene, write_clip
from sightline.site import Site
from sightline.site.running import RunningSite

FRAMES = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same street as one file and as an HLS list of segments."""
    folder = tmp_path_factory.mktemp("web")
    write_clip(Scene(size=Size(160, 90)), folder / "drawn.mp4", FRAMES, gop=25, b_frames=2)
    for made in (
        ["-movflags", "faststart", "street.mp4"],
        ["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", "street.m3u8"],
    ):
        command = ["ffmpeg", "-v", "error", "-i", "drawn.mp4", "-c", "copy", *made]
        subprocess.run(command, cwd=folder, check=True, timeout=60)
    return folder


def run(camera: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    worker = {"model": {"kind": "motion"}, "sinks": [{"kind": "jsonl", "path": folder / "seen.jsonl"}]}
    site = Site.model_validate({"cameras": {"street": camera}, "workers": {"w": worker}})
    with RunningSite(site) as running:
        assert running.wait(60)
        status = running.status().cameras["street"]
    assert (status.state, status.dropped) == ("done", {})
    return [json.loads(line) for line in (folder / "seen.jsonl").read_text().splitlines()]


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize(
    "camera", [{"url": "/street.mp4"}, {"url": "/street.m3u8", "realtime": False}], ids=["file", "list"]
)
def test_every_picture_is_seen_once(
    no_leaks: None, folder: Path, tmp_path: Path, camera: dict[str, Any]
) -> None:
    with Web(folder) as web:
        seen = run(camera | {"url": web.url + camera["url"]}, tmp_path)
    assert Counter(one["index"] for one in seen) == dict.fromkeys(range(FRAMES), 1)
    assert len({one["epoch"] for one in seen}) == 1
    assert {one["captured_at_source"] for one in seen} == {"media"}
