import av
import cv2
import numpy as np
import pytest

from sightline.codec.picture import Converter
from sightline.frame import Size
from sightline.scene import Scene


def picture(pixel_format: str, scale: int = 1) -> av.VideoFrame:
    image = Scene(seed=7, size=Size(320 * scale, 180 * scale), camera=3).frame(5)
    return av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pixel_format)


def test_a_picture_that_is_bgr_already_is_copied_out_of_the_decoders_memory() -> None:
    source = picture("bgr24")
    image = Converter(None).image(source)
    assert image is not None
    image[:] = 0
    assert source.to_ndarray().any()


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj422p", "nv12", "gray", "yuv420p10le", "rgb24"])
def test_any_pixel_format_becomes_bgr(pixel_format: str) -> None:
    source = picture(pixel_format)
    image = Converter(None).image(source)
    assert image is not None
    assert image.shape == (180, 320, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert np.array_equal(image, source.to_ndarray(format="bgr24"))


def test_a_smaller_picture_has_the_mean_of_the_pixels_it_covers() -> None:
    source = picture("yuv420p", scale=4)
    image = Converter(Size(320, 180)).image(source)
    expected = cv2.resize(source.to_ndarray(format="bgr24"), (320, 180), interpolation=cv2.INTER_AREA)
    assert image is not None
    assert np.abs(image.astype(int) - expected).mean() < 2.4  # a bilinear one is 3.1 away, a cubic one 2.7
