"""Names of instances, which are any text, as names of folders and containers.

Promises: what comes out is of lower-case letters, digits and `-`, begins with one of the first two, has 53
characters at most, and is another for another name. It can be read, and it cannot be turned back: whoever
needs the name keeps it beside.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from typing import Final

MOST_CHARACTERS: Final = 53
_MOST_SHOWN: Final = 40
_HASH_CHARACTERS: Final = 12
_PLAIN: Final = re.compile(r"[a-z0-9][a-z0-9-]*", re.ASCII)
_HASHED: Final = re.compile(rf"-[0-9a-f]{{{_HASH_CHARACTERS}}}\Z", re.ASCII)
_OTHER: Final = re.compile(r"[^a-z0-9]+", re.ASCII)


def slug(name: str) -> str:
    """A plain short name as it is; of any other what can be read of it, and a hash of the whole."""
    if len(name) <= _MOST_SHOWN and _PLAIN.fullmatch(name) and not _HASHED.search(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    shown = _OTHER.sub("-", plain).strip("-")[:_MOST_SHOWN].strip("-") or "instance"
    return f"{shown}-{sha256(name.encode(errors='surrogatepass')).hexdigest()[:_HASH_CHARACTERS]}"
