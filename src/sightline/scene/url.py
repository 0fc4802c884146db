"""`synthetic://street?seed=1&fps=25`: a scene and its encoding in one line, as cameras have them.

Every mistake is said at once, with what was expected and the nearest right word. Nothing is drawn here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.kinds import nearest
from sightline.scene.settings import mistakes, refuse

if TYPE_CHECKING:
    from sightline.scene.encode import Encoding
    from sightline.scene.street import Scene

_PLACES: Final = ("street",)


class Synthetic(NamedTuple):
    """What a `synthetic://` URL asks for: `encode(it.scene, it.frames, **it.encoding)`.

    `frames` is None for a street without end; `encoding` holds the settings that the URL named.
    """

    scene: Scene
    frames: int | None
    encoding: Encoding


def parse_url(url: str) -> Synthetic:
    """Reads `synthetic://` or `synthetic://street`, with any of these after a `?`, joined by `&`.

    Of the scene `seed`, `size` (WIDTHxHEIGHT), `fps`, `camera`, `mark` (1 or 0); of the encoder `codec`,
    `gop`, `b_frames`, `bit_rate`, `preset`, `aud` (1 or 0); and `frames`, after which it ends. What each
    may be, and what it is when left out, is said by `Scene` and `encode`. Raises ConfigError.
    """
    from sightline.scene.street import Scene  # noqa: PLC0415 - it draws, which takes a while to be imported

    values = _values(url)
    frames = values.pop("frames", None)
    scene = {field.name: values.pop(field.name) for field in fields(Scene) if field.name in values}
    return Synthetic(Scene(**scene), frames, cast("Encoding", values))


def frames_of(url: str) -> int | None:
    """After how many pictures it ends; None: never. Raises ConfigError as `parse_url` does."""
    frames: int | None = _values(url).get("frames")
    return frames


def _values(url: str) -> dict[str, Any]:
    """The settings that it names. Raises ConfigError."""
    try:
        parts = urlsplit(url, allow_fragments=False)
    except ValueError as error:
        raise ConfigError(f"synthetic URL: expected synthetic://street, got no URL: {error}") from None
    values, unread = _read(parse_qsl(parts.query, keep_blank_values=True))
    misplaced = _place_mistakes(parts.scheme, parts.netloc + parts.path.rstrip("/"))
    refuse((*misplaced, *unread, *mistakes(values)), "synthetic URL")
    return values


def _place_mistakes(scheme: str, place: str) -> list[str]:
    """What is said of the place leaves out what may be a password: somebody gave us another camera's URL."""
    found = []
    if scheme != "synthetic":
        found.append(f"expected a URL that begins with synthetic://, got {scheme or 'no scheme'!r}")
    elif place not in ("", *_PLACES):
        shown = place.rpartition("@")[2]
        found.append(f"expected {_PLACES[0]!r} or nothing after synthetic://, got {shown!r}")
    return found


def _read(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, Any], list[str]]:
    """The values that could be read, and what is wrong with the others."""
    values: dict[str, Any] = {}
    found: list[str] = []
    for key, text in pairs:
        if key not in _READERS:
            found.append(f"{key}: no such setting{nearest(key, _READERS)} (known: {', '.join(_READERS)})")
        elif key in values:
            found.append(f"{key}: expected once, got it again as {text!r}")
        else:
            try:
                values[key] = _READERS[key](text)
            except ValueError as error:
                found.append(f"{key}: {error}")
    return values, found


def _whole_number(text: str) -> int | str:
    """A number, or what stands there instead, for `mistakes` to name with the range it knows."""
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else text


def _yes_or_no(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"expected 1 or 0, got {text!r}")
    return text == "1"


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "seed": _whole_number,
    "size": Size.parse,
    "fps": _whole_number,
    "camera": _whole_number,
    "mark": _yes_or_no,
    "frames": _whole_number,
    "codec": str,
    "gop": _whole_number,
    "b_frames": _whole_number,
    "bit_rate": _whole_number,
    "preset": str,
    "aud": _yes_or_no,
}
