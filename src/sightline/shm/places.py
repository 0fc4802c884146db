"""The account of a writer's slots: which of them may be filled again. Pure; not for several threads."""

from __future__ import annotations

from typing import Final


class Places:
    """The slots of one pool. One is free when nothing here refers to it and the host has no claim to it."""

    def __init__(self, slots: int) -> None:
        self.slots: Final = slots
        self._generations = [-1] * slots
        self._free = list(range(slots))
        self._held: set[int] = set()
        self._owed: set[int] = set()  # which the host has, or may yet get

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def all_free(self) -> bool:
        return len(self._free) == self.slots

    def take(self) -> tuple[int, int] | None:
        """Number and generation of a slot to fill; the one that came back last, as a cache may have it."""
        if not self._free:
            return None
        number = self._free.pop()
        self._generations[number] += 1
        self._held.add(number)
        self._owed.add(number)
        return number, self._generations[number]

    def let_go(self, number: int, *, sent: bool) -> None:
        """Nothing here refers to the slot, which was taken, any more; nor has the host it, if not `sent`."""
        self._held.remove(number)
        if not sent:
            self._owed.discard(number)
        self._settle(number)

    def freed(self, number: int, generation: int) -> None:
        """The host has no claim any more. What it cannot mean is passed over."""
        if number in self._owed and generation == self._generations[number]:
            self._owed.remove(number)
            self._settle(number)

    def _settle(self, number: int) -> None:
        if number not in self._held and number not in self._owed:
            self._free.append(number)
