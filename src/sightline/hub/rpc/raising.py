"""What a method raised, as a text for whoever called it."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Final

import msgspec

from sightline.hub.rpc.messages import Raised
from sightline.hub.wire.control import Code, Failure
from sightline.log import redact

TYPE_CHARACTERS: Final = 256
MESSAGE_CHARACTERS: Final = 4_096
TRACEBACK_CHARACTERS: Final = 32_768
_SLACK: Final = 32_768
"""What of a text is searched for secrets beyond its bound: one that lies across that is found whole."""


def failure_of(error: BaseException, *, ours: int = 1) -> Failure:
    """The Failure that tells of `error`. Its texts are redacted before they are cut, each to a bound.

    Args:
        error: what was raised.
        ours: how many of the outermost calls of its traceback are not the method's.
    """
    inner: TracebackType | None = error.__traceback__
    for _ in range(ours):
        inner = inner.tb_next if inner else None
    kind = type(error)
    message = _sendable(_said(error)[: MESSAGE_CHARACTERS + _SLACK])
    told = _sendable(_told(error, inner)[-TRACEBACK_CHARACTERS - _SLACK :])
    raised = Raised(
        type=_sendable(kind.__qualname__)[:TYPE_CHARACTERS],
        module=_sendable(str(kind.__module__))[:TYPE_CHARACTERS],
        message=redact(message)[:MESSAGE_CHARACTERS],
        traceback=redact(told)[-TRACEBACK_CHARACTERS:],
    )
    return Failure(code=Code.REMOTE, message=raised.message, detail=msgspec.to_builtins(raised))


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001  it is the user's class
        return "(what it says cannot be had)"


def _told(error: BaseException, inner: TracebackType | None) -> str:
    try:
        return "".join(traceback.TracebackException(type(error), error, inner).format())
    except BaseException:  # noqa: BLE001  as above
        return "".join(traceback.format_tb(inner))


def _sendable(text: str) -> str:
    """Without lone surrogates, which file names may have and no message."""
    return text.encode("utf-8", "backslashreplace").decode()
