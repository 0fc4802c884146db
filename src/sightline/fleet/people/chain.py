"""The chain of the audit: the hash of each entry has that of the one before in it. Pure.

Promises: where an entry was changed, taken out, put in or put elsewhere, `broken` names the first that is not
as it was written; so too where the newest are missing, or the oldest beyond where the chain was cut.

Deliberately not here: a key. Who can write the whole chain anew, and the marks of its two ends, is not found:
that is why the store seals those, and why the hash of the head is shown, to be kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple


class Mark(NamedTuple):
    """A place in the chain: an entry's number and its hash."""

    number: int
    hash: str


START: Final = Mark(0, "")
"""Before the first entry of all."""


class Link(NamedTuple):
    """An entry, and the hash that it was given."""

    number: int
    values: Mapping[str, Any]
    hash: str


class Broken(NamedTuple):
    """Where the chain does not hold, and what that says."""

    number: int
    why: str


def canonical(values: Mapping[str, Any]) -> bytes:
    """The one way in which these values, as JSON has them, are written down; raises ValueError for NaN."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def hash_of(before: str, values: Mapping[str, Any]) -> str:
    """Of an entry of these values after the one of hash `before`."""
    return hashlib.sha256(before.encode() + b"\n" + canonical(values)).hexdigest()


def broken(links: Iterable[Link], after: Mark, head: Mark) -> Broken | None:
    """Where these do not go on from `after`, each from the one before, to `head`; None: they do."""
    last = after
    for link in links:
        if link.number <= last.number or hash_of(last.hash, link.values) != link.hash:
            why = "it is not as it was written, or one before it was taken out or put in"
            return Broken(link.number, why)
        last = Mark(link.number, link.hash)
    if last == head:
        return None
    if last.number < head.number:
        return Broken(head.number, f"the entries after {last.number} were taken out")
    return Broken(last.number, f"the chain ended with {head.number} when it was written last")
