"""Numbers with `;` between them, as texts: shapes and offsets.

Promises: what passes here, GLib's readers of lists take, and DeepStream's checks of their length. The
document's patterns allow an empty text; here it means "not set", which is None.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

_CHANNELS: Final = 4
"""nvinfer refuses more offsets than that."""

_LARGEST: Final = 3.4e38
"""DeepStream keeps an offset in 32 bits."""

_WHOLE: Final = r"^[0-9;]*$"
_DECIMAL: Final = r"^[0-9.;]*$"


def _unset_if_empty(value: object) -> object:
    return None if value == "" else value


def _split(text: str, pattern: str, expected: str) -> list[str]:
    if re.fullmatch(pattern, text) is None:
        raise ValueError(f"expected {expected}")
    return text.removesuffix(";").split(";")


def _dims(text: str | None) -> str | None:
    return text if text is None else _shape(text, 3, 'channels;height;width such as "3;640;640"')


def _batch_shape(text: str) -> str:
    return _shape(text, 4, 'batch;channels;height;width such as "16;3;112;112"')


def _shape(text: str, count: int, told: str) -> str:
    expected = f"{count} whole numbers above 0 with ; between them: {told}"
    parts = _split(text, _WHOLE, expected)
    if len(parts) != count or not all(map(_is_size, parts)):
        raise ValueError(f"expected {expected}")
    return text


def _is_size(part: str) -> bool:
    return 0 < len(part) <= 10 and 0 < int(part) < 2**31


def _is_offset(part: str) -> bool:
    return re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", part) is not None and float(part) <= _LARGEST


def _offsets(text: str | None) -> str | None:
    if text is None:
        return None
    expected = f'1 to {_CHANNELS} numbers of at least 0 with ; between them, such as "104;117;123"'
    parts = _split(text, _DECIMAL, expected)
    if len(parts) > _CHANNELS or not all(map(_is_offset, parts)):
        raise ValueError(f"expected {expected}")
    return text


Dims: TypeAlias = Annotated[
    str | None,
    BeforeValidator(_unset_if_empty),
    AfterValidator(_dims),
    Field(json_schema_extra={"pattern": _WHOLE}),
]
"""`infer-dims`: three numbers, or not set."""

Offsets: TypeAlias = Annotated[
    str | None,
    BeforeValidator(_unset_if_empty),
    AfterValidator(_offsets),
    Field(json_schema_extra={"pattern": _DECIMAL}),
]
"""`offsets`: a number for each channel, or not set."""

BatchShape: TypeAlias = Annotated[
    str, AfterValidator(_batch_shape), Field(json_schema_extra={"pattern": _WHOLE})
]
"""`network-input-shape`: four numbers."""
