"""What the sections of a site file have in common: how strict they are, and the types of their values.

A validator raises ValueError with what was expected; what came is added where it may be shown
(`sightline.site.wording`). `complete` makes an error whose message is whole as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WithJsonSchema,
    field_serializer,
)
from pydantic_core import PydanticCustomError

from sightline.bus import topic_pattern
from sightline.bus.kafka_address import KafkaAddress
from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.hub.address import HubAddress
from sightline.kinds import nearest
from sightline.log import hide_secret, redact
from sightline.site.mistakes import listed, quoted

BUS_SCHEMES: Final = ("memory", "hub", "kafka")

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/*)")


class Section(BaseModel):
    """A part of the file: no unknown keys, no infinite numbers, and nothing changes once it is read.

    What came is left out of pydantic's own errors, because it may be a password. What is printed or dumped is
    without the secrets that a text may hold, such as a token in the query of a URL.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=True, hide_input_in_errors=True
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, _shown(value)

    @field_serializer("*", mode="wrap")
    def _dumped(self, value: Any, serialize: SerializerFunctionWrapHandler) -> Any:
        return _shown(serialize(value))


def _shown(value: Any) -> Any:
    return redact(value) if isinstance(value, str) else value


def complete(message: str) -> PydanticCustomError:
    """An error whose message says all there is to say, and nothing that may not be shown."""
    return PydanticCustomError("complete", "{message}", {"message": message})


def scheme_of(url: str, schemes: tuple[str, ...]) -> str | None:
    """The scheme of `url`, one of `schemes`; None where it has none. Raises for another one."""
    match = _SCHEME.match(url)
    if match is None:
        return None
    scheme, slashes = match[1].lower(), len(match[2])
    if scheme in schemes and slashes < 2:
        raise complete(f'expected two slashes after "{scheme}:"')
    if scheme not in schemes and slashes >= 2:
        raise complete(
            f"unknown scheme {quoted(scheme)}: expected {listed(schemes)}{nearest(scheme, schemes)}"
        )
    return scheme if slashes >= 2 else None


def beside_site(path: Path, info: ValidationInfo) -> Path:
    """Relative paths are meant from the folder of the site file, wherever the command was started."""
    folder = (info.context or {}).get("folder")
    return Path(folder, path) if folder else path


def _name(text: str) -> str:
    if re.fullmatch(_NAME, text) is None:
        raise ValueError("expected a name of 1 to 64 letters, digits, - _ or ., with a letter or digit first")
    return text


def _size(value: object) -> Size:
    if isinstance(value, Size):
        return value
    try:
        return Size.parse(str(value))
    except ValueError:
        raise ValueError("expected WIDTHxHEIGHT such as 1280x720, each 2 to 16384 pixels") from None


def _bus_url(text: str) -> str:
    if scheme_of(text, BUS_SCHEMES) is None:
        raise ValueError("expected a URL such as memory://, hub://127.0.0.1:4820 or kafka://127.0.0.1:9092")
    try:
        if text.startswith("hub:"):
            hide_secret(HubAddress.of(text).token or "")
        elif text.startswith("kafka:"):
            KafkaAddress.parse(text)  # which hides its secrets itself, and opens nothing that is named
    except ConfigError as error:
        raise complete(error.message) from None
    return text


def _topic(text: str) -> str:
    try:
        return topic_pattern(text)
    except ConfigError as error:
        raise complete(error.message) from None


Name: TypeAlias = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_NAME}$"})]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
SitePath: TypeAlias = Annotated[Path, AfterValidator(beside_site)]
BusUrl: TypeAlias = Annotated[str, AfterValidator(_bus_url)]
TopicPattern: TypeAlias = Annotated[str, AfterValidator(_topic)]
PictureSize: TypeAlias = Annotated[
    Size,
    BeforeValidator(_size),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,5}x\d{1,5}$"}),
]


def _camera_names(value: object) -> object:
    if value == "all":
        return None
    if isinstance(value, str):  # pydantic makes mistakes of a file out of ValueErrors alone
        raise ValueError(  # noqa: TRY004
            "expected a list of camera names such as [gate, parking], or the word all"
        )
    if value == []:
        raise ValueError("expected at least one camera name, or the word all")
    return value


_NAMES_SCHEMA: Final = {"type": "array", "items": {"type": "string"}, "minItems": 1}
ChosenCameras: TypeAlias = Annotated[
    tuple[Name, ...] | None,
    BeforeValidator(_camera_names),
    WithJsonSchema({"anyOf": [{"const": "all"}, _NAMES_SCHEMA]}),
]


def _hwaccel(name: str) -> str:
    from sightline.codec.hardware import checked_hwaccel  # noqa: PLC0415 - libav knows, and few sites ask

    try:
        return checked_hwaccel(name)
    except ConfigError as error:
        raise complete(error.message) from None


Hwaccel: TypeAlias = Annotated[str, AfterValidator(_hwaccel)]
