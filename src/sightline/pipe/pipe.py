"""A pipe: what a user makes of routines, flows and wires, and steers by events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from sightline.clock import SYSTEM_CLOCK
from sightline.errors import Closed, ConfigError
from sightline.pipe.counts.audit import unbuilt_stats
from sightline.pipe.counts.stats import PipeStats
from sightline.pipe.directory import EVERYBODYS, Targets
from sightline.pipe.draw import as_mermaid, as_text
from sightline.pipe.event_names import KILL_EVENT_NAME
from sightline.pipe.graph import Graph
from sightline.pipe.handlers import events_of
from sightline.pipe.logs import default_logger, tell_structure
from sightline.pipe.mistakes import PipeError, check_flow, mistakes_of, mistakes_of_wires
from sightline.pipe.network import Network, QueueNetwork
from sightline.pipe.parent.board import EventBoard, EventReport
from sightline.pipe.parent.endings import at_exit
from sightline.pipe.parent.parent import Parent
from sightline.pipe.pickling import mistakes_of_transmitters, parameters_as_bytes, spec_as_bytes
from sightline.pipe.plan import Change, Edge, Edges, FlowSpec, edges_of
from sightline.pipe.routine import Role, Routine
from sightline.pipe.settings import WireSettings
from sightline.pipe.transmitters import DataTransmitter
from sightline.pipe.wire import Wire, Wires, graph_of, wires_with, wires_without
from sightline.pipe.wires.slots import sharing_for
from sightline.shm.settings import Sharing
from sightline.supervise.policy import Restart, Watch
from sightline.supervise.supervisor import Statuses

if TYPE_CHECKING:
    from sightline.pipe.counts.metrics_page import MetricsPage

_RESTART: Final = Restart()


class Pipe:
    """Flows of routines, each flow a process; the wires between them; events to all of them.

    Make flows and wires, `build()`, send START. A pipe ends when all its routines are done, at KILL, at the
    end of a `with` block, and with this process. Any thread may use it.

    Args:
        event_board: its own, if given; one that no other pipe has.
        network: what wires are that do not say it themselves; one message each, the oldest gives way.
        logger: where the log of all routines goes, whichever process they are in; lines on standard output.
        data_transmitter: how data goes from flow to flow along wires that do not say it themselves.
        auto_pacing_mechanism: whether sources run at the speed of the slowest routine behind them.
        stop_s: seconds that a routine has, at STOP and KILL, for the message in hand and its cleanup.
        hung_s: seconds after which a flow is ended, and begun again, where a method of a routine does not
            return; None: it may take as long as it likes, as `setup` always may.
        restart: when a flow whose process died is begun again.
        sharing: memory of each flow for pictures of each size that it sends; for what its wires may hold.
        on_line: called with a flow's name and each line that its process prints, soon after: return soon,
            and do not wait for the pipe. Not given: it stands where it stands what this process prints.

    Raises:
        ConfigError: `event_board` belongs to another pipe, or seconds that cannot be.
    """

    def __init__(
        self,
        event_board: EventBoard | None = None,
        network: Network | None = None,
        logger: logging.Logger | None = None,
        data_transmitter: DataTransmitter | None = None,
        auto_pacing_mechanism: bool = False,
        *,
        stop_s: float = 5.0,
        hung_s: float | None = None,
        restart: Restart = _RESTART,
        sharing: Sharing | None = None,
        on_line: Callable[[str, str], object] | None = None,
    ) -> None:
        if not isinstance(restart, Restart):
            raise ConfigError(f"expected a Restart as restart of a pipe's flows, got {restart!r}")
        self.event_board = event_board or EventBoard()
        if self.event_board.directory.flows:
            raise ConfigError("expected an event board of this pipe's own, got one that has flows already")
        self.network = network or QueueNetwork()
        self.logger = logger or default_logger()
        self.auto_pacing_mechanism = auto_pacing_mechanism
        self._transmitter = data_transmitter
        self._stop_s = stop_s
        self._hung_s = hung_s
        self._restart = restart
        self._sharing = sharing
        self._on_line = on_line
        Watch(stop_s=stop_s, hung_s=hung_s)  # it says what cannot be
        self._flows: list[tuple[str, tuple[Routine, ...]]] = []
        self._flow_transmitters: dict[str, DataTransmitter | None] = {}
        self._wires: Wires = {}
        self._edges = Edges()
        self._parent: Parent | None = None
        self._pages: list[MetricsPage] = []
        self._lock = threading.RLock()

    # Before the build.

    def create_flow(
        self,
        flow_name: str,
        auto_wire: bool,
        *routines: Routine,
        data_transmitter: DataTransmitter | None = None,
    ) -> None:
        """A new flow.

        Args:
            flow_name: what it is called.
            auto_wire: whether to wire each of its routines to the next.
            routines: what runs in it.
            data_transmitter: how data goes from it to others, on wires that do not say it themselves.

        Raises:
            ConfigError: the pipe is built, or something that is no routine.
        """
        check_flow(flow_name, routines)
        with self._changing():
            if self._parent is not None:
                raise ConfigError(f"flow {flow_name!r} comes late: the pipe is built")
            self._flows.append((flow_name, routines))
            self._flow_transmitters[flow_name] = data_transmitter
            self.event_board.add_flow(flow_name, {one.name: events_of(type(one)) for one in routines})
            for one in routines:
                one.join_pipe(self, flow_name)
            if auto_wire:
                self.link(*map(Wire, routines, routines[1:]))

    def link(self, *wires: Wire) -> None:
        """Add wires, or put them in the place of those between the same routines. Also while the pipe runs.

        Raises:
            PipeError: the pipe is built, and cannot be wired so.
            OSError: no descriptor is left for a way between two flows; nothing is changed.
            Closed: it is over.
        """
        with self._changing():
            self._wire(wires_with(self._wires, wires))

    def unlink(self, source: Routine | str, *destinations: Routine | str) -> None:
        """Take away the wires from `source` to these routines; to all where none is named.

        Raises:
            ConfigError: there is no such wire.
            Closed: the pipe is over.
        """
        with self._changing():
            self._wire(wires_without(self._wires, _name(source), [*map(_name, destinations)]))

    def build(self) -> None:
        """Begin all flows, and return when they are ready. What was sent before is handled then.

        Raises:
            PipeError: the pipe is wrong, with all that is; or flows cannot be begun, with what they say.
            ConfigError: it was built before.
            OSError: no memory, or no descriptor, is left for it.
            Closed: it was closed meanwhile, by another thread.
        """
        with self._changing():
            if self._parent is not None:
                raise ConfigError("expected a pipe that is not built yet")
            graph = self._graph(self._wires)
            specs = self._specs(graph)
            if mistakes := [
                *mistakes_of(graph),
                *(error for error in specs.values() if isinstance(error, str)),
            ]:
                raise PipeError(mistakes)
            self._edges.apply(self._change(self._wires))
            self.event_board.build()
            self._parent = parent = Parent(
                self.event_board,
                self._edges,
                {name: spec for name, spec in specs.items() if isinstance(spec, bytes)},
                self.logger,
                stop_s=self._stop_s,
                hung_s=self._hung_s,
                restart=self._restart,
                on_line=self._on_line,
                telling=[name for name, routines in self._flows if any(map(_tells, routines))],
                on_unlink=self.unlink,
            )
        at_exit(parent)
        tell_structure(self.logger, self.get_pipe_structure())
        try:
            parent.start()
        except BaseException:
            parent.close()
            raise

    # Events.

    def notify_event(
        self,
        event_name: str,
        specific_flow_routines: Targets | None = None,
        *,
        wait: bool | float = False,
        **event_parameters: Any,
    ) -> EventReport | None:
        """Send an event, and return at once; it is handled after all that was sent before.

        Args:
            event_name: START, STOP, KILL, or what a routine has a method for.
            specific_flow_routines: flows by name, each with the names of its routines that are meant; none:
                all of that flow. No flow: all of them.
            wait: whether to wait until all have handled it, at most so many seconds if that is a number. STOP
                and KILL take no longer than `stop_s` allows.
            event_parameters: what the methods are called with.

        Returns:
            Where waited for, who did it and who could not.

        Raises:
            ConfigError: nobody has that name, with those that there are; parameters that cannot be sent; the
                pipe is not built and cannot be waited for.
            Closed: those who are meant are no more.
        """
        targets = {} if specific_flow_routines is None else specific_flow_routines
        parameters = parameters_as_bytes(event_name, event_parameters)
        # Without the lock once it is built: who changes wires has it, and may wait for a stopped flow.
        parent = self._parent or self._post_early(event_name, targets, parameters, wait)
        return None if parent is None else parent.post(event_name, targets, parameters, wait)

    def get_event_notify(self) -> Callable[..., EventReport | None]:
        """`notify_event`, to be handed on."""
        return self.notify_event

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all routines are done or killed, and no process is left; False: time was up first.

        At once where the pipe is not built. Ctrl-C kills what runs.

        Raises:
            ConfigError: by a handler of the pipe's log, or `on_line`: these hold it up.
            Closed: something within the pipe broke, which ended it; its log has more.
        """
        if self._parent is None:
            return True
        try:
            return self._parent.wait(timeout_s)
        except KeyboardInterrupt:
            self.close()
            raise

    def join(self, to_kill: bool = False) -> None:
        """As `wait`, without end.

        Args:
            to_kill: whether to send KILL first.
        """
        if to_kill:
            self.notify_event(KILL_EVENT_NAME)
        self.wait()

    def close(self) -> None:
        """Kill what runs, and wait for that; again is allowed."""
        if self._parent is not None:
            self._parent.close()
        while self._pages:
            self._pages.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # Looking at it.

    def draw(self, kind: Literal["text", "mermaid"] = "text") -> str:
        """Flows, routines and wires as they are now."""
        draw = {"text": as_text, "mermaid": as_mermaid}.get(kind)
        if draw is None:
            raise ConfigError(f"expected text or mermaid, got {kind!r}")
        return draw(self._graph(self._wires))

    def stats(self) -> PipeStats:
        """The counts of now; before the build all are 0, after the end they are the last."""
        if self._parent is None:
            return unbuilt_stats((name, [one.name for one in routines]) for name, routines in self._flows)
        return self._parent.stats()

    def serve_metrics(self, port: int = 0) -> MetricsPage:
        """Serve the counts for Prometheus, on this machine alone, until the pipe is closed.

        Args:
            port: of `http://127.0.0.1:PORT/metrics`; 0: a free one, which the page tells.

        Raises:
            ConfigError: the port is in use, or cannot be.
        """
        from sightline.pipe.counts.metrics_page import MetricsPage  # noqa: PLC0415 - few pipes have one

        page = MetricsPage(self.stats, port)
        self._pages.append(page)
        return page

    @property
    def pids(self) -> dict[str, int]:
        """The processes of the flows that have one."""
        return {name: status.pid for name, status in self.processes.items() if status.pid is not None}

    @property
    def processes(self) -> Statuses:
        """How the process of each flow is; none before `build()`. It waits for nobody."""
        return {} if self._parent is None else self._parent.processes()

    def get_pipe_structure(self) -> dict[str, list[Any]]:
        """Routines with their flows and events of their own, and the events that all of them have."""
        routines = [
            {"flow_name": flow, "routine_name": routine, "events": list(events)}
            for flow, routine, events in self.event_board.directory.structure()
        ]
        return {"Routines": routines, "Events": list(EVERYBODYS)}

    def _post_early(
        self, event_name: str, targets: Targets, parameters: bytes, wait: bool | float
    ) -> Parent | None:
        """Keep an event for the build. If that was just now: who takes it."""
        with self._lock:
            if self._parent is None:
                if wait:
                    raise ConfigError(f"event {event_name!r} cannot be waited for before build()")
                self.event_board.post(event_name, targets, parameters, SYSTEM_CLOCK.monotonic_ns())
            return self._parent

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """With the lock: not for the parent's thread, which others wait for while they have it."""
        if self._parent is not None:
            self._parent.check_may_wait()
        with self._lock:
            yield

    def _wire(self, wires: Wires) -> None:
        if self._parent is not None:
            if self._parent.over:
                raise Closed("the pipe is over")
            if mistakes := mistakes_of_wires(self._graph(wires), self._sources):
                raise PipeError(mistakes)
            self._parent.rewire(self._change(wires))
        self._wires = wires

    def _change(self, wires: Wires) -> Change:
        """What leads there. Raises PipeError: not all of it can be sent to flows."""
        change = self._edges.change(self._wanted(wires))
        if mistakes := [*mistakes_of_transmitters(change.add)]:
            raise PipeError(mistakes)
        return change

    def _graph(self, wires: Wires) -> Graph:
        return graph_of(self._flows, wires.values(), self._settings_of)

    def _settings_of(self, routine_name: str) -> WireSettings:
        return self.network.get_message_handler(routine_name).settings

    def _wanted(self, wires: Wires) -> Iterator[Edge]:
        usual = {name: one or self._transmitter for name, one in self._flow_transmitters.items()}
        return edges_of(self._flows, wires.values(), self._settings_of, usual)

    def _specs(self, graph: Graph) -> dict[str, bytes | str]:
        """Each flow pickled, or why it cannot be."""
        self._sources = frozenset(
            node.name for node in graph.nodes if graph.role(node) in {Role.SOURCE, None}
        )
        return {name: self._spec(name, routines) for name, routines in self._flows}

    def _spec(self, name: str, routines: Sequence[Routine]) -> bytes | str:
        return spec_as_bytes(
            FlowSpec(
                name=name,
                routines=routines,
                sources=self._sources,
                directory=self.event_board.directory,
                logger=self.logger.name,
                level=self.logger.getEffectiveLevel(),
                root_level=logging.getLogger().getEffectiveLevel(),
                stop_s=self._stop_s,
                hung_s=self._hung_s,
                sharing=self._sharing or sharing_for(name, self._wanted(self._wires)),
                paced=self.auto_pacing_mechanism,
            )
        )


def _tells(routine: Routine) -> bool:
    """Whether it tells something of itself, beside its counts."""
    return type(routine).own_stats is not Routine.own_stats


def _name(routine: Routine | str) -> str:
    return routine if isinstance(routine, str) else routine.name
