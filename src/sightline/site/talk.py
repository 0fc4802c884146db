"""What is said between us and a process of ours, over all its lives: lines of JSON on a socket of each life.

Each life is told its order first of all; then it reports. Orders go this way as they may hold passwords,
which no other user is to see. It promises: what a life reported is heard, in order, before `part` is told of
its end; and `part` is told of each end, also of one that came before there was a process. A thread does all
of it, so that a process that does not read holds up nobody else.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import msgspec

from sightline.log import get_logger, redact
from sightline.supervise import Child, ChildSpec, ChildStatus, Restart, State, Supervisor, Watch, When
from sightline.supervise.spec import Sockets, python_module

T = TypeVar("T")

RESTART: Final = Restart(delay_s=0.3, most_delay_s=30.0, settled_s=10.0, most_ends=8, within_s=60.0)
"""Soon after the first time, as cameras are tried again; what ended 8 times in a minute will do so again."""
READY_S: Final = 60.0
"""To be imported, on a machine that is busy."""
_TALK: Final = "talk"
_OVER: Final = frozenset({State.WAITING, State.QUARANTINED, State.ENDED})


def _ignore(_told: object) -> None: ...


class Talk:
    """With one process, again and again.

    Args:
        name: the process's, as people are to know it.
        greet: gives the order for a new life; None: it is to end without one. May wait.
        hear: called with each line that it says.
        part: called when a life has ended, with how that came; also of one that ended before there was a
            process.
    """

    def __init__(
        self,
        name: str,
        greet: Callable[[], bytes | None],
        hear: Callable[[bytes], object] = _ignore,
        part: Callable[[ChildStatus], object] = _ignore,
    ) -> None:
        self.name = name
        self._greet = greet
        self._hear = hear
        self._part = part
        self._lock = threading.Lock()
        self._lives_and_ends: deque[socket.socket | ChildStatus] = deque()
        self._thread: threading.Thread | None = None
        self._at_work = False

    def child(
        self,
        module: str,
        *,
        hung_s: float | None,
        stop_s: float,
        when: When = When.FAILURE,
    ) -> ChildSpec:
        """What a supervisor is told of the process, which runs `module`; `when` it is begun again."""
        command, environ = python_module(module)
        return ChildSpec(
            name=self.name,
            command=command,
            environ={**environ, "PYTHONUNBUFFERED": "1"},
            sockets=self._sockets,
            restart=msgspec.structs.replace(RESTART, when=when),
            watch=Watch(ready_s=READY_S, hung_s=hung_s, stop_s=stop_s),
            on_line=partial(pass_on, self.name),
        )

    def changed(self, status: ChildStatus) -> None:
        """To be told each new state of it, as `Supervisor` has it."""
        if status.state in _OVER:
            self._put(status)

    def join(self, timeout_s: float) -> None:
        """Wait until all was heard of a process that is over."""
        with self._lock:  # one that is there has been started
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _sockets(self) -> Sockets:
        ours, theirs = socket.socketpair()
        try:
            self._put(ours)
        except BaseException:
            theirs.close()
            raise
        return {_TALK: theirs}

    def _put(self, one: socket.socket | ChildStatus) -> None:
        """In the supervisor's thread: a life, and what it came to, in this order; or its end alone."""
        with self._lock:
            self._lives_and_ends.append(one)
            if self._at_work:
                return
            thread = threading.Thread(target=self._work, name=f"talk {self.name}", daemon=True)
            thread.start()  # it may be that there is no room for it: the next one does this work too
            self._thread, self._at_work = thread, True

    def _next(self) -> socket.socket | ChildStatus | None:
        with self._lock:
            self._at_work = bool(self._lives_and_ends)
            return self._lives_and_ends.popleft() if self._at_work else None

    def _work(self) -> None:
        while (one := self._next()) is not None:
            if isinstance(one, ChildStatus):
                self._call(self._part, one)
            else:
                self._serve(one)

    def _serve(self, ours: socket.socket) -> None:
        with ours, ours.makefile("rb") as lines, suppress(OSError):  # it is over
            order = self._call(self._greet)
            if order is None:
                ours.shutdown(socket.SHUT_WR)
            else:
                ours.sendall(order)
            for line in lines:
                if line.endswith(b"\n"):
                    self._call(self._hear, line)

    def _call(self, what: Callable[..., T], *told: object) -> T | None:
        """What goes wrong there is logged: the ends that are still to come have to be told."""
        try:
            return what(*told)
        except Exception:  # noqa: BLE001 - whatever a report that is wrong comes to
            get_logger("sightline.site").exception("a process's talk failed", process=self.name)
            return None


def pass_on(name: str, line: str) -> None:
    """Say what a process printed, with its name, where logs stand."""
    sys.stderr.write(f"{name} | {redact(line)}\n")


def supervised(children: Mapping[Talk, ChildSpec]) -> Supervisor:
    """The supervisor of these processes, in their order; it tells each talk how its own is."""
    talks = {talk.name: talk for talk in children}

    def tell(name: str, state: State, reason: str) -> None:
        # As it was told: the supervisor may be further already.
        status = msgspec.structs.replace(supervisor.states()[name], state=state, reason=reason)
        talks[name].changed(status)

    supervisor = Supervisor(list(children.values()), on_state=tell)
    return supervisor


class Told:
    """The process's side.

    Args:
        child: this process.
    """

    def __init__(self, child: Child) -> None:
        self._socket = child.sockets[_TALK]
        self._lines = self._socket.makefile("rb")
        child.on_stop(self._hang_up)

    def order(self) -> bytes:
        """The order; b"" where it is to end without one."""
        return self._lines.readline()

    def report(self, line: bytes) -> None:
        """Say a line, which has its end."""
        with suppress(OSError):  # nobody hears it: then this process ends too
            self._socket.sendall(line)

    def _hang_up(self) -> None:
        self._socket.shutdown(socket.SHUT_RD)
