"""What the parent of a pipe and its flows say to each other; `channel` has the socket on which they do.

Messages are msgpack; what only Python knows (routines, parameters of events) is a pickle within. That is no
danger: both ends are one program's, and the socket is inherited and reaches no one else.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class _Said(msgspec.Struct, frozen=True, tag=True):
    pass


class Begin(_Said, frozen=True):
    """To a flow, first: what it is. `spec` is a pickled `FlowSpec`, to be read with this path and folder."""

    sys_path: list[str]
    folder: str
    argv: list[str]
    spec: bytes
    over: list[str]


class Connect(_Said, frozen=True):
    """To a flow: a socket to another flow comes with this; what was there before is over."""

    peer: str


class Handle(_Said, frozen=True):
    """To a flow: an event for some of its routines; the parameters are pickled."""

    number: int
    event: str
    routines: tuple[str, ...]
    parameters: bytes


class Rewire(_Said, frozen=True):
    """To a flow: edges that begin and edges that end, by their numbers; a pickled list of the new ones."""

    number: int
    add: bytes
    remove: list[int]


class AskStats(_Said, frozen=True):
    """To a flow: tell the counts of now."""

    number: int


class End(_Said, frozen=True):
    """To a flow: stop what runs, within so many seconds, and end."""

    within_s: float


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
    """From a flow: done; or why not."""

    number: int
    error: str | None


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


class Stats(_Said, frozen=True):
    """From a flow: its counts, pickled."""

    number: int
    stats: bytes


class Log(_Said, frozen=True):
    """From a flow: a record of its log, pickled as the dictionary that makes one again."""

    record: bytes


Said: TypeAlias = (
    Begin
    | Connect
    | Handle
    | Rewire
    | AskStats
    | End
    | Ready
    | Broken
    | Handled
    | Rewired
    | Post
    | Unlink
    | Told
    | Stats
    | Log
)
