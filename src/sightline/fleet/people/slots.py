"""How many may do one thing at a time, and how many of these may be of one user.

Promises: who comes beyond either is told so at once, waits for nothing, and is counted. Who has shown the
coordinator's own token has no bound of their own: they may do everything, and measure with many.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sightline.errors import BufferFull
from sightline.fleet.people.principal import Principal


class Slots:
    """Any thread may use it.

    Args:
        most: at a time.
        doing: what they are taken for, such as "look at cameras".
        each: of one user; None: as many as there are.

    Attributes:
        refused: how many got none.
    """

    def __init__(self, most: int, doing: str, *, each: int | None = None) -> None:
        self._most, self._each, self._doing = most, each, doing
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self.refused = 0

    def __len__(self) -> int:
        """How many are taken."""
        return self._taken.total()

    def take(self, who: Principal | None = None) -> None:
        """One, until it is given back. Raises BufferFull."""
        with self._lock:
            why = self._why_not(who)
            if why:
                self.refused += 1
                raise BufferFull(why)
            self._taken[_name(who)] += 1

    def give_back(self, who: Principal | None = None) -> None:
        """One that they took."""
        with self._lock:
            self._taken[_name(who)] -= 1
            self._taken += Counter()  # of who has none nothing is kept

    @contextmanager
    def one(self, who: Principal | None = None) -> Iterator[None]:
        """Within this, they have one. Raises BufferFull."""
        self.take(who)
        try:
            yield
        finally:
            self.give_back(who)

    def _why_not(self, who: Principal | None) -> str:
        if len(self) >= self._most:
            return f"{self._most} {self._doing} already: expected fewer at a time"
        name = _name(who)
        if name and self._each is not None and self._taken[name] >= self._each:
            return f"{name} has {self._each} of the {self._most} that {self._doing}: close a page, or wait"
        return ""


def _name(who: Principal | None) -> str:
    """Whose it is; "": nobody's in particular."""
    return "" if who is None or who.how == "root" else who.name
