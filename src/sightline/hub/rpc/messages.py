"""A call and its answer, as frames.

CALL: `seq` is the call's number, `channel` the service's, `time_ns` what is left of its time (0: no end), ext
msgpack of `Call`, payload the value `[arguments, keyword arguments]`. REPLY: `seq`, payload the value. ERROR:
`seq`, body msgpack of `Failure`; where the method raised, its code is `remote` and its detail `Raised`.
CANCEL: `seq` alone.

Promises: what is read was checked; anything else is a WireError. What would be larger than the hub takes is
never made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from sightline.errors import (
    CallError,
    CallTimedOut,
    NoResponder,
    RemoteError,
    ResponderBusy,
    ResponderLost,
    WireError,
)
from sightline.hub.wire.control import Code, Failure
from sightline.hub.wire.header import Buffer, Frame, Head, Kind
from sightline.hub.wire.payload import decode, encode

Out: TypeAlias = tuple[Head, list[Buffer]]
"""A frame to be sent: its head and the pieces of its body."""

Text: TypeAlias = Annotated[str, Meta(max_length=65_536)]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The ext of a CALL. `method`: with its groups, `camera.zoom`."""

    method: Annotated[str, Meta(max_length=1024)]


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a Failure of the code `remote`: what a method raised. Its texts hold no secrets."""

    type: Text
    module: Text
    message: Text
    traceback: Text


class Arguments(NamedTuple):
    args: list[Any]
    kwargs: dict[str, Any]


_CODED: Final = msgspec.msgpack.Encoder()
_CALL: Final = msgspec.msgpack.Decoder(Call)
_FAILURE: Final = msgspec.msgpack.Decoder(Failure)
_ERRORS: Final[dict[str, type[CallError]]] = {
    Code.NO_RESPONDER: NoResponder,
    Code.MISSING: NoResponder,
    Code.BUSY: ResponderBusy,
    Code.LOST: ResponderLost,
    Code.CLOSING: ResponderLost,
    Code.TIMEOUT: CallTimedOut,
}


def call_frame(
    service: int,
    number: int,
    method: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    left_ns: int = 0,
    most_bytes: int,
) -> Out:
    """A CALL of `method` at `service`.

    Raises:
        TypeError: an argument cannot be sent; the message has the path to it, `value[0][2]` for the third,
            `value[1]['slow']` for one by its name.
        CallError: it comes to more than `most_bytes`.
    """
    ext = _ext(method)
    try:
        kind, payload = encode([list(args), dict(kwargs)])
    except TypeError as error:
        raise TypeError(f"an argument of {method} cannot be sent: {error}") from None
    size = _checked([ext, *payload], most_bytes, f"a call of {method}")
    head = Head(
        size,
        Kind.CALL,
        format=kind,
        channel=service,
        seq=number,
        time_ns=left_ns,
        ext_bytes=len(ext),
    )
    return head, [ext, *payload]


def method_of(frame: Frame) -> str:
    """Which method a CALL is for. Raises WireError."""
    try:
        return _CALL.decode(frame.body[: frame.head.ext_bytes]).method
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"expected a call's method as msgpack: {error}") from error


def arguments_of(frame: Frame, *, most_bytes: int) -> Arguments:
    """The arguments of a CALL; arrays are read-only views. Raises WireError."""
    payload = memoryview(frame.body)[frame.head.ext_bytes :]
    match decode(frame.head.format, payload, max_bytes=most_bytes):
        case [list(args), dict(kwargs)] if all(isinstance(name, str) for name in kwargs):
            return Arguments(args, kwargs)
    raise WireError("expected a call's arguments as a list and a dict with names")


def reply_frame(number: int, value: Any, *, most_bytes: int) -> Out:
    """A REPLY. Raises TypeError and CallError as `call_frame` does."""
    kind, payload = encode(value)
    size = _checked(payload, most_bytes, "an answer")
    return Head(size, Kind.REPLY, format=kind, seq=number), payload


def value_of(frame: Frame, *, most_bytes: int) -> Any:
    """The value of a REPLY; an array is a read-only view. Raises WireError."""
    payload = memoryview(frame.body)[frame.head.ext_bytes :]
    value = decode(frame.head.format, payload, max_bytes=most_bytes)
    return bytes(value) if isinstance(value, memoryview) else value


def error_frame(number: int, failure: Failure) -> Out:
    body = _CODED.encode(failure)
    return Head(len(body), Kind.ERROR, seq=number), [body]


def error_of(frame: Frame, called: str) -> CallError:
    """The exception for the ERROR that answers a call of `called` (`client.method`). Raises WireError."""
    try:
        failure = _FAILURE.decode(frame.body)
        if failure.code == Code.REMOTE:
            raised = msgspec.convert(failure.detail, Raised)
            return RemoteError(
                raised.message,
                method=called,
                error_type=raised.type,
                module=raised.module,
                traceback=raised.traceback,
            )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"expected why a call failed, as msgpack: {error}") from error
    return _ERRORS.get(failure.code, CallError)(f"{called}: {failure.message}")


def cancel_frame(number: int) -> Out:
    return Head(0, Kind.CANCEL, seq=number), []


@lru_cache(maxsize=1024)
def _ext(method: str) -> bytes:
    return _CODED.encode(Call(method=method))


def _checked(body: list[Buffer], most_bytes: int, what: str) -> int:
    """The bytes of a body, which are not too many."""
    size = sum(map(len, body))
    if size > most_bytes:
        raise CallError(
            f"expected at most {most_bytes} bytes, which is what the hub takes: {what} has {size}"
        )
    return size
