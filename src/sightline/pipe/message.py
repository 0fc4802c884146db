"""What goes along a wire: somebody's data, and where it came from."""

from __future__ import annotations

from typing import Any, Final

UNREAD: Final = object()
"""The data of a message that came from another flow, until a routine takes it. What is dropped never has
any, and what waits is a few bytes."""


class Message:
    """One piece of data on its way.

    Attributes:
        data: what a routine's `main_logic` gave.
        source: the name of that routine.
        number: how many it gave before, so that what is missing can be told.
        made_ns: when, monotonic; the same clock in all processes of a machine.
        packed: what it is sent to other flows as, while it waits to be; of `pipe.wires.codec` alone.
            While its data is `UNREAD`, the pickle of that.
    """

    __slots__ = ("data", "made_ns", "number", "packed", "source")

    def __init__(self, data: Any, source: str, number: int, made_ns: int) -> None:
        self.data = data
        self.source = source
        self.number = number
        self.made_ns = made_ns
        self.packed: Any = None

    def __repr__(self) -> str:
        return f"Message({self.source} {self.number}: {type(self.data).__name__})"
