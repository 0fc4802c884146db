"""One object of the minimal schema: places in a row, with `|` between them.

    id|left|top|right|bottom|label                              from frame metadata, without a classifier
    id|left|top|right|bottom|label|confidence                   an event's object of a kind without more
    id|left|top|right|bottom|label|#|said|said|...|confidence   the usual one
    ...|#|pose2D|nose,1,2,0.9|neck,...||confidence              DeepStream's pose: confidence last
    ...|confidence|#|pose3D|nose,...|#|embedding|0.1,0.2,...    as NVIDIA's blueprints read it
    ...|confidence#|SV3DT|...                                   3D tracking: no `|` before that `#`

Read is all of that; parts with another word in front are passed over, as is an object without a box, which
DeepStream writes for an event of the whole frame. Lost are embeddings and 3D tracking: an attribute holds no
vector. NVIDIA's writer does not escape: a `|` in a label of its own moves all that follows. Where a
confidence should stand that is refused here; among a classifier's labels it cannot be seen.

We write the usual form, numbers (NVIDIA's: six digits) with as many digits as come back equal, and refuse a
label with `|` in it; attributes that would break the row travel as JSON (see `attributes`).
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from sightline.deepstream.messages.attributes import (
    JOINT,
    LABELS,
    OURS,
    PLACES,
    POSES,
    Attributes,
    from_json,
    id_of,
    in_words,
    missing,
    said,
    to_json,
    track_of,
)
from sightline.errors import WireError
from sightline.result import Attribute, Detection

_SIDES: Final = ("left", "top", "right", "bottom")
_WORDS: Final = POSES | {"embedding", "SV3DT", OURS}
_NOTHING_SAID: Final = ("",) * 6  # NVIDIA's writer leaves as many places as a vehicle has, whatever it is
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,400}(?:\.[0-9]{0,400})?(?:[eE][+-]?[0-9]{1,4})?")


class _Beyond(NamedTuple):
    """What stands behind the label."""

    score: float | None
    attributes: Attributes


# Reading


def detection_of(text: str, where: str, score: float) -> Detection | None:
    """The detection in `text`; None where it has no box. `score` is for one that says none.

    Raises:
        WireError: what was expected, what came, and `where`.
    """
    fields = text.split("|")
    if text == "" or fields[:2] in (["", "#"], ["#", "SV3DT"]):
        return None
    if len(fields) < 6:
        raise WireError(f"{where}: expected id|left|top|right|bottom|label, got {text[:80]!r}")
    sides = [_finite(field, f"{where}: {side}") for side, field in zip(_SIDES, fields[1:5], strict=True)]
    beyond = _beyond(fields[5], fields[6:], where)
    attributes: Attributes = {}
    track_id = track_of(fields[0], attributes)
    return Detection(
        label=fields[5],
        score=score if beyond.score is None else beyond.score,
        x1=sides[0],
        y1=sides[1],
        x2=sides[2],
        y2=sides[3],
        track_id=track_id,
        attributes=attributes | beyond.attributes,
    )


def _finite(text: str, what: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise WireError(f"{what}: expected a finite number, got {text[:40]!r}")
    return number


def _beyond(label: str, fields: list[str], where: str) -> _Beyond:
    first, *parts = _parts(fields)
    if len(first) > 1:
        raise WireError(f"{where}: expected a confidence or # after the label, got {'|'.join(first)[:40]!r}")
    score = _finite(first[0], f"{where}: confidence") if first else None
    attributes: Attributes = {}
    if not first and parts and parts[0] and parts[0][0] not in _WORDS:
        score = _usual(label, parts.pop(0), _confident_pose(parts), attributes, where)
    for part in parts:
        score = _worded(part, score, attributes, where)
    return _Beyond(score, attributes)


def _parts(fields: list[str]) -> list[list[str]]:
    """Those behind the label, cut where a `#` is."""
    parts: list[list[str]] = [[]]
    for at, field in enumerate(fields):
        if field.endswith("#") and fields[at + 1 : at + 2] == ["SV3DT"]:
            parts[-1] += [field[:-1]] if field != "#" else []
            parts.append([])
        elif field == "#":
            parts.append([])
        else:
            parts[-1].append(field)
    return parts


def _confident_pose(parts: list[list[str]]) -> bool:
    return any(part[:1] and part[0] in POSES and _NUMBER.fullmatch(part[-1]) for part in parts)


def _usual(
    label: str, part: list[str], confidence_later: bool, attributes: Attributes, where: str
) -> float | None:
    """Takes up what is said in places; gives the confidence behind it."""
    score = None if confidence_later else _finite(part.pop(), f"{where}: confidence")
    names = PLACES.get(label, ())
    if len(names) != len(part):
        names = tuple(f"{LABELS}{at}" for at in range(len(part)))
    attributes |= {name: said(name, text) for name, text in zip(names, part, strict=True) if name and text}
    return score


def _worded(part: list[str], score: float | None, attributes: Attributes, where: str) -> float | None:
    """Takes up a part with a word in front; gives the confidence as it is known then."""
    word = part[0] if part else ""
    if word in POSES:
        attributes["pose"] = word
        joints = (field.partition(",") for field in part[1:])
        attributes |= {f"{JOINT}{name}": numbers for name, comma, numbers in joints if comma}
        if len(part) > 1 and _NUMBER.fullmatch(part[-1]):
            return _finite(part[-1], f"{where}: confidence")
    elif word == OURS and len(part) > 1:
        attributes |= from_json(part[1], where)
    return score


# Writing


def text_of(detection: Detection) -> str:
    """An object of the usual form. Raises WireError where the label holds `|`, or the track is -1."""
    if "|" in detection.label:
        raise WireError(f"expected a label without '|', which parts the places of an object, got "
                        f"{detection.label[:80]!r}")  # fmt: skip
    attributes = detection.attributes
    name = id_of(detection.track_id, attributes)
    fields = [
        name if "|" not in name else id_of(None, {}),
        *map(_shortest, (detection.x1, detection.y1, detection.x2, detection.y2)),
        detection.label,
        "#",
        *_in_places(detection.label, attributes),
        _shortest(detection.score),
        *_pose(attributes),
    ]
    return "|".join([*fields, *_rest(fields, attributes)])


def _shortest(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def _in_places(label: str, attributes: Attributes) -> tuple[str, ...]:
    if names := PLACES.get(label):
        places = tuple(_place(name, attributes.get(name)) for name in names)
    else:
        labels: list[str] = []
        while place := _place(name := f"{LABELS}{len(labels)}", attributes.get(name)):
            labels.append(place)
        places = tuple(labels)
    return places if any(places) else _NOTHING_SAID


def _place(name: str, value: Attribute) -> str:
    text = in_words(name, value) or ""
    return "" if "|" in text or text == "#" or text in _WORDS else text


def _pose(attributes: Attributes) -> list[str]:
    kind = attributes.get("pose")
    if not isinstance(kind, str) or kind not in POSES:
        return []
    joints = (
        f"{name.removeprefix(JOINT)},{numbers}"
        for name, numbers in attributes.items()
        if name.startswith(JOINT) and "," not in name and isinstance(numbers, str)
    )
    return ["#", kind, *(joint for joint in joints if "|" not in joint)]


def _rest(fields: list[str], attributes: Attributes) -> list[str]:
    if not attributes:
        return []
    written = detection_of("|".join(fields), "written", 0.0)
    rest = missing(attributes, written.attributes if written else {})
    return ["#", OURS, to_json(rest)] if rest else []
