"""Sources that are broken, silent or gone: each has its own outcome, and its neighbours notice nothing."""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import monotonic

import pytest
from tests.conftest import StartRtspServer, WaitFor
from tests.proof.conftest import FRAMES, MakeStreet, Street
from tests.proof.marks import mark_of
from tests.proof.runs import captured, counts_of, results_in, site_of
from tools.services import Mount

from sightline import Result, Size
from sightline.scene import Mark, Scene, write_clip
from sightline.site.running import RunningSite

STRETCH_S = 5.0
SLOW_FPS = 10


def test_broken_files_in_one_site_each_have_their_own_outcome(
    no_leaks: None, street: MakeStreet, tmp_path: Path
) -> None:
    one = street(1)
    files = {
        "good": one.path,
        "truncated": _cut(_as_mkv(tmp_path), tmp_path / "truncated.mkv"),
        "headless": _cut(
            one.path, tmp_path / "headless.mp4"
        ),  # what says where its pictures are is at its end
        "flipped": _flipped(one.path, tmp_path / "flipped.mp4"),
        "switching": _switching(tmp_path),
        "empty": tmp_path / "empty.mp4",
        "text": tmp_path / "text.mp4",
    }
    files["empty"].touch()
    files["text"].write_text("These are words, and no pictures.\n" * 1000)
    with RunningSite(
        site_of({name: {"url": str(file)} for name, file in files.items()}, tmp_path)
    ) as running:
        assert running.wait(60)
        status, counts = running.status().cameras, counts_of(running)
    results = {name: results_in(tmp_path / "w.jsonl", name) for name in files}
    for name in files:
        assert counts[name].balanced, name
        packets, dropped = status[name].packets, sum(status[name].dropped.values())
        assert len(results[name]) == status[name].results == packets - dropped, name
    for name in ("headless", "empty", "text"):
        assert (status[name].state, status[name].packets) == ("disabled", 0)
        assert str(files[name]) in status[name].reason
    for name in ("good", "truncated", "flipped", "switching"):
        assert (status[name].state, status[name].reason) == ("done", "")

    assert len(results["good"]) == FRAMES
    _check_marks(results["good"], one)
    assert FRAMES / 3 < len(results["truncated"]) < FRAMES * 2 / 3
    _check_marks(results["truncated"], one)
    # Damage costs the rest of a GOP; what is delivered is never another picture.
    assert FRAMES / 3 < len(results["flipped"]) < FRAMES
    assert {"corrupt", "after_corrupt"} & set(status["flipped"].dropped)
    _check_marks([result for result in results["flipped"] if result.detections], one)
    sizes = [(result.width, result.height) for result in results["switching"]]
    assert sizes == [(320, 180)] * 30 + [(480, 270)] * 30 + [(320, 180)] * 30
    assert [mark_of(result) for result in results["switching"]] == [
        Mark(camera, frame) for camera in (1, 2, 1) for frame in range(30)
    ]


@pytest.mark.needs("rtsp")
def test_a_server_that_says_nothing_is_given_up_and_tried_again(
    no_leaks: None,
    silent_port: int,
    rtsp_server: StartRtspServer,
    street: MakeStreet,
    tmp_path: Path,
    wait_for: WaitFor,
) -> None:
    """One that takes connections and never answers, and one that answers all and never sends a picture."""
    server = rtsp_server({"good": street(1).path, "frozen": Mount(street(2).path, frozen=True)})
    hurry = {"open_timeout_s": 1.0, "read_timeout_s": 1.0, "stall_after_s": 2.0}
    cameras: dict[str, dict[str, object]] = {
        "good": {"url": server.url("good")},
        "silent": {"url": f"rtsp://127.0.0.1:{silent_port}/stream", **hurry},
        "frozen": {"url": server.url("frozen"), **hurry},
    }
    with RunningSite(site_of(cameras, tmp_path)) as running:
        for name, reason in (("silent", "no answer within"), ("frozen", "nothing came for")):
            wait_for(lambda: _failed(running, name, 2), 30, f"two attempts at {name}")  # noqa: B023
            assert reason in running.status().cameras[name].reason
            assert running.status().cameras[name].packets == 0
        assert running.status().cameras["good"].state == "live"
        server.thaw("frozen")
        wait_for(lambda: counts_of(running)["frozen"].results >= 25, 15, "pictures of the thawed one")
        assert running.status().cameras["frozen"].reason == ""
        began_s = monotonic()
    assert monotonic() - began_s < 2  # though one camera waits inside libav
    _check_marks(results_in(tmp_path / "w.jsonl", "frozen"), street(2))
    _check_whole(results_in(tmp_path / "w.jsonl", "good"))


@pytest.mark.needs("rtsp")
@pytest.mark.alone
@pytest.mark.parametrize("death", ["killed", "frozen"])
def test_one_dead_camera_of_four_costs_the_others_nothing(
    no_leaks: None,
    rtsp_server: StartRtspServer,
    street: MakeStreet,
    tmp_path: Path,
    wait_for: WaitFor,
    death: str,
) -> None:
    """In two of three stretches at least: a busy machine may spoil one, a camera that is tried again
    every 3 s or so would spoil all of them.
    """
    streets = {name: street(number, fps=SLOW_FPS) for number, name in enumerate("abcd", start=1)}
    living = rtsp_server({name: streets[name].path for name in "abc"})
    dying = rtsp_server({"d": streets["d"].path})
    cameras: dict[str, dict[str, object]] = {name: {"url": living.url(name)} for name in "abc"}
    cameras["d"] = {"url": dying.url("d"), "open_timeout_s": 2, "read_timeout_s": 1, "stall_after_s": 2}
    with RunningSite(site_of(cameras, tmp_path)) as running:

        def newest() -> dict[str, int]:
            return {name: of.newest.pts or 0 for name, of in counts_of(running).items() if of.newest}

        def all_reached(times: dict[str, int]) -> bool:
            return all(newest()[name] >= times[name] + STRETCH_S * 90_000 for name in "abc")

        wait_for(lambda: all(of.results >= 30 for of in counts_of(running).values()), 30, "four live cameras")
        dying.kill() if death == "killed" else dying.freeze("d")
        marks = [wait_for(lambda: _standing(newest, "d"), 10, "the fourth camera's last picture")]
        began_s = monotonic()
        for _ in range(3):
            wait_for(lambda: all_reached(marks[-1]), 2 * STRETCH_S, "some time of three cameras")
            marks.append(newest())
        lasted_s = monotonic() - began_s
        assert captured(running)["d"].failures >= 1
    # libav keeps an RTSP camera's last picture until the next one comes, or it is tired of waiting.
    assert marks[-1]["d"] <= marks[0]["d"] + 90_000 // SLOW_FPS
    results = {name: results_in(tmp_path / "w.jsonl", name) for name in "abc"}
    shares = [
        min(_share(results[name], before[name], after[name]) for name in "abc")
        for before, after in pairwise(marks)
    ]
    print(f"{death}: shares of fps {shares}, {lasted_s:.2f} s for three times {STRETCH_S:g} s of pictures")
    assert median(shares) >= 0.99, shares
    media_s = max(marks[-1][name] - marks[0][name] for name in "abc") / 90_000
    assert lasted_s < 1.01 * media_s + 0.5  # they are not late either


def _standing(newest: Callable[[], dict[str, int]], name: str) -> dict[str, int]:
    """The newest pictures, once that camera's has stood still while others gave five."""
    then = newest()
    end_s = monotonic() + 2
    while (now := newest())[name] == then[name] and monotonic() < end_s:
        if now["a"] >= then["a"] + 5 * 90_000 // SLOW_FPS:
            return now
    return {}


def _share(results: Sequence[Result], first: int, last: int) -> float:
    """The part of the pictures between two times that came to results."""
    came = sum(first < (result.pts or 0) <= last for result in results)
    return came / ((last - first) * SLOW_FPS / 90_000)


def _failed(running: RunningSite, name: str, attempts: int) -> bool:
    return captured(running)[name].failures >= attempts


def _check_marks(results: Sequence[Result], street: Street) -> None:
    """Each shows what the clip's unit of its index shows."""
    expected = [Mark(street.camera, street.frames[result.index % FRAMES]) for result in results]
    assert [mark_of(result) for result in results] == expected


def _check_whole(results: Sequence[Result]) -> None:
    assert len({result.epoch for result in results}) == 1
    indices = sorted(result.index for result in results)
    assert len(indices) >= 0.9 * (indices[-1] - indices[0])


def _as_mkv(folder: Path) -> Path:
    """The street of camera 1, in a container that can be read as far as it goes."""
    scene = Scene(size=Size(320, 180), fps=25, camera=1, seed=1)
    return write_clip(scene, folder / "whole.mkv", FRAMES, gop=25, b_frames=2)


def _cut(whole: Path, part: Path) -> Path:
    data = whole.read_bytes()
    part.write_bytes(data[: len(data) // 2])
    return part


def _flipped(whole: Path, damaged: Path) -> Path:
    """One bit of each of 8 bytes in the second half of the pictures."""
    data, chance = bytearray(whole.read_bytes()), random.Random(1)
    pictures = data.index(b"mdat")
    end = pictures + int.from_bytes(data[pictures - 4 : pictures])
    for _ in range(8):
        data[chance.randrange((pictures + end) // 2, end)] ^= 1 << chance.randrange(8)
    damaged.write_bytes(data)
    return damaged


def _switching(folder: Path) -> Path:
    """Bare H.264 whose size changes twice in its course."""
    parts = []
    for number, size in enumerate((Size(320, 180), Size(480, 270)), start=1):
        scene = Scene(size=size, fps=25, camera=number, seed=number)
        parts.append(write_clip(scene, folder / f"{number}.h264", 30, gop=10).read_bytes())
    path = folder / "switching.h264"
    path.write_bytes(parts[0] + parts[1] + parts[0])
    return path
