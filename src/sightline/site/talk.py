"""What is said between us and a process of ours, over all its lives: lines of JSON on a socket of each life.

Each life is told its order first of all; then it reports, and each report may be answered. Orders go this way
as they may hold passwords, which no other user is to see. It promises: what a life reported is heard, in
order, before `part` is told of its end. A thread of each life does all of it, so that a process that does not
read holds up nobody else.
"""

from __future__ import annotations

import queue
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from sightline.log import redact
from sightline.supervise import Child, ChildSpec, ChildStatus, Restart, State, Supervisor, Watch, When
from sightline.supervise.spec import Sockets, python_module

RESTART: Final = Restart(delay_s=0.3, most_delay_s=30.0, settled_s=10.0, most_ends=8, within_s=60.0)
"""Soon after the first time, as cameras are tried again; what ended 8 times in a minute will do so again."""
READY_S: Final = 60.0
"""To be imported, on a machine that is busy."""
_TALK: Final = "talk"
_OVER: Final = frozenset({State.WAITING, State.QUARANTINED, State.ENDED})


def _unheard(_line: bytes) -> None: ...


def _no_part(_last: ChildStatus) -> None: ...


class Talk:
    """With one process, again and again.

    Args:
        name: the process's, as people are to know it.
        greet: gives the order for a new life; None: it is to end without one. May wait.
        hear: called with each line that it says; what it gives is the answer.
        part: called when a life has ended, with how that came.
    """

    def __init__(
        self,
        name: str,
        greet: Callable[[], bytes | None],
        hear: Callable[[bytes], bytes | None] = _unheard,
        part: Callable[[ChildStatus], None] = _no_part,
    ) -> None:
        self.name = name
        self._greet = greet
        self._hear = hear
        self._part = part
        self._ends: queue.SimpleQueue[ChildStatus] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

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
            self._ends.put(status)

    def join(self, timeout_s: float) -> None:
        """Wait until all was heard of a process that is over."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _sockets(self) -> Sockets:
        ours, theirs = socket.socketpair()
        self._thread = threading.Thread(
            target=self._serve, args=(ours, self._thread), name=f"talk {self.name}", daemon=True
        )
        self._thread.start()
        return {_TALK: theirs}

    def _serve(self, ours: socket.socket, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        with ours, ours.makefile("rb") as lines, suppress(OSError):  # it is over
            order = self._greet()
            if order is None:
                ours.shutdown(socket.SHUT_WR)
            else:
                ours.sendall(order)
            for line in lines:
                answer = self._hear(line) if line.endswith(b"\n") else None
                if answer is not None:
                    ours.sendall(answer)
        self._part(self._ends.get())


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

    def answers(self) -> Iterator[bytes]:
        """What our reports are answered, until this process is to end."""
        return iter(self._lines)

    def report(self, line: bytes) -> None:
        """Say a line, which has its end."""
        with suppress(OSError):  # nobody hears it: then this process ends too
            self._socket.sendall(line)

    def _hang_up(self) -> None:
        self._socket.shutdown(socket.SHUT_RD)
