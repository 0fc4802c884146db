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
    """To a flow, first: what it is.

    Attributes:
        sys_path, folder, argv: what the parent has; what follows is read with these.
        spec: a pickled `FlowSpec`.
        edges: a pickled list of the edges that begin or end there.
        done: those of its routines that have given their last, in a process before.
    """

    sys_path: list[str]
    folder: str
    argv: list[str]
    spec: bytes
    edges: bytes
    done: list[str]


class Connect(_Said, frozen=True):
    """To a flow: a socket to another flow comes with this; what was there before is over."""

    peer: str


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
    """To a flow: tell the counts of now."""

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


class Counts(_Said, frozen=True):
    """From a flow: its `FlowStats`, pickled. Number 0: its last, told unasked."""

    number: int
    stats: bytes


class Log(_Said, frozen=True):
    """From a flow: a record of its log, pickled as the dictionary that makes one again."""

    record: bytes


Said: TypeAlias = (
    Begin
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
    | Counts
    | Log
)
