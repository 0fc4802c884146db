"""DeepStream's files for an instance of the fleet's document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.deepstream.generating.choices import Debug, Layout, SourceStyle
    from sightline.deepstream.generating.files import CURRENT, Found, GeneratedMismatch
    from sightline.deepstream.generating.sets import Generated, generate

__all__ = [
    "CURRENT",
    "Debug",
    "Found",
    "Generated",
    "GeneratedMismatch",
    "Layout",
    "SourceStyle",
    "generate",
]

import_later(
    __name__,
    {
        "sightline.deepstream.generating.choices": "Debug Layout SourceStyle",
        "sightline.deepstream.generating.files": "CURRENT Found GeneratedMismatch",
        "sightline.deepstream.generating.sets": "Generated generate",
    },
)
