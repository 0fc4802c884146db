"""What a feed promises: to say how something is now, and to hand events on to it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from sightline.errors import ConfigError, SightlineError
from sightline.site.window import Look


class Target(NamedTuple):
    """Whom an event is for: a routine; empty: all of the flow; no flow: all of the pipe."""

    pipe: str
    flow: str = ""
    routine: str = ""

    @property
    def targets(self) -> dict[str, list[str]] | None:
        """As `Pipe.notify_event` has it."""
        if not self.flow:
            return None
        return {self.flow: [self.routine] if self.routine else []}

    def __str__(self) -> str:
        return self.routine or (f"flow {self.flow}" if self.flow else f"pipe {self.pipe}")


class Event(NamedTuple):
    """An event, and what its methods are called with."""

    name: str
    params: Mapping[str, Any]


class Feed(Protocol):
    """One thing that is looked at. One thread uses it.

    All but `close` raise SightlineError where it does not answer, or says no; none waits longer than seconds.
    """

    def look(self) -> Look: ...
    def events(self, pipe: str) -> list[str]: ...
    def send(self, target: Target, event: Event) -> str: ...
    def close(self) -> None: ...


class NoPipes(SightlineError):
    """What is looked at has no pipes that events could be sent to."""


def event_of(text: str) -> Event:
    """What somebody typed: `update_fps fps=5`, `"let go" other=Double`; values are JSON, or else text.

    Raises ConfigError: it names nothing, or a parameter without its value.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"expected an event and its parameters: {error}") from None
    if not words:
        raise ConfigError("expected the name of an event, and its parameters as name=value")
    name, *pairs = words
    params = {}
    for pair in pairs:
        parameter, equals, value = pair.partition("=")
        if not parameter or not equals:
            raise ConfigError(f"expected a parameter as name=value, got {pair!r}")
        params[parameter] = _value(value)
    return Event(name, params)


def outcome(answer: Mapping[str, Any]) -> str:
    """What became of an event, in words, as `Actions.event` tells it."""
    done, failed = answer.get("done") or (), answer.get("failed") or {}
    told = [f"done by {', '.join(map(str, done))}"] if done else []
    told += [f"{name} failed: {why}" for name, why in failed.items()]
    return f"{answer.get('event')}: {'; '.join(told) or 'sent'}"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
