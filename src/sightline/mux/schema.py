"""What goes out for a message that came in, and for the results of its packet.

Promises: `"packet"` sends the message on with its own headers and behind them the results; `"result"` sends
the `Result` alone, as JSON, and nothing for a packet that has none; a function of the user's is given the
message and the results just as they were sent, and says what goes. Whatever cannot be written is refused by
`prepare`, in the thread of whoever sends, and not later.

Deliberately not here: topics and keys. Each message keeps its key, and goes to the topic of its camera.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from sightline.bus import RESULT_HEADER, Message
from sightline.errors import ConfigError, WireError
from sightline.kinds import nearest
from sightline.mux.values import Results, to_headers
from sightline.result import Result
from sightline.wire import Headers, result_to_json


class Outgoing(NamedTuple):
    """Value and headers of a message that goes out."""

    value: bytes
    headers: Headers


OutputFunction: TypeAlias = Callable[
    [Message, Results], tuple[bytes, Mapping[str, Any] | Iterable[tuple[str, bytes]]] | None
]
"""Given a packet's message and what was sent for it (None where nothing was): value and headers, or None for
no message. Headers are values by name, as `send` takes them, or pairs of a name and bytes."""


class OutputSchema(NamedTuple):
    """How one output is made, in two steps.

    Attributes:
        prepare: what `send` was given, checked, as `compose` wants it. Raises WireError.
        compose: what goes out for a message; the second argument is what `prepare` gave, or None where there
            are no results. None: nothing goes. Raises WireError where the user's function fails.
    """

    prepare: Callable[[Results], Any]
    compose: Callable[[Message, Any], Outgoing | None]


def schema_of(choice: str | OutputFunction) -> OutputSchema:
    """The schema of that name, or of a function. Raises ConfigError where it is neither."""
    if callable(choice):
        return OutputSchema(_kept, partial(_by_function, choice))
    if choice not in SCHEMAS:
        raise ConfigError(
            f"expected {' or '.join(SCHEMAS)} as output schema, or a function, "
            f"got {choice!r}{nearest(str(choice), SCHEMAS)}"
        )
    return SCHEMAS[choice]


def _with_headers(message: Message, headers: Headers | None) -> Outgoing:
    return Outgoing(message.value, message.headers + (headers or ()))


def _result_json(results: Results) -> bytes:
    result = results.get(RESULT_HEADER) if isinstance(results, Mapping) else results
    if not isinstance(result, Result):
        raise WireError(
            f'the output schema "result" sends a Result: expected one, or one in {RESULT_HEADER!r}, '
            f"got {type(results).__name__}"
        )
    return result_to_json(result)


def _alone(_message: Message, data: bytes | None) -> Outgoing | None:
    return None if data is None else Outgoing(data, ())


def _kept(results: Results) -> Results:
    """As they are now: whoever sent them may go on writing into the mapping."""
    return dict(results) if isinstance(results, Mapping) else results


def _by_function(function: OutputFunction, message: Message, results: Results) -> Outgoing | None:
    name = getattr(function, "__name__", type(function).__name__)
    try:
        made: Any = function(message, results)
        if made is None:
            return None
        value, headers = made
        pairs = to_headers(headers) if isinstance(headers, Mapping) else tuple(headers)
    except Exception as error:
        raise WireError(f"the output function {name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(value, bytes) or not all(_is_pair(pair) for pair in pairs):
        raise WireError(
            f"the output function {name}: expected bytes and headers by name, or pairs of str and bytes"
        )
    return Outgoing(value, pairs)


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, tuple) and [type(part) for part in pair] == [str, bytes]


SCHEMAS: Final = {
    "packet": OutputSchema(to_headers, _with_headers),
    "result": OutputSchema(_result_json, _alone),
}
