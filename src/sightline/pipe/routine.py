"""A routine: one thing done with one message at a time.

Whoever writes one derives from a class of this module or of `roles`, and gives `main_logic`, and `setup` and
`cleanup` where it needs them. A routine holds no lock, thread or open thing of ours, so cloudpickle carries
it to the process in which it is to run; what it opens itself belongs in `setup`. Who calls it, and when, is
for `sightline.pipe.flow.runner` to say.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self

from sightline.errors import ConfigError
from sightline.pipe.event_names import START_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.settings import RoutineSettings

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


class Role(StrEnum):
    """Where a routine stands: without wires to it, between wires, or without wires from it."""

    SOURCE = "source"
    MIDDLE = "middle"
    DESTINATION = "destination"


class Reach(Protocol):
    """What a routine can reach of the pipe that it is in."""

    def notify_event(
        self, event_name: str, specific_flow_routines: Mapping[str, Sequence[str]], **event_parameters: Any
    ) -> Any: ...

    def unlink(self, routine_name: str, unlink_routine_name: str) -> None: ...


class Arrays(Protocol):
    """Makes arrays that go to other flows as they lie in memory."""

    def __call__(self, source: str, shape: int | Sequence[int], dtype: DTypeLike) -> NDArray[Any]: ...


_OF_ITS_PLACE: Final = frozenset({"_Routine__reach", "_Routine__arrays"})
_numbers: Final[defaultdict[str, Iterator[int]]] = defaultdict(count)


class Routine(ABC):
    """One routine. Its role is told by its wires.

    Args:
        name: what it is called in its pipe; its class and a number when nothing is said.

    Attributes:
        role: the only role that it may have; None: whichever its wires give it.
        live: whether it is a source that cannot wait, as a camera cannot: what nobody takes in time is old. A
            wire from it that makes it wait is a mistake, unless it says `overflow=Overflow.BLOCK`.
        flow_name: the flow that it is in; None before.
        settings: see `RoutineSettings`; of a class or of one routine.
    """

    role: ClassVar[Role | None] = None
    live: bool = False
    name: str
    flow_name: str | None = None
    settings: RoutineSettings = RoutineSettings()
    __reach: Reach | None = None
    __arrays: Arrays | None = None
    _logger: Any = None

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        # Here and not in __init__: a subclass that does not call that has a name all the same.
        self = super().__new__(cls)
        self.name = f"{cls.__name__}-{next(_numbers[cls.__name__])}"
        return self

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            self.name = name

    @abstractmethod
    def main_logic(self, *args: Any, **kwargs: Any) -> Any:
        """Do it: `main_logic(self, data)`, or `main_logic(self)` for a source; it may be `async`.

        What it gives goes along the wires, None is not sent. A source that raises `StopIteration` (an `async`
        one: `StopAsyncIteration`) has given its last. Any other exception costs this message alone.
        """

    def setup(self) -> Any:  # noqa: B027  # to be overridden where there is something to do
        """Called before the first message after each START. What it raises leaves the routine `failed`."""

    def cleanup(self) -> Any:  # noqa: B027
        """Called when it was stopped, killed, or is done; never without a `setup` that succeeded before."""

    def own_stats(self) -> Any:  # noqa: B027
        """What else is to be known of it beside its counts; None: nothing. It stands in its stats, as `own`.

        Called at any moment, by another thread: it has to be quick, and of classes that pickle can carry.
        """

    def array(self, shape: int | Sequence[int], dtype: DTypeLike = "uint8") -> NDArray[Any]:
        """An array to fill and to give, which goes to other flows without a copy; whole, in whatever shape.

        What it holds at first is anything. Once given it must not be written to, and cannot be where it left
        the flow: take a new one for each message. It is an ordinary one outside of a pipe that runs, where no
        wire leads to another flow, below the size that is shared, and where there is no room at the moment.
        """
        if self.__arrays is None:
            import numpy as np  # noqa: PLC0415 - not all routines have to do with arrays

            return np.empty(shape, dtype)
        return self.__arrays(self.name, shape, dtype)

    def notify_event(
        self,
        event_name: str,
        routines_by_flow: Mapping[str, Sequence[str]] | None = None,
        **event_parameters: Any,
    ) -> Any:
        """Send an event to the whole pipe, or to the routines named by their flows. It does not wait.

        Raises:
            ConfigError: this routine is in no pipe yet, or nobody there knows the event.
        """
        return self._reached().notify_event(event_name, routines_by_flow or {}, **event_parameters)

    def start(self) -> Any:
        """Send START to this routine alone."""
        return self._to_me(START_EVENT_NAME)

    def stop(self) -> Any:
        """Send STOP to this routine alone."""
        return self._to_me(STOP_EVENT_NAME)

    def unlink(self, unlink_routine_name: str) -> None:
        """Take away the wire from this routine to the one of that name."""
        self._reached().unlink(self.name, unlink_routine_name)

    def set_logger(self, logger: Any) -> None:
        """Write this routine's log through `logger`, any that has the methods of `logging.Logger`."""
        self._logger = logger

    @property
    def logger(self) -> Any:
        """Where this routine's log goes."""
        return self._logger or logging.getLogger(f"sightline.pipe.{self.name}")

    def join_pipe(self, reach: Reach, flow_name: str, arrays: Arrays | None = None) -> None:
        """Tell the routine where it is: the pipe does in its own process, and a flow does again in its."""
        self.__reach, self.flow_name = reach, flow_name
        if arrays is not None:
            self.__arrays = arrays

    def join_as(self, other: Routine) -> None:
        """It is a copy of that one, in the same place."""
        self.__reach, self.__arrays = other.__reach, other.__arrays

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _OF_ITS_PLACE}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _reached(self) -> Reach:
        if self.__reach is None:
            raise ConfigError(f"routine {self.name} is in no flow yet: expected create_flow with it first")
        return self.__reach

    def _to_me(self, event_name: str) -> Any:
        return self.notify_event(event_name, {self.flow_name or "": [self.name]})
