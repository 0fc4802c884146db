"""What is said of muxes: pictures known by their pixels, results held against their packets."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from benches.bench import FRAMES as GIVEN
from benches.bench import OURS, PACKETS, Scale
from benches.mux import ASTRAY, COST, LOST, ODD, ORDER, RESULTS
from benches.muxes.job import STEP_X, STEP_Y
from benches.muxes.judging import (
    Clip,
    Sent,
    Shown,
    looks,
    missing,
    out_of_order,
    packets_shown,
    results_astray,
)
from benches.turns import take

FRAMES = 12


@pytest.fixture(scope="module")
def noise() -> tuple[list[bytes], list[np.ndarray]]:
    """Access units with B-frames, and their grey pictures in the order of showing: alike, never the same."""
    random = np.random.default_rng(7)
    cells = (1080 // STEP_Y, 1920 // STEP_X, 1)
    flat = random.integers(60, 180, cells)
    alike = [np.clip(flat + random.normal(0, 12, cells), 0, 255).astype(np.uint8) for _ in range(FRAMES)]
    pictures = [each.repeat(STEP_Y, 0).repeat(STEP_X, 1).repeat(3, 2) for each in alike]
    pictures = [np.roll(each, (STEP_Y // 2, STEP_X // 2), (0, 1)) for each in pictures]  # not at the edges
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 1920, 1080, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.options = {"preset": "ultrafast", "bf": "2", "b_strategy": "0", "crf": "10"}
    units: list[bytes] = []
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, "bgr24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        units += map(bytes, encoder.encode(frame))
    return [*units, *map(bytes, encoder.encode(None))], pictures


def shown(pictures: Sequence[np.ndarray]) -> Shown:
    prints = np.stack([picture[::STEP_Y, ::STEP_X].ravel() for picture in pictures])
    none = np.zeros(len(pictures), np.int64)
    return Shown(none, none, none, prints)


@pytest.fixture(scope="module")
def clip(noise: tuple[list[bytes], list[np.ndarray]]) -> Clip:
    return looks(noise[0], "h264")


def test_a_picture_is_known_by_its_looks(noise: tuple[list[bytes], list[np.ndarray]], clip: Clip) -> None:
    pictures = noise[1]
    packets = packets_shown(shown([*pictures, 255 - pictures[0]]), clip).packets
    assert packets[-1] == -1
    assert clip.shown[packets[:-1]].tolist() == list(range(FRAMES))
    assert packets[:-1].tolist() != sorted(packets[:-1].tolist())  # B-frames: not in the order of packets


def test_what_comes_after_a_later_one_is_out_of_order(
    noise: tuple[list[bytes], list[np.ndarray]], clip: Clip
) -> None:
    pictures = noise[1]
    for order, wrong in (([0, 1, 2], 0), ([0, 2, 1, 3], 1), ([5, 1, 2, 6], 2), ([0, 4, 8], 0)):
        given = shown([pictures[number] for number in order])
        assert out_of_order(given, packets_shown(given, clip), clip) == wrong


def test_a_result_is_astray_on_any_packet_but_its_pictures(
    noise: tuple[list[bytes], list[np.ndarray]], clip: Clip
) -> None:
    given = shown(noise[1][:3])
    seen = packets_shown(given, clip)
    first, second, third = seen.packets.tolist()
    sent = {0: [Sent(first, 0), Sent(third, None)], 1: [Sent(second, 1), Sent(first, 2), Sent(-1, 0)]}
    assert results_astray(sent, given, seen, clip) == 2


@pytest.mark.parametrize(
    ("came_out", "wrong"), [([0, 1, 2], 0), ([0, 1], 1), ([0, 2, 1], 2), ([0, 1, 2, 2], 1), ([], 3)]
)
def test_every_packet_has_to_come_out_once_and_in_order(came_out: list[int], wrong: int) -> None:
    assert missing({0: [Sent(packet, None) for packet in came_out]}, 3) == wrong


@pytest.mark.needs("kafka", "ffmpeg")
def test_ours_gives_each_packet_on_with_its_own_result(clips: Path) -> None:
    taken = take("mux", OURS, Scale(clip_s=2, paced_s=4))
    assert (taken[PACKETS], taken[LOST], taken[ASTRAY], taken[ODD], taken[ORDER]) == (200, 0, 0, 0, 0)
    assert taken[GIVEN] == taken[RESULTS] == 80
    assert taken[COST] > 0
