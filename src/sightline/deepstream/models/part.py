"""What the models of the document have in common.

Promises: no unknown field, no infinite number; a wrong value, here or in a part within, raises our
`ConfigError` with field, range, meaning and what came (`refusing`), however it came: by a call, from JSON, or
by a later assignment. What is printed is without secrets; JSON has everything and reads back equal.
`places()` says which key of which group of DeepStream's a field is, `entries()` writes them out.

Deliberately not here: files. `generating` makes them of `entries()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self, TypeAlias

from pydantic import AnyUrl, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sightline.deepstream.models.refusing import refused
from sightline.log import redact

LARGEST: Final = 2**31 - 1
"""GLib reads integers of 32 bits; a larger one is refused by DeepStream's parsers."""

Count: TypeAlias = Annotated[int, Field(ge=0, le=LARGEST)]
Positive: TypeAlias = Annotated[int, Field(ge=1, le=LARGEST)]
AboveZero: TypeAlias = Annotated[float, Field(gt=0)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0)]


def _ids(value: object) -> object:
    """One id or a tuple of several, whichever way they were written."""
    several = value.removesuffix(";").split(";") if isinstance(value, str) and ";" in value else value
    try:
        if isinstance(several, list | tuple):
            return tuple(_id(each) for each in several) or _id(None)
        return _id(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError('expected an id of at least 0, or several as [0, 2] or "0;2"') from None


def _id(value: Any) -> int:
    number = int(value)
    if number != (int(value) if isinstance(value, str) else value) or not 0 <= number <= LARGEST:
        raise ValueError
    return number


Ids: TypeAlias = Annotated[Count | tuple[Count, ...], BeforeValidator(_ids)]
"""One id, as the document has it, or several, as DeepStream has it: `0`, `[0, 2]` or "0;2"."""


def _named(path: object) -> object:
    if isinstance(path, str | Path) and str(path) in {"", "."}:
        raise ValueError("expected a path that is not empty")
    return path


File: TypeAlias = Annotated[Path, BeforeValidator(_named)]
"""A file; a relative path is meant from the folder of the file that it stands in."""


class Place(NamedTuple):
    """Where DeepStream has a field: `[group]`, `key`."""

    group: str
    key: str


class Entered(NamedTuple):
    """A field as it is written."""

    group: str
    key: str
    text: str


class Part(BaseModel):
    """A part of a configuration; see the module."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        validate_assignment=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise refused(error, type(self)) from None

    # Else pydantic would call it for the parts within, and their mistakes would lose their way.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def model_validate(cls, obj: Any, **how: Any) -> Self:
        try:
            return super().model_validate(obj, **how)
        except ValidationError as error:
            raise refused(error, cls) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **how: Any) -> Self:
        try:
            return super().model_validate_json(json_data, **how)
        except ValidationError as error:
            raise refused(error, cls) from None

    @classmethod
    def model_validate_strings(cls, obj: Any, **how: Any) -> Self:
        try:
            return super().model_validate_strings(obj, **how)
        except ValidationError as error:
            raise refused(error, cls) from None

    def __setattr__(self, name: str, value: Any) -> None:
        values, named = dict(self.__dict__), set(self.model_fields_set)
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            # pydantic has set it already where only a check of the whole part fails.
            object.__setattr__(self, "__dict__", values)
            object.__setattr__(self, "__pydantic_fields_set__", named)
            raise refused(error, type(self)) from None

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            # pydantic's own address is there where `model_copy` or `model_construct` put it unread.
            yield name, redact(str(value)) if type(value) in {str, AnyUrl} else value


class Written(Part):
    """A part that becomes a file of its own: each field is a key of DeepStream's.

    A key is spelled as its field with `-` for `_` and stands in `[property]`, but for those in `ELSEWHERE`.
    """

    ELSEWHERE: ClassVar[Mapping[str, Place]] = {}

    @classmethod
    def places(cls) -> dict[str, Place]:
        """For each field, in the order they are written, its group and key."""
        return {
            name: cls.ELSEWHERE.get(name) or Place("property", name.replace("_", "-"))
            for name in cls.model_fields
        }

    def entries(self) -> tuple[Entered, ...]:
        """What is set, as DeepStream writes it; a field that is None is left to DeepStream's own default."""
        values = ((place, getattr(self, name)) for name, place in self.places().items())
        return tuple(Entered(*place, text_of(value)) for place, value in values if value is not None)


def text_of(value: object) -> str:
    """A value as both formats have it: numbers of enums, `;` between several, paths as they are."""
    match value:
        case IntEnum():
            return str(value.value)
        case tuple():
            return ";".join(text_of(each) for each in value)
        case Path() | str() | int() | float():
            return str(value)
    raise TypeError(f"expected a number, a text, a path or several, got {type(value).__name__}")
