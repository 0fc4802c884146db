"""What DeepStream says of an object beyond its box, as attributes of a `Detection`.

    make, color, age, ...   by the names of NVIDIA's own objects; `age` is an int
    result_label_0, ...     what secondary classifiers said, in their order, where nobody named it
    pose, pose.left-eye     the kind of pose; then each joint, its numbers as text with commas
    id                      an object's id where it is not a whole number of 64 bits

Both schemas know texts only, and the minimal one only places in a row. So whoever writes puts what fits where
DeepStream's readers look for it, reads that back, and adds what did not come back equal as one JSON object
under the name `sightline` (`missing`, `to_json`). Nothing is lost to us, and nothing strange is in their way.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from sightline.errors import WireError
from sightline.result import Attribute

Attributes: TypeAlias = dict[str, Attribute]

OURS: Final = "sightline"
POSES: Final = frozenset({"pose2D", "pose25D", "pose3D"})
UNTRACKED: Final = 2**64 - 1  # DeepStream's id of an object that no tracker saw; older ones write -1
JOINT: Final = "pose."
LABELS: Final = "result_label_"

# The order in which the minimal schema has them; the names are those of nv.Frame's `info`. NVIDIA's writer
# leaves one place of a face empty.
PLACES: Final[dict[str, tuple[str, ...]]] = {
    "Vehicle": ("type", "make", "model", "color", "license", "licenseState"),
    "Person": ("gender", "age", "hair", "cap", "apparel"),
    "Face": ("gender", "age", "hair", "cap", "glasses", "facialhair", "name", "", "eyecolor"),
    "Product": ("brand", "type", "shape"),
}

_Int: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_MAX: Final = float.fromhex("0x1.fffffffffffffp+1023")  # all but NaN and the infinities
_Float: TypeAlias = Annotated[float, Meta(ge=-_MAX, le=_MAX)]
_json: Final = msgspec.json.Decoder(dict[str, str | _Int | _Float | bool | None])


def said(name: str, text: str) -> Attribute:
    """What DeepStream's text for the attribute of that name means."""
    if name == "age" and text.isascii() and text.isdigit() and len(text) <= 18 and str(int(text)) == text:
        return int(text)
    return text


def in_words(name: str, value: Attribute) -> str | None:
    """The text that means `value`; None where only JSON can say it."""
    text = str(value) if type(value) in {str, int} else None
    return text if text is not None and said(name, text) == value else None


def missing(attributes: Attributes, back: Attributes) -> Attributes:
    """Those of `attributes` that did not come back equal: `back` is as said in words, so True is not 1."""
    return {name: value for name, value in attributes.items() if name not in back or back[name] != value}


def to_json(attributes: Attributes) -> str:
    """JSON without a `|` in it: inside a string, which is the only place for one, it is escaped."""
    return msgspec.json.encode(attributes).decode().replace("|", "\\u007c")


def from_json(text: str, where: str) -> Attributes:
    """Raises WireError where `text` is not an object of numbers, texts, booleans and nulls."""
    try:
        return dict(_json.decode(text))
    except (ValueError, RecursionError) as error:
        raise WireError(f"{where}: expected our attributes as JSON, got {text[:40]!r}: {error}") from error


def track_of(text: str, attributes: Attributes) -> int | None:
    """The track that an object's id names.

    DeepStream counts in unsigned 64 bits, of which its tracker draws the upper 32; a `track_id` is signed. So
    an id from 2**63 up becomes the negative number of the same bits. A text that is no such number is kept as
    the attribute `id`.
    """
    number = _number(text)
    if number is None and text:
        attributes["id"] = text
    if number is None or number in {UNTRACKED, -1}:
        return None
    return number - 2**64 if number >= 2**63 else number


def id_of(track_id: int | None, attributes: Attributes) -> str:
    """The id that means this track. Raises WireError for -1, which means that there is none."""
    if track_id == -1:
        raise WireError("a track_id of -1 cannot be written: it is DeepStream's word for an untracked object")
    if track_id is not None:
        return str(track_id % 2**64)
    name = attributes.get("id")
    return name if isinstance(name, str) and name and _number(name) is None else str(UNTRACKED)


def _number(text: str) -> int | None:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        return None
    return int(text) if -(2**63) <= int(text) <= UNTRACKED else None
