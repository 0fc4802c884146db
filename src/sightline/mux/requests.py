"""Requests and answers, as they stand on a control's topics. Pure.

A request is a message whose key is the action, in UTF-8, and whose value is JSON. Where that is an object,
two of its names are the envelope's: `id`, so that it is answered, and `to`, the instance that alone is meant.
Any other value is the act's own business: one that is no JSON reaches it as bytes, an empty one as None.

An answer has the request's key, and as value a JSON object with the fields of `Reply`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from sightline.bus import Message
from sightline.errors import SightlineError, WireError
from sightline.log import REDACTOR, redact

MAX_REQUEST_BYTES: Final = 64 * 1024
"""Of a request with its key and headers; what is larger is not read."""

ENVELOPE: Final = frozenset({"id", "to"})
"""Names in a request's object that are not the act's."""

REPLIES: Final = ".replies"
"""What the topic of the answers has behind that of the requests, unless it is named."""

_MOST_TEXT: Final = 2000
_MOST_ACTION: Final = 256

Id: TypeAlias = (
    Annotated[str, Meta(min_length=1, max_length=128)] | Annotated[int, Meta(ge=-(2**53), le=2**53)]
)


class Request(NamedTuple):
    """What somebody asks: `value` is whole, the envelope included."""

    action: str
    value: Any
    id: Id | None = None
    to: str | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request.

    Attributes:
        id: the request's.
        by: the instance that answers.
        ok: whether the act was done; then `result` is what it gave, and otherwise `error` says why not.
    """

    id: Id
    by: str
    ok: bool
    result: Any = None
    error: str | None = None


class _Envelope(msgspec.Struct, frozen=True):
    id: Id | None = None
    to: str | None = None


def request_of(message: Message) -> Request:
    """What a message asks.

    Raises:
        WireError: it is above `MAX_REQUEST_BYTES`, its key is no text of 1 to 256 bytes, or its `id` or `to`
            is wrong.
    """
    if message.size > MAX_REQUEST_BYTES:
        raise WireError(f"expected a request of at most {MAX_REQUEST_BYTES} bytes, got {message.size}")
    action = _action_of(message.key or b"")
    value = _value_of(message.value)
    if not isinstance(value, dict):
        return Request(action, value)
    try:
        envelope = msgspec.convert(value, _Envelope)
    except msgspec.ValidationError as error:
        raise WireError(f"expected id as text or whole number, and to as text: {error}") from None
    return Request(action, value, envelope.id, envelope.to)


def _action_of(key: bytes) -> str:
    try:
        if 1 <= len(key) <= _MOST_ACTION:
            return key.decode()
    except UnicodeDecodeError:
        pass
    raise WireError(
        f"expected an action as key, in UTF-8, of 1 to {_MOST_ACTION} bytes; got {len(key)} bytes"
    )


def _value_of(data: bytes) -> Any:
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the last: nested a thousand deep
        return data


def request_bytes(value: Mapping[str, Any], request_id: Id, to: str | None = None) -> bytes:
    """The value of a request's message.

    Raises:
        WireError: it is above `MAX_REQUEST_BYTES`, or cannot be written as JSON.
    """
    envelope: dict[str, Any] = {"id": request_id} | ({} if to is None else {"to": to})
    try:
        data = msgspec.json.encode({**value, **envelope})
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"expected a value that can be written as JSON: {error}") from None
    if len(data) > MAX_REQUEST_BYTES:
        raise WireError(f"expected a request of at most {MAX_REQUEST_BYTES} bytes, got {len(data)}")
    return data


def reply_bytes(reply: Reply, max_bytes: int) -> bytes:
    """The value of an answer's message, without secrets; never above `max_bytes`.

    A result that cannot be written, or is too large, makes it an answer that says so and is not ok.
    """
    try:
        result = REDACTOR.value(msgspec.to_builtins(reply.result, enc_hook=str))
        data = msgspec.json.encode(msgspec.structs.replace(reply, result=result))
    except Exception as error:  # noqa: BLE001  a result may be anything, and so what its own methods raise
        return _without_result(reply, f"cannot be written as JSON: {said(error)}")
    if len(data) > max_bytes:
        return _without_result(reply, f"is of {len(data)} bytes, and a message has at most {max_bytes}")
    return data


def _without_result(reply: Reply, why: str) -> bytes:
    return msgspec.json.encode(
        Reply(id=reply.id, by=reply.by, ok=False, error=f"it was done; its result {why}")
    )


def reply_of(data: bytes) -> Reply | None:
    """An answer off its topic; None where it is none."""
    try:
        return msgspec.json.decode(data, type=Reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def said(error: BaseException) -> str:
    """What an error says, for whoever asked: redacted, and at most 2000 letters."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  it may be of anybody's class
        text = "it cannot say what"
    named = text if isinstance(error, SightlineError) else f"{type(error).__name__}: {text}"
    return redact(named).encode(errors="replace").decode()[:_MOST_TEXT]
