"""Running the pipe of a file: its door for requests, what it tells meanwhile, how it ends."""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Self

import msgspec
import typer

from sightline.cli.showing import stopped_by_signals
from sightline.errors import Closed, ConfigError
from sightline.log import hide_secret, redact
from sightline.pipe.counts.reports import State
from sightline.pipe.counts.stats import PipeState, PipeStats
from sightline.pipe.event_names import START_EVENT_NAME
from sightline.pipe.outside.actions import Actions
from sightline.pipe.outside.from_file import pipe_of
from sightline.pipe.outside.plain import stats_as_json
from sightline.pipe.pipe import Pipe
from sightline.supervise.watched import State as ProcessState

_HOST: Final = "127.0.0.1"
_STEP_S: Final = 0.1
_EVERY_S: Final = 1.0


class Doors(NamedTuple):
    """Where requests and calls are taken, and what is asked of those who make them."""

    host: str
    port: int | None
    endpoint: str | None
    token: str | None

    @classmethod
    def of(cls, api: str | None, rpc: str | None, token_env: str | None) -> Self:
        """Raises BadParameter: no such port; ConfigError: no token in the variable that is named."""
        host, _, port = ("" if api is None else api).rpartition(":")
        if api is not None and not (port.isdecimal() and int(port) <= 65_535):
            raise typer.BadParameter(f"expected PORT or HOST:PORT, got {api!r}", param_hint="--api")
        token = None if token_env is None else os.environ.get(token_env)
        if token_env is not None and not token:
            raise ConfigError(f"expected a token in the environment variable {token_env}")
        hide_secret(token or "")
        return cls(host.strip("[]") or _HOST, int(port) if port else None, rpc, token)

    @contextmanager
    def open_to(self, pipe: Pipe) -> Iterator[None]:
        """Says where they are. Raises SightlineError: one may not be so open, or cannot be."""
        with ExitStack() as opened:
            if self.port is not None:
                from sightline.pipe.outside.api import APIWrapper

                api = opened.enter_context(APIWrapper(self.host, self.port, pipe, self.token))
                api.run()
                typer.echo(f"api: {api.url}")
            if self.endpoint is not None:
                from sightline.pipe.outside.rpc import RPCPipeWrapper

                rpc = opened.enter_context(RPCPipeWrapper(pipe, token=self.token))
                typer.echo(f"rpc: {rpc.serve(self.endpoint).address}")
            yield


def run_pipe(file: str, *, seconds: float | None, doors: Doors, as_json: bool) -> int:
    """Run until it is over, `seconds` have passed, or a signal came. Gives the exit code.

    Raises SightlineError: the file has no pipe, or it cannot be built, or a door not be opened.
    """
    with ExitStack() as ended:
        answers = ended.enter_context(_answers_apart()) if as_json else None
        handlers = logging.getLogger().handlers[:]
        running = _Running(pipe_of(file), answers)
        _show_once(running.pipe.logger, handlers)
        ended.callback(running.tell)  # the last counts are those after the end
        ended.enter_context(running.pipe)
        ended.enter_context(doors.open_to(running.pipe))
        running.build()
        # Until here a signal ends it as it ends a script: what takes long to build is not waited for.
        with stopped_by_signals(running), ended.pop_all() as opened:
            running.start()
            _open_window(running.pipe, file, opened)
            running.wait(seconds)
            faults = [*faults_of(running.pipe.stats())]
    for fault in faults:
        typer.echo(redact(fault), err=True)
    return 1 if faults else 0


def _show_once(log: logging.Logger, handlers: Iterable[logging.Handler]) -> None:
    """What a pipe's log has handlers of its own for is not for those of the command."""
    if log.handlers and log.parent is not None:
        its_own = logging.Filter(log.name)
        for handler in handlers:
            handler.addFilter(lambda record: not its_own.filter(record))


def _open_window(pipe: Pipe, file: str, opened: ExitStack) -> None:
    """For `sightline top`."""
    from sightline.site.visit import PipesVisit
    from sightline.site.window import open_window

    open_window(lambda: PipesVisit(Path(file).name, lambda: {"pipe": pipe}), opened)


class _Running:
    """A pipe, until it is over or asked to stop; `answers`: where it tells how it is doing."""

    def __init__(self, pipe: Pipe, answers: IO[str] | None) -> None:
        self.pipe = pipe
        self._answers = answers
        self._asked_to_stop = False

    def request_stop(self) -> None:
        self._asked_to_stop = True  # and no event, whose lock the thread may hold that a signal interrupts

    def build(self) -> None:
        """If its file did not."""
        if self.pipe.stats().state is PipeState.BUILDING:
            self.pipe.build()

    def start(self) -> None:
        with suppress(Closed):  # it is over: its file saw to that
            self.pipe.notify_event(START_EVENT_NAME)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until it is over or asked to stop; False: time was up first."""
        until_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        tell_at_s = time.monotonic() + _EVERY_S
        while not (self._asked_to_stop or self.pipe.wait(_STEP_S)):
            if time.monotonic() >= until_s:
                return False
            if time.monotonic() >= tell_at_s:
                self.tell()
                tell_at_s += _EVERY_S
        return True

    def tell(self) -> None:
        """Its counts as a line, if anybody wants to know."""
        if self._answers is not None:
            print_facts(stats_as_json(self.pipe.stats()), self._answers)


def faults_of(stats: PipeStats) -> Iterator[str]:
    """A line for each flow that is given up and each routine that does nothing since it failed."""
    for flow in stats.flows.values():
        if flow.state is ProcessState.QUARANTINED:
            yield f"flow {flow.flow}: {flow.state.value} ({flow.reason})"
        for name, routine in flow.routines.items():
            if routine.state is State.FAILED:
                yield f"routine {name} of flow {flow.flow}: {routine.state.value} ({routine.reason})"


@contextmanager
def looked_at(file: str) -> Iterator[Actions]:
    """The pipe of a file, to be looked at; what the file prints goes to standard error."""
    with _answers_apart(), pipe_of(file) as pipe:
        yield Actions(pipe)


def event_lines(structure: Mapping[str, Any]) -> Iterator[str]:
    """A line a routine: `flow.routine: its, events`; and one of the events that all of them have."""
    for one in structure["Routines"]:
        yield f"{one['flow_name']}.{one['routine_name']}: {', '.join(one['events']) or 'none of its own'}"
    yield f"all: {', '.join(structure['Events'])}"


def print_facts(facts: Any, file: IO[str] | None = None) -> None:
    """A line of JSON."""
    typer.echo(msgspec.json.encode(facts).decode(), file=file)


@contextmanager
def _answers_apart() -> Iterator[IO[str]]:
    """Standard output for answers alone: what pipe and file print goes to standard error."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w") as answers, redirect_stdout(sys.stderr):
        os.dup2(2, 1)
        try:
            yield answers
        finally:
            answers.flush()
            os.dup2(answers.fileno(), 1)
