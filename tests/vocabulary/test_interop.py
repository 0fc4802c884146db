"""To and from supervision, with the real library; and what is said without it."""

import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import Detection, Frame, Result
from sightline.detect import from_supervision, to_supervision
from sightline.errors import MissingExtra
from sightline.interop import class_id

sv = pytest.importorskip("supervision")

_number = st.floats(-1e6, 1e6)
_detection = st.builds(
    Detection,
    label=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    score=st.floats(0, 1),
    x1=_number,
    y1=_number,
    x2=_number,
    y2=_number,
    track_id=st.none() | st.integers(0, 2**31),
    attributes=st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text()),
)


def result_of(detections: tuple[Detection, ...]) -> Result:
    frame = Frame(
        camera_id="gate",
        epoch=1,
        index=4,
        pts=9000,
        time_base=Fraction(1, 90_000),
        captured_at_ns=1,
        captured_at_source="arrival",
        decoded_at_ns=1,
        image=np.zeros((10, 10, 3), np.uint8),
    )
    return Result.of(frame, detections, model="m", model_version="1", inferred_at_ns=1)


@given(st.lists(_detection, max_size=5).map(tuple))
def test_detections_come_back_as_they_went(detections: tuple[Detection, ...]) -> None:
    there = to_supervision(result_of(detections))
    assert len(there) == len(detections)
    assert from_supervision(there) == detections


def test_supervision_can_work_with_what_it_gets() -> None:
    low = Detection(label="cat", score=0.2, x1=0, y1=0, x2=10, y2=10, track_id=4)
    high = Detection(label="dog", score=0.9, x1=0, y1=0, x2=9, y2=10, attributes={"colour": "red"})
    there: Any = to_supervision(result_of((low, high)))
    assert list(there.tracker_id) == [4, -1]
    assert there.metadata["camera_id"] == "gate"
    assert from_supervision(there[there.confidence > 0.5]) == (high,)
    assert from_supervision(there.with_nms(threshold=0.5, class_agnostic=True)) == (high,)
    assert list(there.class_id) == [class_id("cat"), class_id("dog")]
    assert list(there.area) == [100, 90]


def test_what_other_libraries_leave_out_is_filled() -> None:
    bare = sv.Detections(xyxy=np.array([[1, 2, 3, 4]]), class_id=np.array([7]))
    assert from_supervision(bare) == (Detection(label="7", score=1.0, x1=1, y1=2, x2=3, y2=4),)
    assert from_supervision(sv.Detections.empty()) == ()


def test_without_the_library_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[supervision\]'"):
        to_supervision(result_of(()))
