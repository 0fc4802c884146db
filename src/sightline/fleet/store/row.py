"""What the rows that go in and out have in common."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, SecretStr

from sightline.deepstream.models.part import LARGEST
from sightline.site.section import Name as SiteName

T = TypeVar("T")
NAME_PATTERN: Final = r"^[^\s/\x00-\x1f\x7f]([^/\x00-\x1f\x7f]*[^\s/\x00-\x1f\x7f])?$"


class Row(BaseModel):
    """No unknown keys, no infinite numbers; nothing of a mistake shows what came."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", allow_inf_nan=False, hide_input_in_errors=True, frozen=True
    )


class Page(BaseModel, Generic[T]):
    """A part of a list; `total` counts all that fits the filters."""

    items: list[T]
    total: int


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected text in UTF-8") from None
    if "\x00" in text:
        raise ValueError("expected text without zero bytes")
    return text


Text: TypeAlias = Annotated[str, Field(max_length=2048), AfterValidator(_storable)]
Address: TypeAlias = Annotated[str, Field(max_length=1 << 14), AfterValidator(_storable)]
"""Of a camera: one that is signed, of a recording on the web, is easily longer than other texts."""
CameraId: TypeAlias = SiteName
AnyName: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=200, pattern=NAME_PATTERN), AfterValidator(_storable)
]
"""Of an instance or an agent: it stands in addresses, so without `/`."""
Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Labels: TypeAlias = Annotated[dict[Word, Text], Field(max_length=64)]
Pixels: TypeAlias = Annotated[int, Field(ge=1, le=LARGEST)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=LARGEST)]
Id: TypeAlias = Annotated[int, Field(ge=1, lt=2**63)]
Json: TypeAlias = dict[str, JsonValue]


def plain(row: BaseModel, **how: Any) -> dict[str, Any]:
    """Its values as they are stored and compared, passwords in the clear."""
    return {name: _plain(value) for name, value in row.model_dump(mode="python", **how).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value.value if isinstance(value, Enum) else value
