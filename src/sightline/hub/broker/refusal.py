"""How the broker says no: to a request (`Refusal`), or to a whole connection (`Cut`).

Neither leaves the broker: a refusal becomes an ERROR frame, a cut the end of the connection and a count.
"""

from __future__ import annotations

from typing import Any

from sightline.hub.wire.control import Failure


class Refusal(Exception):
    """A request or call that is answered with a failure. `code` is one of `Code`."""

    def __init__(self, code: str, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.failure = Failure(code=code, message=message, detail=detail)


class Cut(Exception):
    """The other end broke the protocol or a limit: its connection ends. It is counted under `reason`."""

    def __init__(self, reason: str, message: str, code: str = "protocol") -> None:
        super().__init__(message)
        self.reason = reason
        self.failure = Failure(code=code, message=message)
