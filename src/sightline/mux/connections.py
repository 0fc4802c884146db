"""The two buses of a `Comux` and the engine between them: opened, opened again, and closed.

What is asked for before there is an engine, or fails, is left to `Attempts`: it raises, or is tried again
whenever somebody waits for pictures.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

from sightline.bus import Bus, Log, open_bus, open_log
from sightline.errors import BusError, Closed, ConfigError
from sightline.mux.attempts import Attempts
from sightline.mux.engine import Engine
from sightline.mux.fleet import Fleet
from sightline.mux.schema import OutputFunction, schema_of

Taken = TypeVar("Taken")

_LOOK_S: Final = 0.5


class Connections:
    """See the module.

    Args:
        fleet: the cameras that are connected here.
        attempts: what to do about failures.
        output: what goes on, as `Engine.send_to` has it.
        making: how the engine is made, beside where it begins.

    Attributes:
        servers, out_servers: the URLs of the buses; None until they are named.
        engine: None while there is nothing to read from.
        started: whether cameras are read once they are connected.

    Raises:
        ConfigError: there is no such output.
    """

    def __init__(
        self, fleet: Fleet, attempts: Attempts, output: str | OutputFunction, making: dict[str, Any]
    ) -> None:
        schema_of(output)
        self._fleet = fleet
        self._attempts = attempts
        self._output = output
        self._making = making
        self.servers: str | None = None
        self.out_servers: str | None = None
        self.engine: Engine | None = None
        self.started = False
        self._log: Log | None = None
        self._out: Bus | None = None
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._to_connect: set[str] = set()  # of those that are tried again, what was not ended meanwhile

    def open(self, url: str, **beginning: Any) -> None:
        """Reads off this log from now on, in the place of one before; `beginning` as `Engine` has it.

        Raises:
            ConfigError, Unsupported: the URL is wrong, or of no log.
            BusError: the broker cannot be reached.
        """
        with self._lock:
            self._fleet.goes_back(url == self.out_servers)
            self._close_engine()
            self.servers = url
        self._attempts.do("opening the log", partial(self._open, url, beginning))

    def open_out(self, url: str) -> None:
        """Sends on to this bus from now on, in the place of one before. Raises as `open`."""
        with self._lock:
            self._fleet.goes_back(url == self.servers)
            self.out_servers = url
        self._attempts.do("opening the output", partial(self._open_out, url))

    def connect(self, what: str, cam_ids: Iterable[str]) -> None:
        """Connects cameras that are not yet, and reads all of these where it was started.

        Raises:
            ConfigError: nothing to read from was named, or a setting is wrong.
            BusError: the broker cannot be reached.
        """
        self.check_open()
        if self.servers is None:
            raise ConfigError("expected setup_consumers(bootstrap_servers) before, or bus=")
        names = list(cam_ids)
        self._to_connect.update(names)
        self._attempts.do(what, partial(self._connect, names))

    def forget(self, cam_id: str) -> None:
        """Tries no more to connect a camera."""
        self._to_connect.discard(cam_id)
        self._attempts.forget(f"connecting camera {cam_id}")

    def waited(
        self, take: Callable[[Engine, float], Taken], timeout_s: float | None, is_over: Callable[[], bool]
    ) -> Taken | None:
        """What `take` gives that is something, within the time; None where nothing comes, or it is over.

        Raises:
            ConfigError: not started.
            Closed: it was closed, before or meanwhile.
            BusError: something could not be read or sent on, where failures are raised.
        """
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._check_well()
            left_s = _LOOK_S if until_s is None else min(_LOOK_S, until_s - time.monotonic())
            if taken := self._take(take, max(0.0, left_s)):
                return taken
            if is_over() or (until_s is not None and time.monotonic() >= until_s):
                return None

    def check_open(self) -> None:
        """Raises Closed where it is not."""
        if self._closing.is_set():
            raise Closed("this mux is closed")

    def end(self) -> None:
        """Tries nothing more, and waits for what is being tried. From now on it is not open."""
        self._closing.set()
        self._attempts.forget()

    def close(self) -> None:
        """Ends it all; what was read goes on first. Again is allowed.

        Raises:
            BusError: the output did not take all, where failures are raised. All is closed even so.
        """
        self.end()
        with self._lock:
            self._close_engine()
            out, self._out = self._out, None
        if out is not None:
            self._attempts.do("closing the output", out.close)

    def _check_well(self) -> None:
        self.check_open()
        if not self.started and not self._fleet.threads:
            raise ConfigError("expected start() before pictures are asked for")
        engine = self.engine
        if self._attempts.strict and engine is not None and (failure := engine.failure_once()) is not None:
            raise failure
        self._attempts.again()

    def _take(self, take: Callable[[Engine, float], Taken], wait_s: float) -> Taken | None:
        engine = self.engine
        if engine is None:
            self._closing.wait(wait_s)
            return None
        try:
            return take(engine, wait_s)
        except Closed:  # perhaps it was made anew, and this one is not
            self.check_open()
            return None

    def _connect(self, cam_ids: list[str]) -> None:
        if self.engine is None:
            raise BusError("there is nothing to read from yet")
        names = [cam_id for cam_id in cam_ids if cam_id in self._to_connect]
        self._fleet.connect(names)
        if self.started:
            self._fleet.listen(names)

    def _open(self, url: str, beginning: dict[str, Any]) -> None:
        with self._lock:
            self.check_open()
            log = open_log(url)
            try:
                engine = Engine(log, **self._making, **beginning)
            except BaseException:
                log.close()
                raise
            engine.send_to(self._out, self._output)
            self._log, self.engine = log, engine
            self._fleet.attach(engine, log)

    def _open_out(self, url: str) -> None:
        with self._lock:
            self.check_open()
            old, self._out = self._out, open_bus(url)
            if self.engine is not None:
                self.engine.send_to(self._out, self._output)
        if old is not None:
            old.close()

    def _close_engine(self) -> None:
        engine, self.engine = self.engine, None
        log, self._log = self._log, None
        self._fleet.detach()
        if engine is not None:
            engine.close()
        if log is not None:
            log.close()
