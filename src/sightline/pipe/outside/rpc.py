"""A pipe that others call: by zerorpc's protocol, or through a hub.

    RPCPipeWrapper(pipe).run_rpc_server("tcp://127.0.0.1:4242")      # until somebody calls `kill`

    $ zerorpc tcp://127.0.0.1:4242 execute start
    $ sightline rpc tcp://127.0.0.1:4242 execute start

What may be asked is `Actions`. Promises: a caller is answered before the server ends; whoever can be reached
from other machines asks for a token.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, Final, Protocol, Self

import msgspec

from sightline.errors import ConfigError
from sightline.hub.address import HubAddress
from sightline.hub.rpc.serving import Served, find_served, rpc
from sightline.kinds import make
from sightline.log import redact
from sightline.pipe.outside.actions import MOST_WAIT_S, Actions
from sightline.pipe.outside.zerorpc.endpoint import Endpoint, known_token
from sightline.pipe.pipe import Pipe

DEFAULT_NAME: Final = "pipe"
_LOOK_S: Final = 0.5
"""How soon a script that waits for its server is stopped by a signal, whatever the platform."""


class Door(Protocol):
    """Where calls come in, from now until it is closed.

    Attributes:
        address: where, for whoever calls.
    """

    address: str

    def request_stop(self) -> None: ...
    def wait(self, timeout_s: float | None = None) -> bool: ...
    def close(self) -> None: ...


class RPCPipeWrapper:
    """The methods of a pipe that others may call; a subclass may add some, marked `@rpc`.

    Args:
        pipe: built, or to be built.
        token: what callers must know; None: SIGHTLINE_RPC_TOKEN, if that is set.

    Each method raises what `Actions` raises; who calls from afar gets that as an error of its own protocol.
    """

    def __init__(self, pipe: Pipe, *, token: str | None = None) -> None:
        self._token = token
        self._lock = threading.Lock()
        self._doors: list[Door] = []
        self._ending = threading.Event()
        self._closing = threading.Event()
        self._actions = Actions(pipe, on_kill=self._end, closing=self._closing)

    # The server.

    def run_rpc_server(self, endpoint: str) -> None:
        """Serve until the pipe is killed by a call, until another thread calls `close`, or Ctrl-C which does.

        Args:
            endpoint: `tcp://127.0.0.1:4242`, `ipc:///run/pipe.sock`, or `hub://127.0.0.1:4820?name=pipe`: as
                that client of the hub.

        Raises:
            ConfigError: it cannot listen there; or other machines could reach it, and there is no token.
            MissingExtra: pyzmq is not installed, and it is no hub.
            BusError: no hub answers, or another client has that name.
        """
        door = self.serve(endpoint)
        try:
            while not door.wait(_LOOK_S):
                pass
        except BaseException:
            self.close()
            raise

    def serve(self, endpoint: str) -> Door:
        """As `run_rpc_server`, without waiting: `address` of what it gives says where, `close` ends it."""
        door = self._opened(endpoint)
        with self._lock:
            self._doors.append(door)
        if self._ending.is_set():  # meanwhile
            door.request_stop()
        return door

    def close(self) -> None:
        """Answer the calls in hand, and serve nothing more. Not from within a call.

        Who waits for the end of the pipe waits no longer.
        """
        self._closing.set()
        self._end()
        for door in self._doors:
            door.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _opened(self, endpoint: str) -> Door:
        if endpoint.startswith("hub:"):
            from sightline.pipe.outside.hub_door import HubDoor  # noqa: PLC0415 - the hub's client is much

            address, name = hub_place(endpoint)
            return HubDoor(self, address, name, key=known_token(self._token))
        from sightline.pipe.outside.zerorpc.server import Server  # noqa: PLC0415 - needs the extra

        streams = {"watch": Served.of("watch", self._watch)}
        return Server(find_served(self) | streams, Endpoint.of(endpoint, self._token), name=DEFAULT_NAME)

    def _end(self) -> None:
        """All doors, when their calls in hand are answered. It waits for nobody."""
        with self._lock:
            self._ending.set()
            doors = list(self._doors)
        for door in doors:
            door.request_stop()

    # What may be called.

    @rpc
    def execute(self, name: str, arguments: str | dict[str, Any] | None = None) -> Any:
        """Send an event by its name, or do what else there is here.

        Arguments are given by their names, as a JSON object: execute join '{"to_kill": true}'.
        """
        return self._actions.execute(name, arguments)

    @rpc
    def start(self) -> Any:
        """Have all routines begin."""
        return self._actions.start()

    @rpc
    def pause(self) -> Any:
        """Have all routines stop; they may begin again."""
        return self._actions.pause()

    @rpc
    def stop(self) -> Any:
        """As pause."""
        return self._actions.stop()

    @rpc
    def kill(self) -> Any:
        """Have all routines end, for good, and this server too."""
        return self._actions.kill()

    @rpc
    def join(self, to_kill: bool = False, timeout_s: float = MOST_WAIT_S) -> Any:
        """Wait until the pipe is over, 20 s at most; says whether it is. to_kill: have it end first."""
        return make("join", self._actions.join, {"to_kill": to_kill, "timeout_s": timeout_s})

    @rpc
    def event(
        self,
        name: str,
        targets: Any = None,
        routine: str | None = None,
        params: Any = None,
        wait_s: Any = 0.0,
    ) -> Any:
        """Send an event.

        targets: flows by name, each with a list of its routines; none of them: all of that flow. routine:
        instead of these, the one that is meant. params: what its methods are called with. wait_s: how long
        to wait until it is handled.
        """
        seconds = make("event", _seconds, {"wait_s": wait_s})
        return self._actions.event(
            name, _read(targets), routine=routine or None, params=_read(params), wait_s=seconds
        )

    @rpc
    def structure(self) -> Any:
        """Routines with their flows and events."""
        return self._actions.structure()

    @rpc
    def stats(self) -> Any:
        """The counts of now."""
        return self._actions.stats()

    @rpc
    def metrics(self) -> str:
        """The counts of now, as Prometheus reads them."""
        return self._actions.metrics()

    @rpc
    def draw(self, kind: str = "text") -> str:
        """Flows, routines and wires as they are now: text or mermaid."""
        return make("draw", self._actions.draw, {"kind": kind})

    @rpc
    def events(self) -> list[str]:
        """Names of all events that a routine answers."""
        return self._actions.events()

    @rpc
    def routines(self) -> list[str]:
        """Names of all routines."""
        return self._actions.routines()

    def _watch(self, every_s: Any = 1.0, times: Any = None) -> Iterator[Any]:
        """The counts again and again, every so many seconds; so many times, or until nobody listens."""
        seconds, rounds = make("watch", _rounds, {"every_s": every_s, "times": times})
        for done in rounds:
            if done and self._ending.wait(seconds):
                return
            yield self._actions.stats()


def hub_place(url: str) -> tuple[HubAddress, str]:
    """The hub, and the name of the client there that serves the pipe. Raises ConfigError."""
    address = HubAddress.of(url)
    if unknown := address.rest.keys() - {"name"}:
        raise ConfigError(f"unknown option {', '.join(sorted(unknown))} of a hub's address (known: name)")
    return address, address.rest.get("name") or DEFAULT_NAME


def _seconds(wait_s: float) -> float:
    return wait_s


def _rounds(every_s: float, times: int | None) -> tuple[float, Iterable[int]]:
    if not 0.05 <= every_s <= MOST_WAIT_S:
        raise ConfigError(f"watch: expected 0.05 to {MOST_WAIT_S:g} seconds, got {every_s:g}")
    return every_s, count() if times is None else range(times)


def _read(value: Any) -> Any:
    """JSON, where it came as text: a command line has nothing else."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value) if value else None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ConfigError(redact(f"expected JSON: {error}")) from error
