"""Why somebody is not let in; what is said is the same whatever of it was wrong."""

from __future__ import annotations

from math import ceil

from sightline.errors import FleetError


class WrongLogin(FleetError):
    """The name, the password or the code is wrong; which of them nobody is told."""

    def __init__(self, what: str = "the name or the password") -> None:
        super().__init__(f"{what} is wrong")


class TooManyTries(FleetError):
    """Later again. `retry_after_s`: whole seconds from now."""

    def __init__(self, wait_s: float) -> None:
        self.retry_after_s = max(1, ceil(wait_s))
        super().__init__(f"there were too many tries: try again in {self.retry_after_s} s")
