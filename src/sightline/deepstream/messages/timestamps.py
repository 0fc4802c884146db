"""Times as DeepStream writes them in JSON: RFC 3339, UTC, milliseconds; and back, to the nanosecond.

Read is all of RFC 3339 but leap seconds (POSIX clocks have none): offsets, and up to nine digits of a second,
which DeepStream writes where it was told to. Digits past the millisecond are cut off in writing, as NVIDIA's
writer does.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from sightline.clock import NS_PER_MS, NS_PER_S
from sightline.errors import WireError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


def to_rfc3339(utc_ns: int) -> str:
    """A time of 64 bits, such as `2026-04-30T14:37:50.075Z`."""
    seconds, rest = divmod(utc_ns, NS_PER_S)
    return f"{_EPOCH + seconds * _SECOND:%Y-%m-%dT%H:%M:%S}.{rest // NS_PER_MS:03d}Z"


def from_rfc3339(text: str) -> int:
    """The time in UTC ns, of any year. Raises WireError for what is no time."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise WireError(f"expected @timestamp to be such as 2026-04-30T14:37:50.075Z, got {text[:40]!r}")
    date, time, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}+00:00")
    except ValueError as error:
        raise WireError(f"expected @timestamp to be a time that exists, got {text[:40]!r}") from error
    offset = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    seconds = (moment - _EPOCH) // _SECOND - offset
    return seconds * NS_PER_S + int((fraction or "").ljust(9, "0"))


def within_64_bits(utc_ns: int) -> int:
    """The same. Raises WireError where a `Result` could not be written with it: before 1677 or after 2262."""
    if not -(2**63) <= utc_ns < 2**63:
        raise WireError(f"expected a time of the years 1678 to 2261, got {utc_ns // NS_PER_S} s after 1970")
    return utc_ns
