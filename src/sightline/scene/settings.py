"""What the settings of a scene and of its encoder may be: one table, used by code and by URL alike.

Every mistake is said at once, each with what was expected and what came. Defaults are not here but in the
signatures of `Scene` and `encode`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.kinds import nearest

MAX_CAMERA: Final = 2**16 - 1
MAX_FRAME: Final = 2**32 - 1
CODECS: Final = ("h264", "hevc", "mjpeg")
PRESETS: Final = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")

CHOICES: Final[dict[str, tuple[str, ...]]] = {"codec": CODECS, "preset": PRESETS}
RANGES: Final[dict[str, tuple[int, int]]] = {
    "seed": (0, 2**63 - 1),
    "fps": (1, 240),
    "camera": (0, MAX_CAMERA),
    "frames": (1, MAX_FRAME + 1),
    "start": (0, MAX_FRAME),
    "gop": (1, 10_000),
    "b_frames": (0, 8),
    "bit_rate": (10_000, 1_000_000_000),
}
SMALLEST: Final = Size(160, 90)  # below this the blocks of the mark are no pixels any more
LARGEST: Final = Size(7680, 4320)


def refuse(found: Iterable[str], where: str) -> None:
    """Raises ConfigError with all mistakes `found`, if there are any."""
    said = "; ".join(found)
    if said:
        raise ConfigError(f"{where}: {said}")


def mistakes(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with these, each by itself and together. A setting that is left out or None is right."""
    given = {name: value for name, value in settings.items() if value is not None}
    single = [f"{name}: {wrong}" for name, value in given.items() if (wrong := _wrong(name, value))]
    return single or _contradictions(given)


def _wrong(name: str, value: Any) -> str | None:
    if name in RANGES:
        low, high = RANGES[name]
        right = isinstance(value, int) and low <= value <= high
        return None if right else f"expected a whole number from {low} to {high}, got {value!r}"
    if name in CHOICES and value not in CHOICES[name]:
        return (
            f"expected one of {', '.join(CHOICES[name])}, got {value!r}{nearest(str(value), CHOICES[name])}"
        )
    if name == "size":
        return _wrong_size(value)
    return None


def _wrong_size(value: Any) -> str | None:
    if not (isinstance(value, tuple) and len(value) == 2 and all(isinstance(side, int) for side in value)):
        return f"expected a pair of whole numbers such as {(SMALLEST.width, SMALLEST.height)}, got {value!r}"
    size = Size(*value)
    inside = all(low <= side <= high for low, side, high in zip(SMALLEST, size, LARGEST, strict=True))
    even = size.width % 2 == size.height % 2 == 0  # 4:2:0 has one sample of colour for two pixels each way
    return None if inside and even else f"expected even sides from {SMALLEST} to {LARGEST}, got {size}"


def _contradictions(given: Mapping[str, Any]) -> list[str]:
    found = []
    b_frames, start, frames = given.get("b_frames", 0), given.get("start", 0), given.get("frames", 0)
    if given.get("codec") == "mjpeg":
        found += [
            f"{name}: expected none with codec mjpeg, got {given[name]}"
            for name in ("b_frames", "bit_rate")
            if given.get(name)
        ]
    if "gop" in given and 0 < given["gop"] <= b_frames:
        found.append(f"b_frames: expected fewer than gop, which is {given['gop']}, got {b_frames}")
    if start + frames > MAX_FRAME + 1:
        found.append(
            f"frames: expected the last one's number to be at most {MAX_FRAME}, got {start + frames - 1}"
        )
    return found
