"""What the store refuses: values that are wrong, changes that came too late, things that are not there.

No message shows a value that may be a password. A database that cannot be read or written is none of these:
that is a `StoreError`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sightline.errors import ConfigError, FleetError, StoreError


class Mistake(NamedTuple):
    """One wrong value: the way to it, such as `settings.transport`, and what was expected."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class Refused(ConfigError):
    """Values are wrong; `mistakes` has all of them."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(dict.fromkeys(mistakes))
        super().__init__("; ".join(map(str, self.mistakes)))


class Conflict(FleetError):
    """Somebody else was first: the name is taken, or the row is of another generation than expected.

    Attributes:
        generation: that the row has now; None where a name is taken.
    """

    def __init__(self, message: str, *, generation: int | None = None) -> None:
        super().__init__(message)
        self.generation = generation


class DraftChanged(FleetError):
    """What is wanted is not what was read by who wants it applied: nothing is applied."""


class Missing(FleetError, LookupError):
    """There is no such row."""

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"there is no {what} {str(key)[:100]!r}")
        self.what, self.key = what, key


class Busy(StoreError):
    """Another change is being written, and who is refused said that they cannot wait."""
