"""Values as JSON has them, without secrets: what is told of a pipe outside it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import msgspec

from sightline.log import REDACTOR, redact
from sightline.pipe.counts.stats import PipeStats


def stats_as_json(stats: PipeStats) -> dict[str, Any]:
    """Counts as plain values; `msgspec.convert` makes `PipeStats` of them again."""
    told: dict[str, Any] = plain(stats)
    for flow in told["flows"].values():
        for routine in flow["routines"].values():
            routine["own"] = REDACTOR.value(routine["own"])  # by its keys too: they are not ours
    return told


def plain(value: Any) -> Any:
    """`value` as JSON has it; text where that has nothing of the kind."""
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {redact(str(key)): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case msgspec.Struct():
            return plain(msgspec.structs.asdict(value))
        case None | bool() | Real():
            return _number(value)
        case _:
            return REDACTOR.value(value)


def _number(value: Any) -> Any:
    """None for a number that JSON or MessagePack do not have; those of NumPy become plain."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        number = int(value)
        return number if -(2**63) <= number < 2**64 else None
    return float(value) if math.isfinite(value) else None
