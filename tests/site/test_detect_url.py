"""A camera with a smaller stream beside its main one: models see the small one, all else the main one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console
from tests.conftest import WaitFor

from sightline import Packet, Size
from sightline.buffer import Capacity, Overflow
from sightline.bus import Bus, Stream, Subscription, camera_of, is_end, open_bus, packet_of, packets_topic
from sightline.cli.live import camera_table
from sightline.clock import NS_PER_S, SystemClock
from sightline.scene import Scene, write_clip
from sightline.site import Camera, Site
from sightline.site.running import RunningSite

FRAMES, SMALL_FRAMES = 60, 20
LARGE, SMALL = Size(320, 180), Size(160, 90)


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("streams")
    write_clip(Scene(size=LARGE, fps=30), folder / "main.mp4", FRAMES, gop=10)
    write_clip(Scene(size=SMALL, fps=10), folder / "small.mp4", SMALL_FRAMES, gop=10)
    return {"url": str(folder / "main.mp4"), "detect_url": str(folder / "small.mp4")}


class StoodStill(SystemClock):
    """Both streams begin within one millisecond."""

    def utc_ns(self) -> int:
        return 1_800_000_000 * NS_PER_S


def site(camera: dict[str, Any], folder: Path, bus: str) -> Site:
    worker = {"model": {"kind": "motion"}, "sinks": [{"kind": "jsonl", "path": folder / "results.jsonl"}]}
    return Site.model_validate({"bus": bus, "cameras": {"gate": camera}, "workers": {"w": worker}})


@pytest.fixture
def bus() -> Iterator[Bus]:
    with open_bus("memory://test-detect-url") as opened:
        yield opened


def read(bus: Bus, stream: Stream) -> Subscription:
    topics = packets_topic("gate", stream)
    return bus.subscribe(topics, capacity=Capacity.unbounded(), overflow=Overflow.DROP_OLDEST)


def packets(subscription: Subscription) -> list[Packet]:
    return [packet_of(message) for message in subscription.poll(1000, 1) if not is_end(message)]


def test_models_see_the_small_stream_and_the_bus_has_both(
    no_leaks: None, urls: dict[str, str], tmp_path: Path, bus: Bus
) -> None:
    main, beside = read(bus, "main"), read(bus, "detect")
    with RunningSite(site(urls, tmp_path, "memory://test-detect-url"), clock=StoodStill()) as running:
        assert running.wait(30)
        view = running.status().cameras["gate"]
    large, small = packets(main), packets(beside)
    assert (len(large), len(small)) == (FRAMES, SMALL_FRAMES)
    assert {packet.camera_id for packet in large + small} == {"gate"}
    assert len({packet.identity for packet in large + small}) == FRAMES + SMALL_FRAMES

    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    seen = {(one["camera_id"], one["epoch"], one["index"]) for one in results}
    assert seen == {packet.identity for packet in small}
    assert {(one["width"], one["height"]) for one in results} == {SMALL}

    assert (view.source, view.packets, view.state) == (f"h264 {LARGE}", FRAMES, "done")
    assert view.detect is not None
    assert (view.detect.source, view.detect.packets) == (f"h264 {SMALL}", SMALL_FRAMES)
    assert (view.results, view.dropped) == (SMALL_FRAMES, {})


def test_one_stream_that_fails_leaves_the_other_alone(urls: dict[str, str], tmp_path: Path, bus: Bus) -> None:
    main = read(bus, "main")
    camera = urls | {"detect_url": str(tmp_path / "none.mp4")}
    with RunningSite(site(camera, tmp_path, "memory://test-detect-url")) as running:
        assert running.wait(30)
        view, faults = running.status().cameras["gate"], running.faults
    assert len(packets(main)) == FRAMES
    assert (view.state, view.results) == ("done", 0)
    assert view.detect is not None
    assert view.detect.state == "disabled"
    assert "none.mp4" in view.detect.reason
    assert any("none.mp4" in fault for fault in faults)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(camera_table({"gate": view}, []))
    assert re.search(r"gate\W+done\b", shown.get())
    assert re.search(r"detect_url\W+disabled\b.*no such file", shown.get())


def test_a_live_site_with_both_streams_ends_when_it_is_asked_to(
    no_leaks: None, tmp_path: Path, wait_for: WaitFor
) -> None:
    camera = {"url": "synthetic://street?size=320x180", "detect_url": "synthetic://street?size=160x90&fps=5"}
    with RunningSite(site(camera, tmp_path, "memory://")) as running:
        wait_for(lambda: running.status().cameras["gate"].results > 3, 20, "results")
        view = running.status().cameras["gate"]
    assert view.detect is not None
    assert (view.state, view.detect.state) == ("live", "live")


def test_the_login_is_one_for_both() -> None:
    main = {"url": "rtsp://viewer:Tulip-7@h/main"}
    same = Camera.model_validate(main | {"detect_url": "rtsp://viewer:Tulip-7@h/sub"})
    none = Camera.model_validate(main | {"detect_url": "rtsp://h/sub"})
    for camera in (same, none):
        assert camera.detect_url == "rtsp://h/sub"
        taken = camera.as_input("gate", "detect")
        assert (taken.url, taken.username, taken.password) == ("rtsp://h/sub", "viewer", "Tulip-7")
        assert camera.as_input("gate").url == "rtsp://h/main"
    with pytest.raises(ValidationError, match="one is used for both") as caught:
        Camera.model_validate(main | {"detect_url": "rtsp://viewer:Daisy-8@h/sub"})
    assert "Daisy" not in str(caught.value)


def test_whether_models_may_drop_is_said_by_what_they_look_at() -> None:
    assert not Camera.model_validate({"url": "rtsp://h/s", "detect_url": "a.mp4"}).is_live
    assert Camera.model_validate({"url": "a.mp4", "detect_url": "rtsp://h/s"}).is_live


def test_no_camera_has_the_topic_of_anothers_second_stream() -> None:
    names = ("gate", "gate.detect", "detect_gate", "raw_gate")
    streams: tuple[Stream, ...] = ("main", "detect")
    topics = {packets_topic(name, stream): name for name in names for stream in streams}
    assert len(topics) == len(names) * len(streams)
    assert all(camera_of(topic) == name for topic, name in topics.items())
