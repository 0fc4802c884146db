"""Where a routine's work comes from and goes to: its inlet and its outlets, for one runner alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from sightline.pipe.message import Message
from sightline.pipe.wires.delivery import Delivery
from sightline.pipe.wires.inlet import Inlet

Pack: TypeAlias = Callable[[list[Message]], None]


class Desk(Protocol):
    """What a runner needs of one."""

    def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` when there may be something to do again."""

    def take(self, most: int) -> list[Message]:
        """0 to `most` messages; whoever got some gives for each time exactly once, be it nothing."""

    @property
    def pack(self) -> Pack | None:
        """Has other flows get messages as they are now, where they are given later; None: no need."""

    def give(self, messages: list[Message]) -> None:
        """Send what became of what was taken, or of the call of a source."""

    def ready(self) -> bool:
        """Whether all that was given has left, so that more may be taken."""

    @property
    def finished(self) -> bool:
        """Whether nothing will ever be taken again."""

    def end(self) -> None:
        """Tell the wires that nothing more comes."""

    def close(self, reason: str) -> None:
        """Drop all that waits, in either direction, and tell the wires that nothing more comes."""


class OwnDesk:
    """A desk that nobody else works at. A source has no inlet."""

    def __init__(self, inlet: Inlet | None, delivery: Delivery) -> None:
        self._inlet = inlet
        self._delivery = delivery

    def listen(self, ring: Callable[[], None]) -> None:
        if self._inlet is not None:
            self._inlet.on_items = ring
        self._delivery.listen(ring)

    def take(self, most: int) -> list[Message]:
        return self._inlet.take_many(most) if self._inlet is not None else []

    @property
    def pack(self) -> Pack | None:
        return self._delivery.pack if self._delivery.far else None

    def give(self, messages: list[Message]) -> None:
        if messages:
            self._delivery.give(messages)

    def ready(self) -> bool:
        return not self._delivery.blocked or self._delivery.retry()

    @property
    def finished(self) -> bool:
        return self._inlet is not None and self._inlet.finished

    def end(self) -> None:
        self._delivery.ended()

    def close(self, reason: str) -> None:
        if self._inlet is not None:
            self._inlet.close()
        self._delivery.drop(reason)
        self._delivery.ended()
