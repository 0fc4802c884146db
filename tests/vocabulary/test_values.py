"""Packets, frames, results, clocks and errors: identity, exact time, and messages that lead somewhere."""

import io
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sightline
from sightline import Detection, Frame, Identity, Packet, Result, Size, errors
from sightline.clock import NS_PER_S, SYSTEM_CLOCK, EpochCounter, media_ns, ns


def packet(**changes: object) -> Packet:
    fields: dict[str, object] = {
        "camera_id": "gate",
        "epoch": 1_700_000_000_000,
        "index": 4,
        "data": b"\x00\x00\x00\x01\x65",
        "codec": "h264",
        "keyframe": True,
        "pts": 9000,
        "dts": 6000,
        "time_base": Fraction(1, 90000),
        "captured_at_ns": 1_700_000_000_100_000_000,
        "captured_at_source": "rtcp",
    }
    return Packet(**(fields | changes))  # type: ignore[arg-type]


def frame(**changes: object) -> Frame:
    fields: dict[str, object] = {
        "camera_id": "gate",
        "epoch": 1_700_000_000_000,
        "index": 4,
        "pts": 9000,
        "time_base": Fraction(1, 90000),
        "captured_at_ns": 1_700_000_000_100_000_000,
        "captured_at_source": "rtcp",
        "decoded_at_ns": 1_700_000_000_200_000_000,
        "image": np.zeros((4, 6, 3), np.uint8),
    }
    return Frame(**(fields | changes))  # type: ignore[arg-type]


def test_packet_frame_and_result_share_one_identity() -> None:
    result = Result.of(frame(), (), model="hog", model_version="1", inferred_at_ns=5)
    identity = Identity("gate", 1_700_000_000_000, 4)
    assert packet().identity == frame().identity == result.identity == identity
    assert str(identity) == "gate/1700000000000/4"


def test_a_result_takes_its_times_and_size_from_its_frame() -> None:
    seen = Detection(label="person", score=0.5, x1=1, y1=1, x2=3, y2=2)
    result = Result.of(frame(), (seen,), model="hog", model_version="1", inferred_at_ns=5)
    assert (result.width, result.height) == (6, 4)
    assert (result.pts, result.time_base) == (9000, Fraction(1, 90000))
    assert (result.captured_at_ns, result.captured_at_source) == (1_700_000_000_100_000_000, "rtcp")
    assert (result.decoded_at_ns, result.inferred_at_ns, result.published_at_ns) == (
        1_700_000_000_200_000_000,
        5,
        None,
    )
    assert result.detections == (seen,)


def test_identities_sort_in_the_order_of_capture() -> None:
    early, late = Identity("a", 5, 900), Identity("a", 6, 0)
    assert sorted([late, early]) == [early, late]


def test_frames_are_equal_when_their_pictures_are() -> None:
    other = np.zeros((4, 6, 3), np.uint8)
    assert frame() == frame(image=other)
    other[0, 0, 0] = 1
    assert frame() != frame(image=other)
    assert frame() != frame(index=5)
    assert frame() != "a frame"


def test_the_area_of_a_box() -> None:
    assert Detection(label="a", score=1, x1=1, y1=2, x2=4, y2=4).area == 6
    assert Detection(label="a", score=1, x1=4, y1=2, x2=1, y2=4).area == 0


@given(st.integers(-(2**62), 2**62), st.integers(1, 1001), st.integers(1, 10**6))
def test_media_time_is_exact(pts: int, numerator: int, denominator: int) -> None:
    time_base = Fraction(numerator, denominator)
    exact = pts * time_base * NS_PER_S
    assert 0 <= exact - media_ns(pts, time_base) < 1


def test_media_time_of_no_pts_is_none() -> None:
    assert packet().media_ns == 100_000_000
    assert packet(pts=None).media_ns is None
    assert frame().media_ns == 100_000_000
    assert frame(pts=None).media_ns is None


@given(st.lists(st.integers(0, 10**19), min_size=1))
def test_epochs_rise_whatever_the_wall_clock_does(times_ns: list[int]) -> None:
    counter = EpochCounter()
    epochs = [counter.begin(utc_ns) for utc_ns in times_ns]
    assert epochs == sorted(set(epochs))
    assert epochs[0] == max(times_ns[0] // 1_000_000, 1)


def test_the_system_clock_tells_both_times() -> None:
    assert SYSTEM_CLOCK.utc_ns() > 1_700_000_000 * NS_PER_S
    assert SYSTEM_CLOCK.monotonic_ns() <= SYSTEM_CLOCK.monotonic_ns()
    assert ns(0.5) == 500_000_000


@pytest.mark.parametrize("text", ["1280x720", " 2x2 ", "16384x16384"])
def test_sizes_are_read(text: str) -> None:
    assert str(Size.parse(text)) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "1280", "1280x", "1x1", "0x720", "99999x2", "12.5x3", "-1x3", "1280 x 720"]
)
def test_what_is_no_size_is_refused_with_what_came(text: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        Size.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("error", "built_in"),
    [
        (errors.ConfigError, ValueError),
        (errors.MissingExtra, ImportError),
        (errors.WireError, ValueError),
        (errors.BufferFull, BufferError),
        (errors.Unreachable, ConnectionError),
        (errors.SourceSilent, TimeoutError),
        (errors.SourceLost, ConnectionError),
        (errors.AccessDenied, PermissionError),
        (errors.Untrusted, ConnectionError),
        (errors.NoVideo, ValueError),
        (errors.UnknownCodec, LookupError),
        (errors.CodecError, ValueError),
        (errors.BusError, ConnectionError),
        (errors.Unsupported, io.UnsupportedOperation),
        (errors.SharingError, OSError),
        (errors.ModelError, RuntimeError),
        (errors.SinkError, OSError),
    ],
)
def test_an_error_is_also_the_built_in_one(
    error: type[errors.SightlineError], built_in: type[Exception]
) -> None:
    raised = error("expected water, got wine", camera_id="gate", epoch=17, index=4)
    assert isinstance(raised, built_in)
    assert str(raised) == "expected water, got wine (camera gate, epoch 17, index 4)"
    assert str(error("plain")) == "plain"


def test_every_error_stands_in_the_tree_of_the_docstring() -> None:
    assert errors.__doc__ is not None
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.SightlineError):
            assert name in errors.__doc__


def test_the_public_names_are_exact_and_sorted() -> None:
    assert sightline.__all__ == sorted(sightline.__all__)
    assert all(hasattr(sightline, name) for name in sightline.__all__)


def test_the_import_brings_no_heavy_library() -> None:
    heavy = "{'av', 'cv2', 'pydantic', 'typer', 'uvicorn', 'starlette', 'rich', 'ruamel'}"
    code = f"import sys, sightline; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
