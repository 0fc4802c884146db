"""The key of one picture: the little that travels on a queue while the picture itself lies in a store.

A key says whose picture it is, when it was taken, which packet it was made from, and what to expect of its
bytes. As text it is one line of ASCII that may stand as a Redis key, as the name of a file, and as a message:

    frames:front-door:1789000000123:1788999990000:250:1920x1080:183245:jpeg
    namespace camera_id captured_at_ms epoch index widthxheight size format

One key has one text and one text is one key: what is written in any other way is refused. Two pictures of a
camera never share a key, as no two packets share (epoch, index), whatever becomes of the wall clock.

Does not do: hide anything. Whoever sees a key knows the name of the camera.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import quote, unquote_to_bytes

import msgspec

from sightline.clock import NS_PER_MS
from sightline.errors import ConfigError, WireError
from sightline.packet import Identity

PictureFormat: TypeAlias = Literal["jpeg", "png", "webp", "raw"]
"""How a picture's bytes are to be read; raw: height x width x 3 of BGR."""

FORMATS: Final[tuple[PictureFormat, ...]] = get_args(PictureFormat)
NAMESPACE: Final = "frames"
"""Where nobody says another."""

MAX_KEY_CHARS: Final = 240
"""The longest text of a key; a file's name may have 255 (Linux), so that there is room for an ending."""

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
_MAX_CAMERA_CHARS: Final = 128  # as it is encoded
_MAX_MS: Final = 10**14 - 1  # the year 5138, which `datetime` still knows
_MAX_INDEX: Final = 2**63 - 1  # without our headers it is the offset of a log
_MAX_SIDE: Final = 16384  # as Size has it
_MAX_BYTES: Final = 2**31 - 1
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = re.compile(
    r"(?P<namespace>[^:]+):(?P<camera>[^:]+):(?P<captured_at_ms>\d{1,14}):(?P<epoch>\d{1,14}):(?P<index>\d{1,19})"
    r":(?P<width>\d{1,5})x(?P<height>\d{1,5}):(?P<size>\d{1,10}):(?P<format>[a-z]+)",
    re.ASCII,
)
_BOUNDS: Final = {
    "captured_at_ms": (0, _MAX_MS),
    "epoch": (0, _MAX_MS),
    "index": (0, _MAX_INDEX),
    "width": (1, _MAX_SIDE),
    "height": (1, _MAX_SIDE),
    "size": (1, _MAX_BYTES),
}


class FrameKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What names one picture. Sorts by camera, epoch and index: in the order of capture.

    Attributes:
        camera_id: the camera: any text that is not empty and not too long.
        epoch, index: of the packet that held the picture.
        captured_at_ms: UTC in ms at which it was taken.
        width, height: in pixels.
        size: bytes of the picture as it is stored.
        format: how to read those.
        namespace: what keeps several users of one store apart.

    Raises:
        ConfigError: a field is out of its bounds; the message says which, what was expected and what came.
    """

    camera_id: str
    epoch: int
    index: int
    captured_at_ms: int
    width: int
    height: int
    size: int
    format: PictureFormat
    namespace: str = NAMESPACE

    def __post_init__(self) -> None:
        checked_namespace(self.namespace)
        _encoded_camera(self.camera_id)
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"expected {name} of a frame's key within {least} to {most}, got {value}")
        if self.format not in FORMATS:
            raise ConfigError(f"expected a format of {', '.join(FORMATS)}, got {self.format!r}")

    def __str__(self) -> str:
        return (
            f"{self.namespace}:{_encoded_camera(self.camera_id)}:{self.captured_at_ms}:{self.epoch}:{self.index}"
            f":{self.width}x{self.height}:{self.size}:{self.format}"
        )

    @classmethod
    def parse(cls, text: str) -> FrameKey:
        """The key that `text` stands for. Raises WireError where it is none, or one written otherwise."""
        match = None if len(text) > MAX_KEY_CHARS else _TEXT.fullmatch(text)
        if match is None:
            raise WireError(_not_a_key(text))
        fields = match.groupdict()
        try:
            key = cls(
                camera_id=unquote_to_bytes(fields["camera"]).decode(),
                format=fields["format"],  # type: ignore[arg-type]  # it is checked there
                namespace=fields["namespace"],
                **{name: int(fields[name]) for name in _BOUNDS},
            )
        except (ConfigError, UnicodeDecodeError) as error:
            raise WireError(f"{_not_a_key(text)}: {error}") from None
        if str(key) != text:
            raise WireError(f"expected a frame's key as {str(key)!r}, got {text!r}")
        return key

    @property
    def identity(self) -> Identity:
        """Of the packet that held the picture."""
        return Identity(self.camera_id, self.epoch, self.index)

    @property
    def captured_at(self) -> datetime:
        """When the picture was taken, in UTC, exact to the millisecond."""
        return _UNIX_EPOCH + timedelta(milliseconds=self.captured_at_ms)

    @property
    def captured_at_ns(self) -> int:
        return self.captured_at_ms * NS_PER_MS


def checked_namespace(namespace: str) -> str:
    """`namespace`. Raises ConfigError where it is not 1 to 32 letters, digits, dots, hyphens, underscores."""
    if _NAMESPACE.fullmatch(namespace) is None:
        raise ConfigError(
            "expected a namespace of 1 to 32 letters, digits and . _ -, with a letter or digit first, "
            f"got {namespace[:100]!r}"
        )
    return namespace


def checked_format(name: str) -> PictureFormat:
    """`name`. Raises ConfigError where it is no format of pictures."""
    for known in FORMATS:
        if name == known:
            return known
    raise ConfigError(f"expected a format of {', '.join(FORMATS)}, got {name!r}")


def _encoded_camera(camera_id: str) -> str:
    """All but ASCII letters, digits and `_.-~` as %XX of its UTF-8 (RFC 3986, 2.1 and 2.3)."""
    try:
        encoded = quote(camera_id, safe="")
    except UnicodeEncodeError:
        raise ConfigError(f"expected a camera's id that is Unicode text, got {camera_id[:100]!r}") from None
    if not 1 <= len(encoded) <= _MAX_CAMERA_CHARS:
        raise ConfigError(
            f"expected a camera's id of 1 to {_MAX_CAMERA_CHARS} characters (a byte that is written as %XX "
            f"counts as three), got {len(encoded)}: {camera_id[:100]!r}"
        )
    return encoded


def _not_a_key(text: str) -> str:
    return (
        "expected a frame's key, namespace:camera_id:captured_at_ms:epoch:index:WIDTHxHEIGHT:size:format of "
        f"at most {MAX_KEY_CHARS} characters, got {text[:300]!r}"
    )
