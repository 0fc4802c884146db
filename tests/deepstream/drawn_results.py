"""Results as hypothesis draws them: all that a `Result` may hold and DeepStream's schemas can carry."""

import struct
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from sightline import Detection, Result

NAMES = (
    "age make color hair eyecolor brand type id pose pose.nose pose.left-eye result_label_0 "
    "result_label_1 sightline"
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
TRICKY = st.sampled_from(
    ["#", "|", "a|b", "|#|", "sightline", "SV3DT", "x#", "embedding", "pose2D", "pose3D", "", "45", "045",
     "1,2,0.9", "1.5,2", "nan", "1,", "-1", "18446744073709551615", "object-7", "0.5"]
)  # fmt: skip
INT = st.integers(-(2**63), 2**63 - 1)
COUNT = st.integers(0, 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)
LABELS = st.sampled_from(["Person", "Vehicle", "Face", "Product", "car", "#", ""]) | TEXT.filter(
    lambda text: "|" not in text
)
VALUES = st.none() | st.booleans() | INT | FINITE | TEXT | TRICKY
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES.split()) | TEXT | TRICKY, VALUES, max_size=5)


def detections(number: st.SearchStrategy[float]) -> st.SearchStrategy[Detection]:
    return st.builds(
        Detection,
        label=LABELS,
        track_id=st.none() | INT.filter(lambda track: track != -1),
        attributes=ATTRIBUTES,
        **dict.fromkeys(("score", "x1", "y1", "x2", "y2"), number),
    )


def results(number: st.SearchStrategy[float]) -> st.SearchStrategy[Result]:
    return st.builds(
        Result,
        camera_id=TEXT,
        epoch=COUNT,
        index=COUNT,
        term=COUNT,
        pts=st.none() | INT,
        time_base=st.builds(Fraction, st.integers(1, 10**6), st.integers(1, 10**6)),
        captured_at_ns=INT,
        captured_at_source=st.sampled_from(["rtcp", "arrival", "media"]),
        width=COUNT,
        height=COUNT,
        model=TEXT,
        model_version=TEXT,
        decoded_at_ns=INT,
        inferred_at_ns=INT,
        published_at_ns=st.none() | INT,
        detections=st.lists(detections(number), max_size=3).map(tuple),
    )


NASTY: list[dict[str, Any]] = [
    {"gender": "pose2D"},
    {"gender": "sightline", "hair": "SV3DT", "cap": "x#", "apparel": "#"},
    {"gender": "|#|"},
    {"age": "45"},
    {"age": True},
    {"age": 1.0},
    {"age": -1},
    {"id": "a|b"},
    {"id": "12"},
    {"id": "#"},
    {"id": ""},
    {"sightline": "x"},
    {"sightline": 5, "hat": None},
    {"": "x", "a": ""},
    {"pose": "pose2D"},
    {"pose": "pose4D", "pose.nose": "1,2"},
    {"pose.nose": "1,2"},
    {"pose": "pose2D", "pose.a,b": "1", "pose.": "1"},
    {"pose": "pose3D", "pose.nose": "1|2", "pose.neck": 5},
    {"pose": "pose25D", "pose.nose": "1.000000,2.50", "pose.neck": "1.2.3", "pose.ear": "1e999,1e39"},
    {"result_label_0": "a", "result_label_2": "c"},
]


def result(*found: Detection, **fields: Any) -> Result:
    """A result of the gate's camera."""
    given: dict[str, Any] = {
        "camera_id": "gate",
        "epoch": 1_760_000_000_000,
        "index": 7,
        "term": 3,
        "pts": 90_000,
        "time_base": Fraction(1, 90_000),
        "captured_at_ns": 1_760_000_000_280_123_456,
        "captured_at_source": "rtcp",
        "width": 1920,
        "height": 1080,
        "model": "people",
        "model_version": "2",
        "decoded_at_ns": 1_760_000_000_300_000_000,
        "inferred_at_ns": 1_760_000_000_310_000_000,
        "detections": found,
    }
    return Result(**given | fields)


def seen(**fields: Any) -> Detection:
    """Somebody in the picture."""
    given: dict[str, Any] = {
        "label": "Person",
        "score": 0.5,
        "x1": 100.0,
        "y1": 50.5,
        "x2": 180.0,
        "y2": 230.0,
    }
    return Detection(**given | fields)


def of_types(value: Result) -> list[dict[str, type]]:
    """The types of its attributes: True, 1 and 1.0 are equal, and are not the same."""
    return [{name: type(said) for name, said in found.attributes.items()} for found in value.detections]


def single(number: float) -> float:
    """The nearest number of 32 bits."""
    rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return rounded
