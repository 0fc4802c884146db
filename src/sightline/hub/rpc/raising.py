"""What a method raised, as a text for whoever called it."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Final

import msgspec

from sightline.hub.rpc.messages import Raised
from sightline.hub.wire.control import Code, Failure
from sightline.log import redact

MESSAGE_CHARACTERS: Final = 4_096
TRACEBACK_CHARACTERS: Final = 32_768


def failure_of(error: BaseException, *, ours: int = 1) -> Failure:
    """The Failure that tells of `error`. Its texts are redacted first and then cut, each to a bound.

    Args:
        error: what was raised.
        ours: how many of the outermost calls of its traceback are not the method's.
    """
    inner: TracebackType | None = error.__traceback__
    for _ in range(ours):
        inner = inner.tb_next if inner else None
    told = traceback.TracebackException(type(error), error, inner)
    raised = Raised(
        type=type(error).__qualname__,
        module=type(error).__module__,
        message=redact(_said(error))[:MESSAGE_CHARACTERS],
        traceback=redact("".join(told.format()))[-TRACEBACK_CHARACTERS:],
    )
    return Failure(code=Code.REMOTE, message=raised.message, detail=msgspec.to_builtins(raised))


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  it is the user's class
        return "(what it says cannot be had)"
