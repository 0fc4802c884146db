"""A camera's term, from the site file to all that is made of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import Fence, Size
from sightline.bus import open_log
from sightline.framequeue.key import FrameKey
from sightline.framequeue.work.hand import TakenFrame
from sightline.scene import Scene, write_clip
from sightline.site import RunningSite, Site
from sightline.site.frame_queue_looking import Looking, lookers_of
from sightline.site.supervised_site import SupervisedSite
from sightline.wire import result_from_json

FRAMES = 20
HIGH = 2**63 - 1


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("terms") / "street.mp4"
    write_clip(Scene(size=Size(160, 90), fps=10), path, FRAMES, gop=10)
    return path


def site(cameras: dict[str, Any], folder: Path, **beside: Any) -> Site:
    sinks = [{"kind": "jsonl", "path": folder / "results.jsonl"}]
    return Site.model_validate(
        {"cameras": cameras, "workers": {"w": {"model": {"kind": "motion"}, "sinks": sinks}}} | beside
    )


def terms(folder: Path) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for line in (folder / "results.jsonl").read_text().splitlines():
        told = json.loads(line)
        found.setdefault(told["camera_id"], set()).add(told["term"])
    return found


@pytest.mark.parametrize("run", [RunningSite, SupervisedSite])
def test_each_result_carries_the_term_of_its_camera(
    no_leaks: None, clip: Path, tmp_path: Path, run: Callable[[Site], Any]
) -> None:
    cameras = {
        "late": {"url": str(clip), "term": 3},
        "plain": {"url": str(clip)},
        "high": {"url": str(clip), "term": HIGH},
    }
    with run(site(cameras, tmp_path)) as running:
        assert running.wait(60)
    assert terms(tmp_path) == {"late": {3}, "plain": {0}, "high": {HIGH}}


def test_it_goes_onto_a_bus_with_them_and_the_later_machine_holds(
    no_leaks: None, clip: Path, tmp_path: Path
) -> None:
    """Two machines look at one camera: whoever was given it first goes on, and does no harm."""
    url = "memory://terms?history=16MiB"
    with open_log(url) as log:
        for term in (1, 2, 1):
            sinks = [{"kind": "bus", "url": url}]
            worker = {"model": {"kind": "motion"}, "sinks": sinks}
            cameras = {"gate": {"url": str(clip), "term": term}}
            settings = {"cameras": cameras, "workers": {"w": worker}}
            with RunningSite(Site.model_validate(settings)) as running:
                assert running.wait(60)
        fence = Fence()
        reader = log.consume("results_gate", start="earliest")
        results = [result_from_json(message.value) for message in reader.poll(10 * FRAMES, 20)]
    assert [result.term for result in results] == [1] * FRAMES + [2] * FRAMES + [1] * FRAMES
    assert [result.term for result in results if fence.admits(result)] == [1] * FRAMES + [2] * FRAMES
    assert fence.stats().refused_of == {"gate": FRAMES}


@pytest.mark.parametrize("term", [-1, 2**63, 1.5, "late"])
def test_what_is_no_term_is_a_mistake(clip: Path, tmp_path: Path, term: object) -> None:
    with pytest.raises(ValueError, match="cameras.gate.term"):
        site({"gate": {"url": str(clip), "term": term}}, tmp_path)


def test_workers_of_a_frame_queue_give_it_too(clip: Path, tmp_path: Path) -> None:
    lookers = lookers_of(site({"gate": {"url": str(clip), "term": 7}}, tmp_path))
    shown = np.zeros((90, 160, 3), np.uint8)
    key = FrameKey(
        camera_id="gate", captured_at_ms=1, epoch=1, index=0, width=160, height=90, size=1, format="raw"
    )
    picture = TakenFrame(key, shown, b"", 1, False)
    with Looking(lookers) as looking:
        told = json.loads(looking(picture))
    assert (told["term"], terms(tmp_path)) == (7, {"gate": {7}})
