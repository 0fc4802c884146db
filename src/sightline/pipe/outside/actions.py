"""What may be asked of a pipe from outside: in one place for HTTP, for remote calls and for the command.

Names and JSON values go in, JSON values come out, without secrets. It promises: nobody waits for an answer
longer than `MOST_WAIT_S`, and a bit where a flow hangs; what a stranger asks for wrongly is a SightlineError
that says what there is, and changes nothing. Who may ask, how large a request may be, and how an answer
travels are the door's concern, not its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from sightline.errors import ConfigError
from sightline.kinds import make, nearest
from sightline.log import redact
from sightline.pipe.directory import EVERYBODYS, Targets
from sightline.pipe.event_names import KILL_EVENT_NAME, START_EVENT_NAME, STOP_EVENT_NAME
from sightline.pipe.outside.plain import plain, stats_as_json
from sightline.pipe.pipe import Pipe

MOST_WAIT_S: Final = 20.0
"""How long anybody is made to wait: less than the 30 s after which clients of zerorpc give up."""
MOST_NAME: Final = 1000
"""Characters of a name that is asked for."""
TARGETS: Final = "specific_flow_routines"
"""The parameter of an event that says whom it is for, as `Pipe.notify_event` has it."""

_LOOK_S: Final = 0.2
"""How soon who waits notices that nobody is to wait any longer."""
_RESERVED: Final = frozenset({"self", "event_name", "wait"})
_ACTIONS: Final = ("pause", "join", "structure", "stats", "metrics", "draw", "events", "routines")

Answer: TypeAlias = dict[str, Any]


class Unknown(ConfigError):
    """A name that there is not; `known` has those that there are."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.known = tuple(known)
        shown = ", ".join(self.known) or "none"
        super().__init__(redact(f"unknown {what} {name!r}{nearest(name, self.known)} (known: {shown})"))


class Actions:
    """What may be asked of one pipe. Any thread may use it.

    All raise SightlineError where it cannot be done: Unknown for a name that there is not, ConfigError for
    what is wrong otherwise, Closed where the pipe is over, BufferFull where too many events wait already.

    Args:
        pipe: built, or to be built.
        on_kill: called when all of the pipe was told to end, just before that is answered: return at once.
        closing: once it is set nobody is made to wait for the pipe's end any longer.
    """

    def __init__(
        self,
        pipe: Pipe,
        *,
        on_kill: Callable[[], object] | None = None,
        closing: threading.Event | None = None,
    ) -> None:
        self._pipe = pipe
        self._on_kill = on_kill
        self._closing = closing or threading.Event()

    # To do something.

    def start(self) -> Answer:
        """Have all routines begin."""
        return self.event(START_EVENT_NAME)

    def stop(self) -> Answer:
        """Have all routines stop; they may begin again."""
        return self.event(STOP_EVENT_NAME)

    def pause(self) -> Answer:
        """As `stop`."""
        return self.stop()

    def kill(self) -> Answer:
        """Have all routines end, for good."""
        return self.event(KILL_EVENT_NAME)

    def join(self, to_kill: bool = False, timeout_s: float = MOST_WAIT_S) -> Answer:
        """Wait until the pipe is over.

        Args:
            to_kill: whether to have all routines end first.
            timeout_s: how long to wait, `MOST_WAIT_S` at most.

        Returns:
            `over`: whether it is.
        """
        wait_s = _wait_s(timeout_s)
        if to_kill:
            self._pipe.notify_event(KILL_EVENT_NAME)
        try:
            return {"over": self._is_over(wait_s)}
        finally:  # also where the pipe broke
            if to_kill:
                self._killed()

    def event(
        self,
        name: str,
        targets: Targets | None = None,
        *,
        routine: str | None = None,
        params: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
    ) -> Answer:
        """Send an event.

        Args:
            name: of the event.
            targets: flows by name, each with the names of its routines that are meant; none: all of that
                flow. No flow: all of them.
            routine: instead of `targets`, the one that is meant.
            params: what its methods are called with; `TARGETS` among them counts as `targets`.
            wait_s: how long to wait until all have handled it, `MOST_WAIT_S` at most.

        Returns:
            `event`: its name; if waited for, `done`: routines that handled it, and `failed`: why others
            could not, by name.
        """
        given = _checked_params(params)
        targets = _checked_targets(given.pop(TARGETS, None) if targets is None else targets)
        if routine is not None:
            targets = self._only(name, routine)
        self._check(name, targets)
        report = self._pipe.notify_event(name, targets, wait=_wait_s(wait_s), **given)
        if name == KILL_EVENT_NAME and not targets:
            self._killed()
        answer: Answer = {"event": name}
        if report is not None:
            answer |= plain({"done": report.done, "failed": report.failed})
        return answer

    def execute(self, name: str, arguments: str | Mapping[str, Any] | None = None) -> Any:
        """Send an event, or do what else there is here, by its name.

        Args:
            name: of an event of the pipe's; or, if it has none of that name, of something in here.
            arguments: its parameters by name, as JSON or read from it.
        """
        given = _arguments(arguments)
        if name not in _ACTIONS or name in self._events:
            return self.event(name, params=given)
        action: Callable[..., Any] = getattr(self, name)
        return make(name, action, given)

    # To look at it.

    def structure(self) -> Answer:
        """`Routines`: each with its flow and events of its own; `Events`: those that all of them have."""
        structure: Answer = plain(self._pipe.get_pipe_structure())
        return structure

    def stats(self) -> Answer:
        """The counts of now, as `PipeStats` has them."""
        return stats_as_json(self._pipe.stats())

    def metrics(self) -> str:
        """The counts of now, as Prometheus reads them: its text format, 0.0.4."""
        from prometheus_client import generate_latest  # noqa: PLC0415 - few ask for it

        from sightline.pipe.counts.metrics import registry_of  # noqa: PLC0415

        return redact(generate_latest(registry_of(self._pipe.stats)).decode())

    def draw(self, kind: Literal["text", "mermaid"] = "text") -> str:
        """Flows, routines and wires as they are now."""
        return redact(self._pipe.draw(kind))

    def events(self) -> list[str]:
        """Names of all events that a routine answers."""
        return [redact(name) for name in self._events]

    def routines(self) -> list[str]:
        """Names of all routines."""
        return [redact(name) for name in self._homes]

    @property
    def _events(self) -> tuple[str, ...]:
        return self._pipe.event_board.directory.events

    @property
    def _homes(self) -> dict[str, str]:
        """Routines, each with its flow."""
        return {name: flow for flow, name, _ in self._pipe.event_board.directory.structure()}

    def _is_over(self, wait_s: float) -> bool:
        until_s = time.monotonic() + wait_s
        while not self._pipe.wait(min(_LOOK_S, max(0.0, until_s - time.monotonic()))):
            if self._closing.is_set() or time.monotonic() >= until_s:
                return False
        return True

    def _killed(self) -> None:
        if self._on_kill is not None:
            self._on_kill()

    def _check(self, name: str, targets: Targets) -> None:
        """Raises Unknown."""
        directory = self._pipe.event_board.directory
        _check_name("event", name)
        if not directory.meant(name, {}):
            _known("event", name, self._events)
        for flow, routines in targets.items():
            _known("flow", flow, directory.flows)
            for one in routines:
                _known(f"routine of flow {flow!r}", one, directory.routines(flow))

    def _only(self, event: str, routine: str) -> Targets:
        """That routine alone. Raises Unknown: there is none, or it has no such event."""
        _known("routine", routine, self._homes)
        targets = {self._homes[routine]: [routine]}
        if event in self._events and not self._pipe.event_board.directory.meant(event, targets):
            (own,) = (own for _, name, own in self._pipe.event_board.directory.structure() if name == routine)
            raise Unknown(f"event of routine {routine!r}", event, (*EVERYBODYS, *own))
        return targets


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or len(name) > MOST_NAME:
        raise ConfigError(f"expected the name of the {what}, a text of at most {MOST_NAME} characters")


def _known(what: str, name: str, known: Iterable[str]) -> None:
    _check_name(what, name)
    known = list(known)
    if name not in known:
        raise Unknown(what, name, known)


def _checked_params(params: object) -> dict[str, Any]:
    given = {} if params is None else params
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ConfigError("expected the parameters of an event by their names")
    if reserved := _RESERVED & given.keys():
        raise ConfigError(f"no parameter of an event can be called {', '.join(sorted(reserved))}")
    return dict(given)


def _checked_targets(targets: object) -> Targets:
    given = {} if targets is None else targets
    if not isinstance(given, Mapping) or not all(map(_are_names, given.values())):
        raise ConfigError("expected flows by their names, each with a list of names of its routines")
    return given


def _are_names(routines: object) -> bool:
    return isinstance(routines, Sequence) and not isinstance(routines, str | bytes)


def _arguments(arguments: object) -> dict[str, Any]:
    if isinstance(arguments, str | bytes):
        try:
            arguments = msgspec.json.decode(arguments or "{}")
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ConfigError(redact(f"expected arguments as a JSON object: {error}")) from error
    given = {} if arguments is None else arguments
    if not isinstance(given, Mapping):
        raise ConfigError(f"expected arguments by their names, got {type(given).__name__}")
    return dict(given)


def _wait_s(seconds: object) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise ConfigError("expected seconds to wait, 0 or more")
    return min(float(seconds), MOST_WAIT_S)
