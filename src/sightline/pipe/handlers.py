"""Methods of a routine that answer an event: `@events("NAME")`.

A method may answer several events and an event may have several methods; they are called in the order in
which the classes define them, a base class first. A method that overrides one answers what that one did.
What it raises is told to whoever waits for the event; the routine goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from sightline.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "_sightline_events"


def events(*names: str) -> Callable[[F], F]:
    """Call the method with the event's parameters whenever an event of one of these names comes.

    Raises:
        ConfigError: no name, or something that is none.
    """
    given: tuple[object, ...] = names  # as `@events` without a name gives the method itself
    if not given or not all(name and isinstance(name, str) for name in given):
        raise ConfigError(f'expected @events("NAME"), got names {given!r}')

    def mark(method: F) -> F:
        setattr(method, _MARK, (*names, *getattr(method, _MARK, ())))
        return method

    return mark


def events_of(routine_class: type) -> dict[str, tuple[str, ...]]:
    """The events that routines of a class answer, each with the names of its methods."""
    found: dict[str, dict[str, None]] = {}
    for owner in reversed(routine_class.__mro__):
        for method_name, method in vars(owner).items():
            for event in getattr(method, _MARK, ()):
                found.setdefault(event, {})[method_name] = None
    return {event: tuple(methods) for event, methods in found.items()}
