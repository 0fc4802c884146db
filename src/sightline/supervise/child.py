"""The child's side: whoever runs under a supervisor says so here, and is told when to end.

`Child.here()` promises: the process ends at once when its supervisor is no more, also when that was killed;
SIGTERM asks it to end and leaves the rest to it; its stacks can be had at any moment, and are when it dies of
a fault. Without a supervisor the same program runs as well: what is said goes nowhere.

It does not end the process when that is asked to: cleanup is the program's own, and has a deadline.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final

import msgspec

from sightline.log import get_logger
from sightline.supervise.board import Board, Lane
from sightline.supervise.link import STACKS_SIGNAL, VARIABLE, Handover, Word, line_of

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_OWN_BEAT_S: Final = 60.0


class Child:
    """This process, as a child. Any thread may use it.

    Attributes:
        supervised: whether somebody is there to hear of it.
        sockets: what it inherited, by the names that its supervisor gave; they belong to whoever takes them.
    """

    _this: ClassVar[Child | None] = None

    @classmethod
    def here(cls) -> Child:
        """The one of this process; made at the first call, which is to be in the main thread, and early.

        Raises:
            ValueError: the first call came from another thread.
        """
        if cls._this is None:
            text = os.environ.pop(VARIABLE, None)  # its own children are not our supervisor's
            cls._this = cls(None if text is None else msgspec.json.decode(text, type=Handover))
        return cls._this

    def __init__(self, handover: Handover | None) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._stopping = False
        self._stop_told = threading.Event()
        self._callbacks: list[Callable[[], object]] = []
        self._asked, self._ask = os.pipe()
        os.set_blocking(self._ask, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self.supervised = handover is not None
        self.sockets: Mapping[str, socket.socket] = {}
        self._control: socket.socket | None = None
        if handover is None:
            self._board = Board.made()
        else:
            self._control = _inherited(handover.control)
            self.sockets = {name: _inherited(fd) for name, fd in handover.sockets.items()}
            os.set_inheritable(handover.board, False)
            self._board = Board(handover.board)
            die_with_parent()
            self._write_stacks()
        self._beat_s = _OWN_BEAT_S if handover is None else handover.beat_s
        self._own = self._board.lane("")
        self._own.progress(0)
        threading.Thread(target=self._listen, name="sightline-child", daemon=True).start()

    def ready(self, word: str = "") -> None:
        """It does what it is there for. `word` is what the supervisor is to know of that: an address."""
        self._say(Word("ready", word))

    def failed(self, why: str) -> None:
        """It will end, for this reason, which its exit code does not tell."""
        self._say(Word("failed", why))

    def lane(self, name: str) -> Lane:
        """Something in this process that is watched for its progress, from the first that it tells.

        Its name is cut to 48 bytes. Raises ConfigError where there are 16,383 already.
        """
        with self._lock:
            return self._board.lane(name)

    @property
    def stopping(self) -> bool:
        """Whether it was asked to end."""
        return self._stopping

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is asked to end, and those of `on_stop` were called; False: time was up first."""
        return self._stop_told.wait(timeout_s)

    def on_stop(self, callback: Callable[[], object]) -> None:
        """Have this called once when it is asked to end, in a thread of ours; at once where it was."""
        with self._lock:
            if not self._stopping:
                self._callbacks.append(callback)
                return
        _call(callback)

    def _say(self, word: Word) -> None:
        if self._control is not None:
            line = line_of(word)
            with suppress(OSError), self._lock:  # nobody hears it: then we end anyway
                self._control.sendall(line)

    def _write_stacks(self) -> None:
        faulthandler.enable(self._board.fd)
        faulthandler.register(STACKS_SIGNAL, self._board.fd)
        self._board.writes_stacks()

    def _signalled(self, number: int, _frame: Any) -> None:
        if os.getpid() != self._pid:  # a fork of us, with our handler: as if it had none
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        # No lock may be taken here: the thread that this interrupts may have it.
        with suppress(BlockingIOError):
            os.write(self._ask, b"!")
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)  # a second one breaks off

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._asked, select.POLLIN)
        if self._control is not None:
            poll.register(self._control, select.POLLIN)
        while True:
            self._own.progress(0)
            for fd, _ in poll.poll(self._beat_s * 1000):
                if fd == self._asked:
                    os.read(self._asked, 64)
                    self._stop()
                else:  # it says nothing: it is no more
                    os.kill(self._pid, signal.SIGKILL)

    def _stop(self) -> None:
        with self._lock:
            self._stopping = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            _call(callback)
        self._stop_told.set()


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:  # noqa: BLE001 - it is the caller's, and logged
        get_logger("sightline.supervise").exception("what was to be called at the end failed")


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that began it ends, where it can: on Linux."""
    if sys.platform == "linux":
        # What happened before this call, the end of the socket tells.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _inherited(fd: int) -> socket.socket:
    os.set_inheritable(fd, False)
    return socket.socket(fileno=fd)
