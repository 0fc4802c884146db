"""The mark is read from whatever is left of the picture, and never wrongly."""

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sightline.frame import Image, Size
from sightline.scene import Codec, Mark, Scene, encode, read_mark
from sightline.scene.mark import paint_mark

cameras = st.integers(0, 2**16 - 1)
frames = st.integers(0, 2**32 - 1)
marks = st.builds(Mark, cameras, frames)
seeds = st.integers(0, 2**32 - 1)

EMPTY_STREET = Scene(mark=False).frame(0)


def marked(mark: Mark) -> Image:
    image = EMPTY_STREET.copy()
    paint_mark(image, mark)
    return image


def jpeg(image: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


@given(marks)
def test_a_mark_is_read_as_painted(mark: Mark) -> None:
    assert read_mark(marked(mark)) == mark


@given(marks, st.integers(10, 95))
def test_a_mark_survives_jpeg(mark: Mark, quality: int) -> None:
    assert read_mark(jpeg(marked(mark), quality)) == mark


@given(
    marks, st.integers(140, 1400), st.integers(100, 800), st.sampled_from([cv2.INTER_AREA, cv2.INTER_LINEAR])
)
def test_a_mark_survives_scaling_to_any_shape(mark: Mark, width: int, height: int, how: int) -> None:
    image = cv2.resize(marked(mark), (width, height), interpolation=how)
    assert read_mark(np.asarray(image, np.uint8)) == mark


@pytest.mark.parametrize("how", [cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST, cv2.INTER_CUBIC])
@pytest.mark.parametrize(("size", "smaller"), [("1920x1080", "640x360"), ("640x360", "320x180")])
def test_a_mark_survives_the_usual_reductions_and_a_jpeg_after(size: str, smaller: str, how: int) -> None:
    scene = Scene(size=Size.parse(size), camera=513)
    for n in (0, 1, 77, 2**32 - 1):
        small = cv2.resize(scene.frame(n), Size.parse(smaller), interpolation=how)
        assert read_mark(jpeg(np.asarray(small, np.uint8), 40)) == (513, n)


@pytest.mark.parametrize("size", ["160x90", "320x240", "352x288", "642x362", "360x640", "2560x1440"])
def test_a_mark_fits_pictures_of_any_size_and_shape(size: str) -> None:
    assert read_mark(Scene(size=Size.parse(size), camera=9).frame(123_456)) == (9, 123_456)


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("size", ["640x360", "320x180"])
def test_a_mark_survives_the_poorest_encoding_that_there_is(codec: Codec, size: str, b_frames: int) -> None:
    scene = Scene(size=Size.parse(size), camera=65_535)
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    units = list(encode(scene, 120, codec=codec, bit_rate=10_000, gop=60, b_frames=b_frames))
    pictures = [p for unit in units for p in decoder.decode(av.Packet(unit.data))] + decoder.decode(None)
    images = [p.to_ndarray(format="bgr24") for p in pictures]
    assert np.abs(images[-1].astype(int) - scene.frame(119)).mean() > 6, "the encoding was meant to be poor"
    small = [cv2.resize(image, (320, 180), interpolation=cv2.INTER_AREA) for image in images]
    for shown in (images, small):
        assert [read_mark(np.asarray(image, np.uint8)) for image in shown] == [
            (65_535, n) for n in range(120)
        ]


@given(arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 90), st.just(3))))
def test_an_arbitrary_picture_has_no_mark(image: Image) -> None:
    assert read_mark(image) is None


@given(seeds, st.sampled_from([(360, 640), (45, 80), (1, 1), (1080, 1920)]), st.integers(1, 48))
def test_noise_coarse_or_fine_has_no_mark(seed: int, shape: tuple[int, int], grain: int) -> None:
    height, width = shape
    coarse = np.random.default_rng(seed).integers(
        0, 2, (height // grain + 1, width // grain + 1, 1), np.uint8
    )
    image = coarse.repeat(grain, 0).repeat(grain, 1).repeat(3, 2)[:height, :width] * 255
    assert read_mark(image) is None


@pytest.mark.parametrize("level", [0, 1, 127, 128, 254, 255])
def test_an_even_picture_has_no_mark(level: int) -> None:
    assert read_mark(np.full((360, 640, 3), level, np.uint8)) is None


@given(marks, st.integers(0, 300), st.integers(0, 200), st.integers(0, 300), st.integers(0, 200))
def test_a_cropped_mark_is_read_rightly_or_not_at_all(
    mark: Mark, x: int, y: int, less_x: int, less_y: int
) -> None:
    crop = marked(mark)[y : 360 - less_y, x : 640 - less_x]
    assert read_mark(crop) in (None, mark)


@given(marks, st.sets(st.integers(0, 79), min_size=1))
def test_a_mark_with_blocks_turned_over_is_not_read(mark: Mark, turned: set[int]) -> None:
    image = marked(mark)
    for block in turned:
        y, x = 342 + block // 40 * 9, block % 40 * 16
        image[y : y + 9, x : x + 16] = 252 - image[y : y + 9, x : x + 16]
    assert read_mark(image) is None


@given(frames, frames)
def test_a_blend_of_two_pictures_is_neither(one: int, other: int) -> None:
    blend = cv2.addWeighted(marked(Mark(1, one)), 0.5, marked(Mark(1, other)), 0.5, 0)
    assert read_mark(np.asarray(blend, np.uint8)) == (Mark(1, one) if one == other else None)


def test_a_scene_without_a_mark_has_none() -> None:
    assert read_mark(Scene(mark=False).frame(3)) is None
