"""A scene in one line, and what is wrong with it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.scene import Encoding, Scene, Synthetic, encode, parse_url, read_mark


@pytest.mark.parametrize(
    "url", ["synthetic://", "synthetic://street", "synthetic://street/", "synthetic://?"]
)
def test_all_settings_may_be_left_out(url: str) -> None:
    assert parse_url(url) == Synthetic(Scene(), None, {})


def test_every_setting_is_read() -> None:
    url = (
        "synthetic://street?seed=1&fps=30&size=1280x720&camera=3&mark=0&frames=100"
        "&codec=h264&gop=50&b_frames=2&bit_rate=500000&preset=veryfast&aud=1"
    )
    scene = Scene(seed=1, fps=30, size=Size(1280, 720), camera=3, mark=False)
    how: Encoding = {
        "codec": "h264",
        "gop": 50,
        "b_frames": 2,
        "bit_rate": 500_000,
        "preset": "veryfast",
        "aud": True,
    }
    assert parse_url(url) == Synthetic(scene, 100, how)


def test_what_is_read_can_be_encoded() -> None:
    asked = parse_url("synthetic://?size=160x90&codec=mjpeg&frames=3")
    assert [unit.frame for unit in encode(asked.scene, asked.frames, **asked.encoding)] == [0, 1, 2]
    assert read_mark(asked.scene.frame(2)) == (0, 2)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file://street", "begins with synthetic://, got 'file'"),
        ("street?seed=1", "begins with synthetic://, got 'no scheme'"),
        ("synthetic://stret", "expected 'street' or nothing after synthetic://, got 'stret'"),
        ("synthetic://street?seed=1#2", "seed: expected a whole number"),
        ("synthetic://street/1", "got 'street/1'"),
        ("synthetic://?sede=1", 'sede: no such setting; did you mean "seed"? (known: seed, size'),
        ("synthetic://?zzz=1", "zzz: no such setting (known: seed"),
        ("synthetic://?bframes=1", 'did you mean "b_frames"?'),
        ("synthetic://?fps=fast", "fps: expected a whole number from 1 to 240, got 'fast'"),
        ("synthetic://?fps=", "fps: expected a whole number from 1 to 240, got ''"),
        ("synthetic://?fps=12.5", "got '12.5'"),
        ("synthetic://?fps=-5", "got '-5'"),
        (
            "synthetic://?seed=99999999999999999999",
            "seed: expected a whole number from 0 to 9223372036854775807",
        ),
        ("synthetic://?size=small", "size: expected WIDTHxHEIGHT such as 1280x720, got 'small'"),
        ("synthetic://?size=641x360", "size: expected even sides from 160x90 to 7680x4320, got 641x360"),
        (
            "synthetic://?codec=h265",
            "codec: expected one of h264, hevc, mjpeg, got 'h265'; did you mean \"h264\"?",
        ),
        ("synthetic://?mark=no", "mark: expected 1 or 0, got 'no'"),
        ("synthetic://?seed=1&seed=2", "seed: expected once, got it again as '2'"),
        ("synthetic://?codec=mjpeg&b_frames=1", "b_frames: expected none with codec mjpeg, got 1"),
        ("synthetic://?gop=1&b_frames=1", "b_frames: expected fewer than gop, which is 1, got 1"),
        ("synthetic://?frames=0", "frames: expected a whole number from 1"),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_url(url)
    assert said in str(refused.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_url("synthetic://avenue?sede=1&fps=0&size=1&codec=vp9&gop=x")
    for said in ("avenue", "sede", "fps: ", "size: ", "codec: ", "gop: "):
        assert said in str(refused.value)


@pytest.mark.parametrize("url", ["rtsp://me:s3cret@10.0.0.5/1", "synthetic://me:s3cret@avenue"])
def test_a_password_in_the_wrong_place_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_url(url)
    assert "s3cret" not in str(refused.value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, "synthetic://" + text, "synthetic://street?" + text):
        with contextlib.suppress(ConfigError):
            assert isinstance(parse_url(url), Synthetic)
