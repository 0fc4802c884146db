"""What a hub's refusal is in the tree of errors, and errors that end something for good."""

from __future__ import annotations

from typing import Final

from sightline.errors import (
    ConfigError,
    HubError,
    NoResponder,
    ResponderBusy,
    ResponderLost,
    SightlineError,
)
from sightline.hub.wire.control import Code, Failure

_ERRORS: Final[dict[str, type[SightlineError]]] = {
    Code.WRONG: ConfigError,
    Code.NO_RESPONDER: NoResponder,
    Code.BUSY: ResponderBusy,
    Code.LOST: ResponderLost,
}


def error_of(failure: Failure) -> SightlineError:
    """`ConfigError` for what was asked wrongly, a `CallError` for a call; else a `HubError` with the code."""
    kind = _ERRORS.get(failure.code)
    return HubError(failure.message, code=failure.code) if kind is None else kind(failure.message)


def again(error: SightlineError) -> SightlineError:
    """To be raised each time that somebody comes: without the calls of those before, which it would keep."""
    return error.with_traceback(None)
