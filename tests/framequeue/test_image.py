"""Pictures to bytes and back; what a key does not promise is refused before it is decoded."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import CodecError, ConfigError, WireError
from sightline.frame import Image, Size
from sightline.framequeue.image import MAX_PIXELS, decode, encode
from sightline.framequeue.image_header import size_of
from sightline.framequeue.key import FORMATS, FrameKey, PictureFormat
from sightline.scene import Scene

SIZE = Size(320, 180)
IMAGE = Scene(size=SIZE).frame(3)
COMPRESSED: tuple[PictureFormat, ...] = ("jpeg", "png", "webp")


def key_of(data: bytes, picture_format: PictureFormat, size: Size = SIZE) -> FrameKey:
    return FrameKey(
        camera_id="gate",
        epoch=1,
        index=2,
        captured_at_ms=3,
        width=size.width,
        height=size.height,
        size=len(data),
        format=picture_format,
    )


def drawn(width: int, height: int) -> Image:
    return np.random.default_rng(width * height).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("picture_format", ["png", "raw"])
@given(st.integers(1, 70), st.integers(1, 70))
def test_what_loses_nothing_comes_back_as_it_was(
    picture_format: PictureFormat, width: int, height: int
) -> None:
    image = drawn(width, height)
    data = encode(image, picture_format)
    assert np.array_equal(decode(data, key_of(data, picture_format, Size(width, height))), image)


@pytest.mark.parametrize("picture_format", ["jpeg", "webp"])
def test_what_loses_little_comes_back_nearly_as_it_was(picture_format: PictureFormat) -> None:
    data = encode(IMAGE, picture_format)
    image = decode(data, key_of(data, picture_format))
    assert image.shape == IMAGE.shape
    assert np.abs(image.astype(int) - IMAGE).mean() < 4
    assert len(encode(IMAGE, picture_format, quality=30)) < len(data)


@given(st.sampled_from(COMPRESSED), st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=60)
def test_the_header_says_the_size(picture_format: PictureFormat, width: int, height: int) -> None:
    image = drawn(width, height)
    assert size_of(encode(image, picture_format), picture_format) == (width, height)


def test_the_headers_of_other_ways_to_write_webp_are_read() -> None:
    lossless = cv2.imencode(".webp", IMAGE)[1].tobytes()
    with_alpha = cv2.imencode(".webp", np.dstack([IMAGE, IMAGE[..., 0]]), [cv2.IMWRITE_WEBP_QUALITY, 50])[1]
    assert lossless[12:16] == b"VP8L"
    assert with_alpha[12:16].tobytes() == b"VP8X"
    assert size_of(lossless, "webp") == size_of(with_alpha.tobytes(), "webp") == (320, 180)
    assert decode(with_alpha.tobytes(), key_of(with_alpha.tobytes(), "webp")).shape == IMAGE.shape


def test_a_progressive_jpeg_with_more_in_its_head_is_read() -> None:
    data = cv2.imencode(".jpg", IMAGE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    at = data.index(b"\xff\xc4")  # Huffman tables may come before the size, as any may come twice
    tables = data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4])]
    told = data[:2] + b"\xff\xff\xfe\x00\x07hello" + tables + data[2:]
    assert size_of(told, "jpeg") == (320, 180)
    assert decode(told, key_of(told, "jpeg")).shape == IMAGE.shape


def test_a_raw_picture_is_not_copied() -> None:
    data = encode(IMAGE, "raw")
    image = decode(data, key_of(data, "raw"))
    assert np.shares_memory(image, np.frombuffer(data, np.uint8))
    assert not image.flags.writeable


def test_a_part_of_a_picture_may_be_encoded() -> None:
    part = IMAGE[10:50, 20:100]
    data = encode(part, "raw")
    assert np.array_equal(decode(data, key_of(data, "raw", Size(80, 40))), part)


def test_what_a_jpeg_says_of_its_orientation_does_not_turn_it() -> None:
    data = encode(IMAGE)
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)  # turn by 90 degrees
    tiff = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 1) + entry + bytes(4)
    exif = b"Exif\0\0" + tiff
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    by_itself = cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR)
    assert by_itself is not None
    assert by_itself.shape == (320, 180, 3)
    assert decode(turned, key_of(turned, "jpeg")).shape == (180, 320, 3)


@pytest.mark.parametrize("picture_format", FORMATS)
def test_another_size_than_the_keys_is_refused(picture_format: PictureFormat) -> None:
    data = encode(IMAGE, picture_format)
    with pytest.raises(WireError, match=r"expected .*, got .*camera gate, epoch 1, index 2"):
        decode(data, key_of(data, picture_format, Size(180, 320 + 1)))


@pytest.mark.parametrize("picture_format", FORMATS)
def test_another_number_of_bytes_is_refused(picture_format: PictureFormat) -> None:
    data = encode(IMAGE, picture_format)
    with pytest.raises(WireError, match=f"expected {len(data)} bytes"):
        decode(data[:-1], key_of(data, picture_format))


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 1000])
@pytest.mark.parametrize("picture_format", COMPRESSED)
def test_a_cut_picture_is_refused_whatever_its_key_says(picture_format: PictureFormat, cut: int) -> None:
    data = encode(IMAGE, picture_format)[:-cut]
    with pytest.raises(WireError, match=f"expected a whole {picture_format}"):
        decode(data, key_of(data, picture_format))


def _png_bomb() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", 16384, 16384, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_bomb_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_of: pytest.fail("decoded"))
    bomb = _png_bomb()
    with pytest.raises(WireError, match="got 16384x16384"):
        decode(bomb, key_of(bomb, "png"))
    with pytest.raises(WireError, match=f"at most {MAX_PIXELS} pixels"):
        decode(bomb, key_of(bomb, "png", Size(16384, 16384)))


@pytest.mark.parametrize("marker", [0x00, 0x01, 0xD0, 0xD7, 0xD8, 0xC8, 0xF0])
def test_a_jpeg_with_a_header_for_us_and_another_for_the_decoder_is_none(marker: int) -> None:
    """Markers without a length (T.81, B.1.1.3), and what is none: a decoder looks for the next one within."""
    begin, at = encode(IMAGE), 2
    while begin[at + 1] != 0xC0:
        at += 2 + int.from_bytes(begin[at + 2 : at + 4])
    small = begin[at : at + 2 + int.from_bytes(begin[at + 2 : at + 4])]
    large = small[:5] + struct.pack(">HH", 30000, 30000) + small[9:]
    hidden = large + begin[at + len(small) : -2]
    data = (
        b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(hidden) + 2) + hidden + small + begin[-2:]
    )
    assert size_of(data, "jpeg") is None


@pytest.mark.parametrize(("named", "is_a"), [("jpeg", "png"), ("png", "webp"), ("webp", "jpeg")])
def test_another_format_than_the_keys_is_refused(named: PictureFormat, is_a: PictureFormat) -> None:
    data = encode(IMAGE, is_a)
    with pytest.raises(WireError, match=f"whole {named}"):
        decode(data, key_of(data, named))


@given(st.sampled_from(COMPRESSED), st.data())
@settings(max_examples=150)
def test_damage_gives_a_picture_of_that_size_or_a_wire_error(
    picture_format: PictureFormat, data: st.DataObject
) -> None:
    whole = bytearray(_WHOLE[picture_format])
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode(bytes(whole), key_of(bytes(whole), picture_format))
    except WireError:
        return
    assert image.shape == IMAGE.shape


_WHOLE = {picture_format: encode(IMAGE, picture_format) for picture_format in COMPRESSED}


@given(st.binary(max_size=60), st.sampled_from(FORMATS))
def test_bytes_of_any_kind_have_a_size_or_none(data: bytes, picture_format: PictureFormat) -> None:
    for begun in (
        data,
        _WHOLE.get(picture_format, b"")[: len(data)] + data,
        b"\xff\xd8\xff" + data + b"\xff\xd9",
    ):
        size = size_of(begun, picture_format)
        assert size is None or min(size) >= 0


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_an_array_that_is_no_image_is_refused(image: Image) -> None:
    with pytest.raises(CodecError, match="expected an image of"):
        encode(image)


def test_an_image_too_large_for_its_format_is_refused() -> None:
    with pytest.raises(CodecError, match="fits webp"):
        encode(np.zeros((1, 16384, 3), np.uint8), "webp")


def test_settings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ConfigError, match="got 'gif'"):
        encode(IMAGE, "gif")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="1 to 100, got 101"):
        encode(IMAGE, quality=101)
