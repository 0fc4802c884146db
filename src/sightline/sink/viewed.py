"""What those who show live pictures and those who have them say to each other, on a bus that both reach.

On `PREFIXview_wanted` who shows says every two seconds which cameras somebody looks at: all of them each
time, so that a message that was lost, doubled or late needs no care. On `PREFIXview` stands what was asked
for: a packet as it is on any bus, or a result as JSON, each with the header `sightline.view` that says what
it is; or, with no value, why nothing comes.

Deliberately not here: who may look. Whoever may read the topic sees what is in it, and whoever may write to
the other one can have pictures put there: a bus that strangers reach has to say who may do what.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from sightline.bus import Message
from sightline.bus.names import checked_topic
from sightline.errors import WireError

HEADER: Final = "sightline.view"
WANT_EVERY_S: Final = 2.0
"""How often it is said what is wanted."""
MOST_WANTED_BYTES: Final = 1024 * 1024

What: TypeAlias = Literal["packet", "result", "trouble"]


class Topics(NamedTuple):
    """Their names: what is wanted, and what comes."""

    wanted: str
    view: str


class About(msgspec.Struct, frozen=True):
    """What a message of a view is.

    Attributes:
        camera: of which.
        what: it is. term: of the site that sends it, where a fleet gave it one: the higher one holds.
        why: nothing comes, in words; of "trouble".
    """

    camera: str
    what: What
    term: int = 0
    why: str = ""


class _Wanted(msgspec.Struct):
    cameras: list[str]


def topics_of(prefix: str) -> Topics:
    """Raises ConfigError for a prefix that no topic can have."""
    return Topics(checked_topic(f"{prefix}view_wanted"), checked_topic(f"{prefix}view"))


def wanted_message(cameras: Collection[str]) -> bytes:
    """Says that somebody looks at these, and at no others."""
    return msgspec.json.encode(_Wanted(sorted(cameras)))


def cameras_wanted(value: bytes) -> frozenset[str]:
    """Which ones. Raises WireError."""
    if len(value) > MOST_WANTED_BYTES:
        raise WireError(f"expected names of cameras in {MOST_WANTED_BYTES} bytes, got {len(value)}")
    try:
        return frozenset(msgspec.json.decode(value, type=_Wanted).cameras)
    except (ValueError, RecursionError) as error:
        raise WireError(f"expected what is wanted of a view: {error}") from None


def header_of(about: About) -> tuple[str, bytes]:
    """Beside the value."""
    return HEADER, msgspec.json.encode(about)


def about(message: Message) -> About:
    """What it is. Raises WireError."""
    for name, data in message.headers:
        if name == HEADER:
            try:
                return msgspec.json.decode(data, type=About)
            except (ValueError, RecursionError) as error:
                raise WireError(f"expected a header {HEADER}: {error}") from None
    raise WireError(f"expected a header {HEADER}, got none")


def where_of(url: str) -> str:
    """The bus for it: that of `url`, where nothing of what passes is kept. All handles on a `memory://`
    have to keep as much, so there is another one beside it.
    """
    before, _, query = url.partition("?")
    if url.startswith("memory:"):
        return f"{before}.view"
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("history="))
    return f"{before}?{kept}" if kept else before
