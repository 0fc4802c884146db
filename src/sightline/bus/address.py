"""What stands behind the scheme of a bus's URL: options by name, and sizes with units. Pure.

No message shows a URL or a value: either may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

from sightline.errors import ConfigError

_SIZE: Final = re.compile(r"([0-9]{1,15})(|KiB|MiB|GiB)", re.ASCII)
_UNITS: Final = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def options(query: str, known: Collection[str]) -> dict[str, str]:
    """The options of a URL's query. Raises ConfigError for one that is not known, empty, or given twice."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise ConfigError("expected options behind the ? of a bus's URL, such as ?history=64MiB") from None
    found = dict(pairs)
    wrong = [name for name, value in pairs if name not in known or not value]
    if wrong or len(found) != len(pairs):
        raise ConfigError(
            f"expected each of {', '.join(sorted(known))} at most once in a bus's URL, and not empty; "
            f"got {', '.join(sorted({name[:30] for name, _ in pairs}))}"
        )
    return found


def size_bytes(text: str) -> int:
    """`64MiB`, `512KiB`, `1GiB` or `1000000` in bytes, above 0. Raises ConfigError for anything else."""
    size = _SIZE.fullmatch(text)
    if size is None or not int(size[1]):
        raise ConfigError(f"expected a size such as 64MiB, got {text[:30]!r}")
    return int(size[1]) * _UNITS[size[2]]
