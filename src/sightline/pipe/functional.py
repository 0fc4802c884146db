"""Routines made of a function."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, overload

from sightline.errors import ConfigError
from sightline.pipe.fps import FPSRoutine
from sightline.pipe.routine import Routine
from sightline.pipe.settings import RoutineSettings


class FunctionalMiddleRoutine(FPSRoutine):
    """A routine whose `main_logic` is `func(data)`; a function without parameters makes a source.

    Args:
        func: the function; it may be `async`, a lambda, or any callable that cloudpickle can carry.
        name: as of any routine.

    Raises:
        ConfigError: `func` cannot be called.
    """

    def __init__(self, func: Callable[..., Any], name: str | None = None) -> None:
        super().__init__(name)
        if not callable(func):
            raise ConfigError(f"expected a function, got {func!r}")
        self.logic = func

    def main_logic(self, *args: Any, **kwargs: Any) -> Any:
        """The function; see there."""
        return self.logic(*args, **kwargs)


@overload
def routine(func: Callable[..., Any], /) -> FunctionalMiddleRoutine: ...
@overload
def routine(
    *, name: str | None = None, settings: RoutineSettings | None = None
) -> Callable[[Callable[..., Any]], FunctionalMiddleRoutine]: ...
def routine(
    func: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    settings: RoutineSettings | None = None,
) -> Any:
    """Make a routine of a plain function: `@routine`, or `@routine(name=..., settings=...)`.

    It is named after the function; two of one function in a pipe need names.
    """

    def made(function: Callable[..., Any]) -> FunctionalMiddleRoutine:
        whole = FunctionalMiddleRoutine(function, name or getattr(function, "__name__", None))
        if settings is not None:
            whole.settings = settings
        return whole

    return made if func is None else made(func)


def logic_of(whole: Routine) -> Callable[..., Any]:
    """What is called for a message of a routine: the bare function where there is one."""
    plain = type(whole).main_logic is FunctionalMiddleRoutine.main_logic
    return whole.logic if isinstance(whole, FunctionalMiddleRoutine) and plain else whole.main_logic


def accepts(logic: Callable[..., Any], *data: Any) -> bool:
    """Whether `logic` can be called with so many pieces of data. Without a signature to look at: it can."""
    try:
        signature(logic).bind(*data)
    except TypeError:
        return False
    except ValueError:
        return True
    return True
