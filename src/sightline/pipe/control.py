"""What the parent of a pipe and its flows say to each other; `channel` has the socket on which they do.

Messages are msgpack; what only Python knows (routines, parameters of events) is a pickle within. That is no
danger: both ends are one program's, and the socket is inherited and reaches no one else.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from sightline.pipe.pacing import Worked


def plain(text: str) -> str:
    """A text that can be sent: what stands for bytes that are none, as in names of files, is written out."""
    return text.encode("utf-8", "backslashreplace").decode()


class _Said(msgspec.Struct, frozen=True, tag=True):
    pass


class Keep(_Said, frozen=True):
    """To a flow, first: the ledger that it counts in comes with this."""


class Begin(_Said, frozen=True):
    """To a flow: what it is.

    Attributes:
        surroundings: pickled `Surroundings`; what follows is read in these.
        spec: a pickled `FlowSpec`.
        edges: a pickled list of the edges that begin or end there.
        over: those of its routines that were done or killed in a process before, each with that state.
    """

    surroundings: bytes
    spec: bytes
    edges: bytes
    over: dict[str, str]


class Connect(_Said, frozen=True):
    """To a flow: a socket to another flow comes with this; what was there before is over.

    Both are told the same number, which no other ever has.
    """

    peer: str
    number: int = 0


class Gone(_Said, frozen=True):
    """To a flow: that other one ended, and will not be there again."""

    peer: str


class Handle(_Said, frozen=True):
    """To a flow: an event for some of its routines; the parameters are pickled."""

    number: int
    event: str
    routines: tuple[str, ...]
    parameters: bytes


class Rewire(_Said, frozen=True):
    """To a flow: a pickled `Change` of its edges."""

    number: int
    change: bytes


class Ask(_Said, frozen=True):
    """To a flow: say what its routines tell of themselves now."""

    number: int


class Ready(_Said, frozen=True):
    """From a flow: its routines are made and wired."""


class Broken(_Said, frozen=True):
    """From a flow: it cannot be made, and why."""

    reason: str


class Handled(_Said, frozen=True):
    """From a flow: a routine handled an event; or why it could not."""

    number: int
    routine: str
    error: str | None


class Rewired(_Said, frozen=True):
    """From a flow: its edges are as they are to be."""

    number: int


class Post(_Said, frozen=True):
    """From a flow: an event that a routine of it sends."""

    event: str
    targets: dict[str, list[str]]
    parameters: bytes


class Unlink(_Said, frozen=True):
    """From a flow: one of its routines wants no wire to that other one any more."""

    routine: str
    destination: str


class Told(_Said, frozen=True):
    """From a flow: a routine came into a state."""

    routine: str
    state: str
    reason: str
    hangs: bool


class OwnStats(_Said, frozen=True):
    """From a flow: what its routines tell of themselves, each pickled, by their names. 0: told unasked."""

    number: int
    stats: dict[str, bytes]


class Durations(_Said, frozen=True):
    """From a flow: how long routines of it took since they told last."""

    routines: list[Worked]


class Pace(_Said, frozen=True):
    """To a flow: a routine is to be no faster than this; 0.0: as fast as it goes."""

    routine: str
    fps: float


class Log(_Said, frozen=True):
    """From a flow: a record of its log, pickled as the dictionary that makes one again."""

    record: bytes


Said: TypeAlias = (
    Keep
    | Begin
    | Connect
    | Gone
    | Handle
    | Rewire
    | Ask
    | Ready
    | Broken
    | Handled
    | Rewired
    | Post
    | Unlink
    | Told
    | OwnStats
    | Durations
    | Pace
    | Log
)
