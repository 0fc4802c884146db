"""Pictures by number, and a truth that is exactly what was drawn."""

import hashlib
import os
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.result import Detection
from sightline.scene import LABELS, Scene
from sightline.scene.mark import strip_top

numbers = st.integers(0, 2**32 - 1)
seeds = st.integers(0, 50)
SMALL = Size(320, 180)

DIGEST = """
import hashlib
from sightline.frame import Size
from sightline.scene import Scene
scene = Scene(seed=11, size=Size(320, 180))
print(hashlib.sha256(b"".join(scene.frame(n).tobytes() for n in (5000, 3, 4))).hexdigest())
"""


def painted(scene: Scene, n: int) -> tuple[NDArray[np.intp], list[Any]]:
    """Which thing each pixel shows, -1 for none: painted from far to near, as a painter would."""
    shown = np.full((scene.size.height + 600, scene.size.width + 600), -1)
    placed = scene._placed(n)
    for i, it in enumerate(placed):
        y, x = it.top + 300, it.left + 300
        shown[y : y + it.sprite.size.height, x : x + it.sprite.size.width][it.sprite.solid] = i
    return shown[300:-300, 300:-300], placed


def within(detection: Detection) -> tuple[slice, slice]:
    return slice(int(detection.y1), int(detection.y2)), slice(int(detection.x1), int(detection.x2))


@given(seeds, numbers)
@settings(deadline=None)
def test_the_truth_bounds_exactly_the_pixels_that_show_each_thing(seed: int, n: int) -> None:
    scene = Scene(seed=seed, size=SMALL, mark=False)
    shown, placed = painted(scene, n)
    truth = {detection.track_id: detection for detection in scene.truth(n)}
    assert set(truth) == {placed[i].thing.track_id for i in np.unique(shown) if i >= 0}
    for i, it in enumerate(placed):
        if (detection := truth.get(it.thing.track_id)) is None:
            continue
        ys, xs = np.nonzero(shown == i)
        assert (detection.x1, detection.y1) == (xs.min(), ys.min())
        assert (detection.x2, detection.y2) == (xs.max() + 1, ys.max() + 1)
        share = len(ys) / it.sprite.solid.sum()
        assert detection.attributes["visible"] == pytest.approx(share, abs=0.001)


@given(seeds, numbers)
@settings(deadline=None)
def test_the_picture_has_each_things_colours_where_it_is_shown_and_the_street_elsewhere(
    seed: int, n: int
) -> None:
    scene = Scene(seed=seed, size=SMALL, mark=False)
    shown, placed = painted(scene, n)
    expected, opaque = scene._backdrop.copy(), np.ones(shown.shape, bool)
    for _i, it in enumerate(placed):
        target, source = it._windows(shown)
        covered, full = it.sprite.behind[source][:, :, 0] < 255, it.sprite.behind[source][:, :, 0] == 0
        opaque[target] &= ~covered | full  # soft edges and shadows: mixtures
        opaque[target] |= full
        expected[target][full] = it.sprite.colour[source][full]
    assert opaque.mean() > 0.8
    assert np.array_equal(scene.frame(n)[opaque], expected[opaque])


def test_the_truth_is_sure_labelled_and_inside_of_the_picture() -> None:
    scene = Scene(seed=2)
    truth = [detection for n in range(0, 3000, 10) for detection in scene.truth(n)]
    assert {detection.label for detection in truth} == set(LABELS)
    assert {detection.score for detection in truth} == {1.0}
    assert all(0 <= d.x1 < d.x2 <= 640 and 0 <= d.y1 < d.y2 <= strip_top(360) for d in truth)


def test_nothing_is_said_of_what_is_hidden_or_outside() -> None:
    scene = Scene(seed=2)
    shares = [cast(float, d.attributes["visible"]) for n in range(0, 3000, 10) for d in scene.truth(n)]
    assert all(0 <= share <= 1 for share in shares)
    assert sum(share == 1 for share in shares) > len(shares) / 2, "most things stand free"
    assert sum(share < 0.5 for share in shares) > 20, "some are half hidden or half outside"


def test_a_thing_keeps_its_number_and_moves_steadily_through_the_picture() -> None:
    scene = Scene(seed=4)
    seen: dict[int, list[tuple[int, Detection]]] = {}
    for n in range(1000):
        for detection in scene.truth(n):
            assert detection.track_id is not None
            seen.setdefault(detection.track_id, []).append((n, detection))
    through = [way for way in seen.values() if way[0][0] > 0 and way[-1][0] < 999]
    assert len(through) > 15
    speeds = set()
    for way in through:
        assert len({detection.label for _, detection in way}) == 1
        free = [(n, (d.x1 + d.x2) / 2) for n, d in way if d.attributes["visible"] == 1]
        steps = [x2 - x1 for (_, x1), (_, x2) in zip(free, free[25:], strict=False)]
        assert all(step > 0 for step in steps) or all(step < 0 for step in steps), "it never turns"
        if steps:
            speeds.add(round(sum(abs(step) for step in steps) / len(steps)))
    assert len(speeds) > 8, "things have different speeds"


def test_the_same_number_gives_the_same_bytes_in_any_process_and_order() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": hashed},
        ).stdout
        for hashed in ("1", "2")
    }  # fmt: skip
    scene = Scene(seed=11, size=SMALL)
    pictures = [scene.frame(n).tobytes() for n in (4, 3, 5000)]
    assert digests == {hashlib.sha256(b"".join(pictures[::-1])).hexdigest() + "\n"}


def test_a_picture_belongs_to_the_caller() -> None:
    scene = Scene(size=SMALL)
    before = scene.frame(7).copy()
    scene.frame(7)[:] = 0
    assert np.array_equal(scene.frame(7), before)


def test_cameras_of_one_seed_see_the_same_street_and_other_seeds_another() -> None:
    one, same, other = (Scene(seed=seed, camera=camera) for seed, camera in ((1, 0), (1, 5), (2, 0)))
    street = slice(0, strip_top(360))
    assert np.array_equal(one.frame(9)[street], same.frame(9)[street])
    assert not np.array_equal(one.frame(9), same.frame(9))
    assert (one.frame(9)[street] != other.frame(9)[street]).mean() > 0.2


def test_one_moment_is_the_same_at_any_rate_of_frames() -> None:
    assert Scene(fps=25).truth(100) == Scene(fps=50).truth(200)


@pytest.mark.parametrize("n", [-1, 2**32])
def test_a_number_that_the_mark_cannot_hold_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"frame number from 0 to 4294967295, got {n}"):
        Scene().frame(n)


def test_wrong_settings_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        Scene(seed=-1, size=Size(641, 360), fps=0, camera=65_536)
    for word in (
        "seed",
        "even sides from 160x90 to 7680x4320, got 641x360",
        "1 to 240, got 0",
        "65535, got 65536",
    ):
        assert word in str(refused.value)


def test_a_size_may_be_a_plain_pair() -> None:
    scene = Scene(size=(320, 180))  # type: ignore[arg-type]
    assert scene.size == SMALL
    assert scene.frame(0).shape == (180, 320, 3)


@pytest.mark.parametrize("size", [320, "320x180", (320,), (320, 180, 3), (320.0, 180.0), (None, 180)])
def test_what_is_no_size_is_refused_in_words(size: object) -> None:
    with pytest.raises(ConfigError, match=r"scene: size: expected a pair of whole numbers.*got"):
        Scene(size=size)  # type: ignore[arg-type]
