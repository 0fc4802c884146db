"""The main job on real pictures: two cameras over RTSP, people found on one, movement on the other."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
from tests.conftest import StartRtspServer, WaitFor
from tests.proof.runs import counts_of, results_in, site_of
from tools.services import Mount
from tools.services.units import Units, read_units

from sightline import Result
from sightline.clock import NS_PER_MS, NS_PER_S
from sightline.site.running import RunningSite

pytestmark = pytest.mark.needs("rtsp")
# The person's clip lasts 139 s; played faster, both are over at the same time.
PERSON_FPS = 46.0
PERSON_RATE = 8.0
PICTURE = 768 * 432
WORKERS: dict[str, Any] = {
    "people": {"cameras": ["person"], "rate": PERSON_RATE, "model": {"kind": "hog"}},
    "movement": {"cameras": ["car"], "model": {"kind": "motion"}},
}


def test_the_person_and_the_cars_are_found_and_each_line_is_right(
    no_leaks: None,
    clips: Path,
    rtsp_server: StartRtspServer,
    tmp_path: Path,
    wait_for: WaitFor,
) -> None:
    """A whole pass of each clip: a stream that ends is connected to again, and begins a new epoch."""
    person, car = clips / "one-by-one-person-detection.mp4", clips / "car-detection.mp4"
    server = rtsp_server({"person": Mount(person, fps=PERSON_FPS, loop=False), "car": Mount(car, loop=False)})
    cameras = {name: {"url": server.url(name)} for name in ("person", "car")}
    began_ns = time_ns()
    with RunningSite(site_of(cameras, tmp_path, **WORKERS)) as running:
        wait_for(lambda: _second_epochs(tmp_path), 55, "each clip to be over and begin again")
        ended_ns = time_ns()
    for worker in WORKERS:
        (counts,) = counts_of(running, worker).values()
        assert counts.results == len(results_in(tmp_path / f"{worker}.jsonl"))
    people, units = _first_epoch(tmp_path, "people"), read_units(person)
    _check_lines(people, units, Fraction(PERSON_FPS), began_ns, ended_ns)
    _check_spread(people, len(units.data))
    found = [result for result in people if any(one.label == "person" for one in result.detections)]
    assert len(found) >= 0.35 * len(people), (len(found), len(people))

    movement, units = _first_epoch(tmp_path, "movement"), read_units(car)
    _check_lines(movement, units, units.fps, began_ns, ended_ns)
    _check_spread(movement, len(units.data))
    # The real street has no B-frames: its packets come as they are shown.
    assert all(a.index < b.index for a, b in pairwise(movement))
    moved = [result for result in movement if any(one.area > 0.01 * PICTURE for one in result.detections)]
    assert len(moved) >= 0.25 * len(movement), (len(moved), len(movement))
    print(f"person in {len(found)} of {len(people)}, movement in {len(moved)} of {len(movement)}")


def _second_epochs(folder: Path) -> bool:
    return all(len({one.epoch for one in results_in(folder / f"{name}.jsonl")}) == 2 for name in WORKERS)


def _first_epoch(folder: Path, worker: str) -> list[Result]:
    results = results_in(folder / f"{worker}.jsonl")
    epochs = [result.epoch for result in results]
    assert epochs == sorted(epochs)
    return [result for result in results if result.epoch == epochs[0]]


def _check_spread(results: Sequence[Result], units: int) -> None:
    """The pictures that the model was given are of the whole clip, not of a part that suits it."""
    tenths = [0] * 10
    for result in results:
        tenths[result.index * 10 // units] += 1
    assert min(tenths) >= len(results) / 20, tenths


def _check_lines(
    results: Sequence[Result], units: Units, fps: Fraction, began_ns: int, ended_ns: int
) -> None:
    """Identity, order and time of one epoch's results, against the clip that was played."""
    assert len({result.identity for result in results}) == len(results)
    assert {(result.width, result.height) for result in results} == {(768, 432)}
    epoch = results[0].epoch
    assert (
        began_ns // NS_PER_MS
        <= epoch
        <= min(result.captured_at_ns for result in results) // NS_PER_MS + 5_000
    )
    assert epoch <= began_ns // NS_PER_MS + 10_000
    for result in results:
        assert began_ns <= result.captured_at_ns <= result.decoded_at_ns
        assert result.published_at_ns is not None
        assert result.decoded_at_ns <= result.inferred_at_ns <= result.published_at_ns <= ended_ns
    timed = [result for result in results if result.pts is not None]
    assert len(timed) >= len(results) - 1
    assert all((a.pts or 0) < (b.pts or 0) for a, b in pairwise(timed))
    # A packet's index is its unit's place in the clip, its time that unit's place in the order of showing.
    for result in timed:
        assert result.pts == pytest.approx(units.shown[result.index] / fps / result.time_base, abs=90)
    _check_capture_times(timed)


def _check_capture_times(timed: Sequence[Result]) -> None:
    """Our own clock until the camera has told its own; from then on capture times go as pictures do."""
    sources = [result.captured_at_source for result in sorted(timed, key=lambda result: result.index)]
    rtcp = sources.index("rtcp")
    assert set(sources[:rtcp]) <= {"arrival"}
    assert set(sources[rtcp:]) == {"rtcp"}
    by_camera = [result for result in timed if result.captured_at_source == "rtcp"]
    starts = [round(result.captured_at_ns - _media_ns(result)) for result in by_camera]
    # Just after the switch stamps stand still for the transport's delay, so that none goes back.
    settled = [
        start
        for start, one in zip(starts, by_camera, strict=True)
        if _media_ns(one) > _media_ns(by_camera[0]) + NS_PER_S
    ]
    assert max(settled) - min(settled) < 5 * NS_PER_MS


def _media_ns(result: Result) -> Fraction:
    return (result.pts or 0) * result.time_base * NS_PER_S
